"""The same filters to a real PocketBase and, compiled, to its own data.db: the same records, or the same error."""

import random
from pathlib import Path

import httpx
import pytest

from tests.servers import PocketBase, find_pocketbase
from worker.db.connection import Database
from worker.errors import ApiError, sentence
from worker.records import rules, store
from worker.records.request import RequestInfo
from worker.schema.catalog import Catalog
from worker.sql import quote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_pocketbase() is None, reason="the reference binary is not installed"),
]

ROOT, USER, PASSWORD = "root@example.com", "u0@example.com", "1234567890"
SEED = 20260722
RANDOM_FILTERS = 400

WORDS = ["", "a", "A", "b", "ab", "aB%", "a_b", "5", "10", "true", "x\\y", "Ünï", "foo bar", "it's", '"q"']
JSONS = [None, "", 0, 5, "5", "a", True, [], [1, 2], {}, {"a": 1}, {"a": "x", "b": [{"c": 2}]}, {"a": None}, "null"]
DATES = ["", "2024-01-01 00:00:00.000Z", "2024-06-15 12:30:00.123Z", "1999-12-31 23:59:59.999Z"]


def words(text):
    return text.split()


PATHS = words(
    """
    id title alt n m flag d j j.a j.b.0.c j.0 s1 sm sm:each sm:length s1:each s1:length r1 r1.name r1.rank r1.id r1.tags
    r1.tags.name r1.tags.weight r1.tags:each r1.tags:length r1.owner.name r1.owner.email r1.parent.name
    r1.parent.tags.name rm rm:each rm:length rm.name rm.weight rm.id rm.name:lower rg.name rgm.name rgm.open rl.id
    owner owner.name owner.email geo geo.lon notes_via_item.text notes_via_item.n notes_via_item.created
    one_via_item.text bunch_via_items.text bunch_via_items.items:each title:lower j.a:lower j:lower
    r1.items_via_r1.title notes_via_item.item.title rl.name hid rm.hid locked_via_item.name nosuch title.x
"""
)
SPECIAL = words(
    """
    @collection.notes.text @collection.notes:x.n @collection.cats.id @collection.cats:a.tags.name @request.auth.id
    @request.auth.email @request.auth.verified @request.auth.created @request.query.perPage @request.query.nope
    @request.query.nope:isset @request.method @request.context
"""
)
RULE_ONLY = words(
    """
    @request.auth.name @request.auth.nosuch @request.auth.collectionName @request.auth.cats_via_owner.name
    @request.auth.cats_via_owner.tags.name @request.auth.items_via_owner.n @request.auth.name:lower @request.query.zz
    @request.query.n @request.query.zz:isset
"""
)
LITERALS = words(
    """
    'a' '' 'A' '%a%' 'a_' '5' 5 0 1 -1 2.5 null true false '2024-01-01@00:00:00.000Z' @todayStart @year 'x\\\\y'
    'it\\'s' 'Ü' 10 '["a"]' geoDistance(geo.lon,geo.lat,23,42) geoDistance(rm.weight,n,1,2)
    strftime('%Y',d) strftime('%Y',rm.name)
"""
)
OPERATORS = ["=", "!=", ">", ">=", "<", "<=", "~", "!~"]
SORTS = ["", "id", "-created,id", "n,-id", "r1.name,id", "-r1.rank,id", "j.a,id", "geo.lon,id", "title:lower,id"]
SORTS += [
    "rm:length,id",
    "one_via_item.text,id",
    "@rowid",
    "-@rowid",
    "rg.name,id",
    "hid,id",
    "nosuch",
    "rl.name",
    "''",
]


def field(name, kind, **options):
    return {"name": name, "type": kind, **options}


