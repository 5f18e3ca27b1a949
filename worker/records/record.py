"""A record in memory: its collection, its values, and the values it was loaded with."""

from typing import TYPE_CHECKING, Any

from worker.fields.password import PasswordValue

if TYPE_CHECKING:
    from worker.schema.collection import Collection

SUPERUSERS = "_superusers"


class Record:
    """Values by field name, in the form in which they are emitted as JSON (a password is its hash).

    `original` holds the stored values and is None for a record that is not stored yet. Until the first `set` both
    are one dict, so reading costs no copy: change values through `set` only.
    """

    __slots__ = ("collection", "data", "email_shown", "expand", "id_generated", "original")

    def __init__(self, collection: "Collection", data: dict[str, Any], original: dict[str, Any] | None) -> None:
        self.collection = collection
        self.data = data
        self.original = original
        # related records by expanded name: a Record, or a list of them; None where nothing was asked for
        self.expand: dict[str, Record | list[Record]] | None = None
        # set where the requester is known to be the record's owner: a login answers with the own e-mail
        self.email_shown = False
        # set where the id was drawn here, so that nobody needs to look for another record with it
        self.id_generated = False

    @classmethod
    def new(cls, collection: "Collection") -> "Record":
        """A record that is not stored yet, every field at its zero value."""
        return cls(collection, {field.name: field.zero() for field in collection.fields}, None)

    @classmethod
    def stored(cls, collection: "Collection", data: dict[str, Any]) -> "Record":
        """A record as it was read."""
        return cls(collection, data, data)

    @property
    def id(self) -> str:
        """The primary key; empty before a new record gets one."""
        return self.data["id"]  # type: ignore[no-any-return]

    @property
    def is_new(self) -> bool:
        """Whether the record is not stored yet."""
        return self.original is None

    def get(self, name: str) -> Any:
        """The value of the field `name`; None where there is no such field."""
        return self.data.get(name)

    def set(self, name: str, value: Any) -> None:
        """Give a field a value of its internal form. A name without a field is ignored."""
        data = self.data
        if name not in data:
            return
        if data is self.original:
            self.data = data = data.copy()
        data[name] = value

    def set_password(self, plain: str) -> None:
        """Give an auth record a new password, hashed when the record is saved."""
        self.set("password", PasswordValue(plain))

    def changed(self, name: str) -> bool:
        """Whether a field differs from what is stored; every field of a new record does."""
        return self.original is None or self.original.get(name) != self.data.get(name)

    def committed(self) -> None:
        """Note that the values are stored now."""
        self.original = self.data

    # Auth records. On records of other collections these are empty.

    @property
    def email(self) -> str:
        """The e-mail address of an auth record."""
        return self.data.get("email") or ""

    @property
    def verified(self) -> bool:
        """Whether an auth record's e-mail address is known to be its own."""
        return bool(self.data.get("verified"))

    @property
    def token_key(self) -> str:
        """The part of the signing key that dies with a changed password or e-mail."""
        return self.data.get("tokenKey") or ""

    @property
    def is_superuser(self) -> bool:
        """Whether the record is one of `_superusers`."""
        return self.collection.name == SUPERUSERS

    def __repr__(self) -> str:
        return f"Record({self.collection.name}/{self.data.get('id')})"
