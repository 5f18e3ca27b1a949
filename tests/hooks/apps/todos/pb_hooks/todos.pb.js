/// <reference path="../pb_data/types.d.ts" />

onRecordCreateRequest((e) => {
    e.record.set("owner", e.auth.id)
    e.next()
}, "todos")

onRecordCreate((e) => {
    if (!e.record.getInt("position")) {
        const last = new DynamicModel({ top: 0 })
        e.app.db().select("COALESCE(MAX(position), 0) AS top").from("todos").where($dbx.hashExp({ owner: e.record.get("owner") })).one(last)
        e.record.set("position", last.top + 10)
    }
    const title = e.record.getString("title")
    const stars = /^(!{1,3})\s*(.*)$/.exec(title)
    if (stars) {
        e.record.set("priority", stars[1].length)
        e.record.set("title", stars[2])
    }
    e.next()
}, "todos")

// What is done and repeats comes again.
onRecordAfterUpdateSuccess((e) => {
    const was = e.record.original()
    if (e.record.getBool("done") && !was.getBool("done") && e.record.get("repeat")) {
        const due = e.record.getDateTime("due")
        const days = { daily: 1, weekly: 7 }[e.record.get("repeat")]
        const next = new Record(e.record.collection(), {
            title: e.record.get("title"),
            owner: e.record.get("owner"),
            repeat: e.record.get("repeat"),
            due: due.isZero() ? "" : due.addDate(0, 0, days),
        })
        e.app.save(next)
    }
    e.next()
}, "todos")

routerAdd("POST", "/todos/move/{id}/{to}", (e) => {
    const todo = $app.findRecordById("todos", e.request.pathValue("id"))
    const to = parseInt(e.request.pathValue("to"), 10)
    if (Number.isNaN(to)) {
        return e.badRequestError("Where to?", null)
    }
    $app.runInTransaction((tx) => {
        const all = tx.findRecordsByFilter("todos", "owner = {:o}", "position", 0, 0, { o: e.auth.id })
            .filter((each) => each.id !== todo.id)
        all.splice(to, 0, todo)
        all.forEach((each, index) => {
            each.set("position", (index + 1) * 10)
            tx.save(each)
        })
    })
    return e.noContent(204)
}, $apis.requireAuth())

routerAdd("GET", "/todos/board", (e) => {
    const groups = {}
    for (const todo of $app.findRecordsByFilter("todos", "owner = {:o}", "-priority,position", 50, 0, { o: e.auth.id })) {
        const key = todo.getBool("done") ? "done" : todo.getString("state") || "open"
        ;(groups[key] ||= []).push(todo.getString("title"))
    }
    return e.json(200, groups)
}, $apis.requireAuth("users"))
