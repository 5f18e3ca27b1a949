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
        "_expanded",
        "_of_row",
        "_template",
        "by_id",
        "columns",
        "email",
        "hides_visibility",
        "names",
        "table",
    )

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
        # what is made when it is first wanted: few collections are used in all ways
        self._of_row: Reader | None = None
        self._template: dict[str, Any] | None = None
        self._expanded: dict[str, Any] | None = None

    @property
    def of_row(self) -> Reader:
        """What makes the JSON object of a row of `columns`, e-mail included."""
        made = self._of_row
        if made is None:
            read = [self._by_name[column] for column in self.names]
            made = self._of_row = compile_reader(read, self._constants, exact=self._exact, keys=self._keys())
        return made

    @property
    def template(self) -> dict[str, Any]:
        """The keys in their order, with the constants filled in."""
        made = self._template
        if made is None:
            made = self._template = {key: self._constants.get(key) for key in self._keys()}
        return made

    @property
    def expanded(self) -> dict[str, Any]:
        """The same for a record with something expanded."""
        made = self._expanded
        if made is None:
            made = {key: self._constants.get(key) for key in sorted((*self._keys(), "expand"))}
            self._expanded = made
        return made

    def _keys(self) -> list[str]:
        return sorted((*self.names, *self._constants))

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
        "_dated",
        "_generated",
        "_insert",
        "_passwords",
        "_public",
        "_superuser",
        "_values",
        "body_bytes_max",
        "by_id",
        "columns",
        "field_set",
        "id",
        "is_auth",
        "is_view",
        "name",
        "table",
    )

    def __init__(self, collection: "Collection") -> None:
        # not the collection, which has this: nothing of the two would go before the collector comes
        self.id, self.name, self.field_set = collection.id, collection.name, collection.field_set
        self.is_auth, self.is_view = collection.is_auth, collection.is_view
        self.table = quote(collection.name)
        self.columns = _columns(collection.name, collection.fields)
        self.by_id = f"SELECT {self.columns} FROM {self.table} WHERE `id` = ?"
        self.body_bytes_max = BODY_BYTES_MAX + sum(map(_bytes_max, collection.fields))
        # what is made when it is first wanted
        self._dated: tuple[AutodateField, ...] | None = None
        self._generated: tuple[Field, ...] | None = None
        self._passwords: tuple[PasswordField, ...] | None = None
        self._insert = ""
        self._values: Reader | None = None
        self._public: Shape | None = None
        self._superuser: Shape | None = None

    @property
    def dated(self) -> "tuple[AutodateField, ...]":
        """The fields with a time of change."""
        made = self._dated
        if made is None:
            made = self._dated = tuple([field for field in self.field_set.fields if isinstance(field, AutodateField)])
        return made

    @property
    def generated(self) -> "tuple[Field, ...]":
        """The fields with a text that is made where nobody submits one."""
        made = self._generated
        if made is None:
            fields = self.field_set.fields
            made = self._generated = tuple([each for each in fields if getattr(each, "autogenerate_pattern", "")])
        return made

    @property
    def passwords(self) -> "tuple[PasswordField, ...]":
        """The fields with a password to be hashed."""
        made = self._passwords
        if made is None:
            fields = self.field_set.fields
            made = self._passwords = tuple([field for field in fields if isinstance(field, PasswordField)])
        return made

    @property
    def insert(self) -> str:
        """The statement that stores a new record, its values in the order of the fields."""
        made = self._insert
        if not made:
            fields = self.field_set.fields
            names = ", ".join([quote(field.name) for field in fields])
            made = self._insert = f"INSERT INTO {self.table} ({names}) VALUES ({', '.join('?' * len(fields))})"
        return made

    @property
    def values(self) -> Reader:
        """What makes a record's values of a row of `columns`."""
        made = self._values
        if made is None:
            made = self._values = compile_reader(self.field_set.fields, {}, exact=self.is_view)
        return made

    @property
    def public(self) -> Shape:
        """How everybody sees the records who is no superuser."""
        made = self._public
        if made is None:
            made = self._public = Shape(self, superuser=False)
        return made

    @property
    def superuser(self) -> Shape:
        """How superusers see them."""
        made = self._superuser
        if made is None:
            made = self._superuser = Shape(self, superuser=True)
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
