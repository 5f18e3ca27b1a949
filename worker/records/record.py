"""A record in memory: its collection, its values, and the values it was loaded with."""

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any, Final

from worker.fields.password import PasswordValue

if TYPE_CHECKING:
    from worker.schema.collection import Collection

SUPERUSERS = "_superusers"
# How deep records may be expanded on one another: requests go six levels deep, but a script may put one on itself.
EXPANDED_DEPTH_MAX: Final = 64
TOO_DEEP: Final = "records are expanded too deep"


class View:
    """How a script wants a record to be shown: differently from what its collection says."""

    __slots__ = ("bare", "custom", "email", "extra", "shown")

    def __init__(
        self, shown: Mapping[str, bool], extra: Mapping[str, Any], *, custom: bool, email: bool, bare: bool = False
    ) -> None:
        # names of fields and other members that are shown (True) or hidden, whatever their definition says
        self.shown = shown
        # values by names that are no field's, and whether they are shown
        self.extra = extra
        self.custom = custom
        # whether the e-mail is shown whatever the record says
        self.email = email
        # whether it is shown as to nobody in particular: what a script itself has expanded on another record
        self.bare = bare

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> "View":
        """From what a script says, which may be anything."""
        shown, extra = raw.get("shown"), raw.get("extra")
        return cls(
            {name: state is True for name, state in shown.items()} if isinstance(shown, dict) else {},
            extra if isinstance(extra, dict) else {},
            custom=raw.get("custom") is True,
            email=raw.get("email") is True,
        )

    def unhidden(self, names: Container[str]) -> "View":
        """The same with everything of `names` that is hidden as its definition says."""
        shown = {name: state for name, state in self.shown.items() if state or name not in names}
        return View(shown, self.extra, custom=self.custom, email=True, bare=self.bare)

    def dump(self) -> dict[str, Any]:
        """As `load` takes it."""
        return {"shown": self.shown, "extra": self.extra, "custom": self.custom, "email": self.email}


class Record:
    """Values by field name, in the form in which they are emitted as JSON (a password is its hash).

    `original` holds the stored values and is None for a record that is not stored yet. Until the first `set` both
    are one dict, so reading costs no copy: change values through `set` only.
    """

    __slots__ = ("collection", "data", "email_shown", "expand", "id_generated", "loaded", "original", "view")

    def __init__(self, collection: "Collection", data: dict[str, Any], original: dict[str, Any] | None) -> None:
        self.collection = collection
        self.data = data
        self.original = original
        # as `original`, and still what it was after the record has been stored: what scripts compare with
        self.loaded = original
        # related records by expanded name: a Record, or a list of them; None where nothing was asked for
        self.expand: dict[str, Record | list[Record]] | None = None
        # set where the requester is known to be the record's owner: a login answers with the own e-mail
        self.email_shown = False
        # set where the id was drawn here, so that nobody needs to look for another record with it
        self.id_generated = False
        # how a script wants it to be shown; None where none has said anything
        self.view: View | None = None

    @staticmethod
    def new(collection: "Collection") -> "Record":
        """A record that is not stored yet, every field at its zero value."""
        return Record(collection, {field.name: field.zero() for field in collection.fields}, None)

    @staticmethod
    def stored(collection: "Collection", data: dict[str, Any]) -> "Record":
        """A record as it was read."""
        return Record(collection, data, data)

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
