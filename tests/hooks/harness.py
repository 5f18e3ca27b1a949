"""The same JavaScript in the real PocketBase and in Pocker, on the same data; the answers are compared.

Snippets:   TABLE = evaluated("return $app.countRecords('posts')", snippet("return e.auth.id", as_="user1"), …)
            @pytest.mark.parametrize("item", TABLE)
            def test_same(pair: Pair, item: Snippet) -> None: pair.check(item)
    A snippet is the body of a function of `e` (a POST /eval by the superuser, unless `as_` says otherwise: an actor of
    tests/oracle/seed.py, "" for a guest). Compared: JSON.stringify and String of what it returns, or of what it throws.
    Long tables: `listed("name")` takes the lines of tables/name.js, a snippet each.
    A module's snippets run in order on one pair of servers with one state; `fresh=True` begins with a new pair.
    `unordered`: keys and what stands in `loose` as in the oracle; `ours={"s": …}`: Pocker differs, and answers this
    (only with a line in docs/compatibility.md). A module may set `HOOKS = {"x.pb.js": source}` or `APP = "name"` for
    scripts beside eval.pb.js, and `MIGRATIONS`.
Whole apps: `apps/NAME/pb_hooks/*.pb.js` (and pb_migrations), with their requests in `apps/NAME/requests.py`:
            CASES = [case("POST", "/api/…", as_="user1", json={…}), …]      # `case` of tests/oracle/harness.py
            TABLES = ["posts", "_externalAuths"]      # compared in the end, as they lie in data.db
            LOGS = True                               # what the scripts have logged, too
            beside = …                                # a context manager: what else is there while it is asked
    test_apps.py runs them all. The data: tests/oracle/{schema,rows}.py, plus the view of `world.py`.
By hand:    .venv/bin/python -m tests.hooks.harness 'return 1 + 1' …      (-r: the real one alone, -a actor)
"""

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.hooks.world import evaluation, logged, table
from tests.oracle.client import Answer, Client
from tests.oracle.compare import Pairs, Rules, differences
from tests.oracle.harness import Case, Outcome, Side, case, judge, named
from tests.oracle.seed import Seed
from tests.servers import Pocker, PocketBase, Server

HERE = Path(__file__).resolve().parent
APPS = HERE / "apps"
# When scripts were written, s since 1970.
WRITTEN_S = 1_700_000_000
# Logs are written in the background, by the real one every three seconds.
LOGS_WAIT_S = 15.0
# What an actor is called who is nobody.
GUEST = ""

_numbers = count(1)


@dataclass(frozen=True)
class Snippet:
    """A piece of JavaScript; see `snippet`."""

    code: str
    as_: str
    fresh: bool
    rules: Rules
    ours: tuple[tuple[str, Any], ...] | None
    name: str

    @property
    def request(self) -> Case:
        """How a server is asked for it."""
        return case("POST", "/eval", as_=self.as_ or None, json={"code": self.code}, note=self.code)


def snippet(
    code: str,
    *,
    as_: str = "super",
    fresh: bool = False,
    unordered: bool = False,
    loose: Iterable[str] = (),
    ours: dict[str, Any] | None = None,
    note: str = "",
) -> Snippet:
    """One row of `evaluated`; the module's docstring says what the options mean."""
    shown = " ".join((note or code).split())[:150]
    rules = Rules(frozenset(loose), unordered)
    return Snippet(code, as_, fresh, rules, tuple(ours.items()) if ours is not None else None, shown)


def evaluated(*rows: str | Snippet) -> list[Any]:
    """Parameters for a test that checks each row."""
    items = [row if isinstance(row, Snippet) else snippet(row) for row in rows]
    seen: dict[str, int] = {}
    out = []
    for item in items:
        seen[item.name] = number = seen.get(item.name, 0) + 1
        # an environment variable holds the name while a test runs: no NUL in it
        label = item.name.encode("unicode_escape").decode()
        out.append(pytest.param(item, id=label if number == 1 else f"{label} #{number}"))
    return out


