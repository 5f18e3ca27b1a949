"""Filter text to tokens: one pass from left to right, whose time is linear in the text.

A bracketed group is found first by its raw extent: from `(` to the matching `)`, counting brackets outside of quotes.
A comment inside a group ends with the group at the latest. The extents of all nested groups are noted in the same
pass, so no character is looked at more than a fixed number of times.
"""

import re
from typing import NamedTuple

from worker.filters.nodes import Call, FilterError, Name, Number, Term, Text

# Kinds of tokens, named as error messages name them.
SIGN, JOIN, GROUP = "sign", "join", "group"
KINDS = {Text: "text", Number: "number", Name: "identifier", Call: "function"}

SIGNS = frozenset(sign for plain in ("=", "!=", ">", ">=", "<", "<=", "~", "!~") for sign in (plain, f"?{plain}"))
JOINS = frozenset({"&&", "||"})

# NUL counts as white space, as the real one has it
_SPACE = re.compile(r"[ \t\r\n\0]+")
_COMMENT = re.compile(r"//[^\n]*")
_NUMBER = re.compile(r"-?[0-9]*(?:\.[0-9]*)?")
_VALID_NUMBER = re.compile(r"-?(?:[0-9]+|[0-9]*\.[0-9]+)")
_NAME = re.compile(r"[A-Za-z_@#][A-Za-z0-9_.:]*")
_VALID_NAME = re.compile(r"[A-Za-z_@#].*[A-Za-z0-9_]|[A-Za-z_]", re.DOTALL)
_SIGN = re.compile(r"[=?!><~]+")
_JOIN = re.compile(r"[&|]+")
_QUOTED = {quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL) for quote in "'\""}
_BRACKET = re.compile(r"""[()'"]""")
_ESCAPE = {quote: re.compile(rf"\\([\\{quote}])") for quote in "'\""}

INT_MAX = 2**63 - 1
# What an error message shows of a text without an end.
SHOWN_MAX = 100


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
        self._position = match.end()
        return Token(kind, match[0])

    def _comment(self) -> None:
        match = _COMMENT.match(self.text, self._position, self._end)
        if match is None:
            raise FilterError("invalid comment")
        self._position = match.end()

    def _term(self) -> Term:
        """A literal, a name or a call at the current position."""
        text, start, end = self.text, self._position, self._end
        char = text[start]
        if char in "'\"":
            quoted = _QUOTED[char].match(text, start, end)
            if quoted is None:
                shown = text[start : min(end, start + SHOWN_MAX)].replace('"', '\\"')
                raise FilterError(f'invalid quoted text "{shown}"')
            self._position = quoted.end()
            return Text(_ESCAPE[char].sub(r"\1", quoted[1]) if "\\" in quoted[1] else quoted[1])
        if char == "-" or "0" <= char <= "9":
            number = _NUMBER.match(text, start, end)
            assert number is not None
            if _VALID_NUMBER.fullmatch(number[0]) is None:
                raise FilterError(f'invalid number "{number[0]}"')
            self._position = number.end()
            return Number(read_number(number[0]))
        name = _NAME.match(text, start, end)
        assert name is not None
        if _VALID_NAME.fullmatch(name[0]) is None:
            raise FilterError(f'invalid identifier "{name[0]}"')
        self._position = name.end()
        if self._position < end and text[self._position] == "(":
            self._position += 1
            return Call(name[0], self._arguments(name[0]))
        return Name(name[0])

    def _arguments(self, function: str) -> tuple[Term, ...]:
        """The arguments after the opening bracket, which is consumed already. A trailing comma is allowed."""
        # calls nest as arguments do; the stack keeps deep texts off Python's own
        stack: list[tuple[str, list[Term]]] = [(function, [])]
        comma_expected = False
        while True:
            name, arguments = stack[-1]
            char = self._skip()
            if char == "":
                raise FilterError(f"invalid or incomplete function \"{name}\" (expected ')')")
            if char == ")":
                self._position += 1
                stack.pop()
                if not stack:
                    return tuple(arguments)
                stack[-1][1].append(Call(name, tuple(arguments)))
                comma_expected = True
            elif char == ",":
                if not comma_expected:
                    raise FilterError(f'unexpected comma in function "{name}"')
                self._position += 1
                comma_expected = False
            elif comma_expected:
                raise FilterError(f'expected comma after the last argument in function "{name}"')
            elif opened := self._opened():
                if len(stack) > CALLS_MAX:
                    raise FilterError("max nested functions limit reached")
                stack.append((opened, []))
            elif char in "'\"-" or "0" <= char <= "9" or _NAME.match(self.text, self._position, self._end):
                arguments.append(self._term())
                comma_expected = True
            else:
                raise FilterError(f'unsupported argument character {_shown_character(char)} in function "{name}"')

    def _skip(self) -> str:
        """The next character that is neither white space nor in a comment; empty at the end."""
        while self._position < self._end:
            char = self.text[self._position]
            if space := _SPACE.match(self.text, self._position, self._end):
                self._position = space.end()
            elif char == "/":
                self._comment()
            else:
                return char
        return ""

    def _opened(self) -> str:
        """The name of a call that starts here, its opening bracket consumed; empty if none does."""
        name = _NAME.match(self.text, self._position, self._end)
        if name is None or name.end() >= self._end or self.text[name.end()] != "(":
            return ""
        if _VALID_NAME.fullmatch(name[0]) is None:
            raise FilterError(f'invalid identifier "{name[0]}"')
        self._position = name.end() + 1
        return name[0]

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
            else:
                quoted = _QUOTED[char].match(self.text, match.start(), self._end)
                # a quote without an end hides everything behind it
                position = self._end if quoted is None else quoted.end()
        raise FilterError(f"invalid formatted group - missing {len(open_brackets)} closing bracket(s)")


# Calls within calls. No function takes a call as an argument today; the bound is there for the day one does.
CALLS_MAX = 10


def read_number(text: str) -> int | float:
    """A decimal text as the real one sees it: a 64-bit float, here an int where that is the same number."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) <= INT_MAX else value


def _shown_character(char: str) -> str:
    escapes = {"\\": "'\\\\'", "\v": "'\\v'", "\f": "'\\f'", "\a": "'\\a'", "\b": "'\\b'"}
    if char in escapes:
        return escapes[char]
    if char.isprintable() and char != "\u00a0":
        return f"'{char}'"
    code = ord(char)
    if code < 0x80:
        return f"'\\x{code:02x}'"
    return f"'\\u{code:04x}'" if code < 0x10000 else f"'\\U{code:08x}'"
