"""How the records of a collection are read and shown: computed once for a collection, used for every row.

A plan has the list of columns for a whole `Record`, and for each kind of requester (superuser or not) the list of
columns that goes straight from a row into JSON, its keys in alphabetical order.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from worker.records.reading import Row, compile_reader
from worker.sql import quote

if TYPE_CHECKING:
    from worker.db.connection import Database
    from worker.fields import Field
    from worker.schema.collection import Collection

# Never shown, to nobody: these fields of auth collections.
SECRETS = frozenset({"password", "tokenKey"})
# A submitted record, without what its fields of unusual size may hold.
BODY_BYTES_MAX = 32 << 20
# Types with a limit of their own to the bytes of a value.
SIZED_TYPES = frozenset({"file", "editor", "json"})

__all__ = ["Plan", "Row", "Shape", "columns_left", "plan_of"]


class Shape:
    """The JSON of one collection's records for one kind of requester. A password's value is always empty."""

    __slots__ = ("by_id", "columns", "email", "expanded", "hides_visibility", "names", "of_row", "table", "template")

    def __init__(self, collection: "Collection", superuser: bool) -> None:
        shown = [
            field
            for field in collection.fields
            if (superuser or not field.hidden) and not (collection.is_auth and field.name in SECRETS)
        ]
        constants = {"collectionId": collection.id, "collectionName": collection.name}
        constants.update({field.name: "" for field in shown if field.type == "password"})
        read = [field for field in shown if field.type != "password"]
        # whether the e-mail may have to be taken out again, for which its visibility has to be known
        self.email = collection.is_auth and not superuser and any(field.name == "email" for field in read)
        self.hides_visibility = self.email and all(field.name != "emailVisibility" for field in read)
        if self.hides_visibility:
            read.append(collection.by_name["emailVisibility"])
        self.names = tuple(field.name for field in read)
        keys = sorted((*self.names, *constants))
        # the keys in their order, with the constants filled in; and the same for a record with something expanded
        self.template: dict[str, Any] = {key: constants.get(key) for key in keys}
        self.expanded: dict[str, Any] = {key: constants.get(key) for key in sorted((*keys, "expand"))}
        self.columns = _columns(collection, read)
        self.table = quote(collection.name)
        self.by_id = f"SELECT {self.columns} FROM {self.table} WHERE `id` = ?"
        # the JSON object of a row of `columns`, e-mail included
        self.of_row = compile_reader(read, constants, exact=collection.is_view, keys=keys)

    def of_data(self, data: dict[str, Any], expand: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of a record's values and of what they expand to, e-mail included."""
        if expand is None:
            item = self.template.copy()
        else:
            item = self.expanded.copy()
            item["expand"] = expand
        for name in self.names:
            item[name] = data[name]
        return item


class Plan:
    """The SQL names of a collection, how a row becomes a record's values, and the two shapes of its JSON."""

    __slots__ = ("body_bytes_max", "by_id", "columns", "insert", "public", "superuser", "table", "values")

    def __init__(self, collection: "Collection") -> None:
        self.table = quote(collection.name)
        self.columns = _columns(collection, collection.fields)
        self.by_id = f"SELECT {self.columns} FROM {self.table} WHERE `id` = ?"
        marks = ", ".join("?" * len(collection.fields))
        names = ", ".join(quote(field.name) for field in collection.fields)
        self.insert = f"INSERT INTO {self.table} ({names}) VALUES ({marks})"
        # a record's values from a row of `columns`
        self.values = compile_reader(collection.fields, {}, exact=collection.is_view)
        self.body_bytes_max = BODY_BYTES_MAX + sum(map(_bytes_max, collection.fields))
        self.public = Shape(collection, superuser=False)
        self.superuser = Shape(collection, superuser=True)

    def shape(self, superuser: bool) -> Shape:
        """How a requester of that kind sees the records."""
        return self.superuser if superuser else self.public


def plan_of(collection: "Collection") -> Plan:
    """The plan of `collection`. Tenants with equal schemas share it, with the prototype that holds it."""
    prototype = collection.prototype
    plan: Plan | None = prototype.plan
    if plan is None:
        plan = prototype.plan = Plan(prototype)
    return plan


def columns_left(db: "Database", table: str, columns: str) -> str:
    """`columns` of a view, NULL for each that it has no more.

    A view whose query can't be stored anew stays as it was, whatever becomes of the columns that it reads.
    """
    there = {row[1].lower() for row in db.once(f"PRAGMA table_info({table})")}
    return ", ".join(
        column if column.rpartition(".")[2].strip("`").lower() in there else "NULL" for column in columns.split(", ")
    )


def _columns(collection: "Collection", fields: Iterable["Field"]) -> str:
    table = quote(collection.name)
    return ", ".join(f"{table}.{quote(field.name)}" for field in fields)


def _bytes_max(field: "Field") -> int:
    """What a field adds to the largest body of a record."""
    if field.type not in SIZED_TYPES:
        return 0
    each: int = field.max_bytes()  # type: ignore[attr-defined]
    return each * max(1, getattr(field, "max_select", 1))
