"""A submitted body becomes a record's values.

Keys are a field's name, or its name with a modifier (`tags+`, `+tags`, `tags-`, `slug:autogenerate`); they are applied
in order of their length, so the plain key comes first. Keys that are no field's are left alone: rules may look at
them. Hidden fields are a superuser's to write; others' values for them vanish, from the rules' sight too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.fields import PasswordValue, TextField
from worker.fields.hashes import NOBODY
from worker.records.record import Record
from worker.sql import rand_id

if TYPE_CHECKING:
    from worker.fields.base import Field

AUTOGENERATE = ":autogenerate"
# The field types that know a modifier. For other types a key with one is no field's, or rules would take the value
# that is stored for one that was submitted.
LISTS = frozenset({"select", "relation", "file"})
MODIFIED = {"+": LISTS | {"number"}, "-": LISTS | {"number"}, "prepend+": LISTS, AUTOGENERATE: frozenset({"text"})}


def load(record: Record, body: Mapping[str, Any], *, superuser: bool) -> dict[str, Any]:
    """Set what `body` says on `record`; returns the body that rules see, with every field's resulting value."""
    collection = record.collection
    resolved: dict[str, Any] = {}
    by_name = collection.by_name
    for key in sorted(body, key=len):
        field, modifier = by_name.get(key), ""
        if field is None:
            found = _modified(by_name, key)
            if found is None:
                resolved[key] = body[key]
                continue
            field, modifier = found
        name = field.name
        if field.hidden and not superuser and not (collection.is_auth and name == "password"):
            continue
        if field.type != "autodate":
            raw = body[key]
            record.set(name, _applied(field, modifier, record.data[name], raw) if modifier else field.cast(raw))
        value = record.data[name]
        resolved[name] = value.plain if isinstance(value, PasswordValue) else value
    return resolved


def _applied(field: "Field", modifier: str, current: Any, raw: Any) -> Any:
    if modifier == AUTOGENERATE and isinstance(field, TextField) and not field.autogenerate_pattern:
        return field.cast(raw)
    return field.modify(modifier, current, raw)


def _modified(by_name: "Mapping[str, Field]", key: str) -> "tuple[Field, str] | None":
    """The field that a key of a body with a modifier means, and the modifier."""
    if key.endswith(AUTOGENERATE):
        field, modifier = by_name.get(key[: -len(AUTOGENERATE)]), AUTOGENERATE
    elif key[:1] == "+":
        field, modifier = by_name.get(key[1:]), "prepend+"
    elif key[-1:] in ("+", "-"):
        field, modifier = by_name.get(key[:-1]), key[-1]
    else:
        return None
    return None if field is None or field.type not in MODIFIED[modifier] else (field, modifier)


def hashable(record: Record) -> bool:
    """Whether bcrypt takes the passwords of a new record."""
    values = record.data.values()
    return PasswordValue not in map(type, values) or all(
        value.hashable for value in values if isinstance(value, PasswordValue)
    )


def row_of(record: Record) -> dict[str, Any]:
    """The row that a new record would be, for its create rule: not verified yet, with some id.

    A password is some hash there, since a rule must not depend on what nobody can tell, and hashing takes its time.
    """
    row: dict[str, Any] = {}
    for field in record.collection.fields:
        value = record.data[field.name]
        row[field.name] = NOBODY if isinstance(value, PasswordValue) else field.to_db(value)
    row["id"] = row["id"] or rand_id()
    if record.collection.is_auth:
        row["verified"] = False
    return row
