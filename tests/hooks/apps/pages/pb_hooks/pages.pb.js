/// <reference path="../pb_data/types.d.ts" />

routerAdd("GET", "/p/{path}", (e) => {
    const path = e.request.pathValue("path")
    let page
    try {
        page = $app.findFirstRecordByFilter("pages", "path = {:path} && draft = false", { path })
    } catch (err) {
        const html = $template.loadString("<h1>{{.status}}</h1><p>No page {{.path}}</p>").render({ status: 404, path })
        return e.html(404, html)
    }
    const menu = $app.findRecordsByFilter("pages", "draft = false", "path", 0, 0)
        .map((r) => ({ path: r.get("path"), title: r.get("title") }))
    const user = e.auth ? { name: e.auth.getString("name"), email: e.auth.email() } : null
    const html = $template.loadFiles(
        `${__hooks}/views/layout.html`,
        `${__hooks}/views/parts/nav.html`,
        `${__hooks}/views/page.html`,
    ).render({
        site: "Test & Co",
        color: "red; background: url(x)",
        who: '</script><script>"\'',
        title: page.getString("title"),
        html: page.getString("html"),
        data: JSON.parse(page.getString("data")),
        path, menu, user,
    })
    return e.html(200, html)
})

routerAdd("GET", "/mails/{kind}", (e) => {
    const registry = $template
    const texts = {
        welcome: "Hello {{.name}},{{ \"\\n\" }}you are number {{.n}}{{if not .confirmed}} (unconfirmed){{end}}.",
        broken: "Hello {{.name",
        missing: "Hello {{template \"nope\" .}}",
        method: "Hello {{.record.GetString \"title\"}} {{.record.Id}}",
        chain: "{{range .list}}[{{.}}]{{else}}none{{end}} {{index .list 1}} {{slice .name 0 2}} {{.name | printf \"%q\"}}",
        bad: "{{index .list 9}}",
    }
    const post = $app.findFirstRecordByData("posts", "title", "lonely")
    const text = registry.loadString(texts[e.request.pathValue("kind")]).render({
        name: "Jo <jo@x.example>", n: 1, confirmed: false, list: ["x", 2, true], record: post,
    })
    return e.string(200, text)
})

routerAdd("GET", "/assets/{path...}", $apis.static(`${__hooks}/views`, false))

routerAdd("GET", "/hello", (e) => {
    const name = e.request.url.query().get("name") || "World"
    e.setCookie(new Cookie({ name: "seen", value: name, path: "/", maxAge: 60, httpOnly: true, sameSite: 2 }))
    const before = (e.request.cookies() || []).map((c) => c.name + "=" + c.value).join()
    return e.html(200, `<p>Hello ${name} ${before}</p>`)
})

routerAdd("GET", "/go/{code}", (e) => {
    const targets = { docs: "https://example.com/docs?a=1&b=2", home: "/p/home" }
    const target = targets[e.request.pathValue("code")]
    return target ? e.redirect(302, target) : e.redirect(Number(e.request.pathValue("code")), "/")
})
