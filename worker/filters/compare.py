"""One comparison of two operands as SQL that gives what the real PocketBase gives, in a form indexes serve.

| operands | `=` | `!=` |
| --- | --- | --- |
| either is strict | `a IS b` | `a IS NOT b` |
| SQL and value | NULL counts as "" | likewise |
| SQL and SQL | `COALESCE(a, '') = COALESCE(b, '')` | `COALESCE(a, '') IS NOT COALESCE(b, '')` |

`COALESCE` hides a column from indexes and takes its affinity, so it is left out where a column cannot be NULL and
both sides compare alike. The order operators compare what is there; NULL makes them, and LIKE, false.
"""

import re

from worker.fields.numbers import text_of
from worker.filters.operands import Constant, JsonPath, Late, Operand, Param, Sql, Value, map_param

ORDERS = frozenset({">", ">=", "<", "<="})

Pieces = tuple[str, tuple[Param, ...]]

_SPECIAL = re.compile(r"\\[%_\\]|[%_\\]")
_OPEN_PERCENT = re.compile(r"(?:[^%\\]|\\.)*+%", re.DOTALL)


def compare(operator: str, left: Operand, right: Operand) -> Pieces:
    """SQL of `left operator right` (no leading `?`) and its parameters, ready to stand between AND and NOT."""
    if operator in ("=", "!="):
        return _equal(left, right, negated=operator == "!=")
    if operator in ORDERS:
        return _binary(operator, _plain(left), _plain(right))
    left_sql, left_params = _plain(left)
    right_sql, right_params = _pattern(right)
    like = "LIKE" if operator == "~" else "NOT LIKE"
    return f"{left_sql} {like} {right_sql} ESCAPE '\\'", left_params + right_params


def _equal(left: Operand, right: Operand, *, negated: bool) -> Pieces:
    sign = "IS NOT" if negated else "="
    strict = _is_strict(left) or _is_strict(right)
    if (strict or negated) and isinstance(right, Value) and right.truth:
        return _test_truth(left, right, negated=negated)
    if strict:
        return _binary("IS NOT" if negated else "IS", _plain(left), _plain(right))
    if isinstance(left, Value):
        if isinstance(right, Value):
            return _binary(sign, _filled(left), _filled(right))
        # the order matters to nobody: SQLite's comparisons of equality are symmetric
        return _with_value(right, left, negated=negated)
    if isinstance(right, Value):
        return _with_value(left, right, negated=negated)
    if left.filled or right.filled:
        return _binary(sign, _plain(left), _plain(right))
    if left.affinity and left.affinity == right.affinity:
        if not left.nullable and not right.nullable:
            return _binary(sign, _plain(left), _plain(right))
        if not left.nullable:
            return _binary(sign, _plain(left), _coalesced(right))
        if not right.nullable:
            return _binary(sign, _coalesced(left), _plain(right))
    return _binary(sign, _coalesced(left), _coalesced(right))


def _with_value(expression: Sql, value: Value, *, negated: bool) -> Pieces:
    sql, params = expression.sql, expression.params
    filled = map_param(value.param, _fill)
    if not expression.nullable or expression.filled:
        return f"{sql} {'IS NOT' if negated else '='} ?", (*params, filled)
    if isinstance(filled, Late):
        # whether NULL counts depends on a value that is not known yet
        if negated:
            return f"({sql} IS NOT ? AND (? <> '' OR {sql} IS NOT NULL))", (*params, filled, filled, *params)
        return f"({sql} = ? OR (? = '' AND {sql} IS NULL))", (*params, filled, filled, *params)
    if filled != "":
        return f"{sql} {'IS NOT' if negated else '='} ?", (*params, filled)
    if negated:
        return f"({sql} IS NOT '' AND {sql} IS NOT NULL)", params + params
    return f"({sql} = '' OR {sql} IS NULL)", params + params


def _test_truth(left: Operand, right: Value, *, negated: bool) -> Pieces:
    sql, params = _plain(left) if isinstance(left, Sql) else _filled(left)
    test = "IS NOT" if negated else "IS"
    return f"CASE WHEN ? THEN {sql} {test} TRUE ELSE {sql} {test} FALSE END", (right.param, *params, *params)


def _binary(sign: str, left: Pieces, right: Pieces) -> Pieces:
    return f"{left[0]} {sign} {right[0]}", left[1] + right[1]


def _plain(operand: Operand) -> Pieces:
    return ("?", (operand.param,)) if isinstance(operand, Value) else (operand.sql, operand.params)


def _filled(value: Value) -> Pieces:
    return "?", (map_param(value.param, _fill),)


def _coalesced(expression: Sql) -> Pieces:
    return f"COALESCE({expression.sql}, '')", expression.params


def _is_strict(operand: Operand) -> bool:
    return isinstance(operand, Sql) and operand.strict


def _fill(value: Constant) -> Constant:
    return "" if value is None else value


def _pattern(operand: Operand) -> Pieces:
    if isinstance(operand, Value):
        return "?", (map_param(operand.param, like_pattern if operand.wraps else _bare_pattern),)
    if operand.call:
        # a call stands as it is, but its values count as patterns: the real one's way, of no use to anybody
        params = [param if isinstance(param, JsonPath) else map_param(param, like_pattern) for param in operand.params]
        return operand.sql, tuple(params)
    return f"('%' || {operand.sql} || '%')", operand.params


def _bare_pattern(value: Constant) -> Constant:
    return None if value is None else f"%{_as_text(int(value) if isinstance(value, bool) else value)}%"


def like_pattern(value: Constant) -> Constant:
    """A LIKE pattern: the value itself if it has a `%` that is not escaped, else `%value%` with specials escaped."""
    if value is None:
        return None
    text = "true" if value is True else "false" if value is False else _as_text(value)
    if "%" in text and _OPEN_PERCENT.match(text):
        return text
    escaped = _SPECIAL.sub(_escape, text) if "\\" in text or "_" in text else text
    return f"%{escaped}%"


def _escape(match: "re.Match[str]") -> str:
    # what is escaped already stays so
    return match[0] if len(match[0]) == 2 else f"\\{match[0]}"


def _as_text(value: str | float) -> str:
    return text_of(value) if isinstance(value, float) else str(value)
