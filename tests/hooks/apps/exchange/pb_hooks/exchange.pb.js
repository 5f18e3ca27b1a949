/// <reference path="../pb_data/types.d.ts" />

routerAdd("POST", "/contacts/import", (e) => {
    const Csv = require(`${__hooks}/lib/csv.js`)
    const raw = toString(e.request.body)
    const [head, ...rows] = new Csv(e.request.url.query().get("separator") || ",").parse(raw)
    if (!head || !head.includes("email")) {
        return e.json(422, { error: "there is no column email", head: head ?? null })
    }
    const strict = e.request.url.query().has("strict")
    const done = { created: 0, updated: 0, errors: [] }
    $app.runInTransaction((tx) => {
        const collection = tx.findCollectionByNameOrId("contacts")
        rows.forEach((cells, index) => {
            const values = Object.fromEntries(head.map((name, i) => [name.trim(), cells[i]]))
            values.tags = (values.tags || "").split("|").filter(Boolean)
            let record
            try {
                record = tx.findFirstRecordByData("contacts", "email", values.email)
                done.updated++
            } catch {
                record = new Record(collection)
                done.created++
            }
            record.load(values)
            try {
                tx.save(record)
            } catch (err) {
                if (strict) {
                    throw new BadRequestError(`Line ${index + 2} can't be read.`, err)
                }
                done.errors.push({ line: index + 2, message: err.message })
            }
        })
    })
    return e.json(200, done)
}, $apis.requireSuperuserAuth(), $apis.bodyLimit(5000))

routerAdd("GET", "/contacts/export", (e) => {
    const Csv = require(`${__hooks}/lib/csv.js`)
    const names = ["name", "email", "age", "tags", "since"]
    const rows = $app.findAllRecords("contacts").map((r) => names.map((name) => {
        switch (name) {
            case "age": return r.getInt(name)
            case "tags": return JSON.parse(r.getString(name)).join("|")
            case "since": return r.getDateTime(name).isZero() ? "" : r.getDateTime(name).string().slice(0, 10)
            default: return r.getString(name)
        }
    }))
    rows.sort((a, b) => a[1].localeCompare(b[1]))
    const text = new Csv().format([names, ...rows])
    e.response.header().set("Content-Disposition", 'attachment; filename="contacts.csv"')
    return e.blob(200, "text/csv; charset=utf-8", text)
})

// The same to and from the disk, in the tenant's own folder.
routerAdd("POST", "/contacts/dump/{name}", (e) => {
    const name = $filepath.base(e.request.pathValue("name"))
    const folder = $filepath.join($app.dataDir(), "dumps")
    $os.mkdirAll(folder, 0o755)
    const lines = $app.findAllRecords("contacts").map((r) => JSON.stringify(r.publicExport().email))
    const path = $filepath.join(folder, name + $filepath.ext(".json"))
    $os.writeFile(path, lines.sort().join("\n"), 0o644)
    const read = toString($os.readFile(path))
    const names = $os.readDir(folder).map((entry) => entry.name()).sort()
    const size = $os.stat(path).size()
    $os.rename(path, path + ".old")
    let missing = ""
    try {
        $os.readFile(path)
    } catch (err) {
        missing = String(err).includes("no such file") ? "missing" : String(err)
    }
    $os.removeAll(folder)
    return e.json(200, { read, names, size, missing, rest: $filepath.rel("/a/b", "/a/c/d"), match: $filepath.match("*.old", name + ".old") })
}, $apis.requireSuperuserAuth())

routerAdd("POST", "/contacts/form", (e) => {
    const form = new DynamicModel({ name: "", email: "", age: 0, newsletter: false, tags: [], extra: {} })
    e.bindBody(form)
    const info = e.requestInfo()
    return e.json(200, { form, body: info.body, query: info.query, agent: info.headers["x_agent"] ?? null, method: info.method, context: info.context })
})

routerAdd("POST", "/bytes/{what}", (e) => {
    const raw = readerToString(e.request.body, 1000)
    const bytes = toBytes(raw)
    switch (e.request.pathValue("what")) {
        case "length": return e.json(200, { chars: raw.length, bytes: bytes.length, first: Array.from(bytes.slice(0, 4)) })
        case "hex": return e.string(200, Buffer.from(raw).toString("hex"))
        case "base64": return e.string(200, Buffer.from(raw, "utf8").toString("base64"))
        case "digest": return e.string(200, $security.sha256(raw) + " " + e.request.contentLength)
        case "png": return e.blob(200, "image/png", [137, 80, 78, 71])
        case "stream": return e.stream(200, "text/plain", e.request.body)
    }
    return e.notFoundError("What?", { what: e.request.pathValue("what") })
})

routerAdd("PUT", "/validate", (e) => {
    const model = new DynamicModel({ count: 0, ratio: 0.1, name: "", on: false, list: [], map: {} })
    e.bindBody(model)
    model.name = model.name.toUpperCase()
    model.count = model.count + 1
    model.list.push("x")
    return e.json(200, model)
})
