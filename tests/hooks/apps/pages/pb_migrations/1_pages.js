/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const pages = new Collection({
        name: "pages", type: "base",
        fields: [
            { name: "path", type: "text", required: true }, { name: "title", type: "text" },
            { name: "html", type: "editor" }, { name: "data", type: "json" }, { name: "draft", type: "bool" },
        ],
    })
    app.save(pages)
    const rows = [
        ["home", "Home <sweet> home", "<p>Welcome & hello</p>", { items: ["a", "<b>", "c"], price: 1.5 }, false],
        ["about", "About \"us\"", "<script>alert(1)</script>", { items: [], owner: { name: "O'Neil", url: "javascript:alert(1)" } }, false],
        ["secret", "Secret", "", null, true],
    ]
    for (const [path, title, html, data, draft] of rows) {
        app.save(new Record(pages, { path, title, html, data, draft }))
    }
})
