/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const products = app.findCollectionByNameOrId("products")
    const rows = [
        ["chair", "Chair", "FU-001", 49.9, 10, true, [{ from: 5, price: 45 }]],
        ["table", "Table", "FU-002", 199, 2, true, null],
        ["lamp", "Lamp", "LI-001", 19.99, 0, true, null],
        ["stool", "Old stool", "FU-003", 5, 50, false, null],
    ]
    for (const [id, name, sku, price, stock, active, tiers] of rows) {
        const product = new Record(products)
        product.load({ id: id.padEnd(15, "0"), name, sku, price, stock, active, tiers })
        app.save(product)
    }

    const coupons = app.findCollectionByNameOrId("coupons")
    const day = new DateTime("2999-12-31 23:59:59Z")
    app.save(new Record(coupons, { code: "TENOFF", percent: 10, left: 2, expires: day }))
    app.save(new Record(coupons, { code: "FIVER", amount: 5, left: -1 }))
    app.save(new Record(coupons, { code: "GONE", percent: 50, left: 9, expires: "2020-01-01 00:00:00.000Z" }))
}, null)
