# ruff: noqa: ARG002 - the signatures are the base class's
"""Select fields: one or several of a fixed list of texts."""

from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Option, out_of
from worker.fields.lists import ListField


class SelectField(ListField):
    """One or several of `values`."""

    __slots__ = ("values",)

    type = "select"
    OPTIONS = COMMON_OPTIONS | {
        "maxSelect": Option("max_select", "int", 0),
        "values": Option("values", "texts", ()),
    }

    values: tuple[str, ...]

    def validate(self, value: Any, check: Check) -> FieldError | None:
        chosen = self.values_of(value)
        if not chosen:
            return REQUIRED if self.required else None
        if self.multiple and len(chosen) > self.max_select:
            return too_many(self.max_select)
        for text in chosen:
            if text not in self.values:
                return FieldError("validation_invalid_value", f"Invalid value {text}", {"value": text})
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors = {
            "values": None if self.values else REQUIRED,
            "maxSelect": out_of(self.max_select, 0, max(1, len(self.values))),
        }
        return {key: error for key, error in errors.items() if error is not None}


def too_many(maximum: int) -> FieldError:
    """A list longer than the field allows."""
    return FieldError("validation_too_many_values", f"Select no more than {maximum}", {"maxSelect": maximum})
