"""What the operator has chosen to see in `pocker top`, and what each key changes. Knows no terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SORTS: Mapping[str, tuple[str, str]] = {
    "c": ("cpu", "CPU"),
    "r": ("requests", "requests"),
    "m": ("memory", "memory"),
    "d": ("disk", "disk"),
    "x": ("refused", "refused"),
    "n": ("name", "name"),
}
"""Key → the order's name and its word."""
ORDERS: tuple[str, ...] = tuple(name for name, _ in SORTS.values())
FILTER_CHARS_MAX = 63

HELP = """\
c r m d x n   sort by CPU, requests, memory, disk, refused, name
v             reverse the order
/             show only names with some text in them; Enter keeps it, Esc ends it
space, p      pause, and go on
up, down, j, k, page up, page down, home      scroll
? h           this help
q, Ctrl-C     leave

CPU is in percent of one core; figures a second are of the last report, the line of CPU is the last minute.
! blocked for a time   ~ slowed down   x suspended, failed or on its way   . not open
"""


@dataclass
class View:
    """What is shown. `height` is the number of rows there is room for; the picture sets it."""

    order: str = "cpu"
    reverse: bool = False
    match: str = ""
    typed: str | None = None
    """The filter while it is being typed."""
    paused: bool = False
    helping: bool = False
    offset: int = 0
    height: int = 20
    ends: bool = False

    @property
    def filter(self) -> str:
        """What names must have in them, typed or kept."""
        return self.match if self.typed is None else self.typed

    def wanted(self) -> dict[str, Any]:
        """The arguments of the question to the server."""
        return {"by": self.order, "reverse": self.reverse, "match": self.filter, "limit": self.offset + self.height}

    def press(self, key: str) -> None:
        """Does what the key means; a key that means nothing is ignored."""
        if key in {"interrupt", "end of file"}:
            self.ends = True
        elif self.typed is not None:
            self._type(key)
        elif self.helping:
            self.helping = False
        elif key in SORTS:
            self.order = SORTS[key][0]
            self.offset = 0
        elif key == "v":
            self.reverse = not self.reverse
            self.offset = 0
        elif key in {" ", "p"}:
            self.paused = not self.paused
        elif key == "/":
            self.typed = self.match
        elif key == "escape":
            self.match = ""
        elif key in {"?", "h"}:
            self.helping = True
        elif key == "q":
            self.ends = True
        else:
            self._scroll(key)

    def scrolled(self, count: int) -> int:
        """The offset, which is never so far that nothing is left of `count` rows."""
        self.offset = max(0, min(self.offset, count - self.height))
        return self.offset

    def _type(self, key: str) -> None:
        assert self.typed is not None
        if key == "enter":
            self.match, self.typed = self.typed, None
        elif key == "escape":
            self.match, self.typed = "", None
        elif key == "backspace":
            self.typed = self.typed[:-1]
        elif len(key) == 1 and key.isprintable() and len(self.typed) < FILTER_CHARS_MAX:
            self.typed += key.lower()
        self.offset = 0

    def _scroll(self, key: str) -> None:
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -self.height, "page down": self.height}
        self.offset = 0 if key == "home" else max(0, self.offset + steps.get(key, 0))
