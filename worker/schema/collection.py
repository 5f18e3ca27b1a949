"""A collection: its fields, rules, indexes and options, immutable and shared.

Tenants made from one template have equal schemas. Collections are therefore interned by content: a base or view
collection is one object for all of them, an auth collection shares everything but the tokens' secrets with its
`prototype`. Caches of what follows from a schema alone are keyed by `prototype`. `worker.schema.shelf` makes them.
"""

from itertools import count
from typing import Any

import orjson

from worker.fields import Field, RelationField
from worker.schema import options as option_types
from worker.schema.indexes import parse_index
from worker.schema.options import AuthOptions

# The columns of `_collections`, in the order in which `Shelf.collection` takes them.
COLUMNS = (
    "id",
    "system",
    "type",
    "name",
    "fields",
    "indexes",
    "listRule",
    "viewRule",
    "createRule",
    "updateRule",
    "deleteRule",
    "options",
    "created",
    "updated",
)
BASE, AUTH, VIEW = "base", "auth", "view"

Row = tuple[Any, ...]

# No two collections of a process have the same number, not even one after another.
SERIALS = count(1)


class FieldSet:
    """The fields of a collection, in order and by name."""

    __slots__ = ("__weakref__", "by_name", "fields", "relations")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.by_name = {field.name: field for field in fields}
        self.relations = tuple([field for field in fields if isinstance(field, RelationField)])


class Collection:
    """One collection of a tenant. Never changed: a changed schema is another object."""

    __slots__ = (
        "__weakref__",
        "auth",
        "by_name",
        "create_rule",
        "created",
        "delete_rule",
        "field_set",
        "fields",
        "id",
        "indexes",
        "is_auth",
        "is_view",
        "key",
        "list_rule",
        "name",
        "plan",
        "prototype",
        "relations",
        "rules",
        "serial",
        "stamp",
        "system",
        "type",
        "update_rule",
        "updated",
        "view_query",
        "view_rule",
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the column's name
        name: str,
        type: str,  # noqa: A002 - the column's name
        system: bool,
        fields: FieldSet,
        indexes: tuple[str, ...],
        rules: tuple[str | None, str | None, str | None, str | None, str | None],
        auth: AuthOptions | None = None,
        view_query: str = "",
        created: str = "",
        updated: str = "",
        prototype: "Collection | None" = None,
    ) -> None:
        """`rules` are those of list, view, create, update and delete: None for superusers only, "" for everyone."""
        self.id = id
        self.name = name
        self.type = type
        self.system = system
        # kept, so that the shelf can hand it to other collections with the same fields
        self.field_set = fields
        self.fields = fields.fields
        self.by_name = fields.by_name
        self.relations = fields.relations
        self.indexes = indexes
        self.list_rule, self.view_rule, self.create_rule, self.update_rule, self.delete_rule = rules
        self.auth = auth
        self.view_query = view_query
        self.created = created
        self.updated = updated
        self.is_auth = type == AUTH
        self.is_view = type == VIEW
        self.prototype = prototype or self
        # what `worker.records.plan` makes of a prototype: here, because each request looks for it several times
        self.plan: Any = None
        # what `worker.records.rules` has compiled for a prototype, and the number that it knows it by
        self.rules: Any = None
        self.serial = next(SERIALS)
        # the hash of the row it was read from, 0 before that; a new one each time the process starts
        self.stamp = 0
        # what was not secret in it, by a digest or (where several tenants have it) as it is; empty before that
        self.key: bytes | Row = b""

    def unique_column(self, name: str) -> bool:
        """Whether a unique index covers this column alone, so that a value leads to at most one record."""
        return any(
            index.unique and len(index.columns) == 1 and index.columns[0].name.lower() == name.lower()
            for index in map(parse_index, self.indexes)
        )

    def nocase_unique(self, name: str) -> bool:
        """Whether such an index compares without case."""
        return any(
            index.unique
            and len(index.columns) == 1
            and index.columns[0].name.lower() == name.lower()
            and index.columns[0].collate.lower() == "nocase"
            for index in map(parse_index, self.indexes)
        )

    def dump(self, *, secrets: bool = False) -> dict[str, Any]:
        """The collection as the API shows it, its keys in the real one's order."""
        item: dict[str, Any] = {
            "id": self.id,
            "listRule": self.list_rule,
            "viewRule": self.view_rule,
            "createRule": self.create_rule,
            "updateRule": self.update_rule,
            "deleteRule": self.delete_rule,
            "name": self.name,
            "type": self.type,
            "fields": [field.dump() for field in self.fields],
            "indexes": list(self.indexes),
            "created": self.created,
            "updated": self.updated,
            "system": self.system,
        }
        if self.is_auth:
            item.update(option_types.dump(self.auth, secrets=secrets))
        elif self.is_view:
            item["viewQuery"] = self.view_query
        return item

    def row(self) -> Row:
        """The collection as a row of `_collections`, in the order of COLUMNS."""
        return (
            self.id,
            self.system,
            self.type,
            self.name,
            orjson.dumps([field.dump() for field in self.fields]).decode(),
            orjson.dumps(self.indexes).decode(),
            self.list_rule,
            self.view_rule,
            self.create_rule,
            self.update_rule,
            self.delete_rule,
            self.options_text(),
            self.created,
            self.updated,
        )

    def options_text(self) -> str:
        """The column `options`: JSON with the secrets."""
        if self.is_view:
            return option_types.encode(option_types.ViewOptions(self.view_query))
        return option_types.encode(self.auth)

    def __repr__(self) -> str:
        return f"<{self.type} collection {self.name}>"

    def with_auth(self, auth: AuthOptions) -> "Collection":
        """The same with these options, and so with secrets of its own; its prototype is that of this one."""
        own = Collection.__new__(Collection)
        for name in _SHARED:
            setattr(own, name, getattr(self, name))
        own.auth = auth
        return own


_SHARED = tuple([name for name in Collection.__slots__ if name not in {"__weakref__", "auth"}])
