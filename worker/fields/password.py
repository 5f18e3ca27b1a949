# ruff: noqa: ARG002 - the signatures are the base class's
"""Password fields: a bcrypt hash, made from a plain text when the record is saved."""

from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields import patterns
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option, out_of
from worker.fields.casts import to_text
from worker.fields.hashes import PASSWORD_BYTES_MAX
from worker.fields.text import INVALID_FORMAT

MAX_CHARS = 71
NOT_HASHABLE = FieldError("validation_invalid_value", "Invalid value")
DEFAULT_COST = 10
MIN_COST = 4
MAX_COST = 31


class PasswordValue:
    """A plain password on its way to being hashed. Its representation never shows it."""

    __slots__ = ("plain",)

    def __init__(self, plain: str) -> None:
        self.plain = plain

    @property
    def hashable(self) -> bool:
        """Whether bcrypt takes it. The length is in bytes, unlike the field's bounds."""
        return len(self.plain.encode("utf-8", "surrogatepass")) <= PASSWORD_BYTES_MAX

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PasswordValue) and other.plain == self.plain

    def __hash__(self) -> int:
        return hash(self.plain)

    def __repr__(self) -> str:
        return "PasswordValue(…)"


class PasswordField(Field):
    """A bcrypt hash, never shown. `validate` looks at the plain text while there is one."""

    __slots__ = ("cost", "max", "min", "pattern")

    type = "password"
    OPTIONS = COMMON_OPTIONS | {
        "min": Option("min", "int", 0),
        "max": Option("max", "int", 0),
        "pattern": Option("pattern", "str", ""),
        "cost": Option("cost", "int", 0),
    }

    min: int
    max: int
    pattern: str
    cost: int

    @property
    def hash_cost(self) -> int:
        """bcrypt's cost for new hashes."""
        return self.cost or DEFAULT_COST

    def cast(self, raw: Any) -> Any:
        """A submitted plain password; the empty text where nothing was submitted."""
        if isinstance(raw, PasswordValue):
            return raw
        plain = to_text(raw)
        return PasswordValue(plain) if plain else ""

    def from_db(self, raw: Any) -> Any:
        return raw if isinstance(raw, str) else ""

    def is_zero(self, value: Any) -> bool:
        return not (value.plain if isinstance(value, PasswordValue) else value)

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if self.is_zero(value):
            return REQUIRED if self.required else None
        if not isinstance(value, PasswordValue):
            return None
        plain = value.plain
        if not value.hashable:
            return NOT_HASHABLE
        if len(plain) < self.min:
            return FieldError("validation_min_text_constraint", f"Must be at least {self.min} character(s)")
        most = self.max or MAX_CHARS
        if len(plain) > most:
            return FieldError("validation_max_text_constraint", f"Must be less than {most} character(s)")
        if self.pattern and not patterns.matches(self.pattern, plain):
            return INVALID_FORMAT
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors = {
            "min": out_of(self.min, 1, MAX_CHARS),
            "max": out_of(self.max, self.min, MAX_CHARS),
            "cost": out_of(self.cost, MIN_COST, MAX_COST),
            "pattern": patterns.check(self.pattern),
        }
        return {key: error for key, error in errors.items() if error is not None}
