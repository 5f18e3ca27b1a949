"""How bodies are read: broken JSON, forms, multipart without files, wrong types, sizes."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

POSTS = "/api/collections/posts/records"
JSON = {"Content-Type": "application/json"}


def sent(body: bytes, kind: str | None = "application/json", note: str = "", **more: str) -> Case:
    headers = {**({"Content-Type": kind} if kind is not None else {}), **more}
    return case("POST", POSTS, raw=body, headers=headers, note=note or f"{kind} {body[:60].decode(errors='replace')}")


CASES = [
    *(
        sent(body)
        for body in (
            *(
                b'{"title": "x1"',
                b'{"title": "x1",}',
                b"{'title': 'x1'}",
                b"[]",
                b"null",
                b"5",
                b'"text"',
                b"",
                b" ",
                b"{}",
                b'{"title":"x1"} trailing',
                b'{"title":"x1"}{"title":"x2"}',
                b'\xef\xbb\xbf{"title":"bom"}',
            ),
            *(
                b'{"title":"a1","title":"a2"}',
                b'{"title":"\xff\xfe"}',
                b'{"title":"\\ud83c\\udf89"}',
                b'{"title":"\\ud83c"}',
                b'{"title":"\\u0041\\u0000b"}',
                b'{"title":"x1","rating":1e400}',
                b'{"title":"x1","rating":NaN}',
                b'{"title":"x1","rating":01}',
            ),
            *(
                b'{"TITLE":"upper"}',
                b'[{"title":"x1"}]',
                b'{"title":"a\nb"}',
                b'{"title":"x1","meta":{"b":1,"a":2,"b":3}}',
                b'{"title":"x1","meta":[1.0,1e2,-0,0.10]}',
                b'{"title":"x1","meta":{"big":123456789012345678901234567890}}',
                b'{"title": "deep", "meta": ' + b"[" * 40 + b"]" * 40 + b"}",
            ),
        )
    ),
    *(
        sent(b'{"title":"x1"}', kind)
        for kind in (
            "application/json; charset=utf-8",
            "APPLICATION/JSON",
            "text/json",
            "text/plain",
            "application/vnd.api+json",
            "",
            None,
            "nonsense",
            "application/octet-stream",
            "application/jsonx",
        )
    ),
    sent(b"", "text/plain", note="empty text/plain"),
    sent(b"", None, note="no body, no type"),
    sent(b"<a/>", "application/xml"),
    sent(b"<x><title>x1</title></x>", "text/xml"),
    # forms
    *(
        case("POST", POSTS, form=form)
        for form in (
            *(
                [("title", "plain")],
                [("title", "typed"), ("rating", "5.50"), ("published", "true")],
                [("title", "typed"), ("rating", "5.5"), ("published", "false")],
                [("title", "12"), ("meta", "12")],
                [("title", "true"), ("meta", "true")],
            ),
            *(
                [("title", "many"), ("labels", "red"), ("labels", "blue")],
                [("title", "one"), ("labels", "red")],
                [("title", "json"), ("meta", '{"a":1}')],
                [("title", "a1"), ("title", "a2")],
                [("title", "empty"), ("labels", ""), ("due", "")],
            ),
            *(
                [("@jsonPayload", '{"title":"payload","rating":3,"labels":["red"]}')],
                [("@jsonPayload", '{"title":"p1"}'), ("title", "p2")],
                [("title", "p2"), ("@jsonPayload", '{"title":"p1"}')],
                [("@jsonPayload", "{broken"), ("title", "x1")],
            ),
            *(
                [("@jsonPayload", "[1]"), ("title", "x1")],
                [("@jsonPayload", '{"title":"p1"}'), ("@jsonPayload", '{"rating":2}')],
                [("title", "x1"), ("meta", "007")],
                [("title", "x1"), ("meta", "-1.5")],
                [("title", "x1"), ("meta", "1e3")],
                [("title", "x1"), ("meta", "null")],
            ),
            *(
                [("title", "ünï & =")],
                [("unknown", "1")],
                [("title", "x1"), ("place", '{"lon":1,"lat":2}')],
                [("title", "x1"), ("tags", ident("tag1")), ("tags", ident("tag2"))],
                [("title", "x1"), ("meta", "a"), ("meta", "1")],
            ),
        )
    ),
    sent(b"title=%zz", "application/x-www-form-urlencoded"),
    sent(b"title=x1;rating=2", "application/x-www-form-urlencoded"),
    sent(b"title=x1&&rating=2&", "application/x-www-form-urlencoded"),
    sent(b"title=a+b%20c", "application/x-www-form-urlencoded; charset=utf-8"),
    case("POST", f"{POSTS}?title=from-query", form=[("rating", "5")], note="title in the query"),
    case("PATCH", f"{POSTS}/{ident('post2')}", form=[("title", "formed"), ("rating+", "1")]),
    # multipart without files
    case(
        "POST",
        POSTS,
        parts=[("title", "multi"), ("rating", "4"), ("published", "true"), ("labels", "red"), ("labels", "green")],
    ),
    case("POST", POSTS, parts=[("title", "multi"), ("meta", '{"a":[1]}'), ("due", "2024-01-01")]),
    case("POST", POSTS, parts=[("@jsonPayload", '{"title":"payload","meta":{"x":1}}'), ("rating", "2")]),
    case("POST", POSTS, parts=[]),
    case("PATCH", f"{POSTS}/{ident('post3')}", parts=[("title", "multi patched"), ("labels", "")]),
    sent(
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\ncut',
        "multipart/form-data; boundary=b",
        note="multipart cut off",
    ),
    sent(b"title=x1", "multipart/form-data; boundary=b", note="multipart without a part"),
    sent(b"--b--\r\n", "multipart/form-data", note="multipart without boundary"),
    sent(
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nlf\r\n--b--',
        'multipart/form-data; boundary="b"',
        note="multipart, quoted boundary",
    ),
    # sizes
    case("POST", POSTS, json={"title": "x" * 61}, note="title of 61"),
    case("POST", POSTS, json={"title": "big", "body": "b" * 300000}, note="300 kB", save="big"),
    case("POST", POSTS, json={"title": "big", "meta": "m" * 1100000}, note="json over its limit"),
    case(
        "POST",
        "/api/collections/users/auth-with-password",
        raw=b'{"identity":"x',
        headers={**JSON, "Content-Length": "34000000"},
        note="34 MB",
        status=413,
    ),
    case(
        "POST",
        "/api/collections/numbers/records",
        raw=b'{"word":"x',
        headers={**JSON, "Content-Length": "44000000"},
        note="44 MB record",
        status=413,
    ),
    case("GET", "/api/health", note="the connection goes on"),
    # bodies where none is expected
    case("GET", f"{POSTS}/{ident('post2')}", json={"page": 5}, note="GET with a body"),
    case("GET", f"{POSTS}/{ident('post2')}", raw=b"junk", headers=JSON, note="GET with junk"),
    case("DELETE", f"{POSTS}/{ident('post6')}", raw=b"{broken", headers=JSON),
    case("PATCH", f"{POSTS}/{ident('post4')}", raw=b"{broken", headers=JSON),
    case("PATCH", f"{POSTS}/{ident('post4')}", note="no body"),
    case("POST", "/api/collections", as_="super", raw=b"{broken", headers=JSON),
    case("POST", "/api/collections", as_="super", form={"name": "formed", "type": "base"}),
]
