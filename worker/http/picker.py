"""The `fields` parameter: which members of an answer the client wants.

A comma list of names and dot paths; `*` stands for every member of its level; `name:excerpt(max, withEllipsis?)`
shortens a text. A page's envelope is looked through: the names are those of its items. A name beats a path through
it, and both beat `*`; of two equal names the later one counts.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from worker.errors import bad_request
from worker.fields.numbers import renumbered
from worker.http.excerpt import excerpt

FIELDS_CHARS_MAX = 8192
# Anybody may send any list of fields: the tree of a long one weighs a hundred times its text, and nobody repeats it.
REMEMBERED_CHARS_MAX = 256

# the members that make an object a page of a list
_PAGE = frozenset({"items", "page", "perPage", "totalItems", "totalPages"})
# an excerpt's length: not 0, and small enough to be a number for everybody
_LENGTH = re.compile(r"0{0,9}[1-9][0-9]{0,17}", re.ASCII)
_MODIFIER = re.compile(r"\s*excerpt\(([^(),]*)(?:,([^(),]*))?\)\s*")
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})

Modifier = Callable[[Any], Any]


class Node:
    """What is wanted below one name: all of it (`whole`, changed by `modifier`), or the members in `children`."""

    __slots__ = ("children", "modifier", "whole")

    def __init__(self) -> None:
        self.whole = False
        self.modifier: Modifier | None = None
        self.children: dict[str, Node] = {}

    def take(self, value: Any) -> Any:
        """The wanted part of `value`; what is no object has no parts and is taken as it is."""
        if self.whole:
            # as the real one, which reads its answer again to pick from it: numbers lose their spelling
            return self.modifier(value) if self.modifier is not None else renumbered(value)
        return self.members_of(value)

    def members_of(self, value: Any) -> Any:
        """The wanted members of an object, or of each object in a list that begins with one."""
        if isinstance(value, dict):
            return self._members(value)
        if isinstance(value, list) and value and type(value[0]) is dict:
            return [self._members(item) if type(item) is dict else renumbered(item) for item in value]
        return renumbered(value)

    def _members(self, value: dict[str, Any]) -> dict[str, Any]:
        children = self.children
        star = children.get("*")
        if star is None:
            return {name: node.take(value[name]) for name, node in children.items() if name in value}
        picked = {}
        for name, member in value.items():
            node = children.get(name)
            if node is not None:
                picked[name] = node.take(member)
            elif star.whole:
                picked[name] = star.take(member)
        return picked


def pick(value: Any, fields: str) -> Any:
    """The members of `value` that `fields` names; `value` itself where it names none.

    ApiError 400 for a modifier nobody knows, wrong parameters of one, or parentheses that don't match.
    """
    root = parse_fields(fields)
    if not root.children:
        return value
    if type(value) is dict and value.keys() >= _PAGE:
        return {**value, "items": root.members_of(value["items"])}
    return root.members_of(value)


def parse_fields(fields: str) -> Node:
    """The tree of names in `fields`. ApiError 400 where it makes no sense."""
    return _remembered(fields) if len(fields) <= REMEMBERED_CHARS_MAX else _parsed(fields)


@lru_cache(maxsize=128)
def _remembered(fields: str) -> Node:
    return _parsed(fields)


def _parsed(fields: str) -> Node:
    if len(fields) > FIELDS_CHARS_MAX:
        raise bad_request(cause="too long a list of fields")
    root = Node()
    for item in _split(fields):
        path, colon, call = item.partition(":")
        node = root
        for name in path.strip().split("."):
            node = node.children.setdefault(name, Node())
        node.whole = True
        node.modifier = _modifier(call) if colon else None
    return root


def _split(fields: str) -> list[str]:
    """The items between commas outside parentheses, without blank ones."""
    items = []
    start = depth = 0
    for at, char in enumerate(fields):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and depth == 0:
            items.append(fields[start:at])
            start = at + 1
        if depth < 0:
            break
    if depth:
        raise bad_request(cause="unbalanced parentheses in fields")
    items.append(fields[start:])
    return [item for item in items if item.strip()]


def _modifier(call: str) -> Modifier:
    match = _MODIFIER.fullmatch(call)
    length = match[1].strip() if match else ""
    if match is None or not _LENGTH.fullmatch(length):
        raise bad_request(cause=f"invalid modifier {call!r}")
    limit = int(length)
    ellipsis = (match[2] or "").strip() in _TRUE

    def shorten(value: Any) -> Any:
        return excerpt(value, limit, ellipsis=ellipsis) if isinstance(value, str) else renumbered(value)

    return shorten
