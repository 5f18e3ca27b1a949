const SECRET = new Set(["password", "tokenKey", "pin"])

function plain(value) {
    return value === undefined ? null : JSON.parse(JSON.stringify(value))
}

/** What has changed of a record, field by field; secrets by name alone. */
function diff(record) {
    const out = {}
    const before = record.isNew() ? null : record.original()
    for (const field of record.collection().fields) {
        const name = field.getName()
        if (field.type() === "autodate") continue
        const now = record.getRaw(name)
        const was = before ? before.getRaw(name) : undefined
        if (JSON.stringify(now) === JSON.stringify(was)) continue
        out[name] = SECRET.has(name) ? "***" : { from: plain(was), to: plain(now) }
    }
    return out
}

function write(app, event, model, ref, diff, actor) {
    const row = new Record(app.findCachedCollectionByNameOrId("trail"))
    row.set("event", event)
    row.set("model", model)
    row.set("ref", ref)
    row.set("diff", diff)
    row.set("actor", actor || "")
    app.save(row)
}

module.exports = { diff, write }
