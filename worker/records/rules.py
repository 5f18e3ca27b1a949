"""Rules, filters and sorts of records as SQL: the door that everybody else comes through.

What is compiled depends on schemas alone, so tenants with equal schemas share it: an entry belongs to the shared form
of a collection and holds as long as every other collection it looked at is the same.
"""

import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError, bad_request, caused, forbidden
from worker.filters.compiler import Condition, conditions, joined
from worker.filters.listing import RANDOM, ROWID, parse_sort
from worker.filters.nodes import FilterError
from worker.filters.operands import Param, Sql
from worker.filters.parser import FILTER_CHARS_MAX, RULE_CHARS_MAX, parse
from worker.records.compiled import Compiled, Query, Where
from worker.records.joins import place
from worker.records.request import RequestInfo
from worker.records.requested import requested
from worker.records.resolver import Place, Resolver
from worker.sql import quote

if TYPE_CHECKING:
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

# The name of the row that a create rule looks at. No table has an "@" in its name.
NEW_ROW = "@new"
# Rules compiled for one collection: each for several kinds of requesters, for stored rows and new ones.
RULES_MAX = 64
# Clients' filters, of all collections of a process.
QUERIES_MAX = 512
# SQLite's bound for one FROM. The real one has all tables of its rules and filter there; more are refused here too,
# although they would fit, because of what they cost.
TABLES_MAX = 64
# The characters that a name may have in a filter; a sort has no grammar of its own to see to it.
_SORTABLE = re.compile(r"@?[\w.:]+", re.ASCII)
# Longer filters are compiled every time: they hardly repeat, and would weigh more than they save.
CACHED_CHARS_MAX = 1024

Key = tuple[Hashable, ...]


