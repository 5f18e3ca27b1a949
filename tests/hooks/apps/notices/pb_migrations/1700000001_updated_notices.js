/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const collection = app.findCollectionByNameOrId("pbc_notices00001")

    // update collection data
    unmarshal({
        "indexes": [
            "CREATE INDEX `idx_notices_due` ON `notices` (`state`, `due`)",
            "CREATE UNIQUE INDEX `idx_notices_once` ON `notices` (`recipient`, `kind`, `key`) WHERE `key` != ''"
        ],
        "updateRule": "recipient = @request.auth.id && @request.body.state:changed = false"
    }, collection)

    // add field
    collection.fields.addAt(7, new Field({
        "autogeneratePattern": "", "hidden": true, "id": "text3", "max": 60, "min": 0, "name": "key", "pattern": "",
        "presentable": false, "primaryKey": false, "required": false, "system": false, "type": "text"
    }))

    // update field
    collection.fields.addAt(5, new Field({
        "hidden": false, "id": "number1", "max": 9, "min": 0, "name": "attempts", "onlyInt": true,
        "presentable": false, "required": false, "system": false, "type": "number"
    }))

    // add field
    collection.fields.addAt(9, new Field({
        "hidden": false, "id": "bool1", "name": "seen", "presentable": false, "required": false, "system": false, "type": "bool"
    }))

    app.save(collection)

    const settings = app.settings()
    settings.meta.appName = "Notices"
    settings.logs.maxDays = 7
    app.save(settings)
}, (app) => {
    const collection = app.findCollectionByNameOrId("pbc_notices00001")
    collection.fields.removeById("bool1")
    return app.save(collection)
})