class Oracle:
    """A real server with a schema that has one of everything, and its database."""

    def __init__(self, directory: Path) -> None:
        self.random = random.Random(SEED)
        self.server = PocketBase(directory / "pb_data")
        self.server.upsert_superuser(ROOT, PASSWORD)
        self.server.start()
        self.client = httpx.Client(base_url=self.server.url, timeout=30)
        self.headers = {"": {}, "super": self.login("_superusers", ROOT)}
        self.client.headers.update(self.headers["super"])
        self.make_schema()
        self.make_records()
        self.headers["user"] = self.login("users", USER)
        self.client.headers.pop("authorization")
        self.db = Database(directory / "pb_data" / "data.db")
        self.catalog = Catalog.load(self.db)
        find = self.catalog.get
        self.auth = {
            "": None,
            "super": store.find_by(self.db, find("_superusers"), "email", ROOT),
            "user": store.find_by(self.db, find("users"), "email", USER),
        }

    def close(self) -> None:
        self.db.connection.close()
        self.client.close()
        self.server.stop()

    def login(self, collection, identity):
        body = {"identity": identity, "password": PASSWORD}
        answer = self.client.post(f"/api/collections/{collection}/auth-with-password", json=body)
        return {"authorization": answer.raise_for_status().json()["token"]}

    def collection(self, name, *fields, indexes=(), list_rule=""):
        body = {"name": name, "type": "base", "fields": fields, "indexes": indexes, "listRule": list_rule}
        return self.client.post("/api/collections", json=body).raise_for_status().json()["id"]

    def make_schema(self) -> None:
        def relation(name, target, many=False):
            return field(name, "relation", collectionId=target, maxSelect=9 if many else 1)

        tags = self.collection(
            "tags", field("name", "text"), field("weight", "number"), field("hid", "text", hidden=True)
        )
        guarded = self.collection("guarded", field("name", "text"), field("open", "bool"), list_rule="open = true")
        cats = self.collection(
            "cats",
            *(field("name", "text"), field("rank", "number"), relation("tags", tags, many=True)),
            relation("owner", "_pb_users_auth_"),
        )
        fields = self.client.get(f"/api/collections/{cats}").json()["fields"]
        self.client.patch(f"/api/collections/{cats}", json={"fields": [*fields, relation("parent", cats)]})
        locked = self.collection("locked", field("name", "text"), list_rule=None)
        items = self.collection(
            "items",
            *(field("title", "text"), field("alt", "text"), field("n", "number"), field("m", "number")),
            *(field("flag", "bool"), field("d", "date"), field("j", "json"), field("hid", "text", hidden=True)),
            field("s1", "select", values=["a", "b"], maxSelect=1),
            field("sm", "select", values=["a", "b", "c"], maxSelect=3),
            *(relation("r1", cats), relation("rm", tags, many=True), relation("rl", locked), relation("rg", guarded)),
            *(relation("rgm", guarded, many=True), relation("owner", "_pb_users_auth_"), field("geo", "geoPoint")),
            field("created", "autodate", onCreate=True),
        )
        made = field("created", "autodate", onCreate=True)
        self.collection("notes", field("text", "text"), field("n", "number"), relation("item", items), made)
        self.collection(
            "one",
            *(field("text", "text"), relation("item", items)),
            indexes=["create unique index idx_one on one (item)"],
        )
        self.collection("bunch", field("text", "text"), relation("items", items, many=True))

    def make(self, collection, **values):
        answer = self.client.post(f"/api/collections/{collection}/records", json=values)
        return answer.raise_for_status().json()["id"]

    def make_records(self) -> None:
        pick, some = self.random.choice, self.random.sample
        users = [
            self.make(
                "users",
                email=f"u{i}@example.com",
                password=PASSWORD,
                passwordConfirm=PASSWORD,
                name=name,
                emailVisibility=i % 2 == 0,
            )
            for i, name in enumerate(["Ann", "bob", ""])
        ]
        tags = [self.make("tags", name=pick(WORDS), weight=pick([0, 1, 2.5]), hid=pick(WORDS)) for _ in range(6)]
        guarded = [self.make("guarded", name=pick(WORDS), open=bool(i % 2)) for i in range(4)]
        locked = [self.make("locked", name=pick(WORDS)) for _ in range(2)]
        cats: list[str] = []
        for _ in range(5):
            values = {"tags": some(tags, pick([0, 1, 2])), "owner": pick([*users, ""]), "parent": pick([*cats, ""])}
            cats.append(self.make("cats", name=pick(WORDS), rank=pick([0, 1, 2]), **values))
        items = [
            self.make(
                "items",
                title=pick(WORDS),
                alt=pick(WORDS),
                n=pick([0, 1, 5, -1, 2.5]),
                m=pick([0, 1, 5]),
                flag=pick([True, False]),
                d=pick(DATES),
                j=JSONS[i % len(JSONS)],
                hid=pick(WORDS),
                s1=pick(["", "a", "b"]),
                sm=some(["a", "b", "c"], pick([0, 1, 2])),
                r1=pick([*cats, ""]),
                rm=some(tags, pick([0, 1, 2, 3])),
                rl=pick([*locked, ""]),
                rg=pick([*guarded, ""]),
                rgm=some(guarded, pick([0, 1, 2])),
                owner=pick([*users, ""]),
                geo=pick([None, {"lon": 23.3, "lat": 42.7}, {"lon": -70, "lat": 10}]),
            )
            for i in range(40)
        ]
        for i in range(20):
            self.make("notes", text=pick(WORDS), n=pick([0, 1, 5]), item=pick([*items[:25], ""]))
            self.make("bunch", text=pick(WORDS), items=some(items[:20], pick([0, 1, 2])))
            self.make("one", text=pick(WORDS), item=items[2 * i])

    # One question to both.

    def theirs(self, text, sort, who, query):
        query = {"perPage": "500", "filter": text, "sort": sort, **query}
        answer = self.client.get("/api/collections/items/records", params=query, headers=self.headers[who])
        body = answer.json()
        if answer.status_code != 200:
            return answer.status_code, body["message"]
        return 200, [item["id"] for item in body["items"]], body["totalItems"]

    def ours(self, text, sort, who, query, rule=""):
        collection = self.catalog.get("items")
        query = {"perPage": "500", "filter": text, "sort": sort, **query}
        info = RequestInfo(query=query, auth=self.auth[who])
        texts = [rule] if rule and who != "super" else []
        try:
            found = rules.select(self.catalog, collection, rules=texts, filter=text, sort=sort, info=info)
        except ApiError as error:
            return error.status, error.message
        table = quote("items")
        source = f"{table}{found.joins}" + (f" WHERE {found.where}" if found.where else "")
        order = f" ORDER BY {found.order}" if found.order else ""
        columns = f"{'DISTINCT ' if found.distinct else ''}{table}.`id`, {table}.*"
        rows = self.db.all(f"SELECT {columns} FROM {source}{order}", (*found.params, *found.order_params))
        counted = f"DISTINCT {table}.`id`" if found.distinct else "*"
        return 200, [row[0] for row in rows], self.db.value(f"SELECT COUNT({counted}) FROM {source}", found.params)

    def differ(self, text, sort, who, query=None, rule=""):
        theirs = self.theirs(text, sort, who, query or {})
        ours = self.ours(text, sort, who, query or {}, rule)
        if not sort and theirs[0] == ours[0] == 200:
            theirs, ours = (200, sorted(theirs[1]), theirs[2]), (200, sorted(ours[1]), ours[2])
        return None if theirs == ours else (who, text, sort, query, rule, theirs, ours)

    # Random filters.

    def operand(self, paths, share):
        # a literal's blanks are written as "@" in the table above
        return self.random.choice(paths if self.random.random() < share else LITERALS).replace("01@00", "01 00")

    def comparison(self, paths):
        operator = self.random.choice(OPERATORS if self.random.random() < 0.5 else OPERATORS[:2])
        many = "?" if self.random.random() < 0.35 else ""
        return f"{self.operand(paths, 0.85)} {many}{operator} {self.operand(paths, 0.3)}"

    def expression(self, paths, depth=0):
        if self.random.random() < 0.6 or depth > 2:
            return self.comparison(paths)
        join = self.random.choice([" && ", " || "])
        return f"({join.join(self.expression(paths, depth + 1) for _ in range(2))})"


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    oracle = Oracle(tmp_path_factory.mktemp("filters"))
    yield oracle
    oracle.close()


