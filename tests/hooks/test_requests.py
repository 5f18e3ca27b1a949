"""`e` of routes: what it tells of a request, and what it answers, in the real one and here."""

from typing import Any

import pytest

from tests.hooks.harness import Pair
from tests.oracle.harness import Case, case, named

# Answers, by the name of the route: what its handler does.
ANSWERS = {
    "twice": 'e.string(200,"a"); return e.string(201,"b")',
    "twice-json": "e.json(200,{a:1}); return e.json(201,{b:1})",
    "late-error": 'e.string(200,"a"); throw new BadRequestError("x")',
    "html": 'return e.html(201,"<b>hi</b>")',
    "json-text": 'return e.json(200,"a<b>&\\u2028\'\\"")',
    "json-null": "return e.json(200,null)",
    "json-undefined": "return e.json(200,undefined)",
    "json-nothing": "return e.json(200)",
    "json-nan": "return e.json(200,NaN)",
    "json-numbers": "return e.json(200,[1.0,1.5,1e21,1e-7,123456789012,0.1])",
    "json-date": "return e.json(200,{d:new Date(0), l:[new Date(1500)]})",
    "json-function": "return e.json(200,()=>1)",
    "json-with-function": "return e.json(200,{f:()=>1})",
    "json-undefined-member": "return e.json(200,{u:undefined,n:null,l:[undefined]})",
    "json-cycle": "const a={};a.a=a;return e.json(200,a)",
    "json-map": "return e.json(200,new Map([[1,2]]))",
    "json-set": "return e.json(200,new Set([1,2]))",
    "json-bytes": 'return e.json(200,{a:new Uint8Array([1,2,3]), b:toBytes("abc")})',
    "json-own-tojson": "return e.json(200,{toJSON(){return 5}})",
    "json-error": 'return e.json(200,{a:new Error("boo"), e:new BadRequestError("boo")})',
    "json-regexp": "return e.json(200,/a/)",
    "json-class": "class A{constructor(){this.x=1} get y(){return 2}}; return e.json(200,new A())",
    "json-true": "return e.json(200,true)",
    "json-text-status": 'return e.json("201",{a:1})',
    "json-float-status": "return e.json(201.7,{a:1})",
    "json-go": 'return e.json(200,{dt:new DateTime("2020-01-01 00:00:00.000Z"), m:$app.settings().meta})',
    "json-string-object": 'return e.json(200,new String("x"))',
    "json-empty": 'return e.json(200,[[],{}, "", 0, false])',
    "json-record": 'return e.json(200,$app.findRecordsByFilter("posts","1=1","title",2,0))',
    "status-0": 'return e.string(0,"x")',
    "status-99": 'return e.string(99,"x")',
    "status-1000": 'return e.string(1000,"x")',
    "status-204": 'return e.string(204,"x")',
    "status-304": 'return e.string(304,"x")',
    "status-205": 'return e.string(205,"x")',
    "status-999": 'return e.string(999,"x")',
    "status-negative": 'return e.string(-5,"x")',
    "status-none": "return e.string()",
    "status-text": 'return e.string("abc","x")',
    "no-content": "return e.noContent(204)",
    "no-content-200": "return e.noContent(200)",
    "no-content-404": "return e.noContent(404)",
    "no-content-none": "return e.noContent()",
    "header-twice": 'const h=e.response.header(); h.set("x-a-b","v1"); h.add("X-A-B","v2"); return e.string(200,"x")',
    "header-type": 'e.response.header().set("content-type","text/x"); return e.json(200,{})',
    "header-break": 'e.response.header().set("X-A","a\\r\\nB: c"); return e.string(200,"x")',
    "header-name": 'const h=e.response.header(); for (const n of ["X A","","X\\n","X:Y","X-\\u00e9"]) h.set(n,"b"); '
    'return e.string(200,"x")',
    "header-unicode": 'e.response.header().set("X-A","h\\u00e9\\u20ac"); return e.string(200,"x")',
    "header-del": 'const h=e.response.header(); h.del("Vary"); h.del("X-Frame-Options"); return e.string(200,"xyz")',
    "header-late": 'e.string(200,"xyz"); e.response.header().set("X-Late","1")',
    "header-blank": 'const h=e.response.header(); h.set("X-E",""); h.set("X-S","  a  "); return e.string(200,"xyz")',
    "header-read": 'const h=e.response.header(); return e.json(200,[h.get("vary"),h.values("Vary"),h.get("nix"),'
    'h.values("nix"),h])',
    "header-number": 'e.response.header().set("X-N",5); return e.string(200,"xyz")',
    "header-error": 'e.response.header().set("X-N","5"); throw new BadRequestError("x")',
    "write": 'e.response.write("abc")',
    "write-status": "e.response.writeHeader(201); e.response.write([65,66]); return",
    "write-html": 'e.response.write(toBytes("<html>abc"))',
    "write-binary": "e.response.write([0,1,2])",
    "write-png": "e.response.write([0x89,0x50,0x4e,0x47,0x0d,0x0a,0x1a,0x0a])",
    "write-statuses": 'e.response.writeHeader(201); e.response.writeHeader(202); return e.string(203,"x")',
    "write-99": "e.response.writeHeader(99)",
    "write-told": 'return e.json(200,[e.response.write(toBytes("abc")), e.written(), e.status()])',
    "written": "const b=[e.written(),e.status()]; e.noContent(202); console.log(1); return e.json(200,[...b,e.written(),"
    "e.status()])",
    "redirect": 'return e.redirect(302,"/x y")',
    "redirect-200": 'return e.redirect(200,"/x")',
    "redirect-300": 'return e.redirect(300,"/x")',
    "redirect-309": 'return e.redirect(309,"/x")',
    "redirect-break": 'return e.redirect(302,"/x\\r\\nX-A: b")',
    "redirect-relative": 'return e.redirect(307,"foo/../bar")',
    "redirect-unicode": 'return e.redirect(308,"http://a.b/c?d=\\u00e9")',
    "redirect-none": "return e.redirect(307)",
    "blob-list": 'return e.blob(200,"image/png",[1,2,3])',
    "blob-text": 'return e.blob(200,"image/png","abc\\u00e9")',
    "blob-array": 'return e.blob(200,"image/png",new Uint8Array([1,2,255]))',
    "blob-bytes": 'return e.blob(200,"image/png",toBytes("\\u00e9"))',
    "blob-break": 'return e.blob(200,"a\\r\\nb",[65])',
    "blob-null": 'return e.blob(200,"text/x",null)',
    "blob-odd": 'return e.blob(200,"text/x",[300,-1,"a"])',
    "blob-buffer": 'return e.blob(200,"text/x",new ArrayBuffer(2))',
    "xml-map": "return e.xml(200,{a:1})",
    "xml-text": 'return e.xml(200,"a<b")',
    "xml-list": 'return e.xml(200,[1,"x",true])',
    "xml-null": "return e.xml(200,null)",
    "xml-float": "return e.xml(200,1.5)",
    "stream": 'return e.stream(200,"text/x",e.request.body)',
    "stream-text": 'return e.stream(200,"text/x","abc")',
    "stream-null": 'return e.stream(200,"text/x",null)',
    "error": 'return e.error(418,"tea pot",{a:"b", c:new ValidationError("co","msg"), '
    'd:{e:new ValidationError("x","y")}})',
    "error-999": 'throw e.error(999,"",null)',
    "error-400": 'throw e.badRequestError("",null)',
    "error-401": 'throw e.unauthorizedError("",null)',
    "error-403": 'throw e.forbiddenError("",null)',
    "error-429": 'throw e.tooManyRequestsError("",null)',
    "error-500": 'throw e.internalServerError("oops",new Error("x"))',
    "error-200": 'throw e.error(200,"x",null)',
    "error-shown": 'return e.json(200, e.notFoundError("a b", {x:5}))',
    "error-in-list": 'return [e.notFoundError("a", null)]',
    "error-returned": 'return e.notFoundError("nix", null)',
    "error-text": 'throw "hello"',
    "error-nothing": "throw null",
    "error-plain": 'throw new Error("boo")',
    "error-returned-plain": 'return new Error("x")',
    "nothing": "",
    "number": "return 5",
    "next": "return e.next()",
    "file": 'return e.fileFS($os.dirFS(__hooks + "/site"),"a.txt")',
    "file-missing": 'return e.fileFS($os.dirFS(__hooks + "/site"),"nix.txt")',
    "file-above": 'return e.fileFS($os.dirFS(__hooks + "/site"),"../eval.pb.js")',
    "file-directory": 'return e.fileFS($os.dirFS(__hooks + "/site"),"sub")',
    "file-no-index": 'return e.fileFS($os.dirFS(__hooks + "/site"),"empty")',
    "file-absolute": 'return e.fileFS($os.dirFS(__hooks + "/site"),"/a.txt")',
    "file-sniffed": 'return e.fileFS($os.dirFS(__hooks + "/site"),"noext")',
    "file-type": 'e.response.header().set("Content-Type","x/y"); return e.fileFS($os.dirFS(__hooks + "/site"),"a.txt")',
    "file-caught": 'try { e.fileFS($os.dirFS(__hooks + "/site"),"nix.txt") } catch (x) { return e.string(201, String(x)) }',
    "cookie": 'e.setCookie(new Cookie({name:"a",value:"b c",path:"/",domain:"example.com",maxAge:10,secure:true,'
    'httpOnly:true,sameSite:3})); return e.redirect(302,"/")',
    "cookies-odd": 'e.setCookie(new Cookie({name:"a",value:"b\\r\\nc;d"})); e.setCookie(new Cookie({name:"a b",value:"x"})); '
    'e.setCookie(new Cookie({name:"q",value:"\\u00e9,"})); '
    'e.setCookie(new Cookie({name:"z",value:"x",maxAge:-1,sameSite:4,partitioned:true})); return e.string(200,"x")',
    "cookie-object": 'e.setCookie({name:"a",value:"b"}); return e.string(200,"x")',
    "cookies-more": 'e.setCookie(new Cookie({name:"a",value:"b",expires:new DateTime("2030-01-01 00:00:00.000Z").time(), '
    'sameSite:2})); e.setCookie(new Cookie({name:"s1",value:"b", sameSite:1, path:"/a;b", domain:".x.com"})); '
    'e.setCookie(new Cookie({name:"s2",value:"b", quoted:true, domain:"b ad"})); return e.string(200,"x")',
}
# Requests, in the same way.
QUESTIONS = {
    "headers": 'const h=e.request.header; return e.json(200,[h.get("x-a"),h.values("X-A"),h.get("nope"),'
    'h.values("nope"),h.get("Host"),h.clone().get("x-a")])',
    "headers-set": 'const h=e.request.header; h.set("x-new","1"); h.add("X-New","2"); h.del("x-a"); '
    'return e.json(200,[h.get("X-New"),h.values("x-new"),h.get("x-a"), e.requestInfo().headers])',
    "url": "const u=e.request.url; const q=u.query(); return e.json(200,[u.path,u.rawPath,u.rawQuery,u.string(),"
    'u.host,u.hostname(),u.port(),u.escapedPath(),u.requestURI(),q.get("a"),q.get("nope"),q.has("b"),'
    "q.encode(),q,e.requestInfo().query,e.request.requestURI,e.request.formValue('a'),e.request.form,String(u)])",
    "url-set": 'e.request.url.path="/changed"; e.request.url.rawQuery="z=1"; '
    "return e.json(200,[e.request.url.path,e.request.url.query(),e.requestInfo().query,e.request.url.string()])",
    "cookies": "return e.json(200,[e.request.cookies().map(c=>[c.name,c.value,c.quoted,c.string()]), "
    'e.request.cookie("a").value, e.request.cookiesNamed("a").length])',
    "cookie-missing": 'return e.request.cookie("none")',
    "about": "const r=e.request; return e.json(200,[r.basicAuth(),r.userAgent(),r.referer(),r.protoAtLeast(1,1),r.proto,"
    "r.protoMajor,r.protoMinor,r.close,r.transferEncoding,r.contentLength,r.method,r.pattern,r.tls,e.isTLS(),"
    "e.remoteIP(),e.realIP()])",
    "info": "const i=e.requestInfo(); return e.json(200,[i.body,i.query,i.method,i.context,i.auth,i.hasSuperuserAuth()])",
    "info-error": "try { return e.json(200,e.requestInfo().body) } catch(x) { return e.json(200,x.name) }",
    "body-keys": "return e.json(200,Object.keys(e.requestInfo().body).sort())",
    "bind": 'const d=new DynamicModel({a:"",n:0,b:false,l:[],o:{}}); e.bindBody(d); '
    "return e.json(200,[d,d.a,d.n,d.b,d.l])",
    "bind-plain": 'const d={a:"dflt",z:1}; e.bindBody(d); return e.json(200,d)',
    "bind-null": "try { e.bindBody(null) } catch(x) { return e.json(200,x.name) } return e.json(200,1)",
    "bind-text": 'try { e.bindBody("x") } catch(x) { return e.json(200,String(x)) } return e.json(200,1)',
    "bind-list": "try { e.bindBody([]) } catch(x) { return e.json(200,String(x)) } return e.json(200,1)",
    "bind-twice": 'const d=new DynamicModel({a:""}); e.bindBody(d); e.bindBody(d); const i=e.requestInfo().body; '
    'return e.json(200,[d,i,e.request.formValue("a"),e.request.postFormValue("a")])',
    "text": "return e.json(200,[e.requestInfo().body, readerToString(e.request.body), readerToString(e.request.body)])",
    "text-first": "return e.json(200,[readerToString(e.request.body), readerToString(e.request.body)])",
    "form": 'return e.json(200,[e.request.formValue("a"),e.request.postFormValue("a"),e.request.form,e.request.postForm,'
    "e.requestInfo().body])",
    "files": 'const f=e.findUploadedFiles("f"); return e.json(200,[f.length, f[0].name.replace(/_[^.]*/,"_"), '
    "f[0].originalName, f[0].size, e.requestInfo().body, toString(f[0].reader.open())])",
    "files-none": 'return e.json(200,e.findUploadedFiles("zzz"))',
    "form-file": 'const [f,h]=e.request.formFile("f"); return e.json(200,[h.filename,h.size,h.header])',
    "info-changed": 'const i=e.requestInfo(); i.body.x=1; i.query.q="1"; i.headers.h="1"; i.method="PUT"; i.context="zz"; '
    "const j=e.requestInfo(); return e.json(200,[j.body, j.query, j.headers.h, j.method, j.context])",
    "info-cloned": 'const a=e.requestInfo(); const c=a.clone(); c.body.zz=1; c.query.zz="1"; '
    "return e.json(200,[a.body,c.body,a.query,c.query,a===e.requestInfo()])",
    "auth": "return e.json(200,[e.auth && e.auth.email(), e.hasSuperuserAuth(), e.auth===e.auth])",
    "auth-null": "e.auth=null; return e.json(200,[e.auth,e.hasSuperuserAuth(),e.requestInfo().auth])",
    "auth-set": 'e.auth=$app.findFirstRecordByFilter("_superusers","1=1"); return e.json(200,[e.auth.email(),'
    "e.hasSuperuserAuth(),e.requestInfo().hasSuperuserAuth()])",
    "store": 'e.set("a",{x:1}); e.setAll({b:2}); return e.json(200,[e.get("a"),e.get("b"),e.get("c")])',
    "set-parts": 'e.request.setPathValue("x","y"); e.request.method="PUT"; e.request.setBasicAuth("a","b"); '
    'e.request.addCookie(new Cookie({name:"k",value:"v"})); return e.json(200,[e.request.pathValue("x"),'
    'e.request.method,e.request.header.get("authorization"),e.request.header.get("cookie"),e.requestInfo().method])',
}