class Cache:
    """Compiled things by key; the oldest quarter goes when it is full."""

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[Key, Compiled] = {}

    def get(self, key: Key, catalog: "Catalog") -> Compiled | None:
        """What is there for a key, if it holds in this catalog."""
        found = self._entries.get(key)
        return found if found is not None and found.holds_in(catalog) else None

    def put(self, key: Key, compiled: Compiled) -> None:
        """Keep something."""
        entries = self._entries
        if len(entries) >= self._size:
            for old in list(entries)[: self._size // 4]:
                entries.pop(old, None)  # reads of the pool's threads compile too
        entries[key] = compiled


# One a process, apart from the rules, so that many different filters do not push those out.
QUERIES = Cache(QUERIES_MAX)


def _rules_of(collection: "Collection") -> Cache:
    """What is compiled of the rules of a collection. Tenants with equal schemas share it, with the prototype."""
    prototype = collection.prototype
    cache: Cache | None = prototype.rules
    if cache is None:
        cache = prototype.rules = Cache(RULES_MAX)
    return cache


# What a rule that is none says: one that named something which is gone, or that only requests of somebody show to be
# wrong. It holds for nobody.
NOBODY = Where("", "FALSE", (), distinct=False)


def rule_where(
    catalog: "Catalog", collection: "Collection", text: str, info: RequestInfo, *, required: bool = False
) -> Where:
    """The condition of a rule for one request; everything may be looked at. `NOBODY` for a rule that is none.

    `required`: ApiError 400 instead, for rules that are there to ask for more.
    """
    rules = _rules_of(collection)
    key = (text, info.auth and info.auth.collection.prototype.serial)
    compiled = rules.get(key, catalog)
    if compiled is None:
        try:
            compiled = _rule(catalog, collection, text, info)
        except ApiError:
            if required:
                raise
            return NOBODY
        rules.put(key, compiled)
    return compiled.bind(info)


def select(
    catalog: "Catalog",
    collection: "Collection",
    *,
    rules: list[str],
    filter: str,  # noqa: A002 - the parameter's name in the API
    sort: str,
    info: RequestInfo,
) -> Query:
    """Rules, a client's filter and a client's sort as one query. ApiError 400 or 403 for what is refused."""
    superuser = info.is_superuser
    auth = info.auth and info.auth.collection.prototype.serial
    key: Key
    if filter or sort:
        cache, key = QUERIES, (collection.prototype.serial, *rules, filter, sort, superuser, auth)
    else:
        cache, key = _rules_of(collection), (*rules, superuser, auth)
    compiled = cache.get(key, catalog)
    if compiled is None:
        if not superuser:
            _refuse_special(filter, sort)
        try:
            compiled = _select(catalog, collection, rules=rules, filter=filter, sort=sort, info=info)
        except FilterError as error:
            raise caused(bad_request(cause=error), error) from error
        if len(filter) <= CACHED_CHARS_MAX:
            cache.put(key, compiled)
    return compiled.query(info)


def rule_on_row(
    catalog: "Catalog", collection: "Collection", text: str, info: RequestInfo, row: Mapping[str, Any]
) -> tuple[str, tuple[Any, ...]]:
    """A SELECT that returns one row if a rule holds for `row` (values by column), which need not be stored."""
    rules = _rules_of(collection)
    key = (text, info.auth and info.auth.collection.prototype.serial, NEW_ROW)
    compiled = rules.get(key, catalog)
    if compiled is None:
        compiled = _rule(catalog, collection, text, info, stored=False)
        rules.put(key, compiled)
    where = compiled.bind(info)
    columns = [field.name for field in collection.fields]
    sql = (
        f"WITH {quote(NEW_ROW)} ({', '.join(map(quote, columns))}) AS (SELECT {', '.join('?' * len(columns))})"
        f" SELECT 1 FROM {quote(NEW_ROW)}{where.joins} WHERE {where.sql} LIMIT 1"
    )
    # the row's numbers are floats, as every submitted number is; a stored one would be what its column makes of it
    values = [row.get(name) for name in columns]
    values = [float(value) if type(value) is int else value for value in values]
    return sql, (*values, *where.params)


def check_rule(catalog: "Catalog", collection: "Collection", text: str) -> str | None:
    """What is wrong with a rule, in PocketBase's words ("Invalid rule. Raw error: …"); None for a good one."""
    try:
        _compile(_resolver(catalog, collection, None, trusted=True), [text], "", ())
    except FilterError as error:
        return f"Invalid rule. Raw error: {error}"
    return None


def _refuse_special(filter: str, sort: str) -> None:  # noqa: A002 - as above
    """Only superusers may look at requests and unrelated collections from a filter; even a literal counts."""
    for text in (filter, sort):
        for special in ("@collection.", "@request."):
            if special in text:
                raise forbidden(f"Only superusers can filter by {special}")


def _rule(
    catalog: "Catalog", collection: "Collection", text: str, info: RequestInfo, *, stored: bool = True
) -> Compiled:
    auth = info.auth.collection if info.auth else None
    resolver = _resolver(catalog, collection, auth, trusted=True, stored=stored)
    try:
        compiled = _compile(resolver, [text], "", ())
        _check_tables(resolver)
        return compiled
    except FilterError as error:
        raise caused(bad_request(cause=error), error) from error


def _select(
    catalog: "Catalog",
    collection: "Collection",
    *,
    rules: list[str],
    filter: str,  # noqa: A002 - as above
    sort: str,
    info: RequestInfo,
) -> Compiled:
    auth = info.auth.collection if info.auth else None
    resolver = _resolver(catalog, collection, auth, trusted=True)
    extra: list[Condition] = []
    for rule in rules:
        extra += conditions(parse(rule), resolver)
    resolver.trusted = info.is_superuser
    if filter:
        extra += conditions(parse(filter, FILTER_CHARS_MAX), resolver)
    keys = [_sort_key(resolver, key.path, descending=key.descending) for key in parse_sort(sort)]
    for guarded in resolver.guards.values():
        extra.append(_guard(resolver, guarded))
    order = ", ".join(sql for sql, _, _ in keys)
    order_params = tuple(param for _, params, _ in keys for param in params)
    needs = frozenset[str]().union(*[needs for _, _, needs in keys])
    _check_tables(resolver)
    return _placed(resolver, extra, order, order_params, needs)


def _check_tables(resolver: Resolver) -> None:
    if resolver.joined >= TABLES_MAX:
        raise FilterError(f"at most {TABLES_MAX} tables in a join")


def _resolver(
    catalog: "Catalog",
    collection: "Collection",
    auth: "Collection | None",
    *,
    trusted: bool,
    stored: bool = True,
) -> Resolver:
    alias = collection.name if stored else NEW_ROW
    return Resolver(catalog, Place(collection, alias, "", typed=stored), requested, auth, trusted=trusted)


def _compile(resolver: Resolver, texts: list[str], order: str, order_params: tuple[Param, ...]) -> Compiled:
    found = [condition for text in texts for condition in conditions(parse(text, RULE_CHARS_MAX), resolver)]
    return _placed(resolver, found, order, order_params, frozenset())


def _placed(
    resolver: Resolver,
    found: list[Condition],
    order: str,
    order_params: tuple[Param, ...],
    order_needs: frozenset[str],
) -> Compiled:
    placed = place(resolver.joins, found, order_needs)
    joins, join_params = placed.joins
    sql, params = placed.where
    return Compiled(
        joins=joins,
        sql=sql,
        params=join_params + params,
        order=order,
        order_params=order_params,
        dependencies=resolver.dependencies,
        distinct=placed.distinct,
        joined=resolver.joined > 0,
    )


def _guard(resolver: Resolver, guarded: Place) -> Condition:
    """The list rule of a collection that a client's filter reaches, for the rows that are there."""
    rule = guarded.collection.list_rule
    assert rule
    # the rule's own joins are not to be shared with the filter's
    apart = Place(guarded.collection, guarded.alias, f"{guarded.path}!", guarded.needs, nullable=True)
    kept = joined("AND", conditions(parse(rule), resolver.within(apart)))
    return joined("OR", [Condition(f"{guarded.column('id')} IS NULL", (), guarded.needs), kept])


def _sort_key(resolver: Resolver, path: str, *, descending: bool) -> tuple[str, tuple[Param, ...], frozenset[str]]:
    """A key of ORDER BY: its SQL, parameters, and the joins it refers to. Raises FilterError."""
    direction = "DESC" if descending else "ASC"
    if path == RANDOM:
        return "RANDOM()", (), frozenset()
    if path == ROWID:
        if resolver.base.collection.is_view:
            raise FilterError("views have no rowid")
        return f"{resolver.base.column('_rowid_')} {direction}", (), frozenset()
    if _SORTABLE.fullmatch(path) is None or path.startswith("@request."):
        raise FilterError(f'invalid sort field "{path}"')
    operand = resolver.resolve(path, None)
    if not isinstance(operand, Sql):
        raise FilterError(f'invalid sort field "{path}"')
    return f"{operand.sql} {direction}", operand.params, operand.needs
