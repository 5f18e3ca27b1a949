"""Patterns of fields, in Go's syntax: checking them, matching texts, generating texts."""

import secrets
from functools import lru_cache
from itertools import islice
from typing import Any

import re2

from worker.errors import FieldError
from worker.fields.charsets import Ranges
from worker.fields.regexp import Assertion, Chars, Choice, Node, PatternError, Repeat, Sequence, parse
from worker.sql import rand_text

# How often a part without an upper bound is repeated at most in a generated text, beyond its lower bound.
REPEATS_GENERATED = 10
PRINTABLE = (33, 126)
# The numbers of Go's operators, which its messages have.
OPERATORS = {"line_start": 7, "line_end": 8, "text_start": 9, "text_end": 10, "boundary": 11, "no_boundary": 12}
EMPTY_OPERATOR = 2
PATTERNS_KEPT = 512
# Memory of one compiled pattern, its remembered states included; beyond it RE2 forgets states or refuses the pattern.
PATTERN_BYTES_MAX = 1 << 20
# Most characters one is drawn from; a byte of randomness is worth no more.
ALPHABET_MAX = 256


class Pattern:
    """A pattern ready to match and to generate.

    RE2, which is Go's engine too, matches in time linear in the text: a pattern comes from a tenant, and no pattern
    may hold the worker that others share. Our own parser says what is wrong in Go's words and gives the tree from
    which texts are generated.
    """

    __slots__ = ("_compiled", "node")

    def __init__(self, source: str) -> None:
        """Raises PatternError."""
        self.node = parse(source)
        options = re2.Options()
        options.max_mem = PATTERN_BYTES_MAX
        options.log_errors = False
        options.never_capture = True
        try:
            self._compiled: Any = re2.compile(source, options)
        except re2.error as error:
            reason = error.args[0]
            raise PatternError(reason.decode() if isinstance(reason, bytes) else str(reason), source) from None

    def matches(self, text: str) -> bool:
        """Whether the pattern is found somewhere in `text`."""
        return self._compiled.search(text) is not None

    def generate(self) -> str:
        """A random text that the pattern matches, if it has no assertions that cannot hold."""
        parts: list[str] = []
        _generate(self.node, parts)
        return "".join(parts)


@lru_cache(maxsize=PATTERNS_KEPT)
def compiled(source: str) -> Pattern:
    """The pattern of a text in Go's syntax. Raises PatternError."""
    return Pattern(source)


def matches(source: str, text: str) -> bool:
    """Whether the pattern is found in `text`; a damaged pattern is found nowhere."""
    try:
        return compiled(source).matches(text)
    except PatternError:
        return False


def check(source: str) -> FieldError | None:
    """What is wrong with a pattern, in Go's words."""
    if not source:
        return None
    try:
        compiled(source)
    except PatternError as error:
        return FieldError("validation_invalid_regex", str(error))
    return None


def check_generator(source: str) -> FieldError | None:
    """What is wrong with a pattern to generate from: one in Go's syntax, but without assertions and empty parts."""
    error = check(source)
    if error is None and source and (reason := ungenerable(compiled(source).node)) is not None:
        error = FieldError("validation_invalid_autogenerate_pattern", reason)
    return error


def ungenerable(node: Node) -> str | None:
    """The first part of a pattern that nothing can be generated for, in the words of the real one."""
    match node:
        case Chars(ranges):
            return None if ranges else "no runes to choose from"
        case Assertion(kind):
            return f"unsupported pattern operator {OPERATORS[kind]}"
        case Repeat(item, _, high):
            return None if high in (0, 1) else ungenerable(item)
        case Sequence(()):
            return f"unsupported pattern operator {EMPTY_OPERATOR}"
        case Sequence(items) | Choice(items):
            return next(filter(None, map(ungenerable, items)), None)


def generate(source: str) -> str:
    """A random text for the pattern; empty for a damaged one."""
    try:
        return compiled(source).generate()
    except PatternError:
        return ""


def _generate(node: Node, parts: list[str]) -> None:
    match node:
        case Chars(ranges):
            parts.append(rand_text(1, _alphabet(ranges)) if ranges else "")
        case Sequence(items):
            for item in items:
                _generate(item, parts)
        case Choice(items):
            _generate(secrets.choice(items), parts)
        case Repeat(item, low, high):
            most = low + REPEATS_GENERATED if high is None else high
            times = low + secrets.randbelow(most - low + 1)
            if isinstance(item, Chars):
                parts.append(rand_text(times, _alphabet(item.ranges)) if item.ranges else "")
            else:
                for _ in range(times):
                    _generate(item, parts)
        case Assertion():
            pass


@lru_cache(maxsize=PATTERNS_KEPT)
def _alphabet(ranges: Ranges) -> str:
    """The characters to draw from: out of wide sets, such as `.`, only what can be seen and typed."""
    low, high = PRINTABLE
    visible = [(max(start, low), min(end, high)) for start, end in ranges if start <= high and end >= low] or ranges
    characters = (chr(code) for start, end in visible for code in range(start, end + 1))
    return "".join(islice(characters, ALPHABET_MAX))
