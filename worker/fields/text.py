# ruff: noqa: ARG002 - the signatures are the base class's
"""Text fields, the primary key among them."""

from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields import patterns
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option, out_of
from worker.fields.casts import to_text
from worker.sql import quote

DEFAULT_MAX = 5000
# Characters that would break paths and file names made of an id.
FORBIDDEN_PK_CHARACTERS = frozenset("./\\|\"'`<>:?*%$\n\r\t\0 ")
# Device names of Windows, compared without case, since an id becomes a directory's name.
RESERVED_PKS = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"COM{digit}" for digit in range(1, 10)), *(f"LPT{digit}" for digit in range(1, 10))]
)
# The pattern of the id field that every collection starts with.
ID_PATTERN = "^[a-z0-9]+$"
PK_CHANGE = FieldError("validation_pk_change", "The record primary key cannot be changed.")
PK_TAKEN = FieldError("validation_pk_invalid", "The record primary key is invalid or already exists.")
NOT_NAMED_ID = FieldError("validation_in_invalid", 'The primary key must be named "id".')
COMPOSITE_PK = FieldError(
    "validation_unsupported_composite_pk",
    "Composite PKs are not supported and the collection must have only 1 PK.",
)
INVALID_FORMAT = FieldError("validation_invalid_format", "Invalid value format.")


class TextField(Field):
    """A text with bounds on its length, a pattern, and a pattern to generate from."""

    __slots__ = ("autogenerate_pattern", "max", "min", "pattern", "primary_key")

    type = "text"
    OPTIONS = COMMON_OPTIONS | {
        "min": Option("min", "int", 0),
        "max": Option("max", "int", 0),
        "pattern": Option("pattern", "str", ""),
        "autogeneratePattern": Option("autogenerate_pattern", "str", ""),
        "primaryKey": Option("primary_key", "bool", False),
    }

    min: int
    max: int
    pattern: str
    autogenerate_pattern: str
    primary_key: bool

    def column(self) -> str:
        if self.primary_key:
            return "TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL"
        return super().column()

    def cast(self, raw: Any) -> str:
        return to_text(raw)

    def modify(self, modifier: str, current: Any, raw: Any) -> Any:
        if modifier == ":autogenerate":
            return to_text(raw) + (patterns.generate(self.autogenerate_pattern) if self.autogenerate_pattern else "")
        return current

    def prepare(self, value: Any, is_new: bool, given: bool) -> Any:
        if is_new and value == "" and self.autogenerate_pattern:
            return patterns.generate(self.autogenerate_pattern)
        return value

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if not self.primary_key:
            return self.validate_text(value)
        if not check.is_new:
            return PK_CHANGE if check.original is not None and check.original["id"] != value else None
        return self.validate_text(value) or self._validate_key(value, check)

    def validate_text(self, value: str) -> FieldError | None:
        """What is wrong with a text by the field's own options."""
        if not value:
            return REQUIRED if self.required else None
        return check_length(value, self.min, self.max if self.max > 0 else DEFAULT_MAX) or (
            INVALID_FORMAT if self.pattern and not patterns.matches(self.pattern, value) else None
        )

    def _validate_key(self, value: str, check: Check) -> FieldError | None:
        if not FORBIDDEN_PK_CHARACTERS.isdisjoint(value):
            character = next(character for character in value if character in FORBIDDEN_PK_CHARACTERS)
            message = f"'{character}' is not a valid primary key character."
            return FieldError("validation_forbidden_pk_character", message, {"ch": character})
        upper = value.upper()
        if upper in RESERVED_PKS:
            message = f"The primary key '{upper}' is reserved and cannot be used."
            return FieldError("validation_reserved_pk", message, {"reserved": upper})
        if self.pattern == ID_PATTERN:  # knows no upper case
            return None
        # ids that differ in case only would share a directory on some systems
        table = quote(check.collection.name)
        taken = check.db.value(f"SELECT 1 FROM {table} WHERE `id` = ? COLLATE NOCASE LIMIT 1", (value,))
        return PK_TAKEN if taken else None

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors = {
            "min": out_of(self.min, 0),
            "max": out_of(self.max, self.min),
            "pattern": patterns.check(self.pattern),
            "autogeneratePattern": patterns.check_generator(self.autogenerate_pattern) or self._check_generated(),
        }
        found: Errors = {key: error for key, error in errors.items() if error is not None}
        return found | self._check_key(check) if self.primary_key else found

    def _check_key(self, check: DefinitionCheck) -> Errors:
        errors: Errors = {}
        if self.name != "id":
            errors["name"] = NOT_NAMED_ID
        if sum(isinstance(field, TextField) and field.primary_key for field in check.fields) > 1:
            errors["primaryKey"] = COMPOSITE_PK
        if not self.required:
            errors["required"] = REQUIRED
        if not self.pattern:
            errors["pattern"] = REQUIRED
        if self.hidden:
            errors["hidden"] = FieldError("validation_empty", "must be blank")
        return errors

    def _check_generated(self) -> FieldError | None:
        if not self.autogenerate_pattern:
            return None
        unfit = patterns.check(self.pattern) is not None
        for _ in range(GENERATED_TRIALS):
            generated = patterns.generate(self.autogenerate_pattern)
            if unfit or self.validate_text(generated) is not None:
                return FieldError(
                    "validation_invalid_autogenerate_pattern_value",
                    f'The provided autogenerate pattern could produce invalid field values, ex.: "{generated}"',
                )
        return None


# How many values are generated to see whether a pattern for generated values fits the field's own pattern.
GENERATED_TRIALS = 10


def check_length(value: str, low: int, high: int) -> FieldError | None:
    """What is wrong with the length of a text, in characters."""
    length = len(value)
    if length < low:
        return FieldError("validation_min_text_constraint", f"Must be at least {low} character(s).", {"min": low})
    if length > high:
        return FieldError("validation_max_text_constraint", f"Must be no more than {high} character(s).", {"max": high})
    return None
