/// <reference path="../pb_data/types.d.ts" />

routerAdd("POST", "/v1/keys", (e) => {
    const keys = require(`${__hooks}/lib/keys.js`)
    const body = new DynamicModel({ label: "", scopes: [], seed: "seed" })
    e.bindBody(body)
    const [record, secret] = keys.issue(e.app, e.auth, body.label, body.scopes, body.seed)
    return e.json(201, { id: record.id, secret, prefix: record.get("prefix"), scopes: record.get("scopes") })
}, $apis.requireAuth("users"))

routerAdd("DELETE", "/v1/keys/{id}", (e) => {
    const record = e.app.findRecordById("api_keys", e.request.pathValue("id"))
    if (record.get("owner") !== e.auth.id) {
        return e.json(404, { message: "no such key" })
    }
    record.set("revoked", true)
    e.app.save(record)
    return e.noContent(204)
}, $apis.requireAuth())

// Whatever is below /v1/data is asked with a key; who it belongs to is who asks.
routerUse((e) => {
    const path = e.request.url.path
    if (!path.startsWith("/v1/data/")) {
        return e.next()
    }
    const { check } = require(`${__hooks}/lib/keys.js`)
    const scope = e.request.method === "GET" ? "read" : "write"
    const key = check(e.app, e.request.header.get("X-Api-Key"), scope)
    e.auth = e.app.findRecordById("users", key.get("owner"))
    e.set("key", key)
    e.set("scope", scope)
    return e.next()
})

routerAdd("GET", "/v1/data/me", (e) => {
    const key = e.get("key")
    return e.json(200, {
        me: e.auth.id,
        email: e.auth.email(),
        key: key.id,
        uses: key.getInt("uses"),
        scope: e.get("scope"),
        nothing: e.get("nothing"),
        infoAuth: e.requestInfo().auth?.id,
    })
})

routerAdd("GET", "/v1/data/{collection}/{path...}", (e) => {
    const collection = e.request.pathValue("collection")
    const path = e.request.pathValue("path")
    const info = e.requestInfo()
    const record = e.app.findRecordById(collection, path)
    if (!e.app.canAccessRecord(record, info, record.collection().viewRule)) {
        throw new ForbiddenError(`${collection}/${path} is not yours to see`)
    }
    $apis.enrichRecord(e, record, "author")
    return e.json(200, record)
})

routerAdd("PUT", "/v1/data/tags/{title}", (e) => {
    const title = e.request.pathValue("title")
    let record
    let status = 200
    try {
        record = e.app.findFirstRecordByData("tags", "title", title)
    } catch {
        record = new Record(e.app.findCollectionByNameOrId("tags"))
        record.set("title", title)
        status = 201
    }
    const weight = e.requestInfo().body["weight"]
    if (typeof weight !== "number") {
        throw new BadRequestError("A weight is a number.", { weight: typeof weight })
    }
    record.set("weight", weight)
    e.app.save(record)
    return e.json(status, { id: record.id, title: record.get("title"), weight: record.get("weight") })
})
