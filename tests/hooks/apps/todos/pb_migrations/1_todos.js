/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const todos = new Collection({
        name: "todos",
        type: "base",
        listRule: "owner = @request.auth.id",
        viewRule: "owner = @request.auth.id",
        createRule: "@request.auth.id != ''",
        updateRule: "owner = @request.auth.id",
        deleteRule: "owner = @request.auth.id",
        fields: [
            { name: "title", type: "text", required: true },
            { name: "owner", type: "relation", collectionId: "_pb_users_auth_", maxSelect: 1 },
            { name: "done", type: "bool" },
            { name: "due", type: "date" },
            { name: "repeat", type: "select", values: ["daily", "weekly"], maxSelect: 1 },
            { name: "priority", type: "number" },
            { name: "position", type: "number" },
            { name: "state", type: "text" },
        ],
    })
    app.save(todos)
    const reports = new Collection({ name: "job_runs", type: "base", fields: [{ name: "job", type: "text" }, { name: "said", type: "json" }] })
    app.save(reports)
})
