# ruff: noqa: ARG002 - the signatures are the base class's
"""JSON fields: any value, kept as JSON text."""

import json
import unicodedata
from typing import Any

import orjson

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option, out_of
from worker.fields.jsontext import UnfitError, dumps, loads_spelled
from worker.fields.numbers import Numeral, message_of, normal

DEFAULT_MAX_BYTES = 1 << 20
# How a text begins that may be JSON itself.
JSON_STARTS = ("[", "{", '"', "-", *"0123456789")
LITERALS = ("null", "true", "false")
# Values that a required field takes for missing.
EMPTY: tuple[Any, ...] = (None, "", [], {})
INVALID = FieldError("validation_invalid_json", "Must be a valid json value")


class Refused(str):
    """A text that is JSON which is refused: neither a value nor a text like any other."""

    __slots__ = ()


class SpelledText(str):
    """A value that was submitted as JSON text, which is stored as it was spelled (`text`)."""

    __slots__ = ("text",)

    text: str


class SpelledList(list[Any]):
    """As `SpelledText`."""

    __slots__ = ("text",)

    text: str


class SpelledObject(dict[str, Any]):
    """As `SpelledText`."""

    __slots__ = ("text",)

    text: str


SPELLED: dict[type, Any] = {str: SpelledText, list: SpelledList, dict: SpelledObject}
SPELLED_TYPES = frozenset(SPELLED.values())


class JsonField(Field):
    """Any JSON value. A text that is JSON itself is stored as what it says."""

    __slots__ = ("max_size",)

    type = "json"
    OPTIONS = COMMON_OPTIONS | {"maxSize": Option("max_size", "int", 0)}

    max_size: int

    def column(self) -> str:
        return "JSON DEFAULT NULL"

    def zero(self) -> Any:
        return None

    def is_zero(self, value: Any) -> bool:
        return value is None or (value is not False and not isinstance(value, (bool, int, float)) and value in EMPTY)

    def from_db(self, raw: Any) -> Any:
        # a column of type JSON has numeric affinity: the text "5" comes back as a number
        if isinstance(raw, bytes):  # a column of another table, shown by a view
            raw = raw.decode(errors="replace")
        if not isinstance(raw, str):
            return as_read(raw) if isinstance(raw, float) else raw
        if not raw.startswith(JSON_STARTS) and raw not in LITERALS:
            return raw
        try:
            return loads_spelled(raw.encode())
        except ValueError:
            return raw

    def to_db(self, value: Any) -> Any:
        return None if value is None else _text(value)

    def cast(self, raw: Any) -> Any:
        if not isinstance(raw, str):
            return plain(raw)
        if len(raw) > self.max_bytes():  # refused by its size in any case, and not worth the time to be parsed
            return raw
        if raw in LITERALS or raw.startswith(JSON_STARTS):
            try:
                return _spelled(loads_spelled(raw.encode()), raw)
            except UnfitError:
                return Refused(raw)
            except ValueError:
                return Refused(raw) if _is_json(raw) else raw
        return raw

    def max_bytes(self) -> int:
        """The largest value in bytes of JSON."""
        return self.max_size or DEFAULT_MAX_BYTES

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if isinstance(value, str) and not value.isprintable() and any(map(_unquotable, value)):
            return INVALID
        if type(value) is Refused:
            return INVALID
        if value is None:
            return REQUIRED if self.required else None
        limit = self.max_bytes()
        if len(_text(value).encode()) > limit:
            return FieldError(
                "validation_json_size_limit",
                f"The maximum allowed JSON size is {limit} bytes",
                {"maxSize": limit},
            )
        return REQUIRED if self.required and self.is_zero(value) else None

    def check_options(self, check: DefinitionCheck) -> Errors:
        error = out_of(self.max_size, 0)
        return {"maxSize": error} if error else {}


def _text(value: Any) -> str:
    text: str = value.text if type(value) in SPELLED_TYPES else dumps(value).decode()
    return text


def _spelled(value: Any, text: str) -> Any:
    """`value`, which knows its `text` if that is not what it would be written as."""
    kind = SPELLED.get(type(value))
    if kind is None or dumps(value).decode() == text:
        return value
    spelled = kind(value)
    spelled.text = text
    return spelled


def _is_json(text: str) -> bool:
    """Whether a text that our JSON library refuses is JSON: one with numbers beyond floats, or halves of surrogates."""
    try:
        json.loads(text, parse_constant=int)  # which takes no Infinity
    except (ValueError, RecursionError):
        return False
    return True


def as_read(number: float) -> float:
    """A number that the column holds as such: the real one spells it as in messages, 1234567.5 as 1.2345675e+06."""
    text = message_of(number)
    return number if orjson.dumps(number).decode() == text else Numeral(number, text)


def plain(value: Any) -> Any:
    """A parsed value as the real one stores it: numbers as floats have them, the keys of objects in order."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return normal(value)
    return value


def _unquotable(character: str) -> bool:
    # The real one quotes a text with Go's escapes, some of which JSON does not know (\x00, \a, \v, \U0010ffff).
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return character not in "\b\f\n\r\t"
    return code > 0xFFFF and unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