def _route(name: str, code: str) -> str:
    return "".join(f'routerAdd("{method}", "/{name}", (e) => {{ {code} }})\n' for method in ("GET", "POST"))


HOOKS = {
    "x.pb.js": "".join(_route(name, code) for name, code in {**ANSWERS, **QUESTIONS}.items()),
    "site/a.txt": "hello file",
    "site/noext": "zzz",
    "site/sub/index.html": "<h1>sub</h1>",
    "site/empty/.keep": "",
}

JSON = b'{"a":"x","n":1.5,"b":true,"l":[1,"2"],"o":{"p":null}}'
FORM = [("a", "12"), ("b", "x"), ("b", "y"), ("n", "1.0"), ("t", "true"), ("e", ""), ("@jsonPayload", '{"z":1}')]
PARTS: Any = [
    ("a", "12"),
    ("a", "true"),
    ("@jsonPayload", '{"j":[1]}'),
    ("f", ("he llo.TXT", b"content", "text/plain")),
]
WITH_BODIES = (
    "info", "info-error", "body-keys", "bind", "bind-plain", "text", "text-first", "form", "files", "files-none", "form-file",
    "info-changed", "info-cloned", "bind-twice",
)  # fmt: skip
WITH_ODD_BODIES = ("info", "bind", "info-error")
ODD = [
    ("application/json", b"[1,2]"),
    ("application/json", b"{bad"),
    ("application/json", b""),
    ("text/plain", b"abc"),
    ("application/json", b"null"),
    ("application/json", b'{"a":"str","A":2}'),
    ("", b'{"a":"1"}'),
]


