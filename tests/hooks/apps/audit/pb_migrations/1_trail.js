/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const collection = new Collection({
        id: "pbc_trail0000001",
        name: "trail",
        type: "base",
        system: false,
        fields: [
            { name: "event", type: "text" },
            { name: "model", type: "text" },
            { name: "ref", type: "text" },
            { name: "diff", type: "json", maxSize: 20000 },
            { name: "actor", type: "text" },
        ],
        indexes: ["CREATE INDEX idx_trail_ref ON trail (model, ref)"],
    })
    app.save(collection)
}, (app) => app.delete(app.findCollectionByNameOrId("trail")))
