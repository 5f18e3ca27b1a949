/// <reference path="../pb_data/types.d.ts" />

// An order's totals are the server's to say, and its lines are taken from the stock in one transaction with it.
onRecordCreateRequest((e) => {
    const key = e.requestInfo().headers["idempotency_key"] || ""
    if (key) {
        try {
            const known = e.app.findFirstRecordByFilter("orders", "customer = {:who} && key = {:key}", { who: e.auth.id, key })
            return e.json(200, { again: true, id: known.id, number: known.get("number") })
        } catch (_) {
            // a new one
        }
    }
    e.record.set("key", key)
    e.record.set("customer", e.auth.id)
    e.record.set("state", "open")
    return e.next()
}, "orders")

onRecordCreate((e) => {
    const outer = e.app
    e.app.runInTransaction((tx) => {
        e.app = tx
        const { priceOf, discountOf, amount } = require(`${__hooks}/shop/prices.js`)
        const { move } = require(`${__hooks}/shop/stock.js`)

        const lines = JSON.parse(e.record.getString("lines"))
        if (!Array.isArray(lines) || lines.length === 0) {
            throw new BadRequestError("An order has lines.")
        }
        const count = tx.countRecords("orders")
        e.record.set("number", $security.sha256("shop").slice(0, 4).toUpperCase() + "-" + String(count + 1).padStart(5, "0"))

        let subtotal = 0
        const taken = []
        const priced = lines.map((line, index) => {
            let product
            try {
                product = tx.findFirstRecordByData("products", "sku", line.sku)
            } catch (err) {
                throw new BadRequestError(`Line ${index + 1}: no product ${line.sku}`)
            }
            const quantity = line.quantity | 0
            if (quantity < 1 || !product.getBool("active")) {
                throw new BadRequestError(`Line ${index + 1} is not possible.`, { lines: { [index]: "invalid" } })
            }
            if (product.getInt("stock") < quantity) {
                throw new ApiError(409, `Only ${product.getInt("stock")} of ${product.get("name")} left.`, {
                    sku: line.sku,
                    left: product.getInt("stock"),
                })
            }
            const price = priceOf(product, quantity)
            subtotal += price * quantity
            taken.push([product, quantity])
            return { sku: line.sku, name: product.get("name"), quantity, price: amount(price), sum: amount(price * quantity) }
        })
        const discount = discountOf(tx, e.record.getString("coupon"), subtotal)
        e.record.set("lines", priced)
        e.record.set("subtotal", amount(subtotal))
        e.record.set("discount", amount(discount))
        e.record.set("total", amount(subtotal - discount))

        e.next()

        for (const [product, quantity] of taken) {
            move(tx, product, e.record.id, -quantity, "sale")
        }
    })
    e.app = outer
}, "orders")

onRecordAfterCreateSuccess((e) => {
    e.app.logger().info("order placed", "number", e.record.get("number"), "total", e.record.get("total"))
    e.next()
}, "orders")

onRecordAfterCreateError((e) => {
    e.app.logger().warn("order refused", "coupon", e.record.get("coupon"), "isNew", e.record.isNew())
    e.next()
}, "orders")

// What becomes of an order: who may do it and what it does.
onRecordUpdate((e) => {
    const before = e.record.original().getString("state")
    const after = e.record.getString("state")
    if (before === after) {
        return e.next()
    }
    const steps = { open: ["paid", "cancelled"], paid: ["shipped", "cancelled"] }
    if (!(steps[before] || []).includes(after)) {
        throw new BadRequestError(`From ${before} to ${after}? No.`)
    }
    e.next()
    if (after === "cancelled") {
        const { move } = require(`${__hooks}/shop/stock.js`)
        for (const line of JSON.parse(e.record.getString("lines"))) {
            move(e.app, e.app.findFirstRecordByData("products", "sku", line.sku), e.record.id, line.quantity, "return")
        }
    }
}, "orders")

routerAdd("POST", "/shop/orders/{id}/{step}", (e) => {
    const steps = { pay: "paid", ship: "shipped", cancel: "cancelled" }
    const state = steps[e.request.pathValue("step")]
    if (!state) {
        throw e.notFoundError("", null)
    }
    const order = $app.findRecordById("orders", e.request.pathValue("id"))
    const own = order.get("customer") === e.auth.id
    if (!e.hasSuperuserAuth() && !(own && state !== "shipped")) {
        throw e.forbiddenError("Not yours.", {})
    }
    $app.runInTransaction((tx) => {
        const again = tx.findRecordById("orders", order.id)
        again.set("state", state)
        tx.save(again)
    })
    order.set("state", state)
    return e.json(200, { id: order.id, state, dirty: order.original().get("state") })
}, $apis.requireAuth())
