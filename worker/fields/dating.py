# ruff: noqa: ARG002 - the signatures are the base class's
"""Date fields, and autodate fields, which nobody can write."""

from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option
from worker.fields.dates import go_text, parse_date, rfc3339
from worker.sql import now

NEVER_SET = FieldError("validation_required", "either onCreate or onUpdate must be enabled")


class DateField(Field):
    """A moment in UTC with milliseconds, or the empty text."""

    __slots__ = ("max", "min")

    type = "date"
    OPTIONS = COMMON_OPTIONS | {"min": Option("min", "date", ""), "max": Option("max", "date", "")}

    min: str
    max: str

    def cast(self, raw: Any) -> str:
        return parse_date(raw)

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if not value:
            return REQUIRED if self.required else None
        if self.min and value < self.min:
            return FieldError(
                "validation_min_greater_equal_than_required",
                f"must be no less than {go_text(self.min)}",
                {"threshold": rfc3339(self.min)},
            )
        if self.max and value > self.max:
            return FieldError(
                "validation_max_less_equal_than_required",
                f"must be no greater than {go_text(self.max)}",
                {"threshold": rfc3339(self.max)},
            )
        return None


class AutodateField(Field):
    """The moment of creation, of the last update, or both."""

    __slots__ = ("on_create", "on_update")

    type = "autodate"
    OPTIONS = {key: COMMON_OPTIONS[key] for key in ("hidden", "id", "name", "presentable", "system")} | {
        "onCreate": Option("on_create", "bool", False),
        "onUpdate": Option("on_update", "bool", False),
    }

    on_create: bool
    on_update: bool

    @property
    def required(self) -> bool:  # type: ignore[override]
        return False

    @property
    def help(self) -> str:  # type: ignore[override]
        return ""

    def cast(self, raw: Any) -> str:
        return parse_date(raw)

    def prepare(self, value: Any, is_new: bool, given: bool) -> Any:
        return now() if (self.on_create if is_new else self.on_update) else value

    def validate(self, value: Any, check: Check) -> FieldError | None:
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        if not self.on_create and not self.on_update:
            return {"onCreate": NEVER_SET, "onUpdate": NEVER_SET}
        return {}