@pytest.mark.parametrize("who", ["super", "user", ""])
def test_filters_and_sorts_select_the_same_records(oracle, who):
    paths = PATHS + SPECIAL if who == "super" else PATHS
    differences = [
        found
        for _ in range(RANDOM_FILTERS)
        if (found := oracle.differ(oracle.expression(paths), oracle.random.choice(["", "", *SORTS]), who))
    ]
    assert differences == []


@pytest.mark.parametrize("who", ["user", ""])
def test_rules_select_the_same_records_and_are_refused_for_the_same_reason(oracle, who):
    collection = oracle.catalog.get("items")
    differences = []
    for _ in range(RANDOM_FILTERS // 2):
        rule = oracle.expression(PATHS + SPECIAL + RULE_ONLY * 2)
        answer = oracle.client.patch(
            "/api/collections/items", json={"listRule": rule}, headers=oracle.headers["super"]
        ).json()
        refused = answer.get("data", {}).get("listRule", {}).get("message")
        ours = rules.check_rule(oracle.catalog, collection, rule)
        if refused != (ours and sentence(ours)):
            differences.append((rule, refused, ours))
        elif not refused:
            query = {"zz": oracle.random.choice(["a", "", "5"]), "n": oracle.random.choice(["5", "x"])}
            if found := oracle.differ("", "", who, query, rule):
                differences.append(found)
    oracle.client.patch("/api/collections/items", json={"listRule": ""}, headers=oracle.headers["super"])
    assert differences == []


@pytest.mark.parametrize(
    ("text", "sort", "who"),
    [
        ("title = ", "", "user"),
        ("hid = 'a'", "", "user"),
        ("rl.name = 'a'", "", "user"),
        ("title = '@request.x'", "", "user"),
        ("title = '@collection.x'", "", ""),
        ("nosuch = 1 && @request.auth.id = ''", "", ""),
        ("@request", "", "user"),
        (" ", "", "user"),
        ("// nothing", "", "super"),
        ("", "@request.auth.id", "user"),
        ("", "@request.auth.id", "super"),
        ("", "@collection.notes.text", "user"),
        ("", "@now", "super"),
        ("", "title,,n", "super"),
        ("", "-", "super"),
        ("", ",".join(["title"] * 9), "super"),
        ("title='" + "a" * 3493 + "'", "", "super"),
        ("||".join(["n=1"] * 201), "", "super"),
        ("r1.parent.parent.parent.parent.parent.parent.name = ''", "", "super"),
    ],
)
def test_refusals_are_the_real_ones(oracle, text, sort, who):
    theirs = oracle.theirs(text, sort, who, {})
    assert theirs[0] in (400, 403)
    assert oracle.ours(text, sort, who, {}) == theirs
