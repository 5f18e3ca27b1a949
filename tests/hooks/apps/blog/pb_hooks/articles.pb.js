/// <reference path="../pb_data/types.d.ts" />

// Every article has a slug of its own, made of its title unless the author chose one.
onRecordCreate((e) => {
    const text = require(`${__hooks}/lib/text.js`)
    const base = text.slugify(e.record.get("slug") || e.record.get("title")) || "article"
    let slug = base
    for (let n = 2; ; n++) {
        try {
            e.app.findFirstRecordByData("articles", "slug", slug)
        } catch (err) {
            break
        }
        slug = `${base}-${n}`
    }
    e.record.set("slug", slug)
    if (!e.record.getString("status")) {
        e.record.set("status", "draft")
    }
    e.next()
}, "articles")

onRecordUpdate((e) => {
    if (e.record.getString("slug") !== e.record.original().getString("slug")) {
        throw new BadRequestError("The address of an article can't change.", {
            slug: new ValidationError("slug_fixed", "The slug is fixed."),
        })
    }
    e.next()
}, "articles")

onRecordValidate((e) => {
    const { strip } = require(`${__hooks}/lib/text.js`)
    const problems = {}
    const body = strip(e.record.getString("body"))
    if (body.length < 10) {
        problems.body = new ValidationError("body_too_short", `At least 10 characters, there are ${body.length}.`)
    }
    if (/!{2,}/.test(e.record.get("title"))) {
        problems.title = new ValidationError("title_shouts", "Don't shout.")
    }
    if (e.record.get("status") === "published" && !e.record.get("category")) {
        problems.category = new ValidationError("category_missing", "What is published has a category.")
    }
    if (Object.keys(problems).length) {
        throw new ApiError(400, "The article is not ready", problems)
    }
    return e.next()
}, "articles")

onRecordCreateExecute((e) => {
    const text = require(`${__hooks}/lib/text.js`)
    if (e.record.getString("excerpt") === "") {
        e.record.set("excerpt", text.excerpt(e.record.getString("body"), 80))
    }
    if (e.record.get("status") === "published" && e.record.getDateTime("publishedAt").isZero()) {
        e.record.set("publishedAt", new DateTime("2024-05-06 07:08:09.123Z"))
    }
    e.next()
}, "articles")

onRecordUpdateExecute((e) => {
    const was = e.record.original().get("status")
    const is = e.record.get("status")
    if (was !== is) {
        const allowed = { draft: ["review"], review: ["draft", "published"], published: ["draft"] }
        if (!(allowed[was] || []).includes(is)) {
            throw new BadRequestError(`An article can't go from ${was} to ${is}.`)
        }
        e.record.set("publishedAt", is === "published" ? "2024-06-01 10:00:00.000Z" : "")
    }
    e.next()
}, "articles")

// The counter in the category follows the articles.
onRecordAfterCreateSuccess((e) => {
    const { recount } = require(`${__hooks}/lib/counters.js`)
    recount(e.app, e.record.get("category"))
    e.next()
}, "articles")

onRecordAfterUpdateSuccess((e) => {
    const { recount } = require(`${__hooks}/lib/counters.js`)
    const before = e.record.original().get("category")
    recount(e.app, e.record.get("category"))
    if (before !== e.record.get("category")) {
        recount(e.app, before)
    }
    e.next()
}, "articles")

onRecordAfterDeleteSuccess((e) => {
    require(`${__hooks}/lib/counters.js`).recount(e.app, e.record.get("category"))
    e.next()
}, "articles")

onRecordCreateRequest((e) => {
    if (!e.hasSuperuserAuth()) {
        e.record.set("author", e.auth?.id)
        if (e.auth.getString("role") !== "editor" && e.record.get("status") === "published") {
            throw new ForbiddenError("Only editors publish.")
        }
    }
    e.next()
}, "articles")

onRecordUpdateRequest((e) => {
    if (!e.hasSuperuserAuth() && e.auth.get("role") != "editor") {
        const body = e.requestInfo().body
        for (const name of ["author", "status", "views"]) {
            if (name in body) {
                throw e.forbiddenError("Only editors may change " + name + ".", { [name]: body[name] })
            }
        }
    }
    e.next()
}, "articles")

onRecordDelete((e) => {
    const replies = e.app.countRecords("replies", $dbx.hashExp({ article: e.record.id, approved: true }))
    if (replies > 0 && e.record.get("status") === "published") {
        throw new ApiError(409, `It has ${replies} replies.`, { replies })
    }
    return e.next()
}, "articles")

onRecordViewRequest((e) => {
    e.next()
    if (e.auth?.id !== e.record.get("author")) {
        e.app.db()
            .newQuery("UPDATE {{articles}} SET [[views]] = COALESCE([[views]], 0) + 1 WHERE [[id]] = {:id}")
            .bind({ id: e.record.id })
            .execute()
    }
}, "articles")

onRecordsListRequest((e) => {
    e.requestEvent.response.header().set("X-Article-Count", String(e.result.totalItems))
    e.next()
}, "articles")

onRecordEnrich((e) => {
    const text = require(`${__hooks}/lib/text.js`)
    e.record.withCustomData(true)
    e.record.set("minutes", text.minutes(e.record.getString("body")))
    e.record.set("replyCount", e.app.countRecords("replies", $dbx.hashExp({ article: e.record.id })))

    const auth = e.requestInfo.auth
    if (auth && (auth.isSuperuser() || auth.getString("role") === "editor")) {
        e.record.unhide("editorNotes")
    } else if (!auth || auth.id !== e.record.get("author")) {
        e.record.hide("views", "meta")
    }
    e.next()
}, "articles")
