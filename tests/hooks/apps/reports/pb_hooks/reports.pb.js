/// <reference path="../pb_data/types.d.ts" />

routerAdd("GET", "/reports/regions", (e) => {
    const query = e.request.url.query()
    const rows = arrayOf(new DynamicModel({ region: "", total: -0, amount: -0, mean: 0.5, first: "" }))
    const select = $app.db()
        .select("region", "count(*) as total", "sum(amount) as amount", "avg(amount) as mean", "min(sold) as first")
        .from("sales")
        .groupBy("region")
        .orderBy("amount DESC")
    if (query.get("from")) {
        select.andWhere($dbx.exp("sold >= {:from}", { from: query.get("from") }))
    }
    if (query.get("to")) {
        select.andWhere($dbx.exp("sold < {:to}", { to: query.get("to") }))
    }
    if (query.has("regions")) {
        select.andWhere($dbx.in("region", ...query.get("regions").split(",")))
    }
    if (query.get("min")) {
        select.having($dbx.exp("sum(amount) > {:min}", { min: parseFloat(query.get("min")) }))
    }
    select.all(rows)
    return e.json(200, { rows, count: rows.length })
})

routerAdd("GET", "/reports/top/{n}", (e) => {
    const n = parseInt(e.request.pathValue("n"), 10)
    const rows = arrayOf(new DynamicModel({ id: "", name: "", sales: 0, share: 0.1 }))
    $app.db()
        .newQuery(`
            WITH totals AS (SELECT seller, sum(amount) AS amount, count(*) AS sales FROM sales GROUP BY seller)
            SELECT u.id, coalesce(nullif(u.name, ''), 'nobody') AS name, t.sales,
                   round(t.amount * 100.0 / (SELECT sum(amount) FROM totals), 1) AS share
            FROM totals t JOIN users u ON u.id = t.seller ORDER BY t.amount DESC, u.id LIMIT {:n}
        `)
        .bind({ n })
        .all(rows)
    return e.json(200, rows)
})

routerAdd("GET", "/reports/seller/{id}", (e) => {
    const id = e.request.pathValue("id")
    const one = new DynamicModel({ total: 0, labels: [], details: {}, last: "", flag: false })
    try {
        $app.recordQuery("sales")
            .select("count(*) as total", "max(sold) as last", "labels", "details", "refunded as flag")
            .andWhere($dbx.hashExp({ seller: id }))
            .groupBy("seller")
            .one(one)
    } catch (err) {
        throw new NotFoundError("No sales of " + id, null)
    }
    return e.json(200, {
        total: one.total,
        last: one.last.substring(0, 10),
        labels: one.labels.length,
        details: one.details.get("items"),
        flag: one.flag,
    })
})

routerAdd("GET", "/reports/records", (e) => {
    const records = arrayOf(new Record($app.findCollectionByNameOrId("sales")))
    $app.recordQuery("sales")
        .andWhere($dbx.or(
            $dbx.like("labels", "hot"),
            $dbx.and($dbx.between("amount", 40, 60), $dbx.not($dbx.hashExp({ refunded: true }))),
        ))
        .andWhere($dbx.notIn("region", "west"))
        .orderBy("sold DESC", "id")
        .limit(4)
        .offset(1)
        .all(records)
    return e.json(200, records.map((r) => `${r.id} ${r.get("region")} ${r.getFloat("amount")} ${r.getStringSlice("labels").join("+")}`))
})

routerAdd("GET", "/reports/columns", (e) => {
    const column = $app.db().select("region").distinct(true).from("sales").orderBy("region").column()
    const row = []
    const nothing = new DynamicModel({ a: "", b: 0 })
    $app.db().newQuery("SELECT 'x' AS a, 5 AS b, 'extra' AS c").one(nothing)
    const built = $app.db()
        .select("a.id", "b.name")
        .from("sales a")
        .innerJoin("users b", $dbx.exp("a.seller = b.id"))
        .where($dbx.hashExp({ "a.region": ["north", "south"], "b.name": null }))
        .andWhere($dbx.orLike("b.email", "ann", "bob"))
        .orderBy("a.id")
        .limit(3)
        .build()
    return e.json(200, { column, row, nothing, sql: built.sql() })
})

routerAdd("GET", "/reports/months", (e) => {
    const months = $app.findRecordsByFilter("sales_months", "total > 0 && amount >= {:min}", "-month,region", 5, 0, { min: 10 })
    return e.json(200, months)
})

routerAdd("POST", "/reports/correct", (e) => {
    const info = e.requestInfo()
    const result = $app.db()
        .update("sales", { amount: info.body.amount, refunded: false }, $dbx.hashExp({ id: info.body.id }))
        .execute()
    const inserted = $app.db()
        .insert("sales", { id: "byhand000000000", region: "west", amount: 1, sold: "", seller: "", labels: "[]", details: "null", refunded: false })
        .execute()
    let failed = ""
    try {
        $app.db().insert("sales", { id: "byhand000000000", amount: 2 }).execute()
    } catch (err) {
        failed = String(err)
    }
    return e.json(200, {
        updated: result.rowsAffected(),
        inserted: inserted.rowsAffected(),
        failed,
        now: $app.findRecordById("sales", info.body.id).get("amount"),
        cents: $app.countRecords("sales", $dbx.exp("amount < 2")),
    })
}, $apis.requireSuperuserAuth())

routerAdd("GET", "/reports/broken", (e) => {
    const rows = arrayOf(new DynamicModel({ a: "" }))
    $app.db().newQuery("SELECT nope FROM sales").all(rows)
    return e.json(200, rows)
})

routerAdd("GET", "/reports/find/{how}", (e) => {
    const how = e.request.pathValue("how")
    const finders = {
        ids: () => $app.findRecordsByIds("sales", ["sale03000000000", "sale01000000000", "nope"]).map((r) => r.id).sort(),
        filtered: () => $app.findRecordsByIds("sales", ["sale03000000000", "sale01000000000"], (q) => {
            q.andWhere($dbx.hashExp({ region: "north" }))
            return null
        }).map((r) => r.id),
        byId: () => $app.findRecordById("sales", "sale01000000000", (q) => {
            q.andWhere($dbx.exp("amount > 1000"))
            return null
        }).id,
        first: () => $app.findFirstRecordByFilter("sales", "labels:length = 2 && seller.name = {:n}", { n: "Ann" }).id,
        badFilter: () => $app.findRecordsByFilter("sales", "nope = 1", "", 1, 0),
        badSort: () => $app.findRecordsByFilter("sales", "", "nope", 1, 0),
        noCollection: () => $app.findAllRecords("nope"),
        each: () => $app.findRecordsByFilter("sales", "labels ?= 'hot' && sold > '2024-03-01'", "+amount", 3, 1).map((r) => r.id),
        view: () => $app.findFirstRecordByFilter("sales_months", "region = 'west'", {}).get("month").length,
        collections: () => $app.findAllCollections("view").map((c) => c.name).sort(),
    }
    return e.json(200, { found: finders[how]() })
})
