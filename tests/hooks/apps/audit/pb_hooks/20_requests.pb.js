/// <reference path="../pb_data/types.d.ts" />

// Who asked for it is known to requests alone.
const actor = (e) => {
    const { write } = require(`${__hooks}/lib/trail.js`)
    const who = e.auth ? `${e.auth.collection().name}/${e.auth.email()}` : "guest"
    const body = e.requestInfo().body
    const what = Object.keys(body).sort().map((name) => name + "=" + JSON.stringify(body[name])).join("; ")
    write(e.app, "request", e.collection.name, e.record.id, { what, method: e.requestInfo().method, context: e.requestInfo().context }, who)
    e.next()
}
onRecordCreateRequest(actor, "tags", "posts")
onRecordUpdateRequest(actor, "tags", "posts")
onRecordDeleteRequest(actor)

onCollectionAfterUpdateSuccess((e) => {
    const { write } = require(`${__hooks}/lib/trail.js`)
    const was = e.collection.original ? e.collection.original() : null
    write(e.app, "schema", e.collection.name, e.collection.id, { fields: e.collection.fields.fieldNames(), was: was?.fields?.fieldNames?.() })
    e.next()
})

onSettingsUpdateRequest((e) => {
    const { write } = require(`${__hooks}/lib/trail.js`)
    if (e.newSettings.meta.appName === "Forbidden") {
        throw new ForbiddenError("Not that name.")
    }
    const before = e.oldSettings.meta.appName
    e.newSettings.meta.appName = e.newSettings.meta.appName.trim()
    e.next()
    write(e.app, "settings", "_params", "settings", { from: before, to: e.newSettings.meta.appName, now: e.app.settings().meta.appName }, e.auth.email())
})

onBatchRequest((e) => {
    const { write } = require(`${__hooks}/lib/trail.js`)
    const lines = e.batch.map((one) => `${one.method} ${one.url.split("?")[0]}`)
    e.next()
    write(e.app, "batch", "", "", { lines }, e.auth ? e.auth.id : "")
})

routerAdd("GET", "/trail/{model}/{id}", (e) => {
    const rows = $app.findRecordsByFilter(
        "trail", "model = {:model} && ref = {:ref}", "@rowid", 100, 0,
        { model: e.request.pathValue("model"), ref: e.request.pathValue("id") },
    )
    return e.json(200, rows.map((row) => [row.get("event"), row.get("actor"), JSON.parse(row.getString("diff") || "null")]))
})

routerAdd("POST", "/trail/undo/{id}", (e) => {
    const row = $app.findFirstRecordByFilter("trail", "ref = {:ref} && event = 'update'", { ref: e.request.pathValue("id") })
    const record = $app.findRecordById(row.get("model"), row.get("ref"))
    const diff = JSON.parse(row.get("diff"))
    for (const name in diff) {
        if (diff[name] !== "***") record.set(name, diff[name].from)
    }
    $app.save(record)
    return e.json(200, record)
}, $apis.requireSuperuserAuth())
