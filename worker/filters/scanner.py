"""Filter text to tokens: one pass from left to right, whose time is linear in the text.

A bracketed group is found first by its raw extent: from `(` to the matching `)`, counting brackets outside of quotes.
A comment inside a group ends with the group at the latest. The extents of all nested groups are noted in the same
pass, so no character is looked at more than a fixed number of times.

NUL is what the real one's reader takes for the end: of a token if it comes right behind one whose end is found by
reading on, of everything else.
"""

import re
from typing import NamedTuple

from worker.filters.nodes import Call, FilterError, Name, Number, Term, Text

# Kinds of tokens, named as error messages name them.
SIGN, JOIN, GROUP = "sign", "join", "group"
KINDS = {Text: "text", Number: "number", Name: "identifier", Call: "function"}

SIGNS = frozenset(sign for plain in ("=", "!=", ">", ">=", "<", "<=", "~", "!~") for sign in (plain, f"?{plain}"))
JOINS = frozenset({"&&", "||"})

_SPACE = re.compile(r"[ \t\r\n]+\0?")
_COMMENT = re.compile(r"//[^\n\0]*[\n\0]?")
_NUMBER = re.compile(r"-?[0-9]*(?:\.[0-9]*)?")
_VALID_NUMBER = re.compile(r"-?(?:[0-9]+|[0-9]*\.[0-9]+)")
_NAME = re.compile(r"[A-Za-z_@#][A-Za-z0-9_.:]*")
_VALID_NAME = re.compile(r"[A-Za-z_@#].*[A-Za-z0-9_]|[A-Za-z]", re.DOTALL)
_SIGN = re.compile(r"[=?!><~]+")
_JOIN = re.compile(r"[&|]+")
_QUOTED = {quote: re.compile(rf"{quote}((?:[^{quote}\\\0]|\\[^\0])*+){quote}", re.DOTALL) for quote in "'\""}
_BRACKET = re.compile(r"""[()'"\0]""")
# either quote, whichever is around the text
_ESCAPE = re.compile(r"""\\([\\'"])""")

INT_MAX = 2**63 - 1
# Calls within calls, the outermost one included. No function takes a call as an argument.
CALLS_MAX = 3


class Token(NamedTuple):
    """One piece: a Term, or the text of a sign or a join, or the extent of a group's inside."""

    kind: str
    value: "Term | str | tuple[int, int]"


