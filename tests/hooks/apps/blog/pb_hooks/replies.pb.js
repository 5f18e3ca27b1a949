/// <reference path="../pb_data/types.d.ts" />

onRecordCreateRequest((e) => {
    const { spam } = require(`${__hooks}/lib/text.js`)
    const article = e.app.findRecordById("articles", e.record.get("article"))
    if (article.get("status") !== "published" && !e.app.canAccessRecord(article, e.requestInfo(), article.collection().viewRule)) {
        throw new NotFoundError("There is no such article.")
    }
    const score = spam(e.record.getString("text"))
    if (score > 3) {
        throw new TooManyRequestsError("That looks like spam.", { score })
    }
    e.record.set("score", score)
    e.record.set("approved", score === 0 && e.auth?.verified())
    e.record.set("author", e.auth.id)
    e.next()
}, "replies")

onRecordEnrich((e) => {
    if (!e.requestInfo.auth || e.requestInfo.auth.getString("role") !== "editor") {
        e.record.hide("score")
    }
    const author = e.app.findRecordById("users", e.record.getString("author"))
    e.record.withCustomData(true)
    e.record.set("by", author.getString("name") || "anonymous")
    e.next()
}, "replies")

routerAdd("POST", "/blog/replies/{id}/approve", (e) => {
    if (e.auth.get("role") !== "editor") {
        throw new ForbiddenError()
    }
    const reply = e.app.findRecordById("replies", e.request.pathValue("id"))
    reply.set("approved", true)
    e.app.save(reply)
    return e.json(200, reply.publicExport())
}, $apis.requireAuth("users"))
