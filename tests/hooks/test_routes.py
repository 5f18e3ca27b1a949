"""Routes and middlewares of scripts among the server's own: which is taken, what goes around it, what is left of it."""

from typing import Any

import pytest

from tests.hooks.harness import Pair
from tests.oracle.harness import Case, case, named

ROUTES = [
    ("GET", "/hello/{name}"),
    ("POST", "/hello/{name}"),
    ("GET", "/hello/bob"),
    ("GET", "/files/{path...}"),
    ("GET", "/exact/{$}"),
    ("GET", "/tree/"),
    ("POST", "/posts/"),
    ("ANY", "/any"),
    ("get", "/lower"),
    ("FOO", "/foo"),
    ("GET", "example.com/host"),
    ("PUT", "/put"),
    ("GET", "/q/{a}/{b}/c"),
    ("HEAD", "/head"),
    ("OPTIONS", "/options"),
    ("GET", "/a b"),
    ("GET", "/a%20c"),
    ("GET ", "/blank"),
    ("GET", "/api/collections/x/records"),
    ("GET", "/api/collections/{c}/foo"),
    ("POST", "/api/health"),
    ("GET", "/_/x"),
]
TELL = '(e) => e.json(200, [e.request.pattern, ...["name","path","a","b","c"].map((n) => e.request.pathValue(n))])'
MIDDLEWARES = """
routerUse((e) => {
  const m = e.request.header.get("X-M")
  if (!m) return e.next()
  if (m=="after") { e.next(); e.response.header().set("X-After","1"); e.response.header().set("X-Was", "" + e.written() + e.status()); return }
  if (m=="told") { const h=e.response.header(); try { e.next() } finally { console.log(e.written(), e.status()) } return }
  if (m=="before") { e.response.header().set("X-Before","1"); e.response.header().set("Content-Type","text/odd"); return e.next() }
  if (m=="throwafter") { e.next(); throw new ForbiddenError("late") }
  if (m=="throwbefore") { e.response.header().set("X-Before","1"); throw new ForbiddenError("early", {a: new ValidationError("x", "y")}) }
  if (m=="writeafter") { e.next(); return e.json(201,{more:1}) }
  if (m=="writebefore") { e.string(201,"first"); return e.next() }
  if (m=="catch") { try { e.next() } catch(x) { return e.json(499,[String(x), x.name, x.value, e.written(), e.status()]) } return }
  if (m=="rethrow") { try { e.next() } catch(x) { throw x } return }
  if (m=="auth") { e.auth = $app.findFirstRecordByFilter("_superusers","1=1"); return e.next() }
  if (m=="noauth") { e.auth = null; return e.next() }
  if (m=="header") { e.request.header.set("X-Foo","bar"); e.request.url.rawQuery = "fields=message"; return e.next() }
  if (m=="path") { e.request.url.path = "/api/settings"; e.request.method="POST"; return e.next() }
  if (m=="twice") { e.next(); return e.next() }
  if (m=="none") { return }
  if (m=="body") { e.requestInfo().body; return e.next() }
  if (m=="changed") { e.requestInfo().body.title = "changed"; return e.next() }
  if (m=="tx") { return $app.runInTransaction((tx)=>{ e.app = tx; e.next(); console.log("in tx", e.written(), e.status()); throw new BadRequestError("rolled") }) }
  if (m=="txok") { $app.runInTransaction((tx)=>{ e.app = tx; e.next(); e.response.header().set("X-In", "" + e.written() + e.status()) }); return }
  if (m=="mark") { e.set("marks", (e.get("marks") || "") + "u"); return e.next() }
})
routerUse(new Middleware((e) => { if (e.request.header.get("X-Early")) { e.request.header.set("Authorization", e.request.header.get("X-Early")) } return e.next() }, -1021))
routerUse(new Middleware((e) => { if (e.request.header.get("X-Tardy")) { e.request.header.set("Authorization", e.request.header.get("X-Tardy")) } return e.next() }, -1019))
routerUse(new Middleware((e) => { e.set("marks", (e.get("marks") || "") + "-5"); return e.next() }, -5))
routerUse(new Middleware((e) => { e.set("marks", (e.get("marks") || "") + "g1"); return e.next() }, 0, "same"))
routerUse(new Middleware((e) => { e.set("marks", (e.get("marks") || "") + "g2"); return e.next() }, 3, "same"))
routerUse(new Middleware((e) => { e.set("marks", (e.get("marks") || "") + "g3"); return e.next() }, 3, "other"))
"""
MORE = """
const mark = "x"
routerAdd("GET", "/order", (e) => e.json(200, e.get("marks")),
  (e) => { e.set("marks", e.get("marks") + "r1"); return e.next() },
  new Middleware((e) => { e.set("marks", (e.get("marks") || "") + "r-7"); return e.next() }, -7),
  new Middleware((e) => { e.set("marks", e.get("marks") + "r4"); return e.next() }, 4),
  (e) => { e.set("marks", e.get("marks") + "r2"); return e.next() })
routerAdd("GET", "/order2", (e) => e.json(200, e.get("marks")),
  (e) => { e.set("marks", e.get("marks") + "r1"); return e.next() },
  new Middleware((e) => { e.set("marks", e.get("marks") + "same"); return e.next() }, 0, "same"))
routerAdd("GET", "/stopped", (e) => e.json(200, 1), (e) => { return e.string(202, "stopped") })
routerAdd("GET", "/refused", (e) => e.json(200, 1), (e) => { return e.forbiddenError("no", null) })
routerAdd("GET", "/text-handler", "(e) => e.string(200, 'text')")
routerAdd("GET", "/text-middleware", (e) => e.string(200, "x"), "(e) => e.string(200, 'text')")
routerAdd("GET", "/async", async (e) => e.string(200, "async"))
routerAdd("GET", "/function", function (e) { return e.string(200, "fn" + this) })
routerAdd("GET", "/outer", (e) => e.string(200, mark))
routerAdd("GET", "/whoami", (e) => e.json(200, [!!e.auth, e.requestInfo().auth ? 1 : 0, e.request.header.get("X-Foo")]))
routerAdd("GET", "/gzip", (e) => e.string(200, "x".repeat(2000)), $apis.gzip())
routerAdd("GET", "/gzip-error", (e) => { throw new BadRequestError("x") }, $apis.gzip())
routerAdd("GET", "/gzip-nothing", (e) => e.noContent(204), $apis.gzip())
routerAdd("GET", "/guests", (e) => e.string(200, "x"), $apis.requireGuestOnly())
routerAdd("GET", "/users", (e) => e.string(200, "x"), $apis.requireAuth("users"))
routerAdd("GET", "/both", (e) => e.string(200, "x"), $apis.requireAuth("users", "_superusers"))
routerAdd("GET", "/any-auth", (e) => e.string(200, "x"), $apis.requireAuth())
routerAdd("GET", "/super", (e) => e.string(200, "x"), $apis.requireSuperuserAuth())
routerAdd("GET", "/own/{id}", (e) => e.string(200, "x"), $apis.requireSuperuserOrOwnerAuth(""))
routerAdd("GET", "/own2/{u}", (e) => e.string(200, "x"), $apis.requireSuperuserOrOwnerAuth("u"))
routerAdd("GET", "/called", (e) => $apis.requireAuth().func(e))
routerAdd("GET", "/skip", (e) => e.string(200, "x"), $apis.skipSuccessActivityLog())
routerAdd("GET", "/site/{path...}", $apis.static(__hooks + "/site", false))
routerAdd("GET", "/app/{path...}", $apis.static($os.dirFS(__hooks + "/site"), true))
routerAdd("GET", "/inside/{path...}", (e) => $apis.static(__hooks + "/site", true)(e))
routerAdd("GET", "/pathless", $apis.static(__hooks + "/site", false))
routerAdd("POST", "/any-size", (e) => e.string(200, readerToString(e.request.body).length + ""), $apis.bodyLimit(0))
routerAdd("POST", "/small", (e) => e.string(200, readerToString(e.request.body).length + ""), $apis.bodyLimit(5))
routerAdd("GET", "/login", (e) => $apis.recordAuthResponse(e, $app.findFirstRecordByFilter("users", "id = {:id}", {id: e.request.url.query().get("id")}), "", {m: 1}))
routerAdd("GET", "/enriched", (e) => { const r = $app.findRecordsByFilter("posts", "1=1", "title", 3, 0); $apis.enrichRecords(e, r, "author"); return e.json(200, r) })
routerAdd("GET", "/enriched-user", (e) => { const r = $app.findRecordsByFilter("users", "1=1", "id", 3, 0); $apis.enrichRecords(e, r); return e.json(200, r) })
routerAdd("GET", "/enriched-one", (e) => { const r = $app.findFirstRecordByFilter("posts", "1=1"); $apis.enrichRecord(e, r, "author", "tags"); return e.json(200, r) })
"""
HOOKED = """
onRecordCreateRequest((e) => {
  const m = e.requestEvent.request.header.get("X-H")
  const h = e.requestEvent.response.header()
  if (!m) return e.next()
  if (m=="json") return e.json(202,{own:1})
  if (m=="none") return
  if (m=="after") { e.next(); h.set("X-After","1"); return }
  if (m=="writeafter") { e.next(); return e.json(201,{more:1}) }
  if (m=="throwafter") { e.next(); throw new ForbiddenError("late") }
  if (m=="throwbefore") { h.set("X-Before","1"); throw new ForbiddenError("early") }
  if (m=="before") { h.set("X-Before","1"); return e.next() }
  if (m=="tx") { return e.app.runInTransaction((tx)=>{ e.app = tx; e.next(); throw new BadRequestError("rolled") }) }
  if (m=="txok") { e.app.runInTransaction((tx)=>{ const o=e.app; e.app = tx; e.next(); h.set("X-In", "" + e.written() + e.status()); e.app=o }); return }
  if (m=="txjson") { e.app.runInTransaction((tx)=>{ e.json(200,{a:1}); throw new BadRequestError("rolled") }) }
  if (m=="txthrowafter") { e.app.runInTransaction((tx)=>{ const o=e.app; e.app = tx; e.next(); e.app=o }); throw new BadRequestError("x") }
  if (m=="auth") { e.auth = null; return e.next() }
  if (m=="info") { const i = e.requestInfo(); return e.json(200, [i.body, i.query, i.method, i.context, i.hasSuperuserAuth()]) }
  if (m=="twice") { e.next(); e.next(); return }
  if (m=="cookie") { e.setCookie(new Cookie({name: "a", value: "b"})); return e.next() }
}, "tags")
"""
HOOKS = {
    "routes.pb.js": "".join(f'routerAdd("{method}", "{path}", {TELL})\n' for method, path in ROUTES),
    "middlewares.pb.js": MIDDLEWARES,
    "more.pb.js": MORE,
    "hooked.pb.js": HOOKED,
    "site/a.txt": "hello file",
    "site/index.html": "<h1>idx</h1>",
    "site/sub/index.html": "<h1>sub</h1>",
    "site/empty/.keep": "",
    "site/x.json": '{"a":1}',
    "site/noext": "zzz",
}
PATHS = """
GET /hello/x, HEAD /hello/x, POST /hello/x, PUT /hello/x, DELETE /hello/bob, POST /hello/bob, GET /hello/bob, GET /hello/bob/,
GET /hello/, GET /hello, GET /hello/a%2Fb, GET /hello/a%20b, GET /hello/%ff, GET /files/, GET /files, GET /files?x=1,
GET /files/a/b/c, GET /files/a%2Fb/c%20d, GET /files/a//b, GET /files/a/, GET /exact/, GET /exact, GET /exact/x, GET /tree,
GET /tree/, GET /tree/x/y, POST /tree, POST /tree/, POST /posts, POST /posts/, POST /posts/x, GET /posts/x, GET /any, ANY /any,
GET /lower, FOO /foo, GET /foo, GET /host, GET /put, POST /put, PUT /put, GET /q/x/y/c, GET /api/health/c, GET /api/health,
POST /api/health, GET /api/nix, GET /head, HEAD /head, OPTIONS /options, OPTIONS /nix, GET /a%20b, GET /a%20c, GET /blank,
GET /api/collections/x/records, GET /api/collections/q/foo, GET /_/x, GET /nope, POST /nope, DELETE /api/health, POST /api/nope,
GET /order, GET /order2, GET /stopped, GET /refused, GET /text-handler, GET /text-middleware, GET /async, GET /function,
GET /outer, GET /called, GET /skip, GET /pathless, GET /inside/a.txt, GET /inside/nix, GET /enriched-one
""".replace("\n", " ").strip()
AUTHS = [
    "/guests",
    "/users",
    "/both",
    "/any-auth",
    "/super",
    "/own/x",
    "/own2/x",
    "/called",
    "/whoami",
    "/enriched",
    "/enriched-user",
]
FILES = ["a.txt", "", "index.html", "sub", "sub/", "sub/index.html", "empty", "empty/", "nix", "x.json", "noext", "a.txt/",
    "%2e%2e/eval.pb.js", "..%2feval.pb.js", "sub%2findex.html", "sub?x=1", "../eval.pb.js"]  # fmt: skip
