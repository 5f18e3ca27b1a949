# ruff: noqa: ARG002 - the signatures are the base class's
"""File fields: names of stored files. New files are the files feature's; names alone can only be kept or dropped."""

import re
from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Option, out_of
from worker.fields.lists import ListField

DEFAULT_MAX_BYTES = 5 << 20
# WIDTHxHEIGHT, with a letter for how to fit: from the top, from the bottom, whole.
_THUMB = re.compile(r"\d+x\d+[tbf]?", re.ASCII)


class FileField(ListField):
    """One or several names of files stored with the record."""

    __slots__ = ("max_size", "mime_types", "protected", "thumbs")

    type = "file"
    OPTIONS = COMMON_OPTIONS | {
        "maxSelect": Option("max_select", "int", 0),
        "maxSize": Option("max_size", "int", 0),
        "mimeTypes": Option("mime_types", "texts", ()),
        "thumbs": Option("thumbs", "texts", ()),
        "protected": Option("protected", "bool", False),
    }

    max_size: int
    mime_types: tuple[str, ...]
    thumbs: tuple[str, ...]
    protected: bool

    def max_bytes(self) -> int:
        """The largest file in bytes."""
        return self.max_size or DEFAULT_MAX_BYTES

    def validate(self, value: Any, check: Check) -> FieldError | None:
        names = self.values_of(value)
        if not names:
            return REQUIRED if self.required else None
        original = check.original
        stored = self.values_of(original.get(self.name)) if original is not None else []
        unknown = [name for name in names if name not in stored]
        if unknown:
            listed = " ".join(unknown)
            return FieldError("validation_invalid_file", f"Invalid new files: [{listed}].", {"invalidFiles": unknown})
        if len(names) > max(self.max_select, 1):
            maximum = max(self.max_select, 1)
            return FieldError(
                "validation_too_many_files", f"The maximum allowed files is {maximum}", {"maxSelect": maximum}
            )
        return None

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors = {"maxSelect": out_of(self.max_select, 0), "maxSize": out_of(self.max_size, 0)}
        found: Errors = {key: error for key, error in errors.items() if error is not None}
        thumbs = {str(place): error for place, size in enumerate(self.thumbs) if (error := _thumb_error(size))}
        if thumbs:
            found["thumbs"] = thumbs
        return found


def _thumb_error(size: str) -> FieldError | None:
    if not size:
        return None
    if not _THUMB.fullmatch(size):
        return FieldError("validation_match_invalid", "must be in a valid format")
    if size.rstrip("tbf") == "0x0":
        return FieldError("validation_not_in_invalid", "must not be in list")
    return None
