# ruff: noqa: ARG002 - the signatures are the base class's
"""Editor fields: rich text with a bound on its size in bytes."""

from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option, out_of
from worker.fields.casts import to_text

DEFAULT_MAX_BYTES = 5 << 20


class EditorField(Field):
    """HTML as its author wrote it."""

    __slots__ = ("convert_urls", "max_size")

    type = "editor"
    OPTIONS = COMMON_OPTIONS | {
        "maxSize": Option("max_size", "int", 0),
        "convertURLs": Option("convert_urls", "bool", False),
    }

    max_size: int
    convert_urls: bool

    def cast(self, raw: Any) -> str:
        return to_text(raw)

    def max_bytes(self) -> int:
        """The largest value in bytes."""
        return self.max_size or DEFAULT_MAX_BYTES

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if not value:
            return REQUIRED if self.required else None
        limit = self.max_bytes()
        if len(value) * 4 > limit and len(value.encode("utf-8", "surrogatepass")) > limit:
            return FieldError(
                "validation_content_size_limit",
                f"The maximum allowed content size is {limit} bytes",
                {"maxSize": limit},
            )
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        error = out_of(self.max_size, 0)
        return {"maxSize": error} if error else {}
