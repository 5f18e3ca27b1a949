"""A server in a memory control group whose tenants are all live at once: what it takes, and whether it stands that."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from supervisor.contract.shardmap import owner_of
from supervisor.ops.client import ClientError, Session
from tests.bench import cgroup
from tests.bench.machine import progress
from tests.bench.oneshot import Lines
from tests.bench.population import Resident
from tests.bench.processes import cpu_s, family, pss_kb
from tests.servers import ROOT, Pocker

SMALL = ROOT / "configs" / "small.yaml"
TURNS = 5  # until each of a tenant's collections has had each kind of request
SETTLE_S = 2.5  # past a tick and a report
NOTE_S = 1.5  # until what was just asked for has come to rest
CLOSING = frozenset({"trimmed", "recycled", "worker_died", "memory", "failed", "hang"})
"""Events that say that a tenant was closed, or worse, for want of memory."""


class Confined(Pocker):
    """A Pocker in a control group, all of it; in none where there is none to be had."""

    def __init__(self, directory: Path, group: cgroup.Group | None, shards: int = 2, config: Path = SMALL) -> None:
        super().__init__(directory, shards, config)
        self.group = group

    def command(self) -> list[str]:
        plain = super().command()
        return self.group.joined(plain) if self.group else plain


@dataclass
class Held:
    """What became of tenants that were all live at once."""

    tenants: int
    seconds: float = 0.0
    done: int = 0
    failed: int = 0
    broken: str = ""  # why the run ended early
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    open_ms: list[float] = field(default_factory=list)
    live_least: int = 0
    events: list[str] = field(default_factory=list)
    pss_kb: dict[str, float] = field(default_factory=dict)  # by moment: started, opened, used, loaded
    processes: dict[str, dict[str, float]] = field(default_factory=dict)  # PSS by moment and process
    group: dict[str, dict[str, int]] = field(default_factory=dict)  # by moment
    cpu_us: float = 0.0

    @property
    def stood(self) -> bool:
        """No error, none killed, none closed."""
        killed = any(reading["killed"] for reading in self.group.values())
        return not (self.broken or self.failed or self.events or killed or self.live_least < self.tenants)

    @property
    def trouble(self) -> str:
        """What went wrong first, in words; empty if nothing did."""
        killed = max((reading["killed"] for reading in self.group.values()), default=0)
        told = [self.broken, *self.events[:1], f"{killed} killed for want of memory" if killed else ""]
        return "; ".join(filter(None, told))

    @property
    def last_kb(self) -> float:
        """PSS at the last moment there is."""
        return list(self.pss_kb.values())[-1] if self.pss_kb else 0.0

    def each_kb(self, moment: str) -> float:
        """What a live tenant takes at that moment, without what an empty server takes."""
        return (self.pss_kb[moment] - self.pss_kb["started"]) / self.tenants


class Watch:
    """What the supervisor says of its workers and tenants."""

    def __init__(self, server: Pocker) -> None:
        self._server = server
        self._session = Session(str(server.directory))
        self._from = max((event["id"] for event in self._events()), default=0)

    def _events(self, since_id: int = 0) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self._session.ask("events", {"since_id": since_id}, lambda *_: None)
        return told

    def live(self) -> int:
        """Tenants that are open now, as of the last reports."""
        shards = self._session.ask("status", {}, lambda *_: None)["shards"]
        return sum(shard.get("live_tenants", 0) for shard in shards)

    def closings(self) -> list[str]:
        """What happened that must not."""
        return [f"{event['kind']}: {event['reason']}" for event in self._events(self._from) if event["kind"] in CLOSING]

    def close(self) -> None:
        """Ends the session."""
        self._session.close()


def held(server: Confined, residents: Sequence[Resident], turns: int, seconds: float, connections: int) -> Held:
    """Opens them all, uses each (so many turns), then goes round all of them for so long, in a server of their own."""
    found = Held(len(residents))
    cgroup.forget_pages(server.directory)
    with server, contextlib.closing(Watch(server)) as watch:
        _note(found, server, "started")
        lines = Lines(server)
        try:
            for resident in residents:
                took, good = lines.ask(resident.name, resident.requests()[0])
                found.open_ms.append(took)
                found.failed += not good
            _note(found, server, "opened")
            found.failed += used(server, residents, turns)
            _note(found, server, "used")
            _go_round(found, server, watch, residents, seconds, connections)
            _note(found, server, "loaded")
        except (ClientError, OSError, psutil.Error) as error:
            found.broken = f"{type(error).__name__}: {error}"
            with contextlib.suppress(OSError, psutil.Error):
                _note(found, server, "broken")
        finally:
            lines.close()
        with contextlib.suppress(ClientError):
            found.events += watch.closings()
    return found


def _go_round(  # noqa: PLR0917 (one run)
    found: Held, server: Confined, watch: Watch, residents: Sequence[Resident], seconds: float, connections: int
) -> None:
    """The loop, and what is seen of the server meanwhile."""
    requests = [text for turn in range(TURNS) for resident in residents for text in resident.requests(turn)]
    plan = {
        "port": server.port,
        "seconds": seconds,
        "connections": connections,
        "requests": requests,
        "steps": len(residents[0].requests()),
        "first": 1,
    }
    used = cpu_s(server.pid)
    found.live_least = watch.live()
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert load.stdin is not None
    load.stdin.write(json.dumps(plan) + "\n")
    load.stdin.close()
    load.stdin = None
    try:
        while load.poll() is None:
            time.sleep(1.0)
            found.live_least = min(found.live_least, watch.live())
        out, told = load.communicate(timeout=30)
    finally:
        if load.poll() is None:
            load.kill()
    if load.returncode:
        found.broken = f"the load generator: {told.strip().splitlines()[-1]}"
        return
    result = json.loads(out)
    found.seconds, found.done = result["seconds"], int(result["done"])
    found.failed += int(result["failed"])
    found.p50_ms, found.p99_ms = result["p50_us"] / 1e3, result["p99_us"] / 1e3
    found.cpu_us = (cpu_s(server.pid) - used) / max(1, found.done) * 1e6


def _note(found: Held, server: Confined, moment: str) -> None:
    """Memory now."""
    time.sleep(NOTE_S)
    found.processes[moment] = by_process(server.pid)
    found.pss_kb[moment] = sum(found.processes[moment].values())
    if server.group:
        found.group[moment] = server.group.read().as_data()


def by_process(pid: int) -> dict[str, float]:
    """PSS in KB of the supervisor, each worker, the zygote and its children."""
    found: dict[str, float] = {}
    workers = 0
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            name = "supervisor"
            if process.pid != pid:
                name = "worker" if process.ppid() == pid else "zygote"
                workers += name == "worker"
                name += f" {workers}" if name == "worker" else ""
            while name in found:
                name += " child" if "child" not in name else "'"
            found[name] = process.memory_full_info().pss / 1024
    return found


def used(server: Confined, residents: Sequence[Resident], turns: int) -> int:
    """So many rounds of five requests to each, all shards at once; how many answers were no 2xx. Raises OSError."""

    def ask(shard: int) -> int:
        own = [resident for resident in residents if owner_of(resident.name, server.shards) == shard]
        with contextlib.closing(Lines(server)) as lines:
            return sum(
                not lines.ask(resident.name, request)[1]
                for turn in range(turns)
                for resident in own
                for request in resident.requests(turn)
            )

    with ThreadPoolExecutor(server.shards) as pool:
        return sum(pool.map(ask, range(server.shards)))


def how_far(server: Confined, residents: Sequence[Resident], first: int, step: int) -> tuple[int, float, str]:
    """Opens and uses so many of them, then more and more, until the server closes some for want of memory, or fails;
    how many were live before that, the PSS then in KB, and what ended it."""
    cgroup.forget_pages(server.directory)
    live = 0
    with server, contextlib.closing(Watch(server)) as watch:
        pss = pss_kb(server.pid)
        try:
            while live < len(residents):
                some = residents[: live + step if live else first]
                failed = used(server, some[live:], TURNS) + used(server, some[:live], 1)  # nobody is idle meanwhile
                time.sleep(SETTLE_S)
                ended = watch.closings()
                if failed or ended or watch.live() < len(some):
                    what = [*ended, f"{failed} answers that were no 2xx" if failed else "tenants were closed"][0]
                    return live, pss, f"{what}, with {len(some):,}"
                live, pss = len(some), pss_kb(server.pid)
                progress(f"density: {live} live, {pss / 1024:.0f} MB")
        except (ClientError, OSError, psutil.Error) as error:
            return live, pss, f"{type(error).__name__}: {error}"
    return live, pss, "there were no more tenants"
