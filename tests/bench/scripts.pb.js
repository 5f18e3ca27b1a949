// What a tenant with scripts is measured with.

routerAdd("GET", "/bench/hello/{name}", (e) => e.json(200, { message: "Hello " + e.request.pathValue("name") }));

onRecordUpdate((e) => {
    e.record.set("title", "Changed to " + e.record.getInt("n"));
    e.next();
}, "items");

onRecordCreate((e) => {
    const first = e.app.findRecordById("items", "item00000000000");
    const second = e.app.findRecordById("items", "item00000000005");
    const third = e.app.findFirstRecordByData("tags", "name", "Tag 3");
    e.record.set("country", first.getString("kind") + second.getInt("n") + third.id.length);
    e.next();
}, "authors");

routerAdd("GET", "/bench/loop", (e) => {
    const records = e.app.findRecordsByFilter("posts", "n >= {:n}", "-n", 100, 0, { n: 10 });
    let sum = 0;
    for (const record of records) {
        if (record.getBool("public")) sum += record.getInt("n") + record.getString("title").length;
    }
    return e.json(200, { sum, count: records.length });
});
