/// <reference path="../pb_data/types.d.ts" />
migrate((app) => {
    const sales = new Collection({
        name: "sales",
        type: "base",
        listRule: "",
        fields: [
            { name: "region", type: "select", values: ["north", "south", "west"], maxSelect: 1 },
            { name: "amount", type: "number" },
            { name: "sold", type: "date" },
            { name: "seller", type: "relation", collectionId: "_pb_users_auth_", maxSelect: 1 },
            { name: "labels", type: "select", values: ["new", "hot", "old"], maxSelect: 3 },
            { name: "details", type: "json" },
            { name: "refunded", type: "bool" },
        ],
        indexes: ["CREATE INDEX idx_sales_sold ON sales (sold)"],
    })
    app.save(sales)

    const sellers = app.findAllRecords("users").sort((a, b) => (a.id < b.id ? -1 : 1))
    const regions = ["north", "south", "west"]
    for (let n = 0; n < 24; n++) {
        const sale = new Record(sales)
        sale.load({
            id: "sale" + String(n).padStart(2, "0") + "000000000",
            region: regions[n % 3],
            amount: (n * 37) % 50 + n / 4,
            sold: new DateTime("2024-01-30 10:00:00Z").addDate(0, 0, n * 9),
            seller: sellers[n % sellers.length].id,
            labels: n % 4 === 0 ? ["new", "hot"] : n % 4 === 1 ? ["old"] : [],
            details: n % 5 === 0 ? null : { items: Array.from({ length: n % 3 }, (_, i) => ({ sku: "S" + i, n: i + 1 })) },
            refunded: n % 7 === 6,
        })
        app.saveNoValidate(sale)
    }

    const view = new Collection({ name: "sales_months", type: "view", listRule: "", viewRule: "" })
    view.viewQuery = "SELECT min(s.id) AS id, strftime('%Y-%m', s.sold) AS month, s.region, count(*) AS total, " +
        "round(sum(s.amount), 2) AS amount, max(s.seller) AS best FROM sales s WHERE s.refunded = false GROUP BY month, s.region"
    app.save(view)
}, (app) => {
    app.delete(app.findCollectionByNameOrId("sales_months"))
    app.delete(app.findCollectionByNameOrId("sales"))
})
