"""Are two answers the same? What is generated may differ, but only as generated values do, and always in the same way.

Two strings are split into generated parts (ids, dates, tokens, secrets, file suffixes) and the text around them. The
text must be equal. An id or secret of one server stands for one of the other, through the whole scenario (`Pairs`).
Dates must have the same format and lie close together. Tokens are opened: header and claims are compared like any other
JSON. Everything else, the order of keys, the spelling of numbers and escapes and the whitespace included, must be equal
to the byte.
"""

import base64
import binascii
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.oracle.client import Answer
from tests.whims import settled

# Headers that say nothing about the API: the connection's own, and the clock.
IGNORED_HEADERS = frozenset({"date", "connection", "keep-alive", "transfer-encoding", "content-length", "server"})
# Two servers' times of the same event, and how old a generated time can be while a suite runs.
CLOSE_S = 60.0
FRESH_S = 3600.0
# Members whose value is a measurement: both must be numbers, no more.
MEASURED_KEYS = frozenset({"execTime"})
TOKEN = r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{43}"
DATE = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}Z"
SUFFIX = r"(?<=_)[A-Za-z0-9]{10}(?=[.`])"
# Ids of the seed end in zeros (seed.ident) and are compared as plain text: a wrong record must not pass as a new one.
IDENT = r"\b(?![a-z0-9]{11}0000\b)[a-z0-9]{15}\b"
# The state and the code verifier of an OAuth2 login, and the verifier's challenge.
SECRET = r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?:[A-Za-z0-9]{30}|[\w-]{43})(?![\w-])"
# The id of a view's field that is the copy of another one.
CLONE = r"(?<=\b_clone_)[A-Za-z0-9]{4}\b"
GENERATED = re.compile(
    f"(?P<token>{TOKEN})|(?P<date>{DATE})|(?P<suffix>{SUFFIX})|(?P<clone>{CLONE})|(?P<secret>{SECRET})|(?P<ident>{IDENT})"
)
JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}\[\],:]|\s+|.', re.DOTALL)


class Number(str):
    """A JSON number as spelled."""

    __slots__ = ()


@dataclass
class Members:
    """A JSON object with the order of its members."""

    pairs: list[tuple[str, Any]]

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.pairs]


def parse(body: bytes) -> Any:
    """JSON with order and spelling kept; ValueError if it is none."""
    return json.loads(body, object_pairs_hook=Members, parse_float=Number, parse_int=Number, parse_constant=Number)


@dataclass
class Pairs:
    """Which generated value of the left server stands for which one of the right, for one scenario."""

    left: dict[str, str] = field(default_factory=dict)
    right: dict[str, str] = field(default_factory=dict)

    def same(self, left: str, right: str) -> bool:
        """Whether the two may stand for each other, now and in all earlier answers."""
        return self.left.setdefault(left, right) == right and self.right.setdefault(right, left) == left


@dataclass(frozen=True)
class Rules:
    """Latitude of one case: `loose` keys are compared by shape only, `unordered` objects in any key order."""

    loose: frozenset[str] = frozenset()
    unordered: bool = False


def differences(left: Answer, right: Answer, pairs: Pairs, rules: Rules) -> list[str]:
    """What is not the same, one line each; empty when the answers agree."""
    found = [f"status: {left.status} ≠ {right.status}"] if left.status != right.status else []
    found += _headers(left, right, pairs)
    found += _bodies(left.body, right.body, pairs, rules)
    return found


def _headers(left: Answer, right: Answer, pairs: Pairs) -> Iterator[str]:
    sides = [_relevant(answer) for answer in (left, right)]
    for name in sorted(sides[0].keys() | sides[1].keys()):
        ours, theirs = (side.get(name) for side in sides)
        if ours is None or theirs is None or not same_text(ours, theirs, pairs):
            yield f"header {name}: {ours!r} ≠ {theirs!r}"


def _relevant(answer: Answer) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in answer.headers:
        key = name.lower()
        if key not in IGNORED_HEADERS:
            out[key] = f"{out[key]} | {value}" if key in out else value
    return out


def _bodies(left: bytes, right: bytes, pairs: Pairs, rules: Rules) -> list[str]:
    left, right = settled(left), settled(right)
    try:
        trees = parse(left), parse(right)
    except ValueError:
        return [] if left == right else [f"bytes: {_cut(left)} ≠ {_cut(right)}"]
    found = list(_walk("body", *trees, pairs, rules))
    return found or ([] if rules.unordered else _spelling(left, right))


def _walk(path: str, left: Any, right: Any, pairs: Pairs, rules: Rules) -> Iterator[str]:
    key = path.rpartition(".")[2]
    if isinstance(left, Members) and isinstance(right, Members):
        yield from _members(path, left, right, pairs, rules)
    elif isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            yield f"{path}: {len(left)} items ≠ {len(right)} items"
        for index, (one, other) in enumerate(zip(left, right, strict=False)):
            yield from _walk(f"{path}[{index}]", one, other, pairs, rules)
    elif type(left) is not type(right):
        yield f"{path}: {plain(left)} ≠ {plain(right)}"
    elif key in MEASURED_KEYS and isinstance(left, Number):
        return
    elif isinstance(left, str) and not isinstance(left, Number):
        if not (same_text(left, right, pairs) or (key in rules.loose and _shape(left) == _shape(right))):
            yield f"{path}: {plain(left)} ≠ {plain(right)}"
    elif left != right:
        yield f"{path}: {plain(left)} ≠ {plain(right)}"


