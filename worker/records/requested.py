"""`@request.…`: the values of a request, bound late, and the records they refer to.

The compiled SQL holds for every request of requesters from the same auth collection. Paths which lead to one row —
from the requester's record, or from a submitted relation — are scalar subqueries, so that SQLite reads them once per
query and not once per row.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from worker.fields.casts import to_text
from worker.fields.jsontext import dumps
from worker.filters.compare import compare
from worker.filters.nodes import FilterError, NoSuchNameError
from worker.filters.operands import NUMERIC, TEXT, Constant, Late, Operand, Sql, Value
from worker.records.joins import Join, Joins
from worker.records.request import RequestInfo
from worker.records.resolver import LISTS, NUMBERS, Place, Resolver, split_modifier
from worker.sql import quote

if TYPE_CHECKING:
    from worker.fields import Field, RelationField

Read = Callable[[RequestInfo], Constant]

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MISSING = object()
NULL = Value(None)

PLAIN = frozenset({"text", "email", "url", "editor", "date", "autodate", "number", "bool", *LISTS})


def requested(resolver: Resolver, path: str, joins: Joins) -> Operand:
    """The operand of a path that begins with `@request.`. Raises FilterError."""
    if path == "@request.method":
        return Value(Late(lambda info: info.method))
    if path == "@request.context":
        return Value(Late(lambda info: info.context))
    _, kind, *rest = path.split(".")
    if not rest or kind not in ("auth", "body", "query", "headers"):
        raise FilterError(f'failed to resolve field "{path}"')
    if kind == "auth":
        return _auth(resolver, rest, joins)
    if kind == "body":
        return _body(resolver, rest, joins)
    return _named(resolver, kind, rest)


# The requester's record.


def _value(name: str) -> Read:
    return lambda info: None if info.auth is None else info.auth.data[name]


def _collection_id(info: RequestInfo) -> Constant:
    return None if info.auth is None else info.auth.collection.id


def _collection_name(info: RequestInfo) -> Constant:
    return None if info.auth is None else info.auth.collection.name


# What it is asked for without a look at its collection's fields. The id is the hot one.
AUTH_VALUES: dict[str, Read] = {
    **{name: _value(name) for name in ("id", "email", "emailVisibility", "verified")},
    "collectionId": _collection_id,
    "collectionName": _collection_name,
}


def _auth(resolver: Resolver, rest: list[str], joins: Joins) -> Operand:
    collection = resolver.auth
    if collection is None:
        return NULL
    name = rest[0]
    if len(rest) == 1:
        read = AUTH_VALUES.get(name)
        if read is not None:
            return Value(Late(read))
        field = collection.by_name.get(name)
        if field is not None and field.type in PLAIN and not field.multiple:
            # the record is in memory; the cast gives the value the affinity its column has
            resolver.inlined.add(f"{resolver.realm}@request.auth")
            affinity, cast_to = (NUMERIC, "NUMERIC") if field.type in NUMBERS else (TEXT, "TEXT")
            value = Late(lambda info: None if info.auth is None else info.auth.data[name])
            return Sql(f"CAST(? AS {cast_to})", (value,), nullable=False, affinity=affinity)
    label = f"{resolver.realm}@request.auth"
    alias = joins.prefix + label
    join = Join(
        f"{quote(collection.name)} {quote(alias)}",
        f"{quote(alias)}.`id` = ?",
        (Late(AUTH_VALUES["id"]),),
    )
    place = Place(collection, alias, label, frozenset({alias}), nullable=True)
    return _from(resolver, place, join, rest, joins)


def _from(resolver: Resolver, place: Place, join: Join, rest: list[str], joins: Joins) -> Operand:
    """The end of a path that starts at a row found by `join`; a path that leads nowhere is NULL."""
    inner = Joins(joins.prefix)
    inner.add(place.alias, join)
    try:
        operand: Sql | None = resolver.walk(place, rest, inner)
    except NoSuchNameError:
        operand = None
    if not joins.prefix:
        resolver.inlined.update(inner.by_alias)
    if operand is None:
        return NULL
    if not operand.many:
        others = frozenset(inner.by_alias) - {place.alias}
        rows, params = inner.write(others)
        return Sql(
            f"(SELECT {operand.sql} FROM {join.source}{rows} WHERE {join.on})",
            operand.params + params + join.params,
            affinity=operand.affinity,
            strict=operand.strict,
        )
    joins.add(place.alias, join)
    return resolver.walk(place, rest, joins)


# The submitted values.


def _body(resolver: Resolver, rest: list[str], joins: Joins) -> Operand:
    first = rest[0]
    by_name = resolver.base.collection.by_name
    if len(rest) > 1:
        field = by_name.get(first)
        if field is not None and field.type == "relation":
            return _submitted_relation(resolver, cast("RelationField", field), rest[1:], joins)
        return _body_part(rest)
    name, modifier = split_modifier(first)
    field = by_name.get(name)
    if modifier == "isset":
        return _is_set(lambda info: name in info.body)
    if modifier == "changed" and field is not None:
        return _changed(resolver, field, joins)
    if modifier in ("length", "each") and field is not None:
        if field.type not in LISTS:
            raise FilterError(f'field "{name}" doesn\'t support multivalue operations')
        if modifier == "length":
            return Value(Late(lambda info: len(_listed(info, name))))
        alias = f"{joins.prefix}{resolver.realm}@request.body.{name}[]"
        joins.add(
            alias,
            Join(f"json_each(?) {quote(alias)}", params=(_listed_json(name),), many=field.multiple),
        )
        return Sql(f"{quote(alias)}.`value`", many=field.multiple, needs=frozenset({alias}), filled=True)
    if modifier not in ("", "lower"):
        raise FilterError(f"invalid modifier sequence {first}")
    read = _submitted(name, as_json=field is not None and field.type == "json")
    if modifier:
        if field is not None and field.type not in ("json", "geoPoint"):
            read = _submitted_text(name)
        # of a field, a missing value counts as submitted empty
        return Value(Late(_lowered(read, missing=None if field is None else "")))
    return Value(Late(read))


def _submitted_text(name: str) -> Read:
    """A field's submitted value as a text: a list or an object is an empty one."""
    return lambda info: None if (value := info.body.get(name)) is None else to_text(value)


