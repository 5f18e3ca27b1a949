/// <reference path="../pb_data/types.d.ts" />

// Maintenance: everything but health and superusers is turned away while the flag is set.
routerUse(new Middleware((e) => {
    if ($app.store().get("maintenance") && !e.hasSuperuserAuth() && e.request.url.path !== "/api/health") {
        e.response.header().set("Retry-After", "120")
        return e.json(503, { message: "Back soon.", path: e.request.url.path })
    }
    return e.next()
}, 10, "maintenance"))

// Early, before anybody is known: what asks and how often.
routerUse(new Middleware((e) => {
    e.set("trace", [])
    e.get("trace").push("early")
    e.set("anonymous", e.auth === null)
    return e.next()
}, -2000))

routerUse((e) => {
    const tenant = e.request.header.get("X-Client")
    if (!tenant) {
        return e.next()
    }
    const store = $app.store()
    const count = (store.get("count:" + tenant) ?? 0) + 1
    store.set("count:" + tenant, count)
    e.response.header().set("X-RateLimit-Remaining", String(Math.max(0, 3 - count)))
    if (count > 3) {
        throw new TooManyRequestsError("", null)
    }
    return e.next()
})

routerUse((e) => {
    const header = e.response.header()
    header.set("X-Powered-By", "scripts")
    header.add("X-Many", "one")
    header.add("X-Many", "two")
    header.del("X-Frame-Options")
    if (e.request.method === "OPTIONS" && e.request.url.path.startsWith("/v2/")) {
        header.set("Access-Control-Allow-Methods", "GET, PUT")
        return e.noContent(204)
    }
    return e.next()
})

// The answer of whoever comes after can't be changed, but it can be seen.
routerUse((e) => {
    let failure = null
    try {
        e.next()
    } catch (err) {
        failure = err
        $app.store().set("last", { status: err.status ?? 0, name: String(err.name || "") , message: String(err.message)})
        throw err
    } finally {
        const counts = $app.store().get("statuses") || {}
        const key = failure ? "failed" : String(e.status())
        counts[key] = (counts[key] || 0) + 1
        $app.store().set("statuses", counts)
    }
})

routerUse((e) => {
    if (e.request.url.path === "/v2/rewritten") {
        e.request.url.path = "/v2/other"
    }
    if (e.request.url.query().get("as")) {
        e.auth = $app.findAuthRecordByEmail("users", e.request.url.query().get("as"))
    }
    return e.next()
})
