/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const collection = new Collection({
        "createRule": null,
        "deleteRule": "recipient = @request.auth.id",
        "fields": [
            { "autogeneratePattern": "[a-z0-9]{15}", "hidden": false, "id": "text3208210256", "max": 15, "min": 15, "name": "id", "pattern": "^[a-z0-9]+$", "presentable": false, "primaryKey": true, "required": true, "system": true, "type": "text" },
            { "cascadeDelete": true, "collectionId": "_pb_users_auth_", "hidden": false, "id": "relation1", "maxSelect": 1, "minSelect": 0, "name": "recipient", "presentable": false, "required": true, "system": false, "type": "relation" },
            { "hidden": false, "id": "select1", "maxSelect": 1, "name": "kind", "presentable": false, "required": true, "system": false, "type": "select", "values": ["mention", "reply", "digest"] },
            { "hidden": false, "id": "json1", "maxSize": 0, "name": "payload", "presentable": false, "required": false, "system": false, "type": "json" },
            { "hidden": false, "id": "select2", "maxSelect": 1, "name": "state", "presentable": false, "required": false, "system": false, "type": "select", "values": ["queued", "sent", "failed", "dead"] },
            { "hidden": false, "id": "number1", "max": null, "min": 0, "name": "tries", "onlyInt": true, "presentable": false, "required": false, "system": false, "type": "number" },
            { "hidden": false, "id": "date1", "max": "", "min": "", "name": "due", "presentable": false, "required": false, "system": false, "type": "date" },
            { "hidden": false, "id": "text2", "max": 0, "min": 0, "name": "error", "pattern": "", "presentable": false, "primaryKey": false, "required": false, "system": false, "type": "text" }
        ],
        "id": "pbc_notices00001",
        "indexes": ["CREATE INDEX `idx_notices_due` ON `notices` (\n  `state`,\n  `due`\n)"],
        "listRule": "recipient = @request.auth.id",
        "name": "notices",
        "system": false,
        "type": "base",
        "updateRule": null,
        "viewRule": "recipient = @request.auth.id"
    });

    return app.save(collection);
}, (app) => {
    const collection = app.findCollectionByNameOrId("pbc_notices00001");

    return app.delete(collection);
})
