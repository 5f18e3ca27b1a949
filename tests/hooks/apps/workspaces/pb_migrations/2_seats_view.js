/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const view = new Collection({
        name: "workspace_totals",
        type: "view",
        listRule: "@request.auth.id != ''",
        viewRule: "@request.auth.id != ''",
        viewQuery: `
            SELECT w.id, w.name, COUNT(DISTINCT s.id) AS people, COALESCE((SELECT SUM(d.size) FROM documents d
            WHERE d.workspace = w.id), 0) AS used
            FROM workspaces w LEFT JOIN seats s ON s.workspace = w.id
            GROUP BY w.id
        `,
    })
    app.save(view)
}, (app) => {
    app.delete(app.findCollectionByNameOrId("workspace_totals"))
})
