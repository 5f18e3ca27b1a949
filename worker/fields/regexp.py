"""Go's regular expression syntax, parsed into a small tree.

Patterns come from PocketBase schemas and mean there what Go's `regexp` says. The parser refuses what Go refuses, in
Go's words, and its tree is what texts are generated from; RE2 does the matching (`patterns`).

Left out: `\\C`, and scripts (`\\p{Greek}`) other than by the names of characters. Captures are groups without a number.
"""

from typing import NamedTuple

from worker.fields.charsets import (
    ALL,
    CODE_MAX,
    NEWLINE,
    PERL_CLASSES,
    POSIX_CLASSES,
    Ranges,
    folded,
    negated,
    normalised,
    unicode_class,
)

REPEAT_MAX = 1000
DEPTH_MAX = 200


class PatternError(ValueError):
    """A pattern that Go refuses; the message is Go's."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"error parsing regexp: {reason}: `{text}`")


class Chars(NamedTuple):
    """One character out of ranges of code points, sorted and disjoint."""

    ranges: Ranges


class Sequence(NamedTuple):
    """Nodes one after another; none match the empty text."""

    items: "tuple[Node, ...]"


class Choice(NamedTuple):
    """One of several nodes."""

    items: "tuple[Node, ...]"


class Repeat(NamedTuple):
    """A node `low` to `high` times; `high` None is without end."""

    item: "Node"
    low: int
    high: int | None


class Assertion(NamedTuple):
    """A condition on a place: "text_start", "text_end", "line_start", "line_end", "boundary", "no_boundary"."""

    kind: str


Node = Chars | Sequence | Choice | Repeat | Assertion

CONTROL_ESCAPES = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
ASSERTION_ESCAPES = {"A": "text_start", "z": "text_end", "b": "boundary", "B": "no_boundary"}


class Flags(NamedTuple):
    """What `(?ims)` switches."""

    fold: bool = False
    multiline: bool = False
    dot_all: bool = False


class Parser:
    """Recursive descent over a pattern. `parse` raises PatternError."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def parse(self) -> Node:
        """The tree of the whole pattern."""
        node = self._choice(Flags())
        if self.at < len(self.pattern):
            raise PatternError("unexpected )", self.pattern)
        return node

    def _rest(self) -> str:
        return self.pattern[self.at :]

    def _choice(self, flags: Flags) -> Node:
        branches = []
        while True:
            branch, flags = self._sequence(flags)
            branches.append(branch)
            if not self._rest().startswith("|"):
                return branches[0] if len(branches) == 1 else Choice(tuple(branches))
            self.at += 1

    def _sequence(self, flags: Flags) -> tuple[Node, Flags]:
        items: list[Node] = []
        repeated = -1  # where the last repetition operator began, if nothing followed it
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            if character in "|)":
                break
            start = self.at
            bounds = self._bounds(character)
            if bounds is not None:
                text = self.pattern[start : self.at]
                if not items:
                    raise PatternError("missing argument to repetition operator", text)
                if repeated >= 0:
                    raise PatternError("invalid nested repetition operator", self.pattern[repeated : self.at])
                items[-1] = Repeat(items[-1], *bounds)
                if character == "{" and not _repeats_up_to(items[-1], REPEAT_MAX):
                    raise PatternError("invalid repeat count", text.removesuffix("?"))
                repeated = start
                continue
            repeated = -1
            if character == "(":
                node, flags = self._group(flags)
                if node is not None:
                    items.append(node)
            else:
                items.extend(self._atom(character, flags))
        return (items[0] if len(items) == 1 else Sequence(tuple(items))), flags

    def _bounds(self, character: str) -> tuple[int, int | None] | None:
        """The bounds of a repetition operator here, which is then passed; None for anything else."""
        if character in "*+?":
            self.at += 1
            bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
        elif character == "{":
            end = self.pattern.find("}", self.at)
            low, comma, high = self.pattern[self.at + 1 : end].partition(",")
            if end < 0 or not _is_count(low) or not (high == "" or _is_count(high)):
                return None
            text = self.pattern[self.at : end + 1]
            least = int(low)
            most = (int(high) if high else None) if comma else least
            if least > REPEAT_MAX or (most is not None and (most > REPEAT_MAX or most < least)):
                raise PatternError("invalid repeat count", text)
            self.at = end + 1
            bounds = (least, most)
        else:
            return None
        if self._rest().startswith("?"):
            self.at += 1
        return bounds

    def _group(self, flags: Flags) -> tuple[Node | None, Flags]:
        """A group, or flags for what follows, which are no node."""
        inner = flags
        rest = self._rest()
        if rest.startswith(("(?P<", "(?<")):
            self._named(rest)
        elif rest.startswith("(?"):
            inner, closed = self._flags(flags)
            if closed:
                return None, inner
        else:
            self.at += 1
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise PatternError("expression nests too deeply", self.pattern)
        node = self._choice(inner)
        self.depth -= 1
        if not self._rest().startswith(")"):
            raise PatternError("missing closing )", self.pattern)
        self.at += 1
        # a group is one argument for a repetition operator, whatever it holds
        return node, flags

    def _named(self, rest: str) -> None:
        end = rest.find(">")
        if end < 0:
            raise PatternError("invalid named capture", rest)
        name = rest[rest.index("<") + 1 : end]
        if not name or not name.replace("_", "a").isalnum() or not name.isascii():
            raise PatternError("invalid named capture", rest[: end + 1])
        self.at += end + 1

    def _flags(self, flags: Flags) -> tuple[Flags, bool]:
        """Flags from `(?` on; True where they end in `)`, False where a group follows."""
        start = self.at
        self.at += 2
        on = True
        values = flags._asdict()
        names = {"i": "fold", "m": "multiline", "s": "dot_all"}
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            self.at += 1
            if character in names:
                values[names[character]] = on
            elif character == "-" and on:
                on = False
            elif character in ":)":
                return Flags(**values), character == ")"
            elif character != "U":
                raise PatternError("invalid or unsupported Perl syntax", self.pattern[start : self.at])
        raise PatternError("missing closing )", self.pattern)

    def _atom(self, character: str, flags: Flags) -> list[Node]:
        if character == "[":
            return [self._class(flags)]
        if character == "\\":
            return self._escape(flags)
        self.at += 1
        if character == ".":
            return [Chars(ALL if flags.dot_all else negated(NEWLINE))]
        if character == "^":
            return [Assertion("line_start" if flags.multiline else "text_start")]
        if character == "$":
            return [Assertion("line_end" if flags.multiline else "text_end")]
        return [_one(ord(character), flags)]

    def _escape(self, flags: Flags) -> list[Node]:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter == "Q":
            end = self.pattern.find("\\E", self.at)
            quoted = self.pattern[self.at + 2 : end if end >= 0 else None]
            self.at = end + 2 if end >= 0 else len(self.pattern)
            return [_one(ord(character), flags) for character in quoted]
        if letter in ASSERTION_ESCAPES and letter:
            self.at += 2
            return [Assertion(ASSERTION_ESCAPES[letter])]
        ranges = self._class_escape(flags)
        return [Chars(ranges) if ranges is not None else _one(self._code(), flags)]

    def _class_escape(self, flags: Flags) -> Ranges | None:
        """The set of `\\d`, `\\pL` and the like, which is then passed; None for anything else."""
        letter = self.pattern[self.at + 1 : self.at + 2]
        known = PERL_CLASSES.get(letter.lower())
        if known is not None:
            self.at += 2
            return known if letter.islower() else negated(known)
        if letter not in ("p", "P"):
            return None
        start = self.at
        end = self.at + 3
        name = self.pattern[self.at + 2 : end]
        if name == "{":
            end = self.pattern.find("}", start) + 1
            if not end:
                raise PatternError("invalid character class range", self.pattern[start:])
            name = self.pattern[start + 3 : end - 1]
        negative = (letter == "P") != name.startswith("^")
        found = unicode_class(name.removeprefix("^"))
        if found is None:
            raise PatternError("invalid character class range", self.pattern[start:end])
        self.at = end
        if flags.fold:
            found = folded(found)
        return negated(found) if negative else found

    def _code(self) -> int:
        """The one character of an escape, which is then passed."""
        start = self.at
        letter = self.pattern[start + 1 : start + 2]
        if not letter:
            raise PatternError("trailing backslash at end of expression", "")
        self.at += 2
        if letter in CONTROL_ESCAPES:
            return CONTROL_ESCAPES[letter]
        if letter == "x":
            return self._hexadecimal(start)
        if letter in "01234567":
            digits = letter
            while len(digits) < 3 and self.pattern[self.at : self.at + 1] in tuple("01234567"):
                digits += self.pattern[self.at]
                self.at += 1
            # a single digit would refer back to a group, which Go has not
            if letter == "0" or len(digits) > 1:
                return int(digits, 8)
        elif letter.isascii() and not letter.isalnum():
            return ord(letter)
        raise PatternError("invalid escape sequence", self.pattern[start : start + 2])

    def _hexadecimal(self, start: int) -> int:
        if self._rest().startswith("{"):
            end = self.pattern.find("}", self.at)
            digits = self.pattern[self.at + 1 : end if end >= 0 else None]
            self.at = end + 1
        else:
            digits = self.pattern[self.at : self.at + 2]
            end = self.at + len(digits)
            self.at = end
            if len(digits) < 2:
                raise PatternError("invalid escape sequence", self.pattern[start:])
        for place, digit in enumerate(digits):
            if digit not in "0123456789abcdefABCDEF":
                raise PatternError("invalid escape sequence", self.pattern[start : end - len(digits) + place + 1])
        if end < 0 or not digits or int(digits, 16) > CODE_MAX:
            raise PatternError("invalid escape sequence", self.pattern[start : end if end >= 0 else None])
        return int(digits, 16)

    def _class(self, flags: Flags) -> Node:
        start = self.at
        self.at += 1
        negative = self._rest().startswith("^")
        if negative:
            self.at += 1
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self._rest().startswith("]"):
            first = False
            if self.at >= len(self.pattern):
                raise PatternError("missing closing ]", self.pattern[start:])
            ranges.extend(self._class_item(flags, start))
        self.at += 1
        found = normalised(ranges)
        if flags.fold:
            found = folded(found)
        return Chars(negated(found) if negative else found)

    def _class_item(self, flags: Flags, start: int) -> Ranges:
        rest = self._rest()
        if rest.startswith("[:"):
            end = rest.find(":]")
            if end >= 0:
                name = rest[2:end]
                known = POSIX_CLASSES.get(name.removeprefix("^"))
                if known is None:
                    raise PatternError("invalid character class range", rest[: end + 2])
                self.at += end + 2
                return negated(known) if name.startswith("^") else known
        if rest.startswith("\\"):
            escaped = self._class_escape(flags)
            if escaped is not None:
                return escaped
        item = self.at
        low = high = self._class_code(start)
        after = self._rest()
        if after.startswith("-") and not after.startswith("-]") and len(after) > 1:
            self.at += 1
            high = self._class_code(start)
            if high < low:
                raise PatternError("invalid character class range", self.pattern[item : self.at])
        return ((low, high),)

    def _class_code(self, start: int) -> int:
        if self.at >= len(self.pattern):
            raise PatternError("missing closing ]", self.pattern[start:])
        if self.pattern[self.at] == "\\":
            return self._code()
        self.at += 1
        return ord(self.pattern[self.at - 1])


def _repeats_up_to(node: Node, most: int) -> bool:
    """Whether repetitions within each other come to no more than `most`."""
    if isinstance(node, Repeat):
        times = node.low if node.high is None else node.high
        return times <= most and (times == 0 or _repeats_up_to(node.item, most // times))
    return not isinstance(node, (Sequence, Choice)) or all(_repeats_up_to(item, most) for item in node.items)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _one(code: int, flags: Flags) -> Chars:
    ranges: Ranges = ((code, code),)
    return Chars(folded(ranges) if flags.fold else ranges)


def parse(pattern: str) -> Node:
    """The tree of a pattern in Go's syntax. Raises PatternError."""
    return Parser(pattern).parse()
