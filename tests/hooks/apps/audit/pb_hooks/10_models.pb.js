/// <reference path="../pb_data/types.d.ts" />

// Every model's life is written down, in the transaction of the change.
onModelCreateExecute((e) => {
    if (e.model.tableName() === "trail" || e.model.tableName().startsWith("_")) {
        return e.next()
    }
    const { write, diff } = require(`${__hooks}/lib/trail.js`)
    e.next()
    write(e.app, "create", e.model.tableName(), e.model.pk(), diff(e.model))
})

onModelUpdateExecute((e) => {
    const table = e.model.tableName()
    if (table === "trail" || table === "_params" || table.startsWith("_mfas")) {
        return e.next()
    }
    const { write, diff } = require(`${__hooks}/lib/trail.js`)
    const changes = table === "_collections" ? { name: e.model.name } : diff(e.model)
    e.next()
    if (Object.keys(changes).length > 0) {
        write(e.app, "update", table, String(e.model.pk()), changes)
    }
})

onModelDeleteExecute((e) => {
    e.next()
    if (!e.model.tableName().startsWith("_") && e.model.tableName() !== "trail") {
        const { write } = require(`${__hooks}/lib/trail.js`)
        write(e.app, "delete", e.model.tableName(), e.model.lastSavedPK(), e.model.fieldsData())
    }
})

onModelAfterCreateError((e) => {
    e.app.logger().with("table", e.model.tableName()).error("not created", "error", String(e.error))
    e.next()
}, "tags", "posts")

onModelAfterUpdateError((e) => {
    console.log("not updated:", e.model.tableName(), e.type)
    e.next()
})

onModelValidate((e) => {
    e.next()
    if (e.model.isNew() && e.model.get("title") === "forbidden") {
        throw new ValidationError("forbidden_title", "Not that one.")
    }
}, "tags")
