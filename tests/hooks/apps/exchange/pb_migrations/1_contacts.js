/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const contacts = new Collection({
        name: "contacts",
        type: "base",
        fields: [
            { name: "name", type: "text", required: true },
            { name: "email", type: "email", required: true },
            { name: "age", type: "number", onlyInt: true, min: 0, max: 150 },
            { name: "tags", type: "json" },
            { name: "since", type: "date" },
        ],
        indexes: ["CREATE UNIQUE INDEX idx_contacts_email ON contacts (email)"],
    })
    return app.save(contacts)
}, (app) => app.delete(app.findCollectionByNameOrId("contacts")))
