// What a tenant's scripts may try to keep a server from its other tenants: each route is an abuse of its own.

routerAdd("GET", "/script/short", (e) => e.json(200, {ok: true}));

// CPU, in the script's process
routerAdd("GET", "/script/loop", () => { for (;;); });

routerAdd("GET", "/script/memory", () => {
    const kept = [];
    for (;;) kept.push(new Array(1000).fill(kept.length));
});

// CPU, in the worker
routerAdd("GET", "/script/calls", () => { for (;;) $app.store().get("a"); });

routerAdd("GET", "/script/reads", () => {
    for (let n = 0; ; n++) $app.findRecordById("posts", "post" + String(n % 20000).padStart(11, "0"));
});

// large things on the way between script and worker
routerAdd("GET", "/script/frames", () => {
    const text = "x,".repeat(4 << 20);
    for (;;) { try { $app.store().set("a", text); } catch { } }
});

routerAdd("GET", "/script/values", () => {
    const item = {}, items = new Array(900000).fill(item);
    for (;;) { try { $app.importCollections(items, false); } catch { } }
});

routerAdd("GET", "/script/logs", () => { for (let n = 0; ; n++) console.log("a line that nobody reads", n, "x".repeat(2000)); });

// the tenant's one writer, and the worker's loop with it
routerAdd("GET", "/script/transaction", () => {
    $app.runInTransaction((app) => {
        for (let n = 0; ; n++) app.db().newQuery("UPDATE posts SET title = {:t} WHERE id = 'post00000000001'").bind({t: "t" + n}).execute();
    });
});

// a handler that saves within its save
routerAdd("GET", "/script/saves", () => $app.save($app.findRecordById("posts", "post00000000002")));

onRecordUpdate((e) => {
    if (e.record.id === "post00000000002") e.app.save(e.app.findRecordById("posts", "post00000000002"));
    e.next();
}, "posts");

// processes that end at once, and are made anew
routerAdd("GET", "/script/death", () => { for (;;) { try { $app.store().get("a"); } catch { } } });
