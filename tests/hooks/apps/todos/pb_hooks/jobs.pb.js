/// <reference path="../pb_data/types.d.ts" />

// Times of the night; tests run them by hand.
cronAdd("overdue", "0 3 1 1 *", () => {
    const now = "2025-06-15 12:00:00.000Z"
    const late = $app.findAllRecords("todos", $dbx.hashExp({ done: false }), $dbx.exp("due != '' AND due < {:now}", { now }))
    for (const todo of late) {
        todo.set("state", "late")
        $app.save(todo)
    }
    const { total, list } = { total: late.length, list: late.map((t) => t.getString("title")).sort() }
    const row = new Record($app.findCollectionByNameOrId("job_runs"), { job: "overdue", said: { total, list } })
    $app.save(row)
})

cronAdd("sweep", "@yearly", () => {
    const result = $app.db()
        .delete("todos", $dbx.and($dbx.hashExp({ done: true }), $dbx.exp("repeat = ''")))
        .execute()
    const run = new Record($app.findCollectionByNameOrId("job_runs"))
    run.set("job", "sweep")
    run.set("said", { rows: result.rowsAffected() })
    $app.saveNoValidate(run)
})

cronAdd("fails", "0 0 29 2 1", () => {
    $app.runInTransaction((tx) => {
        const run = new Record(tx.findCollectionByNameOrId("job_runs"), { job: "never" })
        tx.save(run)
        throw new Error("the job has failed")
    })
})

cronAdd("gone", "0 0 1 1 *", () => {})
cronRemove("gone")

cronAdd("replaced", "0 0 1 1 *", () => {
    throw new Error("the old one")
})
cronAdd("replaced", "0 0 2 1 *", () => {
    const run = new Record($app.findCollectionByNameOrId("job_runs"), { job: "replaced", said: $app.cron().jobs().length > 2 })
    $app.save(run)
})

routerAdd("GET", "/jobs/runs", (e) => {
    return e.json(200, $app.findAllRecords("job_runs").map((r) => [r.get("job"), JSON.parse(r.getString("said"))]))
})

routerAdd("GET", "/jobs", (e) => {
    return e.json(200, { total: $app.cron().total(), ids: $app.cron().jobs().map((j) => j.id()).filter((id) => !id.startsWith("__")).sort() })
})
