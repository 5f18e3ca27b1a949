/// <reference path="../pb_data/types.d.ts" />

// A signed call: method, path, time, nonce and body under a shared secret; none can be made twice.
const guard = (e) => {
    const header = e.request.header
    const stamp = header.get("X-Stamp"), nonce = header.get("X-Nonce"), given = header.get("X-Sign")
    if (!stamp || !nonce || !given) {
        return e.unauthorizedError("The call is not signed", null)
    }
    const body = toString(e.request.body)
    const text = [e.request.method, e.request.url.requestURI(), stamp, nonce, $security.sha256(body)].join("\n")
    if (!$security.equal($security.hs512(text, "shared secret"), given)) {
        throw e.unauthorizedError("The signature is wrong", { stamp, nonce })
    }
    const record = new Record($app.findCollectionByNameOrId("nonces"), { nonce })
    try {
        $app.save(record)
    } catch (err) {
        throw new ApiError(409, "Seen before", { nonce: err.value ? "unique" : "other" })
    }
    e.set("body", body)
    return e.next()
}

routerAdd("POST", "/signed/echo", (e) => e.json(200, { got: JSON.parse(e.get("body")), again: toString(e.request.body) }), guard)
routerAdd("GET", "/signed/time/{zone}", (e) => e.string(200, e.request.pathValue("zone") + " " + e.request.url.rawQuery), guard)

// Tokens of our own: a download is allowed by a link.
routerAdd("GET", "/links/make", (e) => {
    const claims = { file: e.request.url.query().get("file"), who: e.auth.id, n: 5 }
    const token = $security.createJWT(claims, "link secret", 300)
    return e.json(200, { length: token.split(".").length, url: "/links/open?t=" + token })
}, $apis.requireAuth())

routerAdd("GET", "/links/open", (e) => {
    const token = e.request.url.query().get("t")
    let claims
    try {
        claims = $security.parseJWT(token, "link secret")
    } catch (err) {
        const unverified = token ? $security.parseUnverifiedJWT(token) : {}
        throw new ForbiddenError("The link is not valid", { who: String(unverified.who || "") })
    }
    return e.json(200, { file: claims.file, who: claims.who, n: claims.n, exp: typeof claims.exp })
})

routerAdd("POST", "/vault/{action}", (e) => {
    const body = e.requestInfo().body
    const key = "0123456789abcdef0123456789abcdef"
    if (e.request.pathValue("action") === "seal") {
        const sealed = $security.encrypt(body.text, key)
        return e.json(200, { opened: $security.decrypt(sealed, key), different: sealed !== $security.encrypt(body.text, key) })
    }
    return e.json(200, { text: toString($security.decrypt(body.sealed, key)) })
}, $apis.requireSuperuserAuth())

routerAdd("GET", "/digests", (e) => {
    const text = e.request.url.query().get("text")
    return e.json(200, {
        md5: $security.md5(text),
        sha256: $security.sha256(text),
        sha512: $security.sha512(text).slice(0, 16),
        hs256: $security.hs256(text, "k"),
        random: [
            $security.randomString(12).length,
            /^[ab]{8}$/.test($security.randomStringWithAlphabet(8, "ab")),
            /^[0-9a-f]{4}-\d$/.test($security.randomStringByRegex("[0-9a-f]{4}-\\d")),
            $security.pseudorandomString(5).length,
        ],
    })
})