class Scanner:
    """Tokens of `text[start:end]`, handed out one by one. Scanners of groups share the noted extents."""

    __slots__ = ("_closings", "_end", "_position", "text")

    def __init__(
        self, text: str, start: int = 0, end: int | None = None, closings: dict[int, int] | None = None
    ) -> None:
        self.text = text
        self._position = start
        self._end = len(text) if end is None else end
        self._closings: dict[int, int] = {} if closings is None else closings

    def inside(self, extent: tuple[int, int]) -> "Scanner":
        """A scanner of the inside of a group."""
        return Scanner(self.text, *extent, self._closings)

    def next(self) -> Token | None:
        """The next token; None at the end. Raises FilterError."""
        text, end = self.text, self._end
        while self._position < end:
            start = self._position
            char = text[start]
            if char == "\0":
                return None
            if space := _SPACE.match(text, start, end):
                self._position = space.end()
            elif char == "/":
                self._comment()
            elif char in "'\"" or char == "-" or "0" <= char <= "9" or _NAME.match(text, start, end):
                term = self._term()
                return Token(KINDS[type(term)], term)
            elif match := _SIGN.match(text, start, end):
                return self._operator(SIGN, match, SIGNS)
            elif match := _JOIN.match(text, start, end):
                return self._operator(JOIN, match, JOINS)
            elif char == "(":
                closing = self._closing(start)
                self._position = closing + 1
                return Token(GROUP, (start + 1, closing))
            else:
                raise FilterError(f"unexpected character {_shown_character(char)}")
        return None

    def _operator(self, kind: str, match: "re.Match[str]", valid: frozenset[str]) -> Token:
        if match[0] not in valid:
            raise FilterError(f'invalid {kind} operator "{match[0]}"')
        self._move_behind(match)
        return Token(kind, match[0])

    def _move_behind(self, match: "re.Match[str]") -> None:
        """Go on behind a token whose end was found by reading on: a NUL there is its end."""
        end = match.end()
        self._position = end + (end < self._end and self.text[end] == "\0")

    def _comment(self) -> None:
        match = _COMMENT.match(self.text, self._position, self._end)
        if match is None:
            raise FilterError("invalid comment")
        self._position = match.end()

    def _term(self, depth: int = 0) -> Term:
        """A literal, a name or a call at the current position, within `depth` other calls."""
        text, start, end = self.text, self._position, self._end
        char = text[start]
        if char in "'\"":
            quoted = _QUOTED[char].match(text, start, end)
            if quoted is None:
                raise FilterError(f"invalid quoted text {_in_quotes(self._unclosed(start))}")
            self._position = quoted.end()
            return Text(_ESCAPE.sub(r"\1", quoted[1]) if "\\" in quoted[1] else quoted[1])
        if char == "-" or "0" <= char <= "9":
            number = _NUMBER.match(text, start, end)
            assert number is not None
            if _VALID_NUMBER.fullmatch(number[0]) is None:
                raise FilterError(f'invalid number "{number[0]}"')
            self._move_behind(number)
            return Number(read_number(number[0]))
        name = _NAME.match(text, start, end)
        assert name is not None
        called = name.end() < end and text[name.end()] == "("
        if _VALID_NAME.fullmatch(name[0]) is None:
            raise FilterError(f'invalid {"function name" if called else "identifier"} "{name[0]}"')
        if not called:
            self._move_behind(name)
            return Name(name[0])
        if depth >= CALLS_MAX:
            raise FilterError(f"max nested function arguments reached (max: {CALLS_MAX})")
        self._position = name.end() + 1
        return Call(name[0], self._arguments(name[0], depth))

    def _unclosed(self, start: int) -> str:
        """What is left of the text from a quote that nothing closes, its escapes resolved."""
        return _ESCAPE.sub(r"\1", self.text[start : self._end].partition("\0")[0])

    def _arguments(self, function: str, depth: int) -> tuple[Term, ...]:
        """The arguments after the opening bracket, which is consumed already. A trailing comma is allowed."""
        arguments: list[Term] = []
        comma_expected = False
        while True:
            char = self._skip()
            if char == "":
                raise FilterError(f"invalid or incomplete function \"{function}\" (expected ')')")
            if char == ")":
                self._position += 1
                return tuple(arguments)
            if char == ",":
                if not comma_expected:
                    raise FilterError(f'unexpected comma in function "{function}"')
                self._position += 1
                comma_expected = False
            elif comma_expected:
                raise FilterError(f'expected comma after the last argument in function "{function}"')
            else:
                arguments.append(self._argument(char, function, depth))
                comma_expected = True

    def _argument(self, char: str, function: str, depth: int) -> Term:
        """The argument that begins with `char` at the current position."""
        start = self._position
        name = _NAME.match(self.text, start, self._end)
        number = _NUMBER.match(self.text, start, self._end) if char == "-" or "0" <= char <= "9" else None
        if not (name or number or char in "'\""):
            raise FilterError(f'unsupported argument character {_shown_character(char)} in function "{function}"')
        try:
            return self._term(depth + 1)
        except FilterError as error:
            kind = "identifier" if name else "number" if number else "text"
            found = name or number
            shown = _in_quotes(found[0] if found else self._unclosed(start))
            raise FilterError(f'invalid {kind} argument {shown} in function "{function}": {error}') from error

    def _skip(self) -> str:
        """The next character that is neither white space nor in a comment; empty at the end."""
        while self._position < self._end:
            char = self.text[self._position]
            if char == "\0":
                return ""
            if space := _SPACE.match(self.text, self._position, self._end):
                self._position = space.end()
            elif char == "/":
                self._comment()
            else:
                return char
        return ""

    def _closing(self, start: int) -> int:
        """Where the group that opens at `start` ends. Notes the ends of the groups inside it too."""
        known = self._closings.get(start)
        if known is not None and known < self._end:
            return known
        open_brackets: list[int] = []
        position = start
        while match := _BRACKET.search(self.text, position, self._end):
            position = match.end()
            char = match[0]
            if char == "(":
                open_brackets.append(match.start())
            elif char == ")":
                self._closings[open_brackets.pop()] = match.start()
                if not open_brackets:
                    return match.start()
            elif char == "\0":
                break
            else:
                quoted = _QUOTED[char].match(self.text, match.start(), self._end)
                if quoted is None:
                    rest = self.text[match.start() : self._end].partition("\0")[0]
                    raise FilterError(f"invalid quoted text {_in_quotes(rest)}")
                position = quoted.end()
        raise FilterError(f"invalid formatted group - missing {len(open_brackets)} closing bracket(s)")


def read_number(text: str) -> int | float:
    """A decimal text as the real one sees it: a 64-bit float, here an int where that is the same number."""
    value = float(text)
    if value == 0 and text[0] == "-":
        return value  # -0, which is a text of its own where it meets one
    return int(value) if value.is_integer() and abs(value) <= INT_MAX else value


ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\v": "\\v", "\f": "\\f", "\a": "\\a", "\b": "\\b", "\\": "\\\\"}


def _in_quotes(text: str) -> str:
    """A text in double quotes as Go's error messages have it."""
    return '"' + "".join(['\\"' if char == '"' else _escaped(char) for char in text]) + '"'


def _shown_character(char: str) -> str:
    return f"'{_escaped(char)}'"


def _escaped(char: str) -> str:
    if char in ESCAPES:
        return ESCAPES[char]
    if char.isprintable() and char != "\u00a0":
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