def listed(name: str) -> list[Any]:
    """Parameters as those of `evaluated`: the lines of `tables/NAME.js` that are no comments.

    One that begins with `~` answers a map of Go's, whose order is the real one's whim.
    """
    lines = (HERE / "tables" / f"{name}.js").read_text(encoding="utf-8").splitlines()
    codes = [line for line in map(str.strip, lines) if line and not line.startswith("//")]
    return evaluated(*(snippet(code.removeprefix("~"), unordered=code.startswith("~")) for code in codes))


@dataclass(frozen=True)
class Scripts:
    """What is in the folders of scripts: name → source."""

    hooks: dict[str, str]
    migrations: dict[str, str]

    @classmethod
    def of(cls, app: Path) -> "Scripts":
        """The folders of an app."""
        return cls(_texts(app / "pb_hooks"), _texts(app / "pb_migrations"))

    def write(self, directory: Path) -> None:
        """Put them into `directory`, beside pb_data."""
        for folder, files in (("pb_hooks", self.hooks), ("pb_migrations", self.migrations)):
            for name, source in files.items():
                target = directory / folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(source, encoding="utf-8")
                os.utime(target, (WRITTEN_S, WRITTEN_S))  # served files say when they were changed


def _texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Place:
    """Where pairs are made: a directory, the seed, and the Pocker server (or another real one in its stead)."""

    def __init__(self, directory: Path, seed: Seed, pocker: Pocker | None) -> None:
        self.directory = directory
        self.seed = seed
        self.pocker = pocker

    def real(self, name: str, scripts: Scripts) -> PocketBase:
        """A real server, not started, on a copy of the seed."""
        home = self.directory / name
        shutil.copytree(self.seed.pb_data, home / "pb_data")
        scripts.write(home)
        return PocketBase(home / "pb_data")

    def tenant(self, name: str, scripts: Scripts) -> Path:
        """A new tenant of Pocker's with a copy of the seed; its directory."""
        assert self.pocker is not None
        copy = self.directory / f"{name}-import" / "pb_data"
        shutil.copytree(self.seed.pb_data, copy)
        self.pocker.import_tenant(name, copy)
        home = self.pocker.directory / "tenants" / name
        scripts.write(home)
        return home


