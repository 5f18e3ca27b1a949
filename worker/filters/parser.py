"""Filter text to a tree.

    expression  = part { ("&&" | "||") part }           "&&" binds tighter
    part        = "(" expression ")" | operand sign operand
    operand     = text | number | name | name "(" [ operand { "," operand } [ "," ] ] ")"
    sign        = [ "?" ] ( "=" | "!=" | ">" | ">=" | "<" | "<=" | "~" | "!~" )

As in the real PocketBase a group may follow without a join (`a = 1 (b = 2)`): the join before it is repeated, `&&` if
there was none. And a group may stand where a sign or an operand is expected: `a (b = 2)` is `b = 2`.
"""

from worker.filters.nodes import All, Any, Comparison, Expression, FilterError, Term
from worker.filters.scanner import GROUP, JOIN, SIGN, Scanner, Token

COMPARISONS_MAX = 200
FILTER_CHARS_MAX = 3500
# The longest rule that is looked at; the real one has no bound of its own here, only that of the request's body.
RULE_CHARS_MAX = 1_000_000

Part = tuple[str, Expression]
# As the real one spells it, the second without a comma.
LEFT_KINDS = "identifier, function, text or number"
RIGHT_KINDS = "identifier, function text or number"


class _Level:
    """An expression that is being read: what came so far, and what is expected next."""

    __slots__ = ("join", "left", "parts", "scanner", "sign")

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        # each part with the join before it
        self.parts: list[Part] = []
        # the join for the next part; empty between a part and a join
        self.join = "&&"
        self.left: Term | None = None
        self.sign = ""


def parse(text: str, chars_max: int = RULE_CHARS_MAX) -> Expression:
    """The tree of `text`. Raises FilterError, and nothing else, for a text that is no filter or beyond the limits."""
    if len(text) > chars_max:
        raise FilterError("max filter length reached")
    levels = [_Level(Scanner(text))]
    budget = COMPARISONS_MAX
    # the join that was read last, per level, for groups that follow without one
    last = ["&&"]
    while True:
        level = levels[-1]
        token = level.scanner.next()
        if token is None:
            expression = _finished(level)
            levels.pop()
            last.pop()
            if not levels:
                return expression
            _append(levels[-1], last, expression)
        elif token.kind == GROUP:
            # an operand before it is forgotten, with its sign
            level.left, level.sign = None, ""
            assert isinstance(token.value, tuple)
            levels.append(_Level(level.scanner.inside(token.value)))
            last.append("&&")
        elif comparison := _step(level, last, token):
            budget -= 1
            if budget < 0:
                raise FilterError("max filter expressions limit reached")
            _append(level, last, comparison)


def _step(level: _Level, last: list[str], token: Token) -> Comparison | None:
    """Take one token that is no group; a comparison if it completes one."""
    kind, value = token
    if level.sign:
        if kind in {SIGN, JOIN}:
            raise FilterError(f"expected right operand ({RIGHT_KINDS}), got {_shown(token)}")
        assert level.left is not None
        comparison = Comparison(level.left, level.sign, value)  # type: ignore[arg-type]  # a Term, by its kind
        level.left, level.sign = None, ""
        return comparison
    if level.left is not None:
        if kind != SIGN:
            raise FilterError(f"expected a sign operator, got {_shown(token)}")
        level.sign = str(value)
    elif not level.join:
        if kind != JOIN:
            raise FilterError(f"expected && or ||, got {_shown(token)}")
        level.join = last[-1] = str(value)
    elif kind in {SIGN, JOIN}:
        raise FilterError(f"expected left operand ({LEFT_KINDS}), got {_shown(token)}")
    else:
        level.left = value  # type: ignore[assignment]  # a Term, by its kind
    return None


def _append(level: _Level, last: list[str], expression: Expression) -> None:
    level.parts.append((level.join or last[-1], expression))
    level.join = ""


def _finished(level: _Level) -> Expression:
    """The expression of a level whose tokens are used up."""
    if level.left is not None or (level.parts and level.join):
        raise FilterError("invalid or incomplete filter expression")
    if not level.parts:
        raise FilterError("empty filter expression")
    alternatives: list[list[Expression]] = [[]]
    for index, (join, expression) in enumerate(level.parts):
        if join == "||" and index:
            alternatives.append([])
        alternatives[-1].append(expression)
    joined = [_joined(All, parts) for parts in alternatives]
    return _joined(Any, joined)


def _joined(kind: type[All] | type[Any], parts: list[Expression]) -> Expression:
    """Several expressions as one; those of the same kind are taken apart, `a && (b && c)` being `a && b && c`."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Expression] = []
    for part in parts:
        if isinstance(part, kind):
            flat.extend(part.parts)
        else:
            flat.append(part)
    return kind(tuple(flat))


def _shown(token: Token) -> str:
    kind, value = token
    if isinstance(value, str):
        text = value
    elif isinstance(value, tuple):
        text = ""
    else:
        text = str(getattr(value, "value", None) or getattr(value, "path", None) or getattr(value, "name", ""))
    return f'"{text}" ({kind})'
