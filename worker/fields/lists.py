"""What select, file and relation share: one text, or up to `maxSelect` distinct texts as a JSON array."""

from typing import Any

import orjson

from worker.fields.base import Field
from worker.fields.casts import to_texts


class ListField(Field):
    """A field that holds one text (`maxSelect` up to 1) or a list of distinct texts."""

    __slots__ = ("max_select",)

    max_select: int

    @property
    def multiple(self) -> bool:
        return self.max_select > 1

    def column(self) -> str:
        return "JSON DEFAULT '[]' NOT NULL" if self.multiple else "TEXT DEFAULT '' NOT NULL"

    def zero(self) -> Any:
        return [] if self.multiple else ""

    def is_zero(self, value: Any) -> bool:
        return not value

    def from_db(self, raw: Any) -> Any:
        if not self.multiple:
            return raw if isinstance(raw, str) and raw[:1] != "[" else self.cast(raw)
        if raw == "[]":
            return []
        return self.cast(raw)

    def to_db(self, value: Any) -> Any:
        return orjson.dumps(value).decode() if self.multiple else value

    def cast(self, raw: Any) -> Any:
        # a single-valued field given several takes the last one
        values = to_texts(raw)
        if self.multiple:
            return values
        return values[-1] if values else ""

    def modify(self, modifier: str, current: Any, raw: Any) -> Any:
        values, given = to_texts(current), to_texts(raw)
        match modifier:
            case "+":
                result = [*values, *given]
            case "prepend+":
                result = [*given, *values]
            case _:
                result = [value for value in values if value not in given]
        return self.cast(result)

    def values_of(self, value: Any) -> list[str]:
        """The texts of an internal value, whether it holds one or several."""
        return value if isinstance(value, list) else [value] if value else []
