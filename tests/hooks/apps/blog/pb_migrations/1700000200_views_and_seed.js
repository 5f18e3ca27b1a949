/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const articles = app.findCollectionByNameOrId("articles")
    articles.fields.addAt(4, new Field({ type: "number", name: "views", onlyInt: true, min: 0 }))
    unmarshal({ listRule: articles.listRule + " || @request.auth.collectionName = '_superusers'" }, articles)
    app.save(articles)

    const seeds = [["News", "news"], ["How To", "how-to"], ["Opinion", "opinion"]]
    const collection = app.findCollectionByNameOrId("categories")
    seeds.forEach(([name, slug], index) => {
        const record = new Record(collection, { id: ("cat" + index).padEnd(15, "0"), name, slug })
        app.save(record)
    })

    const roles = { "ann@example.com": "author", "bob@example.com": "editor" }
    for (const email in roles) {
        const user = app.findAuthRecordByEmail("users", email)
        user.set("role", roles[email])
        app.save(user)
    }
    app.db().newQuery("UPDATE users SET role = 'reader' WHERE role = '' OR role IS NULL").execute()
}, (app) => {
    const articles = app.findCollectionByNameOrId("articles")
    articles.fields.removeByName("views")
    app.save(articles)
    app.db().delete("categories", $dbx.exp("1=1")).execute()
})
