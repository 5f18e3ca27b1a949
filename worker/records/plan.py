"""How the records of a collection are read and shown: computed once for a collection, used for every row.

A plan has the list of columns for a whole `Record`, and for each kind of requester (superuser or not) the list of
columns that goes straight from a row into JSON, its keys in alphabetical order.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from worker.fields import AutodateField, PasswordField
from worker.records.reading import Reader, Row, compile_reader
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

    __slots__ = (
        "_by_name",
        "_constants",
        "_exact",
        "by_id",
        "columns",
        "email",
        "expanded",
        "hides_visibility",
        "names",
        "of_row",
        "table",
        "template",
    )

    # the keys in their order, with the constants filled in; and the same for a record with something expanded
    template: dict[str, Any]
    expanded: dict[str, Any]
    # the JSON object of a row of `columns`, e-mail included
    of_row: Reader

    def __init__(self, plan: "Plan", superuser: bool) -> None:
        by_name = plan.field_set.by_name
        shown = [
            field
            for field in plan.field_set.fields
            if (superuser or not field.hidden) and not (plan.is_auth and field.name in SECRETS)
        ]
        constants = {"collectionId": plan.id, "collectionName": plan.name}
        constants.update({field.name: "" for field in shown if field.type == "password"})
        read = [field for field in shown if field.type != "password"]
        # whether the e-mail may have to be taken out again, for which its visibility has to be known
        self.email = plan.is_auth and not superuser and any(field.name == "email" for field in read)
        self.hides_visibility = self.email and all(field.name != "emailVisibility" for field in read)
        if self.hides_visibility:
            read.append(by_name["emailVisibility"])
        self.names = tuple(field.name for field in read)
        self.table = plan.table
        if tuple(read) == plan.field_set.fields:
            self.columns, self.by_id = plan.columns, plan.by_id
        else:
            self.columns = _columns(plan.name, read)
            self.by_id = f"SELECT {self.columns} FROM {self.table} WHERE `id` = ?"
        self._by_name = by_name
        self._constants = constants
        self._exact = plan.is_view

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What is made when it is first wanted: few collections are used in all ways."""
            constants = self._constants
            keys = sorted((*self.names, *constants))
            made: Any
            match name:
                case "of_row":
                    read = [self._by_name[column] for column in self.names]
                    made = compile_reader(read, constants, exact=self._exact, keys=keys)
                case "template":
                    made = {key: constants.get(key) for key in keys}
                case "expanded":
                    made = {key: constants.get(key) for key in sorted((*keys, "expand"))}
                case _:
                    raise AttributeError(name)
            setattr(self, name, made)
            return made

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

    __slots__ = (
        "body_bytes_max",
        "by_id",
        "columns",
        "dated",
        "field_set",
        "generated",
        "id",
        "insert",
        "is_auth",
        "is_view",
        "name",
        "passwords",
        "public",
        "superuser",
        "table",
        "values",
    )

    # fields with a time of change, with a text that is made where nobody submits one, with a password to be hashed
    dated: "tuple[AutodateField, ...]"
    generated: "tuple[Field, ...]"
    passwords: "tuple[PasswordField, ...]"
    insert: str
    # a record's values from a row of `columns`
    values: Reader
    public: Shape
    superuser: Shape

    def __init__(self, collection: "Collection") -> None:
        # not the collection, which has this: nothing of the two would go before the collector comes
        self.id, self.name, self.field_set = collection.id, collection.name, collection.field_set
        self.is_auth, self.is_view = collection.is_auth, collection.is_view
        self.table = quote(collection.name)
        self.columns = _columns(collection.name, collection.fields)
        self.by_id = f"SELECT {self.columns} FROM {self.table} WHERE `id` = ?"
        self.body_bytes_max = BODY_BYTES_MAX + sum(map(_bytes_max, collection.fields))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What is made when it is first wanted."""
            made: Any
            match name:
                case "dated":
                    made = tuple(field for field in self.field_set.fields if isinstance(field, AutodateField))
                case "generated":
                    made = tuple(field for field in self.field_set.fields if getattr(field, "autogenerate_pattern", ""))
                case "passwords":
                    made = tuple(field for field in self.field_set.fields if isinstance(field, PasswordField))
                case "insert":
                    fields = self.field_set.fields
                    names = ", ".join(quote(field.name) for field in fields)
                    made = f"INSERT INTO {self.table} ({names}) VALUES ({', '.join('?' * len(fields))})"
                case "values":
                    made = compile_reader(self.field_set.fields, {}, exact=self.is_view)
                case "public" | "superuser":
                    made = Shape(self, superuser=name == "superuser")
                case _:
                    raise AttributeError(name)
            setattr(self, name, made)
            return made

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


def _columns(name: str, fields: Iterable["Field"]) -> str:
    table = quote(name)
    return ", ".join(f"{table}.{quote(field.name)}" for field in fields)


def _bytes_max(field: "Field") -> int:
    """What a field adds to the largest body of a record."""
    if field.type not in SIZED_TYPES:
        return 0
    each: int = field.max_bytes()  # type: ignore[attr-defined]
    return each * max(1, getattr(field, "max_select", 1))
