"""Random sequences of writes to the real PocketBase and to Pocker: the same answers, and the same rows in the end.

`session(…)` starts both on copies of one data directory; `run(seed, pair)` makes the collections of a random world
through both APIs (`writes_worlds`), sends both the same random requests (`writes_steps`), compares every answer as
`tests.oracle.compare` does, and at the end every row of every table, types of the values included.
"""

import argparse
import itertools
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.differential.writes_steps import Step, Writer
from tests.differential.writes_worlds import RULES, Place, World, build
from tests.oracle.client import Answer, Client
from tests.oracle.compare import Pairs, Rules, differences, same_text
from tests.servers import Pocker, PocketBase

SUPER = ("root@example.com", "super-secret-1")
TENANT = "writes"
STEPS = 60
LINE_CHARS = 700
# Of a long run, served by one pair of servers.
WORLDS = 25
HASH = re.compile(r"\$2[ab]\$\d\d\$[./A-Za-z0-9]{53}")
SECRET = re.compile(r"[A-Za-z0-9]{50}")
# What PocketBase says in the order of a Go map.
UNORDERED = Rules(unordered=True)


@dataclass
class Side:
    """One of the servers: a connection, the tokens of the actors, and the database it writes to."""

    client: Client
    database: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, step: Step) -> Answer:
        headers = {"Content-Type": "application/json"} if step.body is not None else {}
        token = self.tokens.get(step.actor, "")
        if token:
            headers["Authorization"] = token
        body = None if step.body is None else json.dumps(step.body, ensure_ascii=False).encode()
        answer = self.client.send(step.method, step.path, headers, body)
        if step.login and answer.status == 200:
            self.tokens[step.login] = answer.json()["token"]
        return answer


@dataclass
class Pair:
    """Both servers, alive."""

    real: Side
    other: Side

    def ask(self, step: Step, pairs: Pairs) -> tuple[Answer, Answer, list[str]]:
        """Both answers, and what differs."""
        real, other = self.real.ask(step), self.other.ask(step)
        rules = UNORDERED if "fields=" in step.path else Rules()
        return real, other, differences(real, other, pairs, rules)


@contextmanager
def session(directory: Path, pocker: Pocker, port: int = 0, tenant: str = TENANT) -> Iterator[Pair]:
    """A new PocketBase with a superuser, and a tenant of `pocker` (running) with the same data."""
    start = directory / "start" / "pb_data"
    start.mkdir(parents=True)
    server = PocketBase(start)
    server.port = port
    server.upsert_superuser(*SUPER)
    with server:  # its first start completes the database
        pass
    copies = [directory / side / "pb_data" for side in ("real", "other")]
    for copy in copies:
        shutil.copytree(start, copy)
    pocker.import_tenant(tenant, copies[1])
    theirs = next(pocker.directory.glob(f"**/{tenant}/pb_data/data.db"))
    server = PocketBase(copies[0])
    server.port = port
    with server:
        host = f"{tenant}.localhost:{pocker.port}"
        pair = Pair(Side(Client(server.port, host), copies[0] / "data.db"), Side(Client(pocker.port, host), theirs))
        body = {"identity": SUPER[0], "password": SUPER[1]}
        login = Step("", "POST", "/api/collections/_superusers/auth-with-password", body, "root")
        answers = pair.ask(login, Pairs())
        assert not answers[2], answers
        yield pair
        pair.real.client.close()
        pair.other.client.close()


@dataclass
class Report:
    """What one run did: how many answers were compared, how many were good, and what was different."""

    seed: int
    asked: int = 0
    good: int = 0
    rows: int = 0
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        good = f"{self.asked} requests, {self.good} of them successful"
        return f"{good}, {self.rows} rows, {len(self.different)} differences"

    def add(self, other: "Report") -> None:
        """Count another world's in, and print what it found."""
        self.asked, self.good, self.rows = self.asked + other.asked, self.good + other.good, self.rows + other.rows
        for difference in other.different:
            self.different.append(difference)
            print(f"#{len(self.different)} world {other.seed}: {difference}\n", flush=True)


