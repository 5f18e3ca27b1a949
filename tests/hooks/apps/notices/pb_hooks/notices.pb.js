/// <reference path="../pb_data/types.d.ts" />

// Whoever is mentioned in a comment, or whose post is commented on, gets a notice: once, and never of oneself.
onRecordAfterCreateSuccess((e) => {
    const { queue } = require(`${__hooks}/queue.js`)
    const author = e.record.getString("author")
    for (const [, name] of e.record.getString("text").matchAll(/@(\w+)/g)) {
        try {
            const user = e.app.findFirstRecordByData("users", "name", name)
            if (user.id !== author) {
                queue(e.app, user.id, "mention", { comment: e.record.id, by: author }, e.record.id)
            }
        } catch (err) {
            e.app.logger().debug("nobody of that name", "name", name)
        }
    }
    const post = e.app.findRecordById("posts", e.record.get("post"))
    const owner = post.getString("author")
    if (owner && owner !== author) {
        queue(e.app, owner, "reply", { post: post.id, title: post.get("title") }, post.id)
    }
    e.next()
}, "comments")

cronAdd("deliver", "*/5 1 1 1 *", () => {
    const { deliver } = require(`${__hooks}/queue.js`)
    const done = deliver($app, 10)
    $app.store().set("delivered", { ...done, runs: ($app.store().get("delivered")?.runs ?? 0) + 1 })
})

cronAdd("digest", "0 9 1 1 *", () => {
    const { queue } = require(`${__hooks}/queue.js`)
    const rows = arrayOf(new DynamicModel({ recipient: "", total: 0 }))
    $app.db().select("recipient", "count(*) as total").from("notices").where($dbx.hashExp({ seen: false }))
        .groupBy("recipient").having($dbx.exp("total > 1")).orderBy("recipient").all(rows)
    for (const row of rows) {
        queue($app, row.recipient, "digest", { total: row.total }, "digest")
    }
})

routerAdd("POST", "/notices/seen", (e) => {
    const ids = e.requestInfo().body.ids || []
    const notices = $app.findRecordsByIds("notices", ids)
    const info = e.requestInfo()
    let count = 0
    $app.runInTransaction((tx) => {
        for (const notice of notices) {
            if (!tx.canAccessRecord(notice, info, notice.collection().viewRule)) {
                throw new ForbiddenError("Not yours.", { id: notice.id })
            }
            if (!notice.getBool("seen")) {
                notice.set("seen", true)
                tx.save(notice)
                count++
            }
        }
    })
    return e.json(200, { count, unknown: ids.length - notices.length })
}, $apis.requireAuth("users"))

routerAdd("GET", "/notices/state", (e) => {
    const delivered = $app.store().get("delivered")  // before what it counts
    const counts = {}
    $app.findAllRecords("notices").forEach((n) => {
        const key = n.get("kind") + ":" + n.get("state")
        counts[key] = (counts[key] || 0) + 1
    })
    return e.json(200, { counts, delivered, name: $app.settings().meta.appName })
})
