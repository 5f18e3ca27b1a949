"""What the names in a filter stand for: columns of a collection's rows and of rows related to them.

A path is walked from a place (a row's collection and alias) over relations and back relations, each hop a join that
equal paths share. `@request.…` is in `requested.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, cast

from worker.filters.compiler import LITERALS, Apart, Rows
from worker.filters.nodes import FilterError, NoSuchNameError
from worker.filters.operands import NONE, NUMERIC, TEXT, JsonPath, Operand, Sql
from worker.records.joins import ApartRows, Join, Joins
from worker.sql import quote

if TYPE_CHECKING:
    from worker.fields import Field, RelationField
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

HOPS_MAX = 6
MODIFIERS = frozenset({"isset", "each", "length", "lower", "changed"})
# Field types whose value may be a list.
LISTS = frozenset({"select", "file", "relation"})
OBJECTS = frozenset({"json", "geoPoint"})
NUMBERS = frozenset({"number", "bool"})

NO_JOINS: dict[str, Join] = {}

_BACK_RELATION = re.compile(r"(\w+)_via_(\w+)", re.ASCII)
_OTHER = re.compile(r"@collection\.(\w+)(:\w+)?\.(.+)", re.ASCII | re.DOTALL)
# The alias of rows that a submitted relation leads to. The elements of a submitted list end in "[]" there already.
_SUBMITTED = re.compile(r"@request\.body\.\w+(?:\.|$)", re.ASCII)
_PATH_JUNK = re.compile(r"[^\w.@]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a collection somewhere in a query."""

    collection: "Collection"
    # the row's alias, not quoted
    alias: str
    # what the aliases of rows joined to it begin with, without the prefix of the joins
    path: str
    # the joins it stands for; empty for the main row
    needs: frozenset[str] = frozenset()
    # whether the row may be missing, its columns being NULL then
    nullable: bool = False
    many: bool = False
    # whether its columns have the affinities of their types: a row that is not stored has none
    typed: bool = True

    def column(self, name: str) -> str:
        """A column of the row."""
        return f"{quote(self.alias)}.{quote(name)}"


class Special(Protocol):
    """Resolves what begins with `@request.`."""

    def __call__(self, resolver: "Resolver", path: str, joins: Joins, /) -> Operand: ...


