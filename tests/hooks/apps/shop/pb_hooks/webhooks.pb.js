/// <reference path="../pb_data/types.d.ts" />

// POST /shop/notify {url, order}: tells another server of an order, signed.
routerAdd("POST", "/shop/notify", (e) => {
    const data = new DynamicModel({ url: "", order: "", secret: "", tries: 0 })
    e.bindBody(data)
    const order = $app.findRecordById("orders", data.order)
    const payload = JSON.stringify({ id: order.id, number: order.get("number"), total: order.get("total") })
    const tried = []
    for (let n = 0; n <= data.tries; n++) {
        const res = $http.send({
            url: data.url,
            method: "POST",
            body: payload,
            headers: {
                "content-type": "application/json",
                "x-signature": $security.hs256(JSON.parse(payload).number, data.secret || "none"),
                "x-try": String(n),
            },
            timeout: 20,
        })
        tried.push(res.statusCode)
        if (res.statusCode < 500) {
            return e.json(200, {
                tried,
                said: res.json,
                type: res.headers["Content-Type"][0],
                cookie: res.cookies["seen"]?.value,
                body: toString(res.body),
            })
        }
    }
    throw new ApiError(502, "They don't answer.", { tried: tried.join() })
}, $apis.requireSuperuserAuth())

// What the payment's server says is believed when it is signed.
routerAdd("POST", "/shop/payments", (e) => {
    const raw = readerToString(e.request.body)
    const signature = e.request.header.get("X-Payment-Signature")
    const expected = $security.hs256(raw, "payment-secret")
    if (!signature || !$security.equal(signature, expected)) {
        return e.json(401, { error: "bad signature" })
    }
    const event = JSON.parse(raw)
    switch (event.type) {
        case "payment.done": {
            const order = $app.findFirstRecordByData("orders", "number", event.order)
            order.set("state", "paid")
            $app.save(order)
            return e.json(200, { ok: true, state: order.get("state") })
        }
        case "ping":
            return e.noContent(204)
        default:
            return e.string(202, "ignored " + event.type)
    }
}, $apis.bodyLimit(500))

routerAdd("GET", "/shop/stock", (e) => {
    const rows = arrayOf(new DynamicModel({ sku: "", stock: 0, sold: 0, orders: 0 }))
    $app.db()
        .select("p.sku", "p.stock", "COALESCE(-SUM(m.amount), 0) AS sold", "COUNT(DISTINCT m.[[order]]) AS orders")
        .from("products p")
        .leftJoin("movements m", $dbx.exp("[[m.product]] = [[p.id]]"))
        .groupBy("p.id")
        .orderBy("p.sku")
        .all(rows)
    return e.json(200, { stock: rows, low: rows.filter((row) => row.stock < 3).map((row) => row.sku) })
})
