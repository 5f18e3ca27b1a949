"""Matching in time linear in the text: Thompson's construction, with the sets of states remembered as they appear.

A pattern comes from a tenant and the worker serves others too, so a pattern that makes a backtracking engine search
for minutes must cost no more than any other.
"""

from collections.abc import Iterable

from worker.fields.charsets import WORDS, Ranges
from worker.fields.regexp import Assertion, Chars, Choice, Node, Repeat, Sequence

# Beyond these, a pattern is refused, or the remembered sets are forgotten.
STATES_MAX = 50_000
STEPS_MAX = 4096

Step = tuple[frozenset[int], bool]


class TooLargeError(ValueError):
    """A pattern with more states than STATES_MAX."""


class Automaton:
    """Says whether a pattern occurs in a text. Its memory of sets of states is bounded."""

    __slots__ = ("_accept", "_edges", "_empty", "_start", "_steps")

    def __init__(self, node: Node) -> None:
        # for each state: the set and the target of its one edge on a character, or None
        self._edges: list[tuple[Ranges, int] | None] = []
        # for each state: the targets reached without a character, under a condition or ("") without one
        self._empty: list[list[tuple[str, int]]] = []
        self._accept = self._state()
        self._start = self._build(node, self._accept)
        self._steps: dict[tuple[frozenset[int], str, str], Step] = {}

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        states = frozenset((self._start,))
        before = ""
        for character in text:
            key = (states, before, character)
            step = self._steps.get(key)
            if step is None:
                step = self._step(states, before, character)
                if len(self._steps) >= STEPS_MAX:
                    self._steps.clear()
                self._steps[key] = step
            states, found = step
            if found:
                return True
            # what a condition may ask about the character before: its kind is enough, and keeps the keys few
            before = "w" if _is_word(character) else "\n" if character == "\n" else "."
        return self._accept in self._closure(states, before, "")

    def _step(self, states: frozenset[int], before: str, character: str) -> Step:
        closure = self._closure(states, before, character)
        if self._accept in closure:
            return states, True
        code = ord(character)
        reached = {self._start}
        for state in closure:
            edge = self._edges[state]
            if edge is not None and any(low <= code <= high for low, high in edge[0]):
                reached.add(edge[1])
        return frozenset(reached), False

    def _closure(self, states: Iterable[int], before: str, after: str) -> set[int]:
        seen = set(states)
        waiting = list(seen)
        while waiting:
            for condition, target in self._empty[waiting.pop()]:
                if target not in seen and (not condition or _holds(condition, before, after)):
                    seen.add(target)
                    waiting.append(target)
        return seen

    def _state(self) -> int:
        if len(self._edges) >= STATES_MAX:
            raise TooLargeError("expression too large")
        self._edges.append(None)
        self._empty.append([])
        return len(self._edges) - 1

    def _build(self, node: Node, target: int) -> int:
        """The state from which `node` leads to `target`."""
        match node:
            case Chars(ranges):
                start = self._state()
                self._edges[start] = (ranges, target)
                return start
            case Assertion(kind):
                start = self._state()
                self._empty[start].append((kind, target))
                return start
            case Sequence(items):
                for item in reversed(items):
                    target = self._build(item, target)
                return target
            case Choice(items):
                starts = [self._build(item, target) for item in items]
                start = self._state()
                self._empty[start] = [("", other) for other in starts]
                return start
            case Repeat(item, low, high):
                return self._repeat(item, low, high, target)

    def _repeat(self, item: Node, low: int, high: int | None, target: int) -> int:
        start = target
        if high is None:
            start = self._state()
            self._empty[start] = [("", self._build(item, start)), ("", target)]
        else:
            for _ in range(high - low):
                optional = self._state()
                self._empty[optional] = [("", self._build(item, start)), ("", target)]
                start = optional
        for _ in range(low):
            start = self._build(item, start)
        return start


def _is_word(character: str) -> bool:
    code = ord(character)
    return any(low <= code <= high for low, high in WORDS)


def _holds(condition: str, before: str, after: str) -> bool:
    match condition:
        case "text_start":
            return before == ""
        case "text_end":
            return after == ""
        case "line_start":
            return before in ("", "\n")
        case "line_end":
            return after in ("", "\n")
        case _:
            edge = (before == "w") != (after != "" and _is_word(after))
            return edge == (condition == "boundary")