def _members(path: str, left: Members, right: Members, pairs: Pairs, rules: Rules) -> Iterator[str]:
    ours, theirs = dict(left.pairs), dict(right.pairs)
    for key in left.keys:
        if key in theirs:
            yield from _walk(f"{path}.{key}", ours[key], theirs[key], pairs, rules)
        else:
            yield f"{path}.{key}: {plain(ours[key])} ≠ (missing)"
    for key in right.keys:
        if key not in ours:
            yield f"{path}.{key}: (missing) ≠ {plain(theirs[key])}"
    if not rules.unordered and left.keys != right.keys and sorted(left.keys) == sorted(right.keys):
        yield f"{path}: key order {left.keys} ≠ {right.keys}"


def same_text(left: str, right: str, pairs: Pairs) -> bool:
    """Equal, or equal but for generated parts that stand for each other."""
    if left == right:
        return True
    ours, theirs = list(GENERATED.finditer(left)), list(GENERATED.finditer(right))
    if not ours or GENERATED.sub("\0", left) != GENERATED.sub("\0", right):
        return False
    return all(
        one.lastgroup == other.lastgroup and _stands_for(str(one.lastgroup), one.group(), other.group(), pairs)
        for one, other in zip(ours, theirs, strict=True)
    )


def _stands_for(kind: str, left: str, right: str, pairs: Pairs) -> bool:
    if left == right:
        return True
    if kind == "date":
        ours, theirs = (datetime.fromisoformat(text) for text in (left, right))
        fresh = abs((ours - datetime.now(UTC)).total_seconds()) < FRESH_S
        return left[10] == right[10] and fresh and abs((ours - theirs).total_seconds()) < CLOSE_S
    if kind == "token":
        return _same_token(left, right, pairs)
    return len(left) == len(right) and pairs.same(left, right)


def _same_token(left: str, right: str, pairs: Pairs) -> bool:
    """Header byte for byte; claims member by member, in order; times close together. Signatures differ as keys do."""
    ours, theirs = (_opened(token) for token in (left, right))
    if ours is None or theirs is None or ours[0] != theirs[0] or ours[1].keys != theirs[1].keys:
        return False
    for (key, one), (_, other) in zip(ours[1].pairs, theirs[1].pairs, strict=True):
        if key in ("exp", "iat"):
            if abs(int(one) - int(other)) > CLOSE_S:
                return False
        elif any(True for _ in _walk(key, one, other, pairs, Rules())):
            return False
    return True


def _opened(token: str) -> tuple[bytes, Members] | None:
    try:
        header, claims = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")[:2])
        opened = parse(claims)
    except (ValueError, binascii.Error):
        return None
    return (header, opened) if isinstance(opened, Members) else None


def _shape(text: str) -> str:
    return re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", re.sub(r"\d", "0", text)))


def _spelling(left: bytes, right: bytes) -> list[str]:
    """Trees are the same: are whitespace and escapes? Strings with generated parts are equal already."""
    ours, theirs = JSON_TOKEN.findall(left), JSON_TOKEN.findall(right)
    for position, (one, other) in enumerate(itertools.zip_longest(ours, theirs, fillvalue=b"")):
        if one == other or _number_like(one, other) or _escapes(one) == _escapes(other) == []:
            continue
        if not (one[:1] == other[:1] == b'"') or _escapes(one) != _escapes(other):
            return [
                f"spelling after {_cut(b''.join(ours[max(0, position - 4) : position]))}: {_cut(one)} ≠ {_cut(other)}"
            ]
    return []


def _number_like(one: bytes, other: bytes) -> bool:
    return one[:1].isdigit() and other[:1].isdigit()


def _escapes(token: bytes) -> list[bytes] | None:
    """The escape sequences of a JSON string; None for any other token."""
    return re.findall(rb"\\(?:u[0-9a-fA-F]{4}|.)", token) if token[:1] == b'"' else None


def plain(tree: Any) -> str:
    """A parsed value for a message; a number as it was spelled."""
    if isinstance(tree, Number):
        return str(tree)
    return _cut(json.dumps(_natural(tree), ensure_ascii=False).encode())


def _natural(tree: Any) -> Any:
    if isinstance(tree, Members):
        return {key: _natural(value) for key, value in tree.pairs}
    if isinstance(tree, list):
        return [_natural(value) for value in tree]
    return json.loads(tree) if isinstance(tree, Number) else tree


def _cut(body: bytes, limit: int = 300) -> str:
    text = body.decode(errors="replace")
    return text if len(text) <= limit else f"{text[:limit]}… ({len(body)} bytes)"