class Run:
    """One world from its first collection to its last row."""

    def __init__(self, seed: int, pair: Pair, steps: int = STEPS) -> None:
        self.rng = Random(seed)
        self.pair = pair
        self.steps = steps
        self.pairs = Pairs()
        self.report = Report(seed)
        self.world = build(self.rng, f"w{seed}x")

    def run(self) -> Report:
        for side in (self.pair.real, self.pair.other):
            side.tokens = {"root": side.tokens["root"]}
        self._collections(self.world)
        writer = Writer(self.rng, self.world)
        for step in writer.accounts():
            self._ask(step)
        for _ in range(self.steps):
            self._ask(writer.step())
        self._rows()
        return self.report

    def _ask(self, step: Step) -> bool:
        """Whether the real one was content."""
        real, other, found = self.pair.ask(step, self.pairs)
        self.report.asked += 1
        good = real.status in (200, 204)
        self.report.good += good
        if good and step.makes is not None and isinstance(record := step.body.get("id"), str) and record:
            step.makes.ids.append(record)
        if found:
            said = [f"{one.status} {one.body.decode(errors='replace')}" for one in (real, other)]
            lines = [str(step), *self._ruled(step), *found[:5], f"real:  {said[0]}", f"other: {said[1]}"]
            self.report.different.append("\n   ".join(line[:LINE_CHARS] for line in lines))
        return good

    def _ruled(self, step: Step) -> Iterator[str]:
        """The rules and fields of the collection that a request is about, for the reader of a report."""
        for place in self.world.places:
            if f"/{place.name}/" in step.path:
                yield f"rules {place.rules}"
                yield f"fields {place.fields} {place.indexes}"

    def _collections(self, world: World) -> None:
        for place in world.places:
            self._ask(Step("root", "POST", "/api/collections", place.first))
        for place in world.places:
            self._change(place, {"fields": [*self._fields(place), *place.relations]})
        for place in world.places:
            for index in place.indexes:
                kept = self._stored(place)["indexes"]
                self._change(place, {"indexes": [*kept, index]})
            for name in (*RULES, "manageRule"):
                if place.rules.get(name, "") is not None and name in place.rules:
                    fallback = None if name == "manageRule" else ""
                    self._change(place, {name: place.rules[name]}) or self._change(place, {name: fallback})

    def _stored(self, place: Place) -> Any:
        step = Step("root", "GET", f"/api/collections/{place.id}")
        return self.pair.real.ask(step).json()

    def _fields(self, place: Place) -> list[Any]:
        stored = self._stored(place)["fields"]
        assert isinstance(stored, list)
        return stored

    def _change(self, place: Place, body: dict[str, Any]) -> bool:
        return self._ask(Step("root", "PATCH", f"/api/collections/{place.id}", body))

    def _rows(self) -> None:
        names = [place.name for place in self.world.places]
        names += ["_externalAuths", "_mfas", "_otps", "_authOrigins", "_superusers"]
        for name in names:
            sides = [_dump(side.database, name) for side in (self.pair.real, self.pair.other)]
            self.report.rows += len(sides[0])
            if len(sides[0]) != len(sides[1]):
                self.report.different.append(f"{name}: {len(sides[0])} rows ≠ {len(sides[1])} rows")
            for one, other in zip(*sides, strict=False):
                self.report.different += [f"row of {name} {one.get('id')}: {line}" for line in self._row(one, other)]

    def _row(self, one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
        if one.keys() != other.keys():
            yield f"columns {list(one)} ≠ {list(other)}"
            return
        for name, value in one.items():
            if not self._same(value, other[name]):
                yield f"{name}: {value!r:.200} ≠ {other[name]!r:.200}"

    def _same(self, one: Any, other: Any) -> bool:
        if (one, other) == ("null", None):  # a JSON field that was sent the text "null": nobody can tell
            return True
        if type(one) is not type(other):
            return False
        if not isinstance(one, str) or one == other:
            return bool(one == other)
        for pattern in (HASH, SECRET):
            if pattern.fullmatch(one) and pattern.fullmatch(other):
                return one[:7] == other[:7] if pattern is HASH else self.pairs.same(one, other)
        return same_text(one, other, self.pairs)


def _dump(database: Path, table: str) -> list[dict[str, Any]]:
    """All rows in the order they were written, each value as SQLite holds it (bytes for blobs)."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
            return []
        return [dict(row) for row in connection.execute(f"SELECT * FROM `{table}` ORDER BY rowid")]
    finally:
        connection.close()


def long_run(options: argparse.Namespace, directory: Path) -> int:
    """World after world until the count of requests, the time or the differences are up; a status for the shell."""
    ends = time.monotonic() + options.seconds
    whole = Report(options.seed)
    server = Pocker(directory / "pocker" / "data", shards=1)
    server.port = options.port

    def over() -> bool:
        return whole.asked >= options.count or len(whole.different) >= options.differences or time.monotonic() > ends

    with server:
        for first in itertools.count(options.seed, WORLDS):
            place = directory / f"from{first}"
            # collections stay, so every few worlds begin with new databases
            with session(place, server, options.port and options.port + 1, tenant=f"from{first}") as pair:
                for seed in range(first, first + WORLDS):
                    whole.add(Run(seed, pair).run())
                    if over():
                        print(f"{whole}, worlds {options.seed} to {seed}")
                        return 1 if whole.different else 0
            shutil.rmtree(place)
    raise AssertionError("worlds never end")
