"""Submitted settings merged into those that are there, as trees of values by their names in JSON.

A tree is whole: it has every name, and the values that are there say what type a submitted one must have. Objects
merge, texts, numbers, flags and lists replace, `null` empties, and what nobody knows is left out. Nothing that is
submitted changes the tree it is merged into.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from worker.fields import MalformedError
from worker.fields.jsontext import folded

Tree = dict[str, Any]

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

# A new item of each list that is not one of texts, by the list's name.
ITEMS: dict[str, Tree] = {"rules": {"label": "", "audience": "", "duration": 0, "maxRequests": 0}}

# The names of flat forms are paths, but the bucket of the backups has the same ones as the other bucket.
FORM_GROUPS = {"backups.s3": "s3"}
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"", "0", "f", "F", "false", "FALSE", "False"})
# Numbers as Go spells them in source: with a base, and with `_` between digits.
_NUMBER = re.compile(
    r"[+-]?(?:0[xX](?P<hexadecimal>(?:_?[0-9a-fA-F])+)|0[bB](?P<binary>(?:_?[01])+)|0[oO]?(?P<octal>(?:_?[0-7])+)"
    r"|(?P<decimal>0|[1-9](?:_?[0-9])*))",
    re.ASCII,
)
_BASES = {"hexadecimal": 16, "binary": 2, "octal": 8, "decimal": 10}
# Longer spellings hold no number of 64 bits but with zeros in front of it.
_NUMBER_CHARS_MAX = 130


def merge(tree: Tree, given: Mapping[str, Any], *, exact: bool) -> Tree:
    """`tree` with what an object says; names match in any case, with or without `-` and `_`, unless `exact`.

    MalformedError for a value of the wrong type and a name that comes twice.
    """
    names = {name if exact else folded(name): name for name in tree}
    merged = dict(tree)
    seen = set()
    for submitted, value in given.items():
        name = names.get(submitted if exact else folded(submitted))
        if name is None:
            continue
        if name in seen:
            raise MalformedError(f"{submitted}: comes twice")
        seen.add(name)
        merged[name] = _typed(name, tree[name], value, exact=exact)
    return merged


def fill(tree: Tree, pairs: Iterable[tuple[str, str]]) -> Tree:
    """`tree` with what a flat form says: texts under `group.name`, of which the first counts but in a list.

    MalformedError for texts that are no number or no flag where there is to be one.
    """
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    return _filled(tree, texts, "", "")


def _typed(name: str, current: Any, value: Any, *, exact: bool) -> Any:
    """A submitted value in the place of `current`."""
    kind = type(current)
    if kind is dict:
        if value is None:
            return _emptied(current)
        if type(value) is not dict:
            raise MalformedError(f"{name}: expected an object")
        return merge(current, value, exact=exact)
    if kind is tuple:
        if value is None:
            return ()
        if type(value) is not list:
            raise MalformedError(f"{name}: expected a list")
        blank = ITEMS.get(name, "")
        return tuple([_typed(name, blank, item, exact=exact) for item in value])
    if value is None:
        return kind()
    if type(value) is not kind or (kind is int and not INTEGER_MIN <= value <= INTEGER_MAX):
        if kind is int and type(value) is float and str(value) == "-0.0":
            return 0  # which is how the text -0 is read
        raise MalformedError(f"{name}: expected another type")
    return value


def _emptied(tree: Tree) -> Tree:
    return {name: _emptied(value) if type(value) is dict else type(value)() for name, value in tree.items()}


def _filled(tree: Tree, texts: dict[str, list[str]], path: str, prefix: str) -> Tree:
    filled: Tree = {}
    for name, current in tree.items():
        key = prefix + name
        if type(current) is dict:
            inner = f"{path}{name}"
            filled[name] = _filled(current, texts, f"{inner}.", FORM_GROUPS.get(inner, inner) + ".")
        elif key in texts and name not in ITEMS:
            filled[name] = tuple(texts[key]) if type(current) is tuple else _parsed(key, type(current), texts[key][0])
        else:
            filled[name] = current
    return filled


def _parsed(key: str, kind: type, text: str) -> Any:
    if kind is bool:
        if text not in TRUE and text not in FALSE:
            raise MalformedError(f"{key}: expected true or false")
        return text in TRUE
    if kind is int:
        return _number(key, text) if text else 0
    return text


def _number(key: str, text: str) -> int:
    match = _NUMBER.fullmatch(text) if len(text) <= _NUMBER_CHARS_MAX else None
    if match is None or match.lastgroup is None:
        raise MalformedError(f"{key}: expected a number")
    value = int(match[match.lastgroup].replace("_", ""), _BASES[match.lastgroup])
    if text[0] == "-":
        value = -value
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise MalformedError(f"{key}: too large a number")
    return value
