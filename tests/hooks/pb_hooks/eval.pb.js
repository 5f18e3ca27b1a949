// What every table of snippets is run by: the body of a function of the request's event, its result or its exception.
routerAdd("POST", "/eval", (e) => {
    const code = e.requestInfo().body.code
    let out
    try {
        const result = new Function("e", code)(e)
        let s
        try { s = String(result) } catch (x) { s = "!" + x }
        let v
        try { v = JSON.stringify(result) } catch (x) { v = "!" + x }
        out = { v: v === undefined ? "undefined" : v, s: s }
    } catch (x) {
        let keys = ""
        try { keys = Object.keys(x).join() } catch (y) { keys = "!" + y }
        let json = ""
        try { json = JSON.stringify(x) } catch (y) { json = "!" + y }
        out = {
            err: String(x),
            name: String(x && x.name),
            message: String(x && x.message),
            json: json === undefined ? "undefined" : json,
            keys: keys,
        }
    }
    if (e.written()) return
    return e.json(200, out)
})
