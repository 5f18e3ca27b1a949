"""Asks both servers the same and says what differs, with the request cut down to what still does."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any

from tests.differential.reads import Read
from tests.differential.worlds import FORWARDED, Twins, World
from tests.oracle.client import Answer, Client
from tests.oracle.compare import Pairs, Rules, differences

# Requests a difference may cost while it is cut down.
SHRINK_MAX = 60


@dataclass(frozen=True)
class Difference:
    """A request with unequal answers, and what it was before it was cut down."""

    world: int
    asked: Read
    read: Read
    found: list[str]
    real: Answer
    other: Answer

    def __str__(self) -> str:
        lines = [f"world {self.world}: {self.read}", *(f"  ≠ {line}" for line in self.found[:8])]
        for label, answer in (("real ", self.real), ("other", self.other)):
            lines.append(f"  {label} {answer.status} {answer.body.decode(errors='replace')[:600]}")
        if self.asked != self.read:
            lines.append(f"  at first: {self.asked}")
        return "\n".join(lines)


class Comparison:
    """Reads of one world, asked of both servers."""

    def __init__(self, world: World, pair: Twins) -> None:
        self.world = world
        self.pair = pair
        # reads that took the real one too long
        self.unanswered = 0
        # reads with an answer that shows something
        self.telling = 0
        # reads whose records came in another order, which nobody had asked for
        self.reordered = 0
        self._addresses = itertools.count(1)
        multiple = [
            f"{field['name']}."
            for collection in world.collections.values()
            for field in collection["fields"]
            if field["type"] == "relation" and field["maxSelect"] > 1
        ]
        # what makes a path lead to several rows
        self._several = ("_via_", ":each", "@collection.", *multiple)

    def check(self, read: Read) -> Difference | None:
        """The difference between the two answers, as small as it is cheap to make it; None if they are the same."""
        found = self._ask(read)
        return self._shrunk(found) if found else None

    def _ask(self, read: Read) -> Difference | None:
        number = next(self._addresses)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        try:
            real = self._send(self.pair.real, read, address)
        except (OSError, HTTPException):
            # joins of joins take the real one minutes; no answer is nothing to compare with
            self.pair.real.close()
            self.unanswered += 1
            return None
        other = self._send(self.pair.other, read, address)
        self.telling += real.status == 200 and b'"items":[]' not in real.body
        if real.status == other.status and real.body == other.body and self._same_headers(real, other):
            return None
        if self._reordered(read, real, other, address):
            self.reordered += 1
            return None
        if read.ties and real.status == other.status == 200:
            real, other = _sorted(real), _sorted(other)
        found = differences(real, other, Pairs(), Rules(unordered=bool(read.get("fields"))))
        return Difference(self.world.seed, read, read, found, real, other) if found else None

    def _reordered(self, read: Read, real: Answer, other: Answer, address: str) -> bool:
        """Whether the answers are the same records in another order that nobody asked for.

        Without a sort the order is that in which SQLite finds the rows. Pocker asks it differently where a filter joins
        rows by back relations or @collection. And where a sort leads to several rows, the first one found counts.
        """
        asked = read.get("sort") and not any(mark in read.get("sort") for mark in self._several)
        if asked or not real.status == other.status == 200 or not _is_list(real):
            return False
        whole = read.having("page", "").having("perPage", "").having("fields", "")
        whole = replace(whole, query=(*whole.query, ("perPage", "1000")))
        return (
            _sorted(self._send(self.pair.real, whole, address)).body
            == _sorted(self._send(self.pair.other, whole, address)).body
        )

    def _send(self, client: Client, read: Read, address: str) -> Answer:
        headers = dict(read.headers) | {FORWARDED: address}
        if read.actor:
            headers["Authorization"] = self.world.tokens[read.actor]
        return client.send("GET", read.target, headers, None)

    @staticmethod
    def _same_headers(real: Answer, other: Answer) -> bool:
        return real.header("Content-Type") == other.header("Content-Type")

    def _shrunk(self, found: Difference) -> Difference:
        """Try without each parameter, then without parts of the filter and the sort, as long as a difference stays."""
        asked, spent, improved = found.read, 0, True
        while improved and spent < SHRINK_MAX:
            improved = False
            for smaller in _smaller(found.read):
                spent += 1
                kept = self._ask(smaller)
                if kept is not None and (kept.real.status == found.real.status or spent < SHRINK_MAX // 2):
                    found, improved = replace(kept, asked=asked), True
                    break
                if spent >= SHRINK_MAX:
                    break
        return found


def _is_list(answer: Answer) -> bool:
    return b'"items":[' in answer.body


def _sorted(answer: Answer) -> Answer:
    body: Any = json.loads(answer.body)
    body.get("items", []).sort(key=lambda item: json.dumps(item, sort_keys=True))
    return Answer(answer.status, answer.headers, json.dumps(body).encode())


def _smaller(read: Read) -> Iterator[Read]:
    for name, _ in read.query:
        yield read.having(name, "")
    for name, joins in (("filter", r"&&|\|\|"), ("sort", ","), ("expand", ","), ("fields", ",")):
        text = read.get(name)
        if not text:
            continue
        parts = re.split(f"({joins})", text)
        for index in range(0, len(parts), 2):
            rest = parts[:index] + parts[index + 2 :] if index + 2 <= len(parts) else parts[: index - 1]
            # without the id at its end a sort says less
            if rest and len(rest) < len(parts) and not (name == "sort" and rest[-1] != parts[-1]):
                yield read.having(name, _balanced("".join(rest)) if name == "filter" else "".join(rest))
    filter_ = read.get("filter").strip()
    if filter_.startswith("(") and filter_.endswith(")"):
        yield read.having("filter", filter_[1:-1])


def _balanced(text: str) -> str:
    """Brackets that a part left behind go."""
    missing = text.count("(") - text.count(")")
    while missing > 0 and text.lstrip().startswith("("):
        text, missing = text.lstrip()[1:], missing - 1
    while missing < 0 and text.rstrip().endswith(")"):
        text, missing = text.rstrip()[:-1], missing + 1
    return text