def _submitted(name: str, *, as_json: bool) -> Read:
    def read(info: RequestInfo) -> Constant:
        value = info.body.get(name, _MISSING)
        if value is _MISSING:
            return None
        return dump_json(value) if as_json else _constant(value)

    return read


def _body_part(rest: list[str]) -> Operand:
    """A value within a submitted object or list."""
    name, modifier = split_modifier(rest[-1]) if ":" in rest[-1] else (rest[-1], "")
    path = [*rest[:-1], name]

    def find(info: RequestInfo) -> Any:
        value: Any = info.body
        for step in path:
            if isinstance(value, dict):
                value = value.get(step, _MISSING)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return _MISSING
        return value

    def read(info: RequestInfo) -> Constant:
        value = find(info)
        return None if value is _MISSING else _constant(value)

    if modifier == "isset":
        return _is_set(lambda info: find(info) is not _MISSING)
    if modifier not in ("", "lower"):
        raise FilterError(f"invalid modifier sequence {rest[-1]}")
    return Value(Late(_lowered(read) if modifier else read))


def _changed(resolver: Resolver, field: "Field", joins: Joins) -> Sql:
    """Whether a field is submitted with another value than the stored one."""
    name = field.name
    submitted = Value(Late(_submitted(name, as_json=field.type == "json")))
    stored = resolver.walk(resolver.base, [name], joins)
    sql, params = compare("!=", submitted, stored)
    return Sql(
        f"(? AND {sql})",
        (Late(lambda info: name in info.body), *params),
        nullable=False,
        strict=True,
        needs=stored.needs,
    )


def _submitted_relation(resolver: Resolver, field: "RelationField", rest: list[str], joins: Joins) -> Operand:
    """A path from the records that a submitted relation refers to."""
    name = field.name
    target = resolver.collection(field.collection_id)
    if target is None:
        return NULL
    label = f"{resolver.realm}@request.body.{name}"
    alias = joins.prefix + label
    join = Join(
        f"{quote(target.name)} {quote(alias)}",
        f"{quote(alias)}.`id` IN (SELECT `value` FROM json_each(?))",
        (_listed_json(name),),
        many=field.multiple,
    )
    place = Place(target, alias, label, frozenset({alias}), nullable=True, many=field.multiple)
    try:
        return _from(resolver, place, join, rest, joins)
    except FilterError:
        # the real one looks at the path only where something is submitted, and a rule has to be fine without
        return NULL


def _listed(info: RequestInfo, name: str) -> list[Any]:
    """A submitted value as a list; empty if it is missing."""
    value = info.body.get(name, _MISSING)
    if value is _MISSING:
        return []
    return value if isinstance(value, list) else [value]


def _listed_json(name: str) -> Late:
    return Late(lambda info: dump_json(_listed(info, name)))


# Query parameters and headers.


def _named(resolver: Resolver, kind: str, rest: list[str]) -> Operand:
    name, modifier = split_modifier(rest[-1]) if ":" in rest[-1] else (rest[-1], "")
    if modifier not in ("", "lower", "isset"):
        raise FilterError(f"invalid modifier sequence {rest[-1]}")
    if len(rest) > 1:
        # nothing nests there
        return _is_set(lambda _: False) if modifier == "isset" else NULL
    if modifier == "isset":
        return _is_set(lambda info: name in getattr(info, kind))
    field = resolver.base.collection.by_name.get(name)

    def read(info: RequestInfo) -> Constant:
        text = getattr(info, kind).get(name)
        if text is not None and numeric and _DECIMAL.fullmatch(text):
            return float(text)
        return text  # type: ignore[no-any-return]

    numeric = kind == "query" and field is not None and field.type == "number"
    return Value(Late(_lowered(read) if modifier else read))


def _is_set(test: Callable[[RequestInfo], bool]) -> Value:
    return Value(Late(test), wraps=False, truth=True)


def _lowered(read: Read, missing: str | None = None) -> Read:
    def lowered(info: RequestInfo) -> Constant:
        value = read(info)
        if value is None:
            return missing
        # SQLite has 1 and 0 for what is true and false
        return _lower(str(int(value) if isinstance(value, bool) else value))

    return lowered


_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _lower(text: str) -> str:
    """As SQLite's LOWER has it: ASCII letters only."""
    return text.translate(_UPPER)


def _constant(value: Any) -> Constant:
    """A submitted value as a parameter: numbers as floats, lists and objects as JSON."""
    if type(value) is int:
        return float(value)
    return dump_json(value) if isinstance(value, list | dict) else cast("Constant", value)


def dump_json(value: Any) -> str:
    """A value as JSON text."""
    return dumps(value).decode()