def _sent(name: str, kind: str, body: bytes, **more: Any) -> Case:
    headers = {"Content-Type": kind} if kind else {}
    return case("POST", f"/{name}", raw=body, headers=headers, note=body.decode(), unordered=True, **more)


def _cases() -> list[Case]:
    cases = [case("GET", f"/{name}", unordered=True, note="  ") for name in ANSWERS]
    cases += [
        case("HEAD", f"/{name}", note="head") for name in ("json-text", "file", "no-content", "redirect", "nothing")
    ]
    cases += [
        case("POST", "/stream", raw=b"hello \xff"),
        case("GET", "/json-go?fields=m.appName,dt:excerpt(4)"),
        case("GET", "/json-text?fields=a"),
        case("GET", "/json-record?fields=id,title"),
        case("GET", "/error-shown?fields=message"),
        case("GET", "/json-go?fields=m:excerpt("),
        case("GET", "/file", headers={"Range": "bytes=2-4"}),
        case("GET", "/file", headers={"Range": "bytes=-3"}),
        case("GET", "/file", headers={"Range": "bytes=50-"}),
        case("GET", "/file", headers={"If-Modified-Since": "Sun, 22 Nov 2099 16:39:23 GMT"}),
        case("GET", "/headers", headers={"X-A": "1"}),
        case("GET", "/headers-set", headers={"X-A": "1"}, unordered=True),
        case("GET", "/url?a=1&b&a=2&c=%20x+y", unordered=True),
        case("GET", "/url-set?x=1"),
        case("GET", "/cookies", headers={"Cookie": 'a=b; c="d e"; a=2; bad; =x'}),
        case("GET", "/cookie-missing"),
        case("GET", "/about", headers={"Authorization": "Basic YTpi", "Referer": "r", "User-Agent": "me"}),
        case("POST", "/about", raw=b"x"),
    ]
    for name in QUESTIONS:
        cases += [
            case("GET", f"/{name}?a=5", unordered=True),
            _sent(name, "application/json", JSON, as_="super"),
            case("POST", f"/{name}", json={"a": "y"}, as_="user1", unordered=True),
        ]
    for name in WITH_BODIES:
        cases += [
            case("POST", f"/{name}?q=1&a=9", form=FORM, unordered=True),
            case("POST", f"/{name}?q=1", parts=PARTS, unordered=True),
        ]
    for name in WITH_ODD_BODIES:
        cases += [_sent(name, kind, body) for kind, body in ODD]
    return cases


@pytest.mark.parametrize("item", [pytest.param(item, id=name) for name, item in named(_cases())])
def test_same_answer(pair: Pair, item: Case) -> None:
    pair.check(item)
