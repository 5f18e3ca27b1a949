"""What a filter says: a small immutable tree, and how it is written back as text.

`All` and `Any` hold two or more parts and never directly one of their own kind's only child: brackets that group
nothing are gone. The depth of a tree is therefore bounded by the number of its comparisons.
"""

from dataclasses import dataclass


class FilterError(ValueError):
    """A text that is no filter, or names what is not there. The message is PocketBase's "raw error"."""


class NoSuchNameError(FilterError):
    """A name that means nothing. Behind `@request.auth.` and `@request.body.` it is NULL and no error."""


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted literal, its escapes resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric literal: int where the value is whole and fits SQLite's integers, else float."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Name:
    """A field path, a macro, `@request.…`, `@collection.…`, or one of null, true, false."""

    path: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: "tuple[Text | Number | Name | Call, ...]"


Term = Text | Number | Name | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`; the operator as written, a leading `?` meaning "any"."""

    left: Term
    operator: str
    right: Term


@dataclass(frozen=True, slots=True)
class All:
    """Parts joined by `&&`."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """Parts joined by `||`."""

    parts: "tuple[Expression, ...]"


Expression = Comparison | All | Any


def write(expression: Expression) -> str:
    """`expression` as a text that parses to an equal tree."""
    if isinstance(expression, Comparison):
        return f"{write_term(expression.left)} {expression.operator} {write_term(expression.right)}"
    join = " && " if isinstance(expression, All) else " || "
    return join.join(write(part) if isinstance(part, Comparison) else f"({write(part)})" for part in expression.parts)


def write_term(term: Term) -> str:
    """One operand as text."""
    if isinstance(term, Text):
        escaped = term.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(term, Number):
        return f"{term.value:f}" if isinstance(term.value, float) else str(term.value)
    if isinstance(term, Call):
        return f"{term.name}({', '.join(map(write_term, term.arguments))})"
    return term.path
