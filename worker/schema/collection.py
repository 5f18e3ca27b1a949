"""A collection: its fields, rules, indexes and options, immutable and shared.

Tenants made from one template have equal schemas. Collections are therefore interned by content: a base or view
collection is one object for all of them, an auth collection shares everything but the tokens' secrets with its
`prototype`. Caches of what follows from a schema alone are keyed by `prototype`.
"""

from hashlib import blake2b
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import orjson

from worker.fields import Field, RelationField, load_field
from worker.schema import options as option_types
from worker.schema.indexes import parse_index
from worker.schema.options import AuthOptions

# The columns of `_collections`, in the order in which `Collection.from_row` takes them.
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

# Single fields that are kept for collections to come, some 0.5 KB each.
FIELDS_MAX = 512

# No two collections of a process have the same number, not even one after another.
SERIALS = count(1)


class FieldSet:
    """The fields of a collection, in order and by name."""

    __slots__ = ("__weakref__", "by_name", "fields", "relations")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.by_name = {field.name: field for field in fields}
        self.relations = tuple(field for field in fields if isinstance(field, RelationField))


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


class Shelf:
    """Schema objects by content, kept as long as some tenant uses them. One a process."""

    __slots__ = ("_collections", "_field_sets", "_fields")

    def __init__(self) -> None:
        self._fields: dict[bytes, Field] = {}  # those used last, the latest at the end
        self._field_sets: WeakValueDictionary[bytes, FieldSet] = WeakValueDictionary()
        self._collections: WeakValueDictionary[bytes, Collection] = WeakValueDictionary()

    def collection(self, row: Row) -> Collection:
        """The collection of a row of `_collections` in the order of COLUMNS.

        Raises MalformedError, msgspec.ValidationError or orjson.JSONDecodeError for a damaged row.
        """
        auth = None
        if row[2] == AUTH:
            auth = option_types.decode_auth(row[11])
            shared_auth = option_types.without_secrets(auth)
            content: Row = (*row[:11], option_types.encode(shared_auth), *row[12:])
        else:
            shared_auth, content = None, row
        key = digest(content)
        shared = self._collections.get(key)
        if shared is None:
            shared = self._collections[key] = self._load(row, shared_auth)
        return shared if auth is None else _with_secrets(shared, auth)

    def _load(self, row: Row, auth: AuthOptions | None) -> Collection:
        return Collection(
            id=row[0],
            system=bool(row[1]),
            type=row[2],
            name=row[3],
            fields=self.field_set(row[4]),
            indexes=tuple(orjson.loads(row[5]) or ()),
            rules=row[6:11],
            auth=auth,
            view_query=option_types.decode_view(row[11]).view_query if row[2] == VIEW else "",
            created=row[12],
            updated=row[13],
        )

    def field_set(self, text: str) -> FieldSet:
        """The fields of a JSON list of definitions."""
        key = digest((text,))
        fields = self._field_sets.get(key)
        if fields is None:
            fields = FieldSet(tuple(self._field(raw) for raw in orjson.loads(text) or ()))
            self._field_sets[key] = fields
        return fields

    def _field(self, raw: Any) -> Field:
        """The field of one definition. Collections differ, but most have an id, a moment and a title like others."""
        key = orjson.dumps(raw)
        field = self._fields.pop(key, None) or load_field(raw)
        self._fields[key] = field
        if len(self._fields) > FIELDS_MAX:
            del self._fields[next(iter(self._fields))]
        return field


def digest(parts: Row) -> bytes:
    """A short key for a row's content."""
    try:
        text = orjson.dumps(parts)
    except TypeError:  # there is something in it that JSON has no words for, as a text with a lone surrogate
        text = repr(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()


def _with_secrets(shared: Collection, auth: AuthOptions) -> Collection:
    own = Collection.__new__(Collection)
    for name in Collection.__slots__:
        if name != "__weakref__":
            setattr(own, name, getattr(shared, name))
    assert shared.auth is not None
    own.auth = option_types.with_secrets_of(shared.auth, auth)
    return own