MODES = ["after", "told", "before", "throwafter", "throwbefore", "writeafter", "writebefore", "catch", "rethrow", "auth", "noauth",
    "header", "path", "twice", "none", "body", "changed", "tx", "txok", "mark"]  # fmt: skip
EVENTS = ["json", "none", "after", "writeafter", "throwafter", "throwbefore", "before", "tx", "txok", "txjson", "txthrowafter",
    "auth", "info", "twice", "cookie"]  # fmt: skip


def _only(mode: str) -> str:
    """What keeps an answer that is no JSON free of what is different by chance."""
    return "?fields=title" if mode.startswith("write") else ""


def _cases() -> list[Case]:
    gzip: Any = {"Accept-Encoding": "gzip"}
    cases = [case(*path.strip().split(" ", 1)) for path in PATHS.split(",")]
    cases += [
        case("GET", "/gzip"),
        case("GET", "/gzip-error", headers=gzip),
        case("GET", "/gzip-nothing", headers=gzip),
        case("POST", "/any-size", raw=b"x" * 40),
        case("POST", "/small", raw=b"x" * 40),
        case("POST", "/small", raw=b"x" * 5),
        case("GET", "/whoami", headers={"X-Early": "{token}"}, note="early nonsense"),
        case("GET", "/site/a.txt", headers={"Range": "bytes=-3"}),
        case("GET", "/site/a.txt", headers={"If-Modified-Since": "Sun, 22 Nov 2099 16:39:23 GMT"}),
        case("HEAD", "/site/a.txt"),
    ]
    for path in AUTHS:
        cases += [
            case("GET", path),
            case("GET", path, as_="super"),
            case("GET", path, as_="user1"),
            case("GET", path, token="x"),
        ]
    for name in FILES:
        cases += [case("GET", f"/site/{name}"), case("GET", f"/app/{name}")]
    for mode in MODES:
        headers = {"X-M": mode}
        cases += [
            case("GET", "/api/health", headers=headers, note=mode, unordered=True),
            case("GET", "/api/collections/posts", headers=headers, note=mode),
            case("GET", "/whoami", headers=headers, note=mode),
            case("GET", "/nope", headers=headers, note=mode),
            case("GET", "/refused", headers=headers, note=mode),
            case(
                "POST",
                f"/api/collections/tags/records{_only(mode)}",
                headers=headers,
                as_="super",
                json={"title": f"m{mode}"},
                note=mode,
                unordered=True,
            ),
            case("GET", f"/api/collections/tags/records?filter=title='m{mode}'&fields=title", as_="super"),
        ]
    for mode in EVENTS:
        body = {"title": f"e{mode}"}
        cases += [
            case(
                "POST",
                f"/api/collections/tags/records{_only(mode)}",
                headers={"X-H": mode},
                as_="super",
                json=body,
                note=mode,
                unordered=True,
            ),
            case("GET", f"/api/collections/tags/records?filter=title='e{mode}'&fields=title", as_="super"),
        ]
    return cases


@pytest.mark.parametrize("item", [pytest.param(item, id=name) for name, item in named(_cases())])
def test_same_answer(pair: Pair, item: Case) -> None:
    pair.check(item)
