"""The fields of a view: what its query's columns are, as far as the query's text tells.

A column that is written as a field of a collection is a copy of that field, an id of another record a relation, some
functions and casts have a type. Everything else is JSON.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from worker.fields import BoolField, Field, JsonField, NumberField, RelationField, TextField
from worker.fields.text import ID_PATTERN
from worker.schema.viewtext import Names, bare
from worker.sql import ALPHANUMERIC, rand_text

if TYPE_CHECKING:
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

ID = "id"
ID_FIELD = TextField({"name": ID, "system": True, "required": True, "primaryKey": True, "pattern": ID_PATTERN})
# Where the way a column is written tells its type: how it starts or what it is, the type, and its options.
WRITTEN: tuple[tuple[re.Pattern[str], type[Field], dict[str, bool]], ...] = (
    (re.compile(r"count\(", re.IGNORECASE), NumberField, {"onlyInt": True}),
    (re.compile(r"total\(", re.IGNORECASE), NumberField, {}),
    *(
        (re.compile(rf"cast\(.*\sas\s++(?:{types})\s*+\)\Z", re.IGNORECASE | re.DOTALL | re.ASCII), kind, options)
        for types, kind, options in (
            ("int|integer", NumberField, {"onlyInt": True}),
            ("real|decimal|numeric", NumberField, {}),
            ("bool|boolean", BoolField, {}),
            ("text", TextField, {}),
        )
    ),
)


class Column(NamedTuple):
    """A column of a query, as SQLite names it, and its type: "" for an expression."""

    name: str
    type: str


def fields_of(catalog: "Catalog", names: Names, columns: Iterable[Column]) -> tuple[Field, ...]:
    """The fields of a query's columns, each with its column's name. A copied field gets a new random id."""
    sources = Sources(catalog, names)
    written = {name.alias: name.original for name in names.columns}
    fields: list[Field] = []
    for column in columns:
        original = written.get(column.name, "")
        if column.name == ID:
            fields.append(ID_FIELD)
            continue
        field = _expression(column.name, original) or sources.field(column.name, original)
        fields.append(field or JsonField({"name": column.name, "maxSize": 1}))
    return tuple(fields)


def same_fields(some: Iterable[Field], others: Iterable[Field]) -> bool:
    """Whether two views' fields differ in nothing but the random ids of copies."""
    return [field.dump() | {"id": ""} for field in some] == [field.dump() | {"id": ""} for field in others]


class Sources:
    """The collections that a query names as its tables."""

    __slots__ = ("_copies", "_first", "_tables")

    def __init__(self, catalog: "Catalog", names: Names) -> None:
        # several tables may go by one name, since not each of them has to be a collection
        self._tables: dict[str, list[Collection]] = {}
        for table in names.tables:
            name = ".".join(bare(table.original))
            collection = catalog.get(name)
            if collection is not None and collection.name == name:
                self._tables.setdefault(table.alias, []).append(collection)
        self._first = names.tables[0].alias if names.tables else ""
        self._copies: set[str] = set()

    def field(self, name: str, original: str) -> Field | None:
        """A field for the column `name` that is written as `original`, or None where that is no field."""
        *table, column = bare(original)
        if len(table) > 1:
            return None
        for collection in self._tables.get(table[0] if table else self._first, ()):
            field = _found(collection.by_name, column)
            if field is not None and field.name == ID:
                return RelationField({"name": name, "collectionId": collection.id, "maxSelect": 1})
            if field is not None:
                return type(field)(field.dump() | {"name": name, "id": self._copy_id()})
        return None

    def _copy_id(self) -> str:
        while (drawn := f"_clone_{rand_text(4, ALPHANUMERIC)}") in self._copies:
            pass
        self._copies.add(drawn)
        return drawn


def _found(fields: Mapping[str, Field], name: str) -> Field | None:
    field = fields.get(name)
    if field is None:
        lowered = name.lower()
        field = next((field for field in fields.values() if field.name.lower() == lowered), None)
    return field


def _expression(name: str, original: str) -> Field | None:
    for pattern, kind, options in WRITTEN:
        if pattern.match(original):
            return kind({"name": name, **options})
    return None