class Resolver:
    """The names of one filter over the rows of `base`. Collects the joins they need, and list rules to keep.

    `trusted`: whether every field and collection may be looked at (rules, superusers). Otherwise hidden fields and
    collections with a null list rule are refused, e-mails count only where they are visible, and `guards` collects
    the places whose collection's list rule must hold too.
    """

    __slots__ = (
        *("auth", "base", "catalog", "dependencies", "guards", "inlined", "joins", "realm", "special", "trusted"),
        "_resolved",
    )

    def __init__(
        self, catalog: "Catalog", base: Place, special: Special, auth: "Collection | None", *, trusted: bool
    ) -> None:
        self.catalog = catalog
        self.base = base
        self.special = special
        # the collection of the requester's record; None for guests
        self.auth = auth
        self.trusted = trusted
        self.joins = Joins()
        # the aliases of what is read apart here and joined by the real one
        self.inlined: set[str] = set()
        # what the aliases of rows begin with that are not reached from the base: each rule and filter has its own
        self.realm = ""
        # paths that were walked already: the operand, and what has to be joined to rows apart for it
        self._resolved: dict[tuple[bool, str, str], tuple[Operand, dict[str, Join]]] = {}
        self.guards: dict[str, Place] = {}
        # every look into the catalog, with what was found: the compiled SQL holds as long as they stay the same
        self.dependencies: dict[str, Collection | None] = {}

    def within(self, base: Place) -> "Resolver":
        """A trusted resolver for a rule over another place, with the same joins, none of them shared with others."""
        other = Resolver(self.catalog, base, self.special, self.auth, trusted=True)
        other.realm = base.path
        other.inlined = self.inlined
        other.joins = self.joins
        other.dependencies = self.dependencies
        return other

    @property
    def joined(self) -> int:
        """How many sources of rows the real one joins to the rows, for a request without a body."""
        aliases = self.inlined.union(self.joins.by_alias)
        return sum(_SUBMITTED.search(alias) is None for alias in aliases)

    def apart(self) -> Apart:
        """Rows for a NOT EXISTS."""
        return ApartRows()

    def resolve(self, path: str, rows: Rows | None) -> Operand:
        """The operand of a name; FilterError if it names nothing that may be looked at."""
        joins = self.joins if rows is None else cast("Joins", rows)
        key = (self.trusted, joins.prefix, path)
        known = self._resolved.get(key)
        if known is None:
            if joins.prefix:
                # with rows of its own, so that they can be added to others
                apart = Joins(joins.prefix)
                known = self._resolve(path, apart), apart.by_alias
            else:
                known = self._resolve(path, joins), NO_JOINS
            self._resolved[key] = known
        operand, added = known
        for alias, join in added.items():
            joins.add(alias, join)
        return operand

    def _resolve(self, path: str, joins: Joins) -> Operand:
        if path[0] in "@#":
            return self._at(path, joins)
        literal = LITERALS.get(path.lower())
        if literal is not None and path not in self.base.collection.by_name:
            return literal
        return self.walk(self.base, path.split("."), joins)

    def collection(self, name_or_id: str) -> "Collection | None":
        """A collection of the catalog; notes that the result depends on it."""
        own = self.base.collection
        if name_or_id in (own.id, own.name):
            # not the catalog's: rules are checked before a new definition gets there
            return own
        found = self.catalog.get(name_or_id)
        self.dependencies[name_or_id] = found and found.prototype
        return found

    def walk(self, place: Place, segments: Sequence[str], joins: Joins) -> Sql:
        """The column, or part of one, at the end of a path. Raises FilterError."""
        last = len(segments) - 1
        for index, segment in enumerate(segments[:-1]):
            field = place.collection.by_name.get(segment)
            if field is None:
                place = self._hop_back(place, segment, index, joins)
                continue
            self._allow(field)
            if field.type in OBJECTS:
                return json_part(place, field.name, ".".join(segments[index + 1 :]))
            if field.type != "relation":
                raise FilterError(f'field "{segment}" is not a valid relation')
            reached = cast("RelationField", field).collection_id
            if index == last - 1 and segments[last] == "id" and not field.multiple and self.collection(reached):
                # the relation holds the id already
                return self._column(place, field)
            place = self._hop(place, cast("RelationField", field), index, joins)
        return self._end(place, segments[last], joins)

    # The names after "@".

    def _at(self, path: str, joins: Joins) -> Operand:
        if path.startswith("@request."):
            return self.special(self, path, joins)
        match = _OTHER.fullmatch(path)
        if match is None:
            raise FilterError(f'failed to resolve field "{path}"')
        name, alias, rest = match.groups()
        collection = self.collection(name)
        if collection is None:
            raise FilterError(f'failed to load collection "{name}" from field path "{path}"')
        label = f"{self.realm}@collection.{collection.name}{(alias or '').lower()}"
        key = joins.prefix + label
        self._reach(Place(collection, key, label), joins)
        joins.add(key, Join(f"{quote(collection.name)} {quote(key)}", many=True, driving=True))
        place = Place(collection, key, label, frozenset({key}), nullable=True, many=True)
        return self.walk(place, rest.split("."), joins)

    # One step of a path.

    def _hop(self, place: Place, field: "RelationField", index: int, joins: Joins) -> Place:
        """Over a relation field, to the records it refers to."""
        self._check_depth(index, field.name)
        target = self.collection(field.collection_id)
        if target is None:
            raise FilterError(f'failed to load field "{field.name}" collection')
        path = f"{place.path}.{field.name}" if place.path else f"@{field.name}"
        alias = joins.prefix + path
        if field.multiple:
            listed = f"{alias}[]"
            joins.add(listed, _each(place.column(field.name), listed, place.needs))
            on, parents = f"{quote(alias)}.`id` = {quote(listed)}.`value`", frozenset({listed})
        else:
            on, parents = f"{quote(alias)}.`id` = {place.column(field.name)}", place.needs
        joins.add(alias, Join(f"{quote(target.name)} {quote(alias)}", on, parents=parents))
        reached = Place(target, alias, path, frozenset({alias}), nullable=True, many=place.many or field.multiple)
        self._reach(reached, joins)
        return reached

    def _hop_back(self, place: Place, segment: str, index: int, joins: Joins) -> Place:
        """Over a back relation, to the records that refer to this one."""
        match = _BACK_RELATION.fullmatch(segment)
        if match is None:
            raise NoSuchNameError(f'failed to resolve field "{segment}"')
        name, field_name = match.groups()
        other = self.collection(name)
        if other is None:
            raise NoSuchNameError(f'failed to load back relation field "{segment}" collection')
        field = other.by_name.get(field_name)
        if field is None:
            raise NoSuchNameError(f'missing back relation field "{field_name}"')
        if field.type != "relation":
            raise NoSuchNameError(f'invalid back relation field "{field_name}"')
        # nothing can refer to a row that is not stored yet, and the real one refuses to look
        if cast("RelationField", field).collection_id != place.collection.id or not place.typed:
            raise NoSuchNameError(f'invalid collection reference of a back relation field "{field_name}"')
        self._allow(field)
        self._check_depth(index, segment)
        label = f"{other.name}_via_{field.name}"
        path = f"{place.path}.{label}" if place.path else f"@{label}"
        alias = joins.prefix + path
        many = field.multiple or not other.unique_column(field.name)
        column, own_id = f"{quote(alias)}.{quote(field.name)}", place.column("id")
        if field.multiple:
            on = f"{own_id} IN (SELECT `value` FROM json_each({as_array(column)}))"
        else:
            on = f"{column} = {own_id}"
        join = Join(
            f"{quote(other.name)} {quote(alias)}",
            on,
            many=many,
            driving=many and not field.multiple,
            parents=place.needs,
        )
        joins.add(alias, join)
        reached = Place(other, alias, path, frozenset({alias}), nullable=True, many=place.many or many)
        self._reach(reached, joins)
        return reached

    def _end(self, place: Place, segment: str, joins: Joins) -> Sql:
        """The column that the last segment of a path names, its modifier applied."""
        name, modifier = split_modifier(segment)
        field = place.collection.by_name.get(name)
        if field is None:
            raise NoSuchNameError(f'unknown field "{name}"')
        self._allow(field)
        operand = self._column(place, field)
        if field.type in LISTS and modifier == "each":
            listed = f"{joins.prefix}{place.path}.{name}[]" if place.path else f"{joins.prefix}@{name}[]"
            join = _each(place.column(name), listed, place.needs, many=field.multiple)
            joins.add(listed, join)
            many = place.many or field.multiple
            return Sql(f"{quote(listed)}.`value`", many=many, needs=frozenset({listed}))
        if field.type in LISTS and modifier == "length":
            return replace(operand, sql=_length(operand.sql), nullable=False, affinity=NONE)
        if modifier == "lower":
            return replace(operand, sql=f"LOWER({operand.sql})", affinity=NONE)
        return operand

    def _column(self, place: Place, field: "Field") -> Sql:
        if field.type == "json":
            return json_part(place, field.name, "")
        also = ""
        if not self.trusted and field.name == "email" and place.collection.is_auth:
            also = f"{place.column('emailVisibility')} = TRUE"
        is_view = place.collection.is_view
        affinity = NONE
        if place.typed and not is_view:
            affinity = NUMERIC if field.type in NUMBERS or field.type == "geoPoint" or field.multiple else TEXT
        return Sql(
            place.column(field.name),
            nullable=place.nullable or is_view,
            affinity=affinity,
            many=place.many,
            needs=place.needs,
            also=also,
        )

    # Who may look at what.

    def _allow(self, field: "Field") -> None:
        if field.hidden and not self.trusted:
            raise FilterError(f'non-filterable field "{field.name}"')

    def _reach(self, place: Place, joins: Joins) -> None:
        """Note that rows of another collection are looked at."""
        if self.trusted:
            return
        if place.collection.list_rule is None:
            raise FilterError(f'only superusers can filter by collection "{place.collection.name}"')
        if place.collection.list_rule and not joins.prefix:
            self.guards.setdefault(place.alias, place)

    def _check_depth(self, index: int, name: str) -> None:
        if index >= HOPS_MAX:
            raise FilterError(f'max nested relations reached for field "{name}"')


