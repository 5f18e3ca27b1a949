"""Patterns of routes, as Go's ServeMux has them: `GET example.com/files/{name}/{rest...}`, and whose a path is.

    METHOD HOST/literal/{name}/        a trailing slash: everything below as well
                              {rest...}  the same, and what is below has a name
                              {$}        this path with its slash, nothing below

The most specific of those that match is taken. Two of which neither is more specific, although some path is for both,
conflict; so do equal ones. A pattern without a method is for all of them, one of GET for HEAD, too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

T = TypeVar("T")
# Makes the error of an offset in a pattern.
Bad = Callable[[int, str], "PatternError"]

SEGMENTS_MAX = 100
# What stands for a path's trailing slash among its segments.
SLASH = "/"


class PatternError(ValueError):
    """No pattern, or one that conflicts with another; the message says why."""


class Segment(NamedTuple):
    """A part between slashes: `text` is what has to stand there, or the name of a wildcard."""

    text: str
    wild: bool = False
    # everything that is left; nameless for a trailing slash
    multi: bool = False


class Pattern(NamedTuple):
    """A parsed pattern; `text` is as it was given."""

    text: str
    method: str
    host: str
    segments: tuple[Segment, ...]

    @property
    def names(self) -> list[str]:
        """The names of its wildcards."""
        return [segment.text for segment in self.segments if (segment.wild or segment.multi) and segment.text]


def parse(method: str, path: str) -> Pattern:
    """The pattern of a route. PatternError, in Go's words, for what is none."""
    text = f"{method} {path}" if method else path
    method, gap, rest = _cut_blank(text)
    if not gap:
        method, rest = "", text
    at = len(text) - len(rest)

    def bad(offset: int, why: str) -> PatternError:
        return PatternError(f"parsing {_quoted(text)}: at offset {offset}: {why}")

    slash = rest.find("/")
    if slash < 0:
        raise bad(at, "host/path missing /")
    host, rest = rest[:slash], rest[slash:]
    if "{" in host:
        raise bad(at + host.index("{"), "host contains '{' (missing initial '/'?)")
    at += slash
    if method and not all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in method):
        raise bad(0, f"invalid method {_quoted(method)}")
    if method != "CONNECT" and _cleaned(rest) != rest:
        raise bad(at, "non-CONNECT pattern with unclean path can never match")
    return Pattern(text, method, host, _segments(rest, at, bad))


def _segments(rest: str, at: int, bad: Bad) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    seen: set[str] = set()
    while rest:
        rest = rest[1:]
        at += 1
        if not rest:
            segments.append(Segment("", wild=True, multi=True))
            break
        part, slash, below = rest.partition("/")
        rest = slash + below
        if len(segments) >= SEGMENTS_MAX:
            raise bad(at, "too many segments")
        brace = part.find("{")
        if brace < 0:
            segments.append(Segment(_unescaped(part)))
        else:
            segments.append(_wildcard(part, brace, at, rest, bad))
            name = segments[-1].text
            if name != SLASH:
                if name in seen:
                    raise bad(at, f"duplicate wildcard name {_quoted(name)}")
                seen.add(name)
        at += len(part)
    return tuple(segments)


def _wildcard(part: str, brace: int, at: int, rest: str, bad: Bad) -> Segment:
    if brace:
        raise bad(at, "bad wildcard segment (must start with '{')")
    if not part.endswith("}"):
        raise bad(at, "bad wildcard segment (must end with '}')")
    name = part[1:-1]
    if name == "$":
        if rest:
            raise bad(at, "{$} not at end")
        return Segment(SLASH)
    multi = name.endswith("...")
    if multi:
        name = name[:-3]
        if rest:
            raise bad(at, "{...} wildcard not at end")
    if not name:
        raise bad(at, "empty wildcard")
    if not (name.isidentifier() and not name.startswith("\u00b7")):
        raise bad(at, f"bad wildcard name {_quoted(name)}")
    return Segment(name, wild=True, multi=multi)


def _cut_blank(text: str) -> tuple[str, str, str]:
    for at, char in enumerate(text):
        if char in " \t":
            return text[:at], char, text[at + 1 :].lstrip(" \t")
    return text, "", ""


