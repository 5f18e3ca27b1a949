/// <reference path="../pb_data/types.d.ts" />

routerAdd("GET", "/blog/feed.xml", (e) => {
    const articles = $app.findRecordsByFilter("articles", "status = 'published'", "-publishedAt,slug", 10, 0)
    const escape = (text) => text.replace(/[<>&"]/g, (c) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" }[c]))
    const items = articles.map((a) =>
        `<item><title>${escape(a.getString("title"))}</title><link>/blog/${a.get("slug")}</link>` +
        `<pubDate>${a.getDateTime("publishedAt").time().format("Mon, 02 Jan 2006 15:04:05 -0700")}</pubDate></item>`)
    e.response.header().set("Content-Type", "application/rss+xml; charset=utf-8")
    e.response.header().set("Cache-Control", "max-age=60")
    return e.string(200, `<?xml version="1.0"?><rss version="2.0"><channel>${items.join("")}</channel></rss>`)
})

routerAdd("GET", "/blog/{slug}", (e) => {
    const slug = e.request.pathValue("slug")
    let article
    try {
        article = e.app.findFirstRecordByFilter("articles", "slug = {:slug} && status = 'published'", { slug })
    } catch (err) {
        throw new NotFoundError("No article " + slug, err)
    }
    e.app.expandRecord(article, ["category", "author"], null)
    const category = article.expandedOne("category")
    const author = article.expandedOne("author")
    return e.json(200, {
        slug,
        title: article.getString("title"),
        category: category ? { name: category.get("name"), slug: category.get("slug") } : null,
        author: author?.getString("name") ?? null,
        views: article.getInt("views"),
        published: article.getDateTime("publishedAt").string(),
        meta: article.get("meta"),
    })
})

routerAdd("GET", "/blog/search/articles", (e) => {
    const info = e.requestInfo()
    const words = (info.query["q"] || "").split(/\s+/).filter(Boolean).slice(0, 4)
    if (!words.length) {
        return e.badRequestError("Nothing to search for", { q: "missing" })
    }
    const params = {}
    const filter = words.map((word, i) => {
        params["w" + i] = word
        return `(title ~ {:w${i}} || body ~ {:w${i}})`
    }).join(" && ")
    const found = $app.findRecordsByFilter("articles", filter, "title", 20, 0, params)
        .filter((r) => $app.canAccessRecord(r, info, r.collection().listRule))
    $apis.enrichRecords(e, found, "category")
    return e.json(200, { count: found.length, items: found })
})

routerAdd("GET", "/blog/archive/months", (e) => {
    const rows = arrayOf(new DynamicModel({ month: "", total: 0, slugs: "" }))
    $app.db()
        .select("substr([[publishedAt]], 1, 7) AS month", "COUNT(*) AS total", "GROUP_CONCAT([[slug]], ',') AS slugs")
        .from("articles")
        .where($dbx.hashExp({ status: "published" }))
        .groupBy("month")
        .having($dbx.exp("total > {:min}", { min: 0 }))
        .orderBy("month DESC")
        .all(rows)
    return e.json(200, rows.map((row) => ({ month: row.month, total: row.total, slugs: row.slugs.split(",").sort() })))
})

routerAdd("POST", "/blog/articles/{id}/publish", (e) => {
    const article = e.app.findRecordById("articles", e.request.pathValue("id"))
    if (e.auth.get("role") !== "editor") {
        return e.json(403, { error: "editors only" })
    }
    e.app.runInTransaction((tx) => {
        for (const status of ["review", "published"]) {
            const again = tx.findRecordById("articles", article.id)
            if (again.get("status") === status) {
                continue
            }
            again.set("status", status)
            tx.save(again)
        }
    })
    return e.json(200, e.app.findRecordById("articles", article.id))
}, $apis.requireAuth())

routerAdd("POST", "/blog/articles/{id}/copy", (e) => {
    const article = e.app.findRecordById("articles", e.request.pathValue("id"))
    const copy = article.fresh()
    copy.markAsNew()
    copy.set("id", "")
    copy.set("slug", "")
    copy.set("status", "draft")
    copy.set("title", "Copy of " + article.get("title"))
    copy.set("views-", article.getInt("views"))
    e.app.save(copy)
    return e.json(201, { id: copy.id, slug: copy.get("slug"), isNew: copy.isNew(), views: copy.get("views") })
}, $apis.requireSuperuserAuth())
