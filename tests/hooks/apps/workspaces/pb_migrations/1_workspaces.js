/// <reference path="../pb_data/types.d.ts" />

migrate((app) => {
    const member = "@request.auth.id != '' && workspace.seats_via_workspace.user ?= @request.auth.id"

    const workspaces = new Collection({
        name: "workspaces",
        type: "base",
        fields: [
            { name: "name", type: "text", required: true, min: 3 },
            { name: "slug", type: "text" },
            { name: "settings", type: "json" },
            { name: "quota", type: "number", onlyInt: true },
        ],
        indexes: ["CREATE UNIQUE INDEX idx_workspaces_slug ON workspaces (slug)"],
    })
    app.save(workspaces)

    const seats = new Collection({
        name: "seats",
        type: "base",
        fields: [
            { name: "workspace", type: "relation", collectionId: workspaces.id, required: true, cascadeDelete: true, maxSelect: 1 },
            { name: "user", type: "relation", collectionId: "_pb_users_auth_", required: true, cascadeDelete: true, maxSelect: 1 },
            { name: "role", type: "select", values: ["owner", "editor", "guest"], required: true, maxSelect: 1 },
        ],
        indexes: ["CREATE UNIQUE INDEX idx_seats ON seats (workspace, user)"],
        listRule: member,
        viewRule: member,
        updateRule: "workspace.seats_via_workspace.user ?= @request.auth.id",
        deleteRule: "user = @request.auth.id || (@collection.seats.workspace ?= workspace && @collection.seats.user ?= @request.auth.id && @collection.seats.role ?= 'owner')",
    })
    app.save(seats)

    const invitations = new Collection({ name: "invitations", type: "base" })
    invitations.fields.add(
        new RelationField({ name: "workspace", collectionId: workspaces.id, required: true, cascadeDelete: true, maxSelect: 1 }),
        new EmailField({ name: "email", required: true }),
        new SelectField({ name: "role", values: ["editor", "guest"], maxSelect: 1 }),
        new TextField({ name: "code", hidden: true }),
        new RelationField({ name: "by", collectionId: "_pb_users_auth_", maxSelect: 1 }),
        new DateField({ name: "accepted" }),
    )
    invitations.listRule = "by = @request.auth.id || email = @request.auth.email"
    invitations.createRule = "@request.auth.id != ''"
    app.save(invitations)

    const documents = new Collection({ name: "documents", type: "base" })
    documents.fields.add(new RelationField({ name: "workspace", collectionId: workspaces.id, required: true, cascadeDelete: true, maxSelect: 1 }))
    documents.fields.add(new TextField({ name: "title", required: true }))
    documents.fields.add(new NumberField({ name: "size" }))
    documents.fields.add(new BoolField({ name: "locked" }))
    documents.listRule = documents.viewRule = documents.createRule = documents.updateRule = documents.deleteRule = member
    app.save(documents)

    workspaces.listRule = workspaces.viewRule = "seats_via_workspace.user ?= @request.auth.id"
    workspaces.updateRule = "@collection.seats.workspace ?= id && @collection.seats.user ?= @request.auth.id && @collection.seats.role ?= 'owner'"
    workspaces.createRule = "@request.auth.collectionName = 'users'"
    app.save(workspaces)
}, (app) => {
    for (let name of ["documents", "invitations", "seats"]) app.delete(app.findCollectionByNameOrId(name))
    app.delete(app.findCollectionByNameOrId("workspaces"))
})
