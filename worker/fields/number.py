"""Number fields."""

import math
from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option, no_less
from worker.fields.casts import to_float
from worker.fields.numbers import normal, text_of

NOT_A_NUMBER = FieldError("validation_not_a_number", "The submitted number is not properly formatted.")
NOT_WHOLE = FieldError("validation_only_int_constraint", "Decimal numbers are not allowed.")


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
        if value == 0:
            # an explicit bound makes 0 count as missing only where the field is required
            if self.required:
                return REQUIRED
        if self.only_int and not float(value).is_integer():
            return NOT_WHOLE
        if self.min is not None and value < self.min:
            text = text_of(self.min)
            return FieldError("validation_min_number_constraint", f"Must be larger than {text}.", {"min": self.min})
        if self.max is not None and value > self.max:
            text = text_of(self.max)
            return FieldError("validation_max_number_constraint", f"Must be less than {text}.", {"max": self.max})
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors: Errors = {}
        if self.only_int:
            for key, bound in (("min", self.min), ("max", self.max)):
                if bound is not None and not float(bound).is_integer():
                    errors[key] = NOT_WHOLE
        if "max" not in errors and self.min is not None and self.max is not None and self.max < self.min:
            errors["max"] = no_less(normal(self.min))
        return errors
