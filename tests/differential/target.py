"""What fuzzers call: a text goes through parsing, compiling and SQLite's own preparation, over a fixed schema.

Only refusals are fine: ApiError 400 and 403. Anything else comes out as it is, a statement included that SQLite does
not take for another reason than its own limits.
"""

import apsw

from tests.unit.rules.conftest import SCHEMA, FakeCatalog
from worker.errors import ApiError
from worker.records import rules
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.schema.shelf import Shelf
from worker.sql import quote

# Pieces that texts for this schema are made of.
WORDS = (
    "title", "alt", "n", "public", "data", "data.a.0", "kinds", "kinds:each", "kinds:length", "at.lon", "owner",
    "owner.", "team.members.teams.", "tags.name", "tags:each", "locked.name", "guarded.owner.name",
    "comments_via_post.text", "extras_via_post.", "@request.auth.id", "@request.auth.teams.name",
    "@request.body.title:isset", "@request.body.tags.", "@request.body.title:changed", "@request.query.a",
    "@request.headers.b", "@request.method", "@collection.tags.name", "@collection.users:x.", "@now", "@todayStart",
    "geoDistance(", "strftime(", "null", "true", "false", "&&", "||", "?=", "!=", ">=", "<=", "!~", "?~", "'", '"',
    "\\\\", "(", ")", "//", ":lower", "1.5", "-1", "@rowid", "@random", ",",
)  # fmt: skip
# What SQLite itself bounds; the servers answer 400.
LIMITS = ("at most 64 tables", "too many SQL variables", "Expression tree is too large", "too many FROM clause terms")


class Target:
    """A schema without a server, and the three ways a text comes in."""

    def __init__(self) -> None:
        self.catalog = FakeCatalog(Shelf())
        self.posts = self.catalog.get("posts")
        self.db = apsw.Connection(":memory:")
        for name in SCHEMA:
            columns = ", ".join(quote(field.name) for field in self.catalog.get(name).fields)
            self.db.execute(f"CREATE TABLE {quote(name)} ({columns})")
        superuser, user = (self._record(name) for name in ("_superusers", "users"))
        self.infos = [RequestInfo(auth=auth, body={"title": "x", "tags": ["a"]}) for auth in (superuser, user, None)]

    def _record(self, collection: str) -> Record:
        return Record.new(self.catalog.get(collection))

    def __call__(self, data: bytes) -> None:
        """The first byte says who asks what, the rest is the text."""
        kind, text = (data[0] if data else 0), data[1:].decode("utf-8", "replace")
        info = self.infos[kind % 3]
        try:
            if kind & 8:
                where = rules.rule_where(self.catalog, self.posts, text, info)
                self._prepare(f"SELECT 1 FROM posts{where.joins} WHERE {where.sql}", where.params)
            elif kind & 16:
                rules.check_rule(self.catalog, self.posts, text)
                self._prepare(*rules.rule_on_row(self.catalog, self.posts, text, info, {}))
            else:
                filter_, sort = ("", text) if kind & 32 else (text, "")
                found = rules.select(self.catalog, self.posts, rules=[], filter=filter_, sort=sort, info=info)
                where, order = found.where and f" WHERE {found.where}", found.order and f" ORDER BY {found.order}"
                source = f"SELECT {plan_of(self.posts).columns} FROM posts{found.joins}{where}{order}"
                self._prepare(source, (*found.params, *found.order_params))
        except ApiError as error:
            if error.status not in (400, 403):
                raise

    def _prepare(self, sql: str, params: tuple[object, ...]) -> None:
        try:
            self.db.execute(f"EXPLAIN {sql}", params)
        except apsw.SQLError as error:
            if not any(limit in str(error) for limit in LIMITS):
                raise
