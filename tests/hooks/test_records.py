"""Records in scripts' hands: every method, and the casts of every field type, as the real one has them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

LINES = (Path(__file__).with_name("snippets") / "records.txt").read_text(encoding="utf-8").splitlines()

SETUP = """
const own = (name, fields, more) => {
  const c = new Collection({name, type: "base", fields, ...more});
  $app.save(c);
  return c;
};
const marks = own("marks", [{name: "title", type: "text"}], {listRule: "", viewRule: ""});
const demo = own("demo", [
  {name: "title", type: "text"}, {name: "slug", type: "text", autogeneratePattern: "[a-z]{8}"},
  {name: "n", type: "number"}, {name: "i", type: "number", onlyInt: true}, {name: "b", type: "bool"},
  {name: "mail", type: "email"}, {name: "link", type: "url"}, {name: "ed", type: "editor"}, {name: "d", type: "date"},
  {name: "sel", type: "select", values: ["a", "b", "c"], maxSelect: 1},
  {name: "sels", type: "select", values: ["a", "b", "c"], maxSelect: 3},
  {name: "f", type: "file", maxSelect: 1}, {name: "fs", type: "file", maxSelect: 5}, {name: "j", type: "json"},
  {name: "geo", type: "geoPoint"}, {name: "pw", type: "password"}, {name: "hid", type: "text", hidden: true},
  {name: "rel", type: "relation", collectionId: marks.id, maxSelect: 1},
  {name: "rels", type: "relation", collectionId: marks.id, maxSelect: 5},
  {name: "created", type: "autodate", onCreate: true},
  {name: "updated", type: "autodate", onCreate: true, onUpdate: true},
], {listRule: "", viewRule: "", createRule: "", updateRule: "@request.auth.id != ''"});
demo.fields.add(new RelationField({name: "self", collectionId: demo.id, maxSelect: 1}));
$app.save(demo);
for (const id of ["tag0000000000t1", "tag0000000000t2"]) $app.save(new Record(marks, {id, title: id}));
$app.save(new Record(demo, {id: "demo0000000000b", title: "U", n: 2, slug: "slugb"}));
$app.save(new Record(demo, {
  id: "demo0000000000a", title: "T", n: 1.5, i: 3, b: true, mail: "x@y.zz", d: "2024-01-02 03:04:05.678Z", sel: "a",
  sels: ["a", "b"], j: {a: [1, "x"]}, geo: {lon: 1.5, lat: 2}, pw: "secret123", hid: "H", rel: "tag0000000000t1",
  rels: ["tag0000000000t1", "tag0000000000t2"], slug: "sluga", self: "demo0000000000b",
}));
return $app.countRecords("demo")
"""

# What a field may be set to. What the two print differently by the nature of their engines is left out.
VALUES = """
'abc'|''|'5'|'1.5'|'1e3'|' 5'|'0x10'|'0b11'|'010'|'true'|'t'|'false'|0|5|-3|1.5|1e21|1e-7|NaN|Infinity|-0|true|false
null|undefined|[]|['a']|['a','b','a','']|[1,2]|[null]|[['x']]|'["a","b"]'|'[1,2]'|'[bad'|({})|({a:1})|({lon:1,lat:2})
({lon:1})|'{"lon":3,"lat":4}'|'{"a":1}'|new Date(0)|new Date(1700000000123)|'2024-05-06 07:08:09.123Z'|'2024-05-06'
1700000000|'2024-05-06T07:08:09+02:00'|'2024-13-06'|'2024-02-30'|'Mon, 02 Jan 2006 15:04:05 MST'|'02 Jan 06 15:04 -0700'|'3:04PM'
new DateTime('2024-05-06 07:08:09.123Z')|new Uint8Array([104,105])|toBytes('hi')|Symbol('x')|new Map([['a',1]])
new Set([1,2])|new String('s')|new Number(5)|new Boolean(false)|/x/g|new Error('boo')|r0.get('geo')|r0.get('sels')
'null'|'"q"'|'12'|'é😀'|({toString(){return 'ts'}})|({toJSON(){return 'tj'}})|new BadRequestError('x')|[{a:1}]
[true,false]|[1.5,'x']|({d:new Date(0)})|({u:undefined,f(){},n:null})|2**31|'9223372036854775808'|'-5'|'+5'|'1_000'
'Inf'|'T'|'TRUE'|'yes'|'1'|'0'|({b:1,a:{d:1,c:[2,1]}})|' {"a" : 1} '|'-'|'-0'|'1e400'|[new Date(0)]|'\\u2028'|'a,b'
""".replace("\n", "|").strip("|")
FIELDS = [
    *("title", "n", "i", "b", "mail", "ed", "d", "sel", "sels", "j", "geo", "pw", "hid", "created", "rel", "rels"),
    *("nope", "id"),
]
CASTS = """
const r0 = $app.findRecordById("demo", "demo0000000000a");
const out = [];
for (const f of %s) {
  const r = new Record($app.findCollectionByNameOrId("demo"));
  r.set(f, %s);
  const g = r.get(f);
  out.push([f, typeof g, typeof g === "function" ? 0 : g, Array.isArray(g), r.getString(f), r.getBool(f), r.getInt(f),
    String(r.getFloat(f)), r.getDateTime(f).string(), JSON.stringify(r.getGeoPoint(f)), r.getStringSlice(f)]);
}
return out
"""


def _snippets() -> list[Any]:
    rows: list[str | Snippet] = [snippet(SETUP, note="setup")]
    for line in LINES:
        if line and not line.startswith("//"):
            code = line.removeprefix("~ ")
            rows.append(snippet(code, unordered=code != line))
    rows += [
        snippet(CASTS % (json.dumps(FIELDS), value), note=f"cast {value}", unordered=True)
        for value in VALUES.split("|")
    ]
    return evaluated(*rows)


@pytest.mark.parametrize("item", _snippets())
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)
