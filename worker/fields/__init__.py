"""The fourteen field types: options, casts, validation, and the way of a value into SQLite and back."""

from collections.abc import Mapping
from typing import Any

from worker.fields.address import EmailField, UrlField
from worker.fields.base import Check, DefinitionCheck, Field, MalformedError, default_id
from worker.fields.boolean import BoolField
from worker.fields.dating import AutodateField, DateField
from worker.fields.editor import EditorField
from worker.fields.file import FileField
from worker.fields.geopoint import GeoPointField
from worker.fields.json import JsonField
from worker.fields.number import NumberField
from worker.fields.password import PasswordField, PasswordValue
from worker.fields.relation import RelationField
from worker.fields.select import SelectField
from worker.fields.text import TextField

TYPES: dict[str, type[Field]] = {
    kind.type: kind
    for kind in (
        AutodateField,
        BoolField,
        DateField,
        EditorField,
        EmailField,
        FileField,
        GeoPointField,
        JsonField,
        NumberField,
        PasswordField,
        RelationField,
        SelectField,
        TextField,
        UrlField,
    )
}

__all__ = [
    "TYPES",
    "AutodateField",
    "BoolField",
    "Check",
    "DateField",
    "DefinitionCheck",
    "EditorField",
    "EmailField",
    "Field",
    "FileField",
    "GeoPointField",
    "JsonField",
    "MalformedError",
    "NumberField",
    "PasswordField",
    "PasswordValue",
    "RelationField",
    "SelectField",
    "TextField",
    "UrlField",
    "default_id",
    "load_field",
]


def load_field(raw: Mapping[str, Any]) -> Field:
    """A field from its JSON definition. MalformedError for an unknown type or an option of the wrong type."""
    if not isinstance(raw, Mapping):
        raise MalformedError("a field must be an object")
    name = raw.get("type")
    kind = TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MalformedError(f"unknown field type {name!r}")
    return kind(raw)
