/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const users = app.findCollectionByNameOrId("users")
    users.fields.add(new SelectField({ name: "role", values: ["reader", "author", "editor"], maxSelect: 1 }))
    app.save(users)

    const categories = new Collection({
        type: "base",
        name: "categories",
        listRule: "",
        viewRule: "",
        fields: [
            { type: "text", name: "name", required: true, max: 40, presentable: true },
            { type: "text", name: "slug", required: true, pattern: "^[a-z0-9]+(-[a-z0-9]+)*$" },
            { type: "number", name: "articles", onlyInt: true, min: 0 },
        ],
        indexes: ["CREATE UNIQUE INDEX `idx_categories_slug` ON `categories` (`slug`)"],
    })
    app.save(categories)

    const articles = new Collection({
        type: "base",
        name: "articles",
        listRule: "status = 'published' || author = @request.auth.id || @request.auth.role = 'editor'",
        viewRule: "status = 'published' || author = @request.auth.id || @request.auth.role = 'editor'",
        createRule: "@request.auth.role = 'author' || @request.auth.role = 'editor'",
        updateRule: "author = @request.auth.id || @request.auth.role = 'editor'",
        deleteRule: "@request.auth.role = 'editor'",
        fields: [
            { type: "text", name: "title", required: true, min: 3, max: 120, presentable: true },
            { type: "text", name: "slug", max: 140 },
            { type: "editor", name: "body", required: true },
            { type: "text", name: "excerpt", max: 200 },
            { type: "select", name: "status", values: ["draft", "review", "published"], maxSelect: 1 },
            { type: "date", name: "publishedAt" },
            { type: "relation", name: "author", collectionId: users.id, maxSelect: 1 },
            { type: "relation", name: "category", collectionId: categories.id, maxSelect: 1 },
            { type: "json", name: "meta", maxSize: 2000 },
            { type: "text", name: "editorNotes", hidden: true },
            { type: "autodate", name: "created", onCreate: true },
            { type: "autodate", name: "updated", onCreate: true, onUpdate: true },
        ],
    })
    articles.addIndex("idx_articles_slug", true, "`slug`", "`slug` != ''")
    articles.addIndex("idx_articles_status", false, "status, publishedAt", "")
    app.save(articles)

    const replies = new Collection({ type: "base", name: "replies" })
    replies.listRule = "approved = true || author = @request.auth.id"
    replies.viewRule = replies.listRule
    replies.createRule = "@request.auth.id != ''"
    replies.updateRule = "@request.auth.role = 'editor'"
    replies.deleteRule = "author = @request.auth.id || @request.auth.role = 'editor'"
    replies.fields.add(new RelationField({ name: "article", collectionId: articles.id, required: true, cascadeDelete: true, maxSelect: 1 }))
    replies.fields.add(new RelationField({ name: "author", collectionId: users.id, maxSelect: 1 }))
    replies.fields.add(
        new TextField({ name: "text", required: true, max: 500 }),
        new BoolField({ name: "approved" }),
        new NumberField({ name: "score" }),
        new AutodateField({ name: "created", onCreate: true }),
    )
    app.save(replies)
}, (app) => {
    for (const name of ["replies", "articles", "categories"]) {
        app.delete(app.findCollectionByNameOrId(name))
    }
    const users = app.findCollectionByNameOrId("users")
    users.fields.removeByName("role")
    app.save(users)
})