def split_modifier(segment: str) -> tuple[str, str]:
    """A path's last segment as name and modifier; FilterError for an unknown modifier."""
    name, _, modifier = segment.partition(":")
    if not modifier or ":" in modifier:
        return segment, ""
    if modifier not in MODIFIERS:
        raise FilterError(f'unknown modifier in "{segment}"')
    return name, modifier


def json_part(place: Place, name: str, path: str) -> Sql:
    """A part of a JSON column: dots lead into objects, numbers into arrays. Texts that are no JSON are themselves."""
    column = place.column(name)
    steps = _PATH_JUNK.sub("", path)
    keys = "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in steps.split(".")) if path else ""
    otherwise = "" if path else f" ELSE {column}"
    return Sql(
        f"(CASE WHEN json_valid({column}) THEN json_extract({column}, ?){otherwise} END)",
        (JsonPath(f"${keys}"),),
        strict=True,
        many=place.many,
        needs=place.needs,
    )


def as_array(column: str) -> str:
    """A column as a JSON array, whatever it holds."""
    return (
        f"CASE WHEN iif(json_valid({column}), json_type({column}) = 'array', FALSE)"
        f" THEN {column} ELSE json_array({column}) END"
    )


def _each(column: str, alias: str, parents: frozenset[str], *, many: bool = True) -> Join:
    return Join(f"json_each({as_array(column)}) {quote(alias)}", many=many, parents=parents)


def _length(column: str) -> str:
    return (
        f"json_array_length(CASE WHEN iif(json_valid({column}), json_type({column}) = 'array', FALSE) THEN {column}"
        f" ELSE (CASE WHEN {column} = '' OR {column} IS NULL THEN json_array() ELSE json_array({column}) END) END)"
    )
