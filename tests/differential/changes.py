"""Random changes of collections, on the real PocketBase and on Pocker: the same answers, and the same databases.

`Run(seed, pair).run()` begins with no collections, sends both servers the same random requests (`changes_steps`) and
compares every answer, the definitions and the databases after it: rows of `_collections`, the DDL, the records with the
types of their values. A refused request must leave Pocker's database and definitions as they were, to the byte.
"""

import argparse
import itertools
import re
import shutil
import sqlite3
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from tests import whims
from tests.differential.changes_steps import COLLECTIONS, Changer, as_json, listed
from tests.differential.writes import HASH, SECRET, Pair, session
from tests.differential.writes_steps import Step
from tests.oracle.client import Answer
from tests.oracle.compare import Pairs, Rules, differences, same_text
from tests.servers import Pocker

STEPS = 60
# Runs that one pair of servers sees.
RUNS = 25
LINE_CHARS = 3000
UNCHANGING = Step("root", "PATCH", f"{COLLECTIONS}/_otps", {})
ALL = Step("root", "GET", f"{COLLECTIONS}?perPage=500&sort=id&skipTotal=1")
# What may differ in any two databases, or says nothing about collections.
OWN_TABLES = ("_params", "_migrations", "_collections")
MADE = """
    SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid
"""
# What the real one draws: a pattern and what it is replaced by.
DRAWN = (
    (re.compile(rb"(?<=_clone_)\w{4}"), b""),
    (re.compile(rb"(?<=_temp_)\w{6}|(?<=temp_view_)\w{5}"), b""),
    (re.compile(rb'(?<="collectionId":")pbc_\d+(?=","collectionName":"temp_view_)'), b""),
    (re.compile(rb"(?<=, ex\.: )[^ ]*"), b""),
    (re.compile(rb"(?:error in table \w+ after rename: )?duplicate column name: \w+"), b""),
    (re.compile(rb"\$2[ab]\$\d\d\$[./A-Za-z0-9]{53}"), b""),
    (re.compile(rb"\b[A-Za-z0-9]{50}\b"), b""),
    # which of several values it can't read is the first, and in what words it says so
    (re.compile(rb'(?<=Raw error:\\n)json: (?:[^"\\]|\\.)*'), b"json"),
)

Database = dict[str, Any]