def _cleaned(path: str) -> str:
    out: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if out:
                out.pop()
        elif part not in {"", "."}:
            out.append(part)
    clean = "/" + "/".join(out)
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unescaped(text: str) -> str:
    """A segment without escapes; one with a bad escape stays as it is."""
    if "%" not in text:
        return text
    parts = text.split("%")[1:]
    if not all(len(part) >= 2 and all(char in "0123456789abcdefABCDEF" for char in part[:2]) for part in parts):
        return text
    return unquote_to_bytes(text).decode("utf-8", "replace")


# -- which one is more specific ---------------------------------------------------------------------------------------

EQUAL, MORE, LESS, OVERLAPS, DISJOINT = "equal", "more", "less", "overlaps", "disjoint"


def relation(one: Pattern, other: Pattern) -> str:
    """How the requests for `one` relate to those for `other`: MORE of them, LESS (it is more specific), …"""
    if one.host != other.host:
        return DISJOINT
    methods = _methods(one.method, other.method)
    return DISJOINT if methods == DISJOINT else _both(methods, _paths(one.segments, other.segments))


def conflict(one: Pattern, other: Pattern) -> str | None:
    """Why two patterns can't stand side by side; None where they can."""
    if one.host != other.host:
        return None
    related = relation(one, other)
    if related == EQUAL:
        return f"{one.text} matches the same requests as {other.text}"
    if related != OVERLAPS:
        return None
    methods, paths = _methods(one.method, other.method), _paths(one.segments, other.segments)
    if paths == OVERLAPS:
        return f"{one.text} and {other.text} both match some paths, but neither is more specific than the other"
    fewer = "fewer" if methods == LESS else "more"
    general = "general" if paths == MORE else "specific"
    return f"{one.text} matches {fewer} methods than {other.text}, but has a more {general} path pattern"


def more_specific(one: Pattern, other: Pattern) -> bool:
    """Whether of two patterns that match the same request, and don't conflict, `one` is taken."""
    if bool(one.host) != bool(other.host):
        return bool(one.host)
    return relation(one, other) in {LESS, EQUAL}


def _methods(one: str, other: str) -> str:
    if one == other:
        return EQUAL
    if not one or (one == "GET" and other == "HEAD"):
        return MORE
    if not other or (other == "GET" and one == "HEAD"):
        return LESS
    return DISJOINT


def _paths(one: Sequence[Segment], other: Sequence[Segment]) -> str:
    if len(one) != len(other) and not one[-1].multi and not other[-1].multi:
        return DISJOINT
    related = EQUAL
    for mine, its in zip(one, other, strict=False):
        if mine == its and not mine.wild:
            continue
        related = _both(related, _parts(mine, its))
        if related == DISJOINT:
            return related
    if len(one) == len(other):
        return related
    if len(one) < len(other) and one[-1].multi:
        return _both(related, MORE)
    if len(other) < len(one) and other[-1].multi:
        return _both(related, LESS)
    return DISJOINT


def _parts(one: Segment, other: Segment) -> str:
    if one.multi or other.multi:
        return EQUAL if one.multi and other.multi else MORE if one.multi else LESS
    if one.wild and other.wild:
        return EQUAL
    if one.wild:
        return DISJOINT if other.text == SLASH else MORE
    if other.wild:
        return DISJOINT if one.text == SLASH else LESS
    return EQUAL if one.text == other.text else DISJOINT


def _both(one: str, other: str) -> str:
    if one == EQUAL:
        return other
    if DISJOINT in {one, other}:
        return DISJOINT
    if one == OVERLAPS or other == EQUAL:
        return one
    return OVERLAPS if {one, other} == {MORE, LESS} else other


