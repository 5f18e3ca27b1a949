/// <reference path="../pb_data/types.d.ts" />

routerAdd("GET", "/v2/trace", (e) => {
    const trace = e.get("trace")
    trace.push("route")
    e.set("trace", trace)
    return e.json(200, { trace: e.get("trace"), anonymous: e.get("anonymous"), auth: e.auth?.email() ?? null, all: Object.keys(e.getAll()).filter((name) => !name.startsWith("__")).sort() })
}, (e) => {
    e.get("trace").push("a")
    e.next()
    e.get("trace").push("after")
}, new Middleware((e) => {
    e.get("trace").push("first")
    return e.next()
}, -10))

routerAdd("POST", "/v2/maintenance/{on}", (e) => {
    $app.store().set("maintenance", e.request.pathValue("on") === "on")
    return e.json(200, { on: $app.store().get("maintenance") })
}, $apis.requireSuperuserAuth())

routerAdd("GET", "/v2/statuses", (e) => e.json(200, { counts: $app.store().get("statuses"), last: $app.store().get("last"), has: $app.store().has("nope") }))

routerAdd("GET", "/v2/zipped", (e) => e.string(200, "text ".repeat(500)), $apis.gzip())

routerAdd("PUT", "/v2/limited", (e) => e.json(200, { size: toString(e.request.body).length }), $apis.bodyLimit(20))

routerAdd("GET", "/v2/quiet", (e) => e.noContent(204), $apis.skipSuccessActivityLog())

routerAdd("GET", "/v2/files/{name}", (e) => e.fileFS($os.dirFS($app.dataDir() + "/.."), e.request.pathValue("name")))

routerAdd("GET", "/v2/items/{id}", (e) => e.json(200, { item: e.request.pathValue("id"), q: e.request.url.query().encode() }))
routerAdd("GET", "/v2/items/new", (e) => e.string(200, "new item"))
routerAdd("GET", "/v2/items/{id}/{rest...}", (e) => e.string(200, [e.request.pathValue("id"), e.request.pathValue("rest"), e.request.pattern].join("|")))
routerAdd("DELETE", "/v2/items/{id}", (e) => e.error(418, "a teapot", { id: e.request.pathValue("id") }))

routerAdd("GET", "/v2/who", (e) => e.json(200, {
    ip: e.realIP() === e.remoteIP(),
    tls: e.isTLS(),
    agent: e.request.userAgent(),
    referer: e.request.referer(),
    host: typeof e.request.host,
    proto: e.request.proto,
    method: e.request.method,
    uri: e.request.requestURI,
    values: e.request.header.values("X-List"),
}))

routerAdd("GET", "/v2/both", (e) => {
    e.string(200, "once")
    return e.string(201, " twice")
})

routerAdd("GET", "/v2/nothing", (e) => {})
routerAdd("GET", "/v2/returns", (e) => ({ a: 1 }))
routerAdd("GET", "/v2/async", async (e) => {
    await Promise.resolve()
    return e.json(200, { later: true })
})