@dataclass
class Report:
    """What one run did: how many answers and databases were compared, how many were good, what was different."""

    seed: int
    asked: int = 0
    good: int = 0
    changes: int = 0
    databases: int = 0
    unchanged: int = 0
    # whether the two databases went on as the same ones
    together: bool = True
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.asked} requests ({self.changes} of them good changes), {self.databases} databases compared,"
            f" {self.unchanged} refusals with nothing changed, {len(self.different)} differences"
        )

    def add(self, other: "Report") -> None:
        """Count another run's in, and print what it found."""
        for name in ("asked", "good", "changes", "databases", "unchanged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for difference in other.different:
            self.different.append(difference)
            print(f"#{len(self.different)} run {other.seed}: {difference}\n", flush=True)


class Run:
    """One sequence of changes from an empty schema on. It ends early where the two databases differ."""

    def __init__(self, seed: int, pair: Pair, steps: int = STEPS) -> None:
        self.pair = pair
        self.steps = steps
        self.changer = Changer(Random(seed))
        self.pairs = Pairs()
        self.report = Report(seed)

    def run(self) -> Report:
        """Everything compared; `report.different` has what was not the same."""
        self._empty()
        for number in range(self.steps):
            self._compare(number, self.changer.step())
            if not self.report.together:
                break
        return self.report

    def _empty(self) -> None:
        """Both servers without collections but the system's."""
        keep = {"collections": [{"name": "keep", "type": "base"}], "deleteMissing": True}
        for side in (self.pair.real, self.pair.other):
            for step in (
                Step("root", "PUT", f"{COLLECTIONS}/import", keep),
                Step("root", "DELETE", f"{COLLECTIONS}/keep"),
            ):
                answer = side.ask(step)
                assert answer.status == 204, answer
        real, other = self.pair.real.ask(ALL), self.pair.other.ask(ALL)
        assert [one["name"] for one in real.json()["items"]] == [one["name"] for one in other.json()["items"]]
        self.before = dump(self.pair.other.database)
        self.definitions = other.body

    def _compare(self, number: int, step: Step) -> None:
        """Ask both, and look at what has become of the databases."""
        real, other = self.pair.real.ask(step), self.pair.other.ask(step)
        self.report.asked += 1
        good = real.status in (200, 204)
        self.report.good += good
        found = self._differences(real, other)
        ours = dump(self.pair.other.database)
        if other.status >= 400:
            found += self._traces(ours)
            definitions = self.pair.other.ask(ALL).body
            found += ["refused, but the definitions have changed"] if definitions != self.definitions else []
        changing = "/records" not in step.path and step.method != "GET"
        if changing:
            found += self._after(good)
        if good and step.method != "GET":
            self.report.changes += changing
            self.report.databases += 1
            diverged = self._databases(dump(self.pair.real.database), ours)
            self.report.together = not diverged
            found += diverged
        self.report.together &= real.status == other.status
        self.before = dump(self.pair.other.database)
        self.definitions = self.pair.other.ask(ALL).body
        if found:
            said = [
                f"{name} {one.status} {one.body.decode(errors='replace')}"
                for name, one in zip(("real:", "ours:"), (real, other), strict=True)
            ]
            lines = [f"step {number}: {step.method} {step.path} {as_json(step.body)}", *found[:6], *said]
            self.report.different.append("\n   ".join(line[:LINE_CHARS] for line in lines))

    def _differences(self, real: Answer, other: Answer) -> list[str]:
        return differences(settled(real), settled(other), self.pairs, Rules())

    def _traces(self, ours: Database) -> list[str]:
        """What a refused request has left behind."""
        self.report.unchanged += 1
        return [f"refused, but changed: {line}" for line in self._databases(self.before, ours)]

    def _after(self, good: bool) -> list[str]:
        """The definitions after a change, and the records of a collection with it."""
        if not good:  # the real one may go on with what it has refused, and reads all again after any change
            for side in (self.pair.real, self.pair.other):
                side.ask(UNCHANGING)
        real, other = self.pair.real.ask(ALL), self.pair.other.ask(ALL)
        found = [f"definitions: {line}" for line in self._differences(real, other)]
        if good:
            self.changer.collections = [one for one in real.json()["items"] if not one["system"]]
            for one in self.changer.collections:
                answers = [side.ask(listed(one["id"])) for side in (self.pair.real, self.pair.other)]
                self.report.asked += 1
                found += [f"records of {one['name']}: {line}" for line in self._differences(answers[0], answers[1])]
        return found

    def _databases(self, one: Database, other: Database) -> list[str]:
        found = []
        for name in sorted(one.keys() | other.keys()):
            some, others = one.get(name), other.get(name)
            if some != others and not self._same(some, others):
                found.append(f"{name}: {_first(some, others, self._same)}")
        return found

    def _same(self, one: Any, other: Any) -> bool:
        if (one, other) == ("null", None):  # a JSON field that was sent the text "null": nobody can tell
            return True
        if type(one) is not type(other):
            return False
        if isinstance(one, list | tuple):
            return len(one) == len(other) and all(map(self._same, one, other))
        if not isinstance(one, str) or one == other:
            return bool(one == other)
        for pattern in (HASH, SECRET):
            if pattern.fullmatch(one) and pattern.fullmatch(other):
                return True
        some, others = (SECRET_IN.sub('"secret":""', _drawn(text.encode()).decode()) for text in (one, other))
        return same_text(some, others, self.pairs)


SECRET_IN = re.compile(r'"secret":"\w*"')


def _first(one: Any, other: Any, same: Any) -> str:
    if not isinstance(one, list) or not isinstance(other, list):
        return f"{one!r:.600} ≠ {other!r:.600}"
    for some, others in itertools.zip_longest(one, other):
        if some is None or others is None or not same(some, others):
            return f"{some!r:.800} ≠ {others!r:.800}"
    return "equal, but for what was paired before"


def _drawn(text: bytes) -> bytes:
    for pattern, instead in DRAWN:
        text = pattern.sub(instead, text)
    return text


def settled(answer: Answer) -> Answer:
    """An answer without what is drawn or listed in a random order."""
    return replace(answer, body=_drawn(whims.settled(answer.body)))


def dump(path: Path) -> Database:
    """A database's DDL, its collections, and the rows of every table in the order they were written."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = lambda raw: raw.decode(errors="backslashreplace")
    try:
        made = connection.execute(MADE).fetchall()
        found: Database = {
            "schema": made,
            "_collections": connection.execute("SELECT * FROM `_collections` ORDER BY rowid").fetchall(),
        }
        for kind, name, *_ in made:
            if kind == "table" and name not in OWN_TABLES:
                cursor = connection.execute(f"SELECT * FROM `{name}` ORDER BY rowid")
                found[f"rows of {name}"] = [tuple(column[0] for column in cursor.description), *cursor]
        return found
    finally:
        connection.close()


def long_run(options: argparse.Namespace, directory: Path) -> int:
    """Run after run until the count of requests, the time or the differences are up; a status for the shell."""
    ends = time.monotonic() + options.seconds
    whole = Report(options.seed)
    server = Pocker(directory / "pocker" / "data", shards=1)
    server.port = options.port
    seed = options.seed

    def over() -> bool:
        return whole.asked >= options.count or len(whole.different) >= options.differences or time.monotonic() > ends

    with server:
        while not over():
            place = directory / f"from{seed}"
            with session(place, server, options.port and options.port + 1, tenant=f"from{seed}") as pair:
                for seed in range(seed, seed + RUNS):  # noqa: B020 - the next pair goes on where this one ends
                    report = Run(seed, pair).run()
                    whole.add(report)
                    if not report.together or over():  # databases that differ go on differing
                        break
            seed += 1
            shutil.rmtree(place)
    print(f"{whole}, runs {options.seed} to {seed - 1}")
    return 1 if whole.different else 0
