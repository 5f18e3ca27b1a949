# ruff: noqa: ARG002 - the signatures are the base class's
"""Number fields."""

import math
from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option
from worker.fields.casts import to_float
from worker.fields.numbers import INT64, message_of, normal

NOT_A_NUMBER = FieldError("validation_not_a_number", "The submitted number is not properly formatted")
NOT_WHOLE = FieldError("validation_only_int_constraint", "Decimal numbers are not allowed")


class NumberField(Field):
    """A 64-bit float, emitted without a fraction where it is whole."""

    __slots__ = ("max", "min", "only_int")

    type = "number"
    OPTIONS = COMMON_OPTIONS | {
        "min": Option("min", "number", None),
        "max": Option("max", "number", None),
        "onlyInt": Option("only_int", "bool", False),
    }

    min: float | None
    max: float | None
    only_int: bool

    def column(self) -> str:
        return "NUMERIC DEFAULT 0 NOT NULL"

    def zero(self) -> Any:
        return 0

    def from_db(self, raw: Any) -> Any:
        # SQLite keeps whole numbers of a NUMERIC column as integers already
        return self.cast(raw)

    def to_db(self, value: Any) -> Any:
        # SQLite's integers end earlier than JSON's
        return value if abs(value) < INT64 else float(value)

    def cast(self, raw: Any) -> Any:
        value = to_float(raw)
        return normal(value) if math.isfinite(value) else value

    def modify(self, modifier: str, current: Any, raw: Any) -> Any:
        amount = to_float(raw)
        if modifier == "+":
            return self.cast(float(current) + amount)
        if modifier == "-":
            return self.cast(float(current) - amount)
        return current

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if not math.isfinite(value):
            return NOT_A_NUMBER
        if not value:
            # 0 stands for "nothing", which bounds let pass
            return REQUIRED if self.required else None
        if self.only_int and (abs(value) >= INT64 or not float(value).is_integer()):
            return NOT_WHOLE
        if self.min is not None and value < self.min:
            return below(self.min)
        if self.max is not None and value > self.max:
            message = f"Must be less or equal than {message_of(self.max)}"
            return FieldError("validation_max_number_constraint", message, {"max": normal(self.max)})
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors: Errors = {}
        if self.only_int:
            for key, bound in (("min", self.min), ("max", self.max)):
                if bound is not None and not float(bound).is_integer():
                    errors[key] = NOT_WHOLE
        if "max" not in errors and self.min is not None and self.max is not None and self.max < self.min:
            errors["max"] = below(self.min)
        return errors


def below(bound: float) -> FieldError:
    """A number below a lower bound."""
    message = f"Must be greater or equal than {message_of(bound)}"
    return FieldError("validation_min_number_constraint", message, {"min": normal(bound)})