class Known:
    """Patterns that stand side by side, and those among them that a further one could conflict with."""

    __slots__ = ("_below", "_by_segment", "_every")

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        # by host and method; in there by the place of a segment and its text (None for a wildcard)
        self._by_segment: dict[tuple[str, str, int, str | None], list[Pattern]] = {}
        # those that match what is below them, too, by the place from which on they do
        self._below: dict[tuple[str, str, int], list[Pattern]] = {}
        self._every: dict[tuple[str, str], list[Pattern]] = {}
        for pattern in patterns:
            self.add(pattern)

    def add(self, pattern: Pattern) -> None:
        """One more."""
        host, method = pattern.host, pattern.method
        self._every.setdefault((host, method), []).append(pattern)
        for place, segment in enumerate(pattern.segments):
            if segment.multi:
                self._below.setdefault((host, method, place), []).append(pattern)
            else:
                text = None if segment.wild else segment.text
                self._by_segment.setdefault((host, method, place, text), []).append(pattern)

    def conflict(self, pattern: Pattern) -> tuple[Pattern, str] | None:
        """One that `pattern` conflicts with, and why."""
        for method in {method for host, method in self._every if host == pattern.host}:
            if _methods(pattern.method, method) == DISJOINT:
                continue
            for other in self._near(pattern, method):
                why = conflict(pattern, other)
                if why is not None:
                    return other, why
        return None

    def _near(self, pattern: Pattern, method: str) -> list[Pattern]:
        """Those of a method that some path may be for as well: the fewest that one of its segments leaves."""
        host = pattern.host
        fewest = self._every.get((host, method), [])
        below: list[Pattern] = []
        for place, segment in enumerate(pattern.segments):
            below += self._below.get((host, method, place), ())
            if segment.wild:
                continue
            same = self._by_segment.get((host, method, place, segment.text), [])
            wild = self._by_segment.get((host, method, place, None), [])
            if len(same) + len(wild) + len(below) < len(fewest):
                fewest = same + wild + below
        return fewest


# -- finding ----------------------------------------------------------------------------------------------------------


class _Node(Generic[T]):
    __slots__ = ("any", "below", "children", "leaf")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        # a wildcard's, and everything's that is left
        self.any: _Node[T] | None = None
        self.below: tuple[Pattern, T] | None = None
        self.leaf: tuple[Pattern, T] | None = None


class Match(NamedTuple, Generic[T]):
    """The pattern that a path is for, what it stands for, and the values of its wildcards."""

    pattern: Pattern
    value: T
    values: dict[str, str]


class Tree(Generic[T]):
    """Patterns that don't conflict, by host and method, and what they stand for."""

    __slots__ = ("_roots",)

    def __init__(self, entries: Iterable[tuple[Pattern, T]]) -> None:
        self._roots: dict[tuple[str, str], _Node[T]] = {}
        for pattern, value in entries:
            node = self._roots.setdefault((pattern.host, pattern.method), _Node())
            for segment in pattern.segments[:-1]:
                node = _child(node, segment)
            last = pattern.segments[-1]
            if last.multi:
                node.below = (pattern, value)
            else:
                _child(node, last).leaf = (pattern, value)

    def find(self, method: str, host: str, parts: Sequence[str]) -> Match[T] | None:
        """What a path is for: its `parts` between slashes, decoded, `SLASH` for the one at its end."""
        for wanted in (host, "") if host else ("",):
            for by in (method, "GET", "") if method == "HEAD" else (method, ""):
                root = self._roots.get((wanted, by))
                if root is None:
                    continue
                values: list[str] = []
                found = _walk(root, parts, 0, values)
                if found is not None:
                    pattern, value = found
                    return Match(pattern, value, dict(zip(pattern.names, values, strict=False)))
        return None


def _child(node: _Node[T], segment: Segment) -> _Node[T]:
    if segment.wild:
        if node.any is None:
            node.any = _Node()
        return node.any
    return node.children.setdefault(segment.text, _Node())


def _walk(node: _Node[T], parts: Sequence[str], at: int, values: list[str]) -> tuple[Pattern, T] | None:
    if at == len(parts):
        return node.leaf
    part = parts[at]
    child = node.children.get(part)
    if child is not None:
        found = _walk(child, parts, at + 1, values)
        if found is not None:
            return found
    if node.any is not None and part != SLASH:
        values.append(part)
        found = _walk(node.any, parts, at + 1, values)
        if found is not None:
            return found
        values.pop()
    if node.below is not None:
        if node.below[0].segments[-1].text:
            values.append(joined(parts[at:]))
        return node.below
    return None


def joined(parts: Sequence[str]) -> str:
    """Parts as a text again, without a slash before them."""
    if parts[-1] != SLASH:
        return SLASH.join(parts)
    return SLASH.join(parts[:-1]) + SLASH if len(parts) > 1 else ""


def exact(pattern: Pattern, parts: Sequence[str]) -> bool:
    """Whether a path is for a pattern without anything below: else the one with a slash at its end may be meant."""
    if not pattern.segments[-1].multi:
        return True
    return parts[-1] == SLASH and len(pattern.segments) == len(parts)
