"""Import and export: CSV in transactions, bodies of all types, bytes, files in the folder of one's own."""

from functools import partial

from tests.oracle.harness import Case
from tests.oracle.harness import case as made

case = partial(made, unordered=True)
CSV = {"Content-Type": "text/csv"}
GOOD = 'name,email,age,tags,since\r\n"Doe, Jo",jo@x.example,44,a|b,2020-01-31\nZoë,zoe@x.example,,"he said ""hi""",\n'
MIXED = "email,name,age\nnew@x.example,New,7\nbad,Bad,1\njo@x.example,Jo,200\nage@x.example,Age,1.5\n,Empty,1\n"


def imported(text: str, query: str = "", who: str | None = "super") -> Case:
    path = f"/contacts/import{query}"
    return case("POST", path, as_=who, raw=text.encode(), headers=CSV, note=text[:40] + query)


CASES = [
    imported(GOOD, who=None),
    imported(GOOD),
    imported("name;email\nSemi;semi@x.example", "?separator=%3B"),
    imported(MIXED, "?strict"),
    imported(MIXED),
    imported("nothing"),
    imported(""),
    imported("email\n" + "x" * 6000),
    case("GET", "/contacts/export"),
    case("HEAD", "/contacts/export"),
    case("POST", "/contacts/dump/today", as_="super"),
    case("POST", "/contacts/dump/..%2F..%2Fetc%2Fpasswd", as_="super"),
    case("POST", "/contacts/form", json={"name": "a", "age": 5, "newsletter": True, "tags": ["x"], "extra": {"a": 1}}),
    case("POST", "/contacts/form?x=1&x=2&y=%20", json={"name": 5}, headers={"X-Agent": "me"}),
    case("POST", "/contacts/form", json={"name": None, "age": "5"}),
    case("POST", "/contacts/form", json=[1, 2]),
    case("POST", "/contacts/form", form={"name": "b", "age": "7", "newsletter": "true", "tags": "one"}),
    case("POST", "/contacts/form?age=9", form=[("tags", "one"), ("tags", "two"), ("other", "1.5")]),
    case("POST", "/contacts/form", parts=[("name", "c"), ("age", "8"), ("extra", '{"z": 1}')]),
    case(
        "POST", "/contacts/form", parts=[("name", ""), ("age", ""), ("newsletter", ""), ("tags", "5"), ("tags", "true")]
    ),
    case("POST", "/contacts/form", raw=b"name=x", headers={"Content-Type": "text/plain"}),
    case("POST", "/contacts/form"),
    *(
        case("POST", f"/bytes/{what}", raw="größe 🎉".encode(), headers={"Content-Type": "text/plain"})
        for what in ("length", "hex", "base64", "digest", "png", "stream", "nope")
    ),
    case(
        "PUT", "/validate", json={"count": 1, "ratio": 2, "name": "ab", "on": True, "list": [1, "2"], "map": {"k": [1]}}
    ),
    case("PUT", "/validate", json={"count": 1.5}),
    case("PUT", "/validate", json={"COUNT": 3, "unknown": 1}),
    case("PUT", "/validate", raw=b"{", headers={"Content-Type": "application/json"}),
]
TABLES = ["contacts"]
