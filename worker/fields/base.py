"""What a field is: the options of its definition, and the way of a value between JSON, memory and SQLite.

A field is immutable once loaded and shared between all collections with an equal definition, so it holds nothing but
its definition. A value's internal form is the one it is emitted in as JSON (str, int or float, bool, list of str,
dict, None); only a password has another form on its way in.
"""

from collections.abc import Mapping
from sys import intern
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol
from zlib import crc32

from worker.errors import REQUIRED, FieldError
from worker.fields.dates import parse_date
from worker.fields.numbers import SAFE_INT_MAX, normal

if TYPE_CHECKING:
    from worker.db.connection import Database

NAME_MAX = 100
HELP_MAX = 300
ID_MAX = 100
# Names with a meaning of their own in filters and in a record's JSON. Compared case-sensitively.
RESERVED_NAMES = frozenset({"null", "true", "false", "_rowid_", "collectionId", "collectionName", "expand"})


class MalformedError(ValueError):
    """A definition that cannot be read at all: an option of the wrong type, or an unknown kind of field."""


class Option(NamedTuple):
    """One key of a field's JSON: the attribute that holds it, the kind of value, and the value where it is missing.

    Kinds: "bool", "str", "int" (whole numbers only), "number" (or null), "date", "texts" (list of strings).
    """

    attribute: str
    kind: str
    default: Any


class CollectionLike(Protocol):
    """The part of a collection that a check looks at; `worker.schema` has the real one."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def is_auth(self) -> bool: ...
    @property
    def is_view(self) -> bool: ...


class CatalogLike(Protocol):
    """The part of a catalog that a check looks at."""

    def get(self, name_or_id: str, /) -> "CollectionLike | None": ...


class Check(Protocol):
    """What `Field.validate` may ask about the record whose value it looks at. Use cases pass their own object."""

    @property
    def db(self) -> "Database": ...
    @property
    def catalog(self) -> CatalogLike: ...
    @property
    def collection(self) -> CollectionLike: ...
    @property
    def original(self) -> Mapping[str, Any] | None: ...
    @property
    def is_new(self) -> bool: ...


class DefinitionCheck(NamedTuple):
    """What `Field.check_options` may ask about the collection whose definition is checked."""

    catalog: CatalogLike
    collection: CollectionLike
    fields: "tuple[Field, ...]"
    # the stored definition of the same field (same id), None for a new one
    old: "Field | None"


COMMON_OPTIONS: dict[str, Option] = {
    "hidden": Option("hidden", "bool", False),
    "id": Option("id", "str", ""),
    "name": Option("name", "str", ""),
    "presentable": Option("presentable", "bool", False),
    "system": Option("system", "bool", False),
    "help": Option("help", "str", ""),
    "required": Option("required", "bool", False),
}

# What is wrong with a definition, by key; options with several values nest by place.
Errors = dict[str, "FieldError | dict[str, FieldError]"]


class Field:
    """One field of a collection. Derived classes name their type, its options, and what differs."""

    __slots__ = ("help", "hidden", "id", "name", "presentable", "required", "system")

    type: ClassVar[str] = ""
    OPTIONS: ClassVar[Mapping[str, Option]] = COMMON_OPTIONS

    id: str
    name: str
    system: bool
    hidden: bool
    presentable: bool
    required: bool
    help: str

    def __init__(self, raw: Mapping[str, Any]) -> None:
        """Read a definition as JSON has it. Unknown keys are ignored; MalformedError for a value of the wrong type."""
        for key, option in self.OPTIONS.items():
            value = raw.get(key)
            setattr(self, option.attribute, option.default if value is None else read_option(key, option.kind, value))
        if not self.id and self.name:
            self.id = default_id(self.type, self.name)

    def dump(self) -> dict[str, Any]:
        """The definition as JSON has it, its keys in alphabetical order as the real one writes them."""
        item: dict[str, Any] = {}
        for key, option in self.OPTIONS.items():
            value = getattr(self, option.attribute)
            item[key] = list(value) if option.kind == "texts" else value
        item["type"] = self.type
        return dict(sorted(item.items()))

    # The way of a value.

    @property
    def multiple(self) -> bool:
        """Whether the value is a list, stored as a JSON array."""
        return False

    def column(self) -> str:
        """Type and default of the column in DDL, without its name."""
        return "TEXT DEFAULT '' NOT NULL"

    def zero(self) -> Any:
        """The value of a field that nothing was said about; a fresh object where it is mutable."""
        return ""

    def from_db(self, raw: Any) -> Any:
        """The internal value of what SQLite holds. Never fails: a value of another type is cast."""
        return raw if isinstance(raw, str) else self.cast(raw)

    def to_db(self, value: Any) -> Any:
        """What SQLite stores of an internal value."""
        return value

    def cast(self, raw: Any) -> Any:
        """The internal value of a submitted one, leniently: what makes no sense becomes the zero value."""
        raise NotImplementedError

    def modify(self, modifier: str, current: Any, raw: Any) -> Any:
        """The value after `name+` ("+"), `+name` ("prepend+") or `name-` ("-"); without effect on most types."""
        del modifier, raw
        return current

    def prepare(self, value: Any, is_new: bool, given: bool) -> Any:
        """The value to validate and store: autodates and generated texts are filled in here."""
        del is_new, given
        return value

    def is_zero(self, value: Any) -> bool:
        """Whether a required field would be missing with this value."""
        return bool(value == self.zero())

    def validate(self, value: Any, check: Check) -> FieldError | None:
        """What is wrong with an internal value, or None."""
        del check
        return REQUIRED if self.required and self.is_zero(value) else None

    def check_options(self, check: DefinitionCheck) -> Errors:
        """What is wrong with the options of the definition, by key. Names and ids are the collection's matter."""
        del check
        return {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self.dump() == other.dump()

    def __hash__(self) -> int:
        return hash((self.type, self.id, self.name))

    def __repr__(self) -> str:
        return f"<{self.type} field {self.name}>"


def default_id(kind: str, name: str) -> str:
    """The id of a field or collection that came without one: its type and the CRC-32 of its name, in decimal."""
    return f"{kind}{crc32(name.encode())}"


_TEXT_OR_NULL = (str, type(None))


def read_option(key: str, kind: str, value: Any) -> Any:
    """`value` checked against the kind of an option. Raises MalformedError."""
    match kind:
        case "bool" if isinstance(value, bool):
            return value
        case "str" if isinstance(value, str):
            return intern(value)  # most names, ids and patterns are those of other tenants too
        case "date" if isinstance(value, str):
            return parse_date(value)
        case "int" if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        case "number" if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = normal(value)
            return number if isinstance(number, int) else float(number)
        case "texts" if isinstance(value, (list, tuple)) and all(isinstance(text, _TEXT_OR_NULL) for text in value):
            return tuple(intern(text or "") for text in value)
    raise MalformedError(f"{key}: expected {kind}")


def no_less(threshold: float | str) -> FieldError:
    """A value below a lower bound."""
    return FieldError(
        "validation_min_greater_equal_than_required",
        f"must be no less than {threshold}",
        {"threshold": threshold},
    )


def no_greater(threshold: float | str) -> FieldError:
    """A value above an upper bound."""
    return FieldError(
        "validation_max_less_equal_than_required",
        f"must be no greater than {threshold}",
        {"threshold": threshold},
    )


def out_of(value: int, low: int, high: int = SAFE_INT_MAX) -> FieldError | None:
    """Whether a whole-number option lies outside `low` … `high`; 0 passes any lower bound, as "not set"."""
    if value and value < low:
        return no_less(low)
    return no_greater(high) if value > high else None