class Pair:
    """The real server and a tenant of Pocker's, with the same data and scripts, started when they are first asked."""

    def __init__(self, place: Place, scripts: Scripts) -> None:
        self.place = place
        self.scripts = scripts
        self.pairs = Pairs()
        self.sides: list[Side] = []
        # the directories with pb_data, real one first
        self.homes: list[Path] = []
        self._real: list[PocketBase] = []

    def start(self) -> None:
        """New servers with new data, instead of those there are."""
        self.stop()
        place, name = self.place, f"hooks{next(_numbers)}"
        self.pairs = Pairs()
        real = place.real(f"{name}-real", self.scripts)
        self._real.append(real.start())
        servers: list[Server] = [real]
        self.homes = [real.directory.parent]
        if place.pocker is None:
            twin = place.real(f"{name}-twin", self.scripts)
            self._real.append(twin.start())
            servers.append(twin)
            self.homes.append(twin.directory.parent)
        else:
            self.homes.append(place.tenant(name, self.scripts))
            servers.append(place.pocker)
        self.sides = [
            Side(label, Client(server.port, f"{name}.localhost:{servers[1].port}"), dict(place.seed.tokens))
            for label, server in zip(("real", "other"), servers, strict=True)
        ]

    def adopt(self, server: Server, name: str = "real") -> None:
        """Ask a server that somebody else has started, too."""
        self.sides.append(
            Side(name, Client(server.port, f"{name}.localhost:{server.port}"), dict(self.place.seed.tokens))
        )
        self.homes.append(server.directory.parent)

    def stop(self) -> None:
        """End the servers that are the pair's own."""
        for side in self.sides:
            side.client.close()
        self.sides = []
        while self._real:
            self._real.pop().stop()

    def ask(self, item: Case) -> Outcome:
        """One request of both; what differs stands in the outcome's `found`."""
        if not self.sides:
            self.start()
        answers = [side.ask(item) for side in self.sides]
        found = judge(item, answers, self.pairs)
        for side, answer in zip(self.sides, answers, strict=True):
            if isinstance(answer, Answer):
                side.keep(item, answer)
        return Outcome(item, answers[0], answers[1], found)

    def check(self, item: Snippet | Case) -> None:
        """Fail where the two do not agree."""
        if isinstance(item, Snippet) and item.fresh:
            self.start()
        outcome = self.ask(item.request if isinstance(item, Snippet) else item)
        found = _snippet_differences(item, outcome, self.pairs) if isinstance(item, Snippet) else outcome.found
        if found:
            code = f"{item.code}\n\n" if isinstance(item, Snippet) else ""
            real = self._real[0].tail(5) if self._real else ""
            shown = Outcome(outcome.item, outcome.real, outcome.other, found)
            pytest.fail(f"{code}{shown.report()}\n\nlog of the real one: {real}", pytrace=False)

    def compare_tables(self, names: Iterable[str]) -> None:
        """Fail where a table of data.db has other rows, or in another order."""
        for name in names:
            rows = [json.dumps(table(home, name)).encode() for home in self.homes]
            self._compare(f"table {name}", rows)

    def compare_logs(self) -> None:
        """Fail where the scripts have logged something else."""
        for side in self.sides:  # Pocker has all of it in the database only when somebody looks
            side.client.send("GET", "/api/logs?perPage=1", {"Authorization": side.tokens["super"]}, None)
        deadline = time.monotonic() + LOGS_WAIT_S
        while True:
            rows = [logged(home) for home in self.homes]
            # the first of them may be there while the rest is still on its way, on either side
            if (rows[0] and len(rows[0]) == len(rows[1])) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self._compare("logs", [json.dumps(found).encode() for found in rows])

    def _compare(self, what: str, bodies: list[bytes]) -> None:
        left, right = (Answer(200, [], body) for body in bodies)
        found = differences(left, right, self.pairs, Rules())
        if found:
            both = "\n".join(body.decode()[:3000] for body in bodies)
            pytest.fail("\n".join([what, *found[:30], "", both]), pytrace=False)


def _snippet_differences(item: Snippet, outcome: Outcome, pairs: Pairs) -> list[str]:
    real, other = outcome.real, outcome.other
    if isinstance(real, str) or isinstance(other, str):
        return outcome.found
    sides = [evaluation(answer) for answer in (real, other)]
    if item.ours is None:
        left, right = (
            Answer(answer.status, answer.headers, side) for answer, side in zip((real, other), sides, strict=True)
        )
        return differences(left, right, pairs, item.rules)
    if not differences(Answer(real.status, [], sides[0]), Answer(other.status, [], sides[1]), pairs, item.rules):
        return ["the two agree: `ours` is not needed"]
    said = other.json()
    return [f"ours: {key}: {said.get(key)!r} ≠ {value!r}" for key, value in item.ours if said.get(key) != value]


def _routed(item: Case) -> Case:
    """A case; the answer of a script's own route is a map of Go's, whose order is the real one's whim."""
    if item.path.startswith("/api/"):
        return item
    return replace(item, rules=Rules(item.rules.loose, unordered=True))


class Run:
    """One app's requests on both, made once; `outcomes` has what came of each by name."""

    def __init__(self, pair: Pair, cases: list[Case]) -> None:
        self.pair = pair
        self.outcomes = {name: pair.ask(_routed(item)) for name, item in named(cases)}


def served(place: Place, scripts: Scripts) -> Iterator[Pair]:
    """A pair for a fixture, which starts it when it is first asked."""
    pair = Pair(place, scripts)
    try:
        yield pair
    finally:
        pair.stop()


if __name__ == "__main__":
    from tests.hooks.byhand import main

    main()
