"""A filter's tree to SQL conditions, with the help of somebody who knows what names stand for.

The result of a filter is a list of conditions that must all hold. Each says which joins it refers to, so that the
caller may place it: conditions over the row alone next to the row, those over several joined rows into an EXISTS.

A plain operator over a path that leads to several rows means "all": there is a row for which the comparison holds,
and there is none for which it does not.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from worker.filters.compare import Pieces, compare
from worker.filters.functions import call_function, macro
from worker.filters.nodes import All, Call, Comparison, Expression, FilterError, Name, Number, Term
from worker.filters.operands import Operand, Param, Sql, Value


class Rows(Protocol):
    """Joined rows that names may add to."""


class Apart(Protocol):
    """Joined rows of their own for one NOT EXISTS; the rows of the two sides are combined freely."""

    @property
    def left(self) -> Rows: ...
    @property
    def right(self) -> Rows: ...

    def none_where(self, condition: Pieces, *, keeps_empty: bool) -> Pieces:
        """SQL which says that `condition` holds for none of the rows.

        `keeps_empty`: whether a path without rows counts as one row of NULLs even if the other side has no path.
        """
        ...


class Names(Protocol):
    """What names stand for. The only way from a filter to a schema."""

    def resolve(self, path: str, rows: Rows | None) -> Operand:
        """The operand of a name, its joins added to `rows` (None: the main ones). Raises FilterError."""
        ...

    def apart(self) -> Apart:
        """Rows for a NOT EXISTS."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that must hold, its parameters, and the aliases of the joins it refers to."""

    sql: str
    params: tuple[Param, ...]
    needs: frozenset[str]


LITERALS: dict[str, Value] = {"null": Value(None), "true": Value(1, wraps=False), "false": Value(0, wraps=False)}


def conditions(expression: Expression, names: Names) -> list[Condition]:
    """The conditions of which all must hold for `expression` to hold. Raises FilterError."""
    # depth is bounded by the number of comparisons, see nodes
    if isinstance(expression, Comparison):
        return _comparison(expression, names)
    if isinstance(expression, All):
        return [condition for part in expression.parts for condition in conditions(part, names)]
    return [joined("OR", [joined("AND", conditions(part, names)) for part in expression.parts])]


def joined(word: str, parts: list[Condition]) -> Condition:
    """Conditions joined by AND or OR as one, in brackets where there are several."""
    if len(parts) == 1:
        return parts[0]
    return Condition(
        f"({f' {word} '.join(part.sql for part in parts)})",
        tuple(param for part in parts for param in part.params),
        frozenset().union(*[part.needs for part in parts]),
    )


def _comparison(node: Comparison, names: Names) -> list[Condition]:
    left = _side("left", node.left, names, None)
    right = _side("right", node.right, names, None)
    operator = node.operator.removeprefix("?")
    needs = _needs(left) | _needs(right)
    found = [Condition(*compare(operator, left, right), needs)]
    if operator is node.operator and (_many(left) or _many(right)):
        found.append(_none_against(operator, node, left, right, names))
    found.extend(
        Condition(operand.also, (), operand.needs)
        for operand in (left, right)
        if isinstance(operand, Sql) and operand.also
    )
    return found


def _none_against(operator: str, node: Comparison, left: Operand, right: Operand, names: Names) -> Condition:
    """No row of the paths to several rows speaks against the comparison."""
    apart = names.apart()
    # Where this comparison is another one than that with the main rows, the row of NULLs of an empty path counts.
    loose_left, loose_right = _loosened(left), _loosened(right)
    keeps_empty = loose_left is not left or loose_right is not right
    needs: frozenset[str] = frozenset()
    if _many(left):
        loose_left = _loosened(_side("left", node.left, names, apart.left))
    else:
        needs |= _needs(left)
    if _many(right):
        loose_right = _loosened(_side("right", node.right, names, apart.right))
    else:
        needs |= _needs(right)
    sql, params = compare(operator, loose_left, loose_right)
    return Condition(*apart.none_where((f"NOT ({sql})", params), keeps_empty=keeps_empty), needs)


def _loosened(operand: Operand) -> Operand:
    """An operand as it is compared with all rows: a path's own strictness counts there, that of the other side not."""
    if not isinstance(operand, Sql):
        return operand
    if operand.many:
        return replace(operand, filled=False) if operand.filled else operand
    if operand.call:
        return replace(operand, strict=False, filled=True)
    return replace(operand, strict=False) if operand.strict else operand


def _side(side: str, term: Term, names: Names, rows: Rows | None) -> Operand:
    try:
        return _operand(term, names, rows)
    except FilterError as error:
        shown = term.path if isinstance(term, Name) else term.name if isinstance(term, Call) else ""
        raise FilterError(f'invalid {side} operand "{shown}" - {error}') from error


def _operand(term: Term, names: Names, rows: Rows | None) -> Operand:
    if isinstance(term, Name):
        return macro(term.path) or names.resolve(term.path, rows)
    if isinstance(term, Call):
        return call_function(term, lambda argument: _operand(argument, names, rows))
    # the real one's numbers are floats, which shows where one meets a text: 5 is '5.0' there
    return Value(float(term.value) if isinstance(term, Number) else term.value)


def _many(operand: Operand) -> bool:
    return isinstance(operand, Sql) and operand.many


def _needs(operand: Operand) -> frozenset[str]:
    return operand.needs if isinstance(operand, Sql) else frozenset()
