"""Patterns of fields, in Go's syntax: checking them, matching texts, generating texts."""

import re
import secrets
from functools import lru_cache
from itertools import islice

from worker.errors import FieldError
from worker.fields.automaton import Automaton, TooLargeError
from worker.fields.charsets import Ranges
from worker.fields.regexp import Assertion, Chars, Choice, Node, PatternError, Repeat, Sequence, parse
from worker.sql import rand_text

# Python's engine backtracks: it may be used while texts are so short that its worst case stays below this many steps.
BACKTRACKING_STEPS_MAX = 100_000
# How often a part without an upper bound is repeated at most in a generated text, beyond its lower bound.
REPEATS_GENERATED = 10
PRINTABLE = (33, 126)
PATTERNS_KEPT = 512
# Most characters one is drawn from; a byte of randomness is worth no more.
ALPHABET_MAX = 256

_ASSERTIONS = {
    "text_start": r"\A",
    "text_end": r"\Z",
    "line_start": "(?m:^)",
    "line_end": "(?m:$)",
    "boundary": r"\b",
    "no_boundary": r"\B",
}


class Pattern:
    """A pattern ready to match and to generate."""

    __slots__ = ("_automaton", "_node", "_plain", "_wanderers")

    def __init__(self, source: str) -> None:
        """Raises PatternError."""
        self._node = parse(source)
        self._automaton: Automaton | None = None
        self._plain: re.Pattern[str] | None = None
        self._wanderers = _wanderers(self._node)
        if self._wanderers is None:
            self._automaton = _automaton(self._node, source)
        else:
            self._plain = re.compile(_render(self._node), re.ASCII)

    def matches(self, text: str) -> bool:
        """Whether the pattern is found somewhere in `text`."""
        # n free repetitions, and the place to start at, can be chosen in this many ways
        if self._plain is not None and (len(text) + 1) ** (self._wanderers or 0) <= BACKTRACKING_STEPS_MAX:
            return self._plain.search(text) is not None
        if self._automaton is None:
            self._automaton = Automaton(self._node)
        return self._automaton.search(text)

    def generate(self) -> str:
        """A random text that the pattern matches, if it has no assertions that cannot hold."""
        parts: list[str] = []
        _generate(self._node, parts)
        return "".join(parts)


def _automaton(node: Node, source: str) -> Automaton:
    try:
        return Automaton(node)
    except TooLargeError as error:
        raise PatternError(str(error), source) from None


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


def generate(source: str) -> str:
    """A random text for the pattern; empty for a damaged one."""
    try:
        return compiled(source).generate()
    except PatternError:
        return ""


def _wanderers(node: Node) -> int | None:
    """How many free choices of length Python's engine has to try out; None where they nest and grow without bound.

    The start is one of them unless the pattern begins at the start of the text.
    """
    count = _free(node)
    if count is None:
        return None
    head = node.items[0] if isinstance(node, Sequence) and node.items else node
    return count if head == Assertion("text_start") else count + 1


def _free(node: Node) -> int | None:
    match node:
        case Sequence(items) | Choice(items):
            counts = [_free(item) for item in items]
            return None if None in counts else sum(count or 0 for count in counts)
        case Repeat(item, low, high):
            if low == high:
                inner = _free(item)
                return inner if not inner else None
            return 1 if isinstance(item, Chars) else None
        case _:
            return 0


def _render(node: Node) -> str:
    match node:
        case Chars(ranges):
            return _set(ranges)
        case Assertion(kind):
            return _ASSERTIONS[kind]
        case Sequence(items):
            return "".join(map(_render, items))
        case Choice(items):
            return f"(?:{'|'.join(map(_render, items))})"
        case Repeat(item, low, high):
            return f"(?:{_render(item)}){{{low},{'' if high is None else high}}}"


def _set(ranges: Ranges) -> str:
    if not ranges:
        return r"(?!)"
    body = "".join(f"\\U{low:08x}" if low == high else f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return f"[{body}]"


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
