"""Tenants that change owners under load: no request is lost, no connection closed, and never are there two owners."""

import asyncio
import itertools
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from supervisor.contract.messages import (
    Call,
    Depart,
    Expect,
    Gain,
    Judge,
    Lose,
    Own,
    Release,
    Settle,
    TenantDrop,
    TenantPut,
)
from supervisor.contract.plan import Verdict
from supervisor.contract.settings import Logs, Settings, Supervision
from supervisor.contract.shardmap import Routes
from supervisor.contract.tenant import Tenant, TenantState
from tests.http1 import request
from tests.process.crewless import CREDENTIALS, LOGIN, NOTES, Client, Parent, host_of

NAMES = [f"t{number}" for number in range(6)]
CLIENTS = 24
LOOK_EVERY_S = 0.01
DEADLINE_S = 120


def run(path: Path, work: Callable[[Parent, str], Awaitable[None]], shards: int = 2, **settings: Any) -> None:
    """Carries out `work` with the tenants there; afterwards nothing must have gone wrong unseen."""

    async def main() -> None:
        supervision = Supervision(tick_s=0.05, graceful_timeout_s=20)
        async with (
            asyncio.timeout(DEADLINE_S),
            Parent(path, shards, supervision=supervision, logs=Logs(flush_s=0.2), **settings) as parent,
        ):
            token = await parent.make_all(NAMES)
            await work(parent, token)
        log = parent.log()
        assert "Traceback" not in log, log
        assert "does not own" not in log, log
        assert "was open but" not in log, log

    asyncio.run(main())


class Load:
    """Clients on kept-alive connections, each of which writes to every tenant and reads what it wrote."""

    def __init__(self, parent: Parent, token: str) -> None:
        self.parent = parent
        self.token = token
        self.acknowledged: dict[str, set[str]] = {name: set() for name in NAMES}
        self.shared: list[tuple[str, set[int]]] = []
        self._stopped = False

    async def client(self, number: int) -> None:
        rng = random.Random(number)
        shard = number % 4
        target = self.parent.port if shard > 1 else self.parent.path / f"shard-{shard}.sock"
        async with Client(target) as client:
            for count in itertools.count():
                if self._stopped:
                    return
                name = rng.choice(NAMES)
                record = f"{number:05}{count:010}"
                kind = rng.randrange(4)
                if kind == 0:  # a transaction that waits in the middle
                    steps = [{"method": "POST", "url": NOTES, "body": {"id": record, "title": "in a batch"}}]
                    told = await client.get(name, "/api/batch", {"requests": steps})
                    assert told[0]["status"] == 200
                elif kind == 1:  # two at once
                    client.send(name, NOTES, {"id": record, "title": "x" * rng.randrange(4000)})
                    client.send(name, f"{NOTES}/{record}")
                    assert (await client.answer())[0] == 200
                    assert (await client.answer())[1]["id"] == record
                else:
                    await client.get(name, NOTES, {"id": record, "title": f"{number} {count}"})
                self.acknowledged[name].add(record)
                other = rng.choice(NAMES)
                if mine := [known for known in self.acknowledged[other] if known.startswith(f"{number:05}")]:
                    known = rng.choice(mine)
                    assert (await client.get(other, f"{NOTES}/{known}"))["id"] == known

    async def watch(self) -> None:
        while not self._stopped:
            for name, pids in self.parent.openers().items():
                if len(pids) > 1:
                    self.shared.append((name, pids))
            await asyncio.sleep(LOOK_EVERY_S)

    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    async def more(self, count: int) -> None:
        """Waits until so many more writes are acknowledged."""
        goal = self.count() + count
        while self.count() < goal:
            await asyncio.sleep(0.005)
            for task in self._tasks:
                if task.done():
                    task.result()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """Under load; in the end everything that was acknowledged has to be there."""
        settings = {"batch": {"enabled": True, "maxRequests": 50, "timeout": 10}}
        async with Client(self.parent.port) as client:
            for name in NAMES:
                client.send(name, "/api/settings", settings, self.token, "PATCH")
                assert (await client.answer())[0] == 200
        self._tasks = [asyncio.create_task(self.client(number)) for number in range(CLIENTS)]
        watching = asyncio.create_task(self.watch())
        try:
            await self.more(60)
            yield self
            await self.more(60)
        finally:
            self._stopped = True
            ends = await asyncio.gather(*self._tasks, return_exceptions=True)
            await watching
        assert [end for end in ends if end is not None] == []
        assert self.shared == [], "a database with two owners"
        for name, written in self.acknowledged.items():
            assert written <= await stored(self.parent, name)
            assert written


async def stored(parent: Parent, name: str) -> set[str]:
    found: set[str] = set()
    async with Client(parent.port) as client:
        for page in itertools.count(1):
            items = (await client.get(name, f"{NOTES}?perPage=1000&page={page}&fields=id&sort=id&skipTotal=1"))["items"]
            found.update(item["id"] for item in items)
            if len(items) < 1000:
                return found
    raise AssertionError


# -- under load --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_successor_takes_over_under_load(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        async with Load(parent, token).running() as load:
            for old, new in ((0, 2), (1, 3), (2, 0), (3, 4)):
                await parent.replace(old, new)
                await load.more(30)
        assert sorted(parent.hands) == [0, 4]

    run(tmp_path, work)


@pytest.mark.slow
def test_a_tenant_moves_to_and_fro_under_load(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        async with Load(parent, token).running() as load:
            for _ in range(2):
                for name in NAMES:
                    target = 1 - parent.owner(name)
                    await parent.move(name, target)
                    assert parent.owner(name) == target
                await load.more(30)

    run(tmp_path, work)


@pytest.mark.slow
def test_another_number_of_shards_under_load(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        async with Load(parent, token).running() as load:
            await parent.start(2, 2)
            await parent.change(Routes((0, 1, 2)), [2], [0, 1])
            assert {parent.owner(name) for name in NAMES} == {0, 1, 2}
            await load.more(30)
            await parent.change(Routes((0,)), [0], [1, 2])
            await parent.depart(1, 0)
            await parent.depart(2, 0)
            await load.more(30)
            await parent.start(3, 1)
            await parent.change(Routes((0, 3)), [3], [0])

    run(tmp_path, work)


@pytest.mark.slow
def test_eviction_and_moves_at_the_same_time(tmp_path: Path) -> None:
    """Fewer may be open than are used: every request may find its tenant just being closed."""

    async def work(parent: Parent, token: str) -> None:
        async with Load(parent, token).running() as load:
            for name in NAMES:
                await parent.move(name, 1 - parent.owner(name))
                await parent.order(0, lambda number: Call(number, "trim", "", {"idle_s": 0.0, "largest": 9}))
            await load.more(30)
            await parent.replace(0, 2)
            await parent.replace(1, 3)

    run(tmp_path, work, live_tenants_max=2)


# -- what is under way -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def released(parent: Parent, name: str, timeout_s: float) -> AsyncIterator[asyncio.Future[Any]]:
    """The tenant is expected elsewhere and being released meanwhile, and owned there afterwards."""
    source = parent.owner(name)
    target = 1 - source
    await parent.order(target, lambda number: Expect(number, name))
    reply = parent.ask(source, lambda number: Release(number, name, target, timeout_s))
    yield reply
    assert (await reply).ok
    assert name not in parent.openers()
    await parent.order(target, lambda number: Own(number, name))
    await parent.put(Tenant(name, TenantState.ACTIVE, shard=parent.hands[target].shard))


def rows(count: int) -> dict[str, Any]:
    return {"requests": [{"method": "POST", "url": NOTES, "body": {"title": f"row {row}"}} for row in range(count)]}


async def allow_batches(parent: Parent, name: str, token: str) -> None:
    async with Client(parent.port) as client:
        client.send(
            name, "/api/settings", {"batch": {"enabled": True, "maxRequests": 1000, "timeout": 30}}, token, "PATCH"
        )
        assert (await client.answer())[0] == 200


SLOW = f"{NOTES}?perPage=1&filter=@collection.notes.title%20?~%20'nowhere'%20||%20@collection.notes.id%20?=%20title"
"""A read that compares every record with every record, in a thread."""


@pytest.mark.parametrize("kind", ["body", "batch", "login", "read", "idle", "export"])
def test_what_is_under_way_is_finished_and_what_comes_meanwhile_waits(tmp_path: Path, kind: str) -> None:
    async def work(parent: Parent, token: str) -> None:
        name = NAMES[0]
        source = parent.owner(name)
        await allow_batches(parent, name, token)
        order = None
        async with Client(parent.port) as first, Client(parent.port) as second:
            if kind == "read":
                await first.get(name, "/api/batch", rows(600))
            await second.get(name, NOTES)
            whole = request("POST", host_of(name), NOTES, {"id": "underway1234567", "title": "x" * 200_000})
            if kind == "body":
                first.writer.write(whole[:100_000])
            elif kind == "batch":
                first.send(name, "/api/batch", rows(900))
            elif kind == "login":
                first.send(name, LOGIN, CREDENTIALS)
            elif kind == "read":
                first.send(name, SLOW, token=token)
            elif kind == "export":
                target = {"target": str(parent.path / "again")}
                order = parent.ask(source, lambda number: Call(number, "export", name, target))
            if kind in {"body", "batch", "login", "read"}:
                await under_way(parent, source)
            async with released(parent, name, 20.0) as reply:
                second.send(name, f"{NOTES}?perPage=1")
                if kind == "body":
                    await asyncio.sleep(0.05)
                    assert not reply.done()
                    first.writer.write(whole[100_000:])
            assert (await second.answer())[0] == 200
            if kind == "export":
                assert order is not None
                assert (await order).ok
            elif kind != "idle":
                status, told = await first.answer()
                assert status == 200, told
            if kind == "body":
                assert "underway1234567" in await stored(parent, name)
            assert (await first.ask(name, NOTES, {"title": "and on"}))[0] == 200

    run(tmp_path, work)


async def under_way(parent: Parent, berth: int) -> None:
    """Waits until the worker has read what was sent: its next report says so."""
    reports = parent.hands[berth].reports
    seen = len(reports)
    while len(reports) < seen + 2:
        await asyncio.sleep(0.01)


def test_a_release_that_times_out_cuts_what_runs(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        name = NAMES[0]
        async with Client(parent.port) as stuck, Client(parent.port) as waiting:
            whole = request("POST", host_of(name), NOTES, {"id": "underway1234567", "title": "x" * 200_000})
            stuck.writer.write(whole[:100_000])
            await under_way(parent, parent.owner(name))
            async with released(parent, name, 0.2):
                waiting.send(name, NOTES)
            assert (await waiting.answer())[0] == 200
            assert (await stuck.answer())[0] == 503
            assert "underway1234567" not in await stored(parent, name)
        assert f"tenant {name}: what did not end in 0.2 s is cut off" in parent.log()

    run(tmp_path, work)


def test_a_cut_transaction_is_rolled_back_and_a_cut_read_ends(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        name = NAMES[0]
        await allow_batches(parent, name, token)
        async with Client(parent.port) as client:
            for _ in range(3):
                await client.get(name, "/api/batch", rows(1000))
        before = await stored(parent, name)
        async with Client(parent.port) as batch, Client(parent.port) as read:
            read.send(name, SLOW, token=token)
            batch.send(name, "/api/batch", rows(1000))
            async with released(parent, name, 0.0):
                pass
            kept = await batch.answer(), await read.answer()
        assert all(status in {200, 503} for status, _ in kept), kept
        found = await stored(parent, name)
        assert found - before == set() if kept[0][0] == 503 else len(found - before) == 1000

    run(tmp_path, work)


def test_the_first_requests_of_a_tenant_come_while_it_changes_its_owner(tmp_path: Path) -> None:
    """Nobody has it open: it is opened by its new owner, for all who wait, and by nobody else."""

    async def work(parent: Parent, token: str) -> None:
        name = NAMES[0]
        source = parent.owner(name)
        await parent.order(source, lambda number: Call(number, "trim", "", {"idle_s": 0.0, "largest": 9}))
        assert name not in parent.openers()
        clients = [Client(parent.port) for _ in range(20)]
        for client in clients:
            await client.__aenter__()
        await parent.order(1 - source, lambda number: Expect(number, name))
        for client in clients:
            client.send(name, NOTES)
        assert await parent.order(source, lambda number: Release(number, name, 1 - source, 5.0)) in {True, False}
        assert name not in parent.openers()
        await parent.order(1 - source, lambda number: Own(number, name, warm=True))
        assert parent.openers()[name] == {parent.hands[1 - source].pid}
        for client in clients:
            assert (await client.answer())[0] == 200
            client.writer.close()

    run(tmp_path, work)


# -- orders at odd times -----------------------------------------------------------------------------------------------


def test_orders_that_come_twice_late_or_for_nobody(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        name = NAMES[0]
        source = parent.owner(name)
        target = 1 - source
        order = parent.order
        release = lambda number: Release(number, name, target, 5.0)  # noqa: E731
        async with Client(parent.port) as client:
            await client.get(name, NOTES)
            for unknown in ("nobody", "t999"):
                for berth in (source, target):
                    await order(berth, lambda number, unknown=unknown: Expect(number, unknown))
                    assert await order(berth, lambda number, unknown=unknown: Release(number, unknown, 1, 5.0)) is False
                    await order(berth, lambda number, unknown=unknown: Own(number, unknown, warm=True))
            await client.get(name, NOTES)
            for _ in range(2):
                await order(source, lambda number: Expect(number, name))  # its owner has nothing to wait for
            await client.get(name, NOTES)
            for _ in range(2):
                await order(target, lambda number: Expect(number, name))
            assert await order(source, release) is True
            assert await order(source, release) is False
            client.send(name, NOTES)
            for warm in (False, True, True):
                await order(target, lambda number, warm=warm: Own(number, name, warm))
            assert (await client.answer())[0] == 200
            # a change of the registry meanwhile changes no owner
            for berth in (source, target):
                await order(
                    berth, lambda number: TenantPut(number, Tenant(name, TenantState.ACTIVE, domains=("x.org",)))
                )
            assert parent.openers()[name] == {parent.hands[target].pid}
            await client.get(name, NOTES)
            # a release of what is not its own says only where it is
            await order(source, lambda number: Release(number, name, target, 5.0))
            await client.get(name, NOTES)
            # a suspended one changes its owner like any other
            suspended = Tenant(name, TenantState.SUSPENDED)
            await parent.all((source, target), lambda number: TenantPut(number, suspended))
            assert name not in parent.openers()
            await order(source, lambda number: Expect(number, name))
            assert await order(target, lambda number: Release(number, name, source, 5.0)) is False
            await order(source, lambda number: Own(number, name, warm=True))
            assert name not in parent.openers()
            assert (await client.ask(name, NOTES))[0] == 503
            assert (await order(source, lambda number: Call(number, "superuser.list", name)))[0]["email"]
            assert "another worker's" in await parent.refused(target, lambda number: Call(number, "disk", name))
            # deleted while it is expected: who waits is told
            await parent.put(Tenant(name, TenantState.ACTIVE))
            await order(target, lambda number: Expect(number, name))
            async with Client(parent.path / f"shard-{target}.sock") as waiting:
                waiting.send(name, NOTES)
                await under_way(parent, target)
                for berth in (target, source):
                    await order(berth, lambda number: TenantDrop(number, name))
                assert (await waiting.answer())[0] == 404

    run(tmp_path, work)


def test_a_verdict_is_in_force_at_once_and_lifted(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        name, other = NAMES[:2]
        verdict = Verdict(name, requests_per_s=0.0, blocked_until=1e12, reason="a test")
        async with Client(parent.port) as client:
            await parent.all(parent.hands, lambda number: Judge(number, verdict))
            assert (await client.ask(name, NOTES))[0] == 429
            assert (await client.ask(other, NOTES))[0] == 200
            await parent.all(parent.hands, lambda number: Judge(number, Verdict(name)))
            assert (await client.ask(name, NOTES))[0] == 200
        # who is forked later inherits it
        parent.board.verdicts[name] = verdict
        await parent.replace(parent.owner(name), 5)
        async with Client(parent.port) as client:
            assert (await client.ask(name, NOTES))[0] == 429

    run(tmp_path, work)


def test_a_stopping_worker_takes_on_no_more_and_still_lets_go(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        mine = next(name for name in NAMES if parent.owner(name) == 0)
        other = next(name for name in NAMES if parent.owner(name) == 1)
        async with Client(parent.port) as stuck:
            whole = request("POST", host_of(mine), NOTES, {"title": "x" * 200_000})
            stuck.writer.write(whole[:100_000])
            await under_way(parent, 0)
            os.kill(parent.hands[0].pid, signal.SIGTERM)
            orders: list[Callable[[int], Any]] = [
                lambda number: Gain(number, Routes((0,))),
                lambda number: Expect(number, other),
                lambda number: Own(number, other, warm=True),
            ]
            while not (await asyncio.wait_for(parent.ask(0, orders[0]), 10)).error:
                await asyncio.sleep(0.01)
            for order in orders:
                assert await parent.refused(0, order) == "the worker is stopping"
            await parent.order(0, lambda number: Settle(number, parent.directory.routes, {}))
            released = parent.ask(0, lambda number: Release(number, mine, 1, 5.0))
            stuck.writer.write(whole[100_000:])
            assert (await stuck.answer())[0] == 200
            assert (await released).ok
        assert await parent.exit_code(0) == 0
        assert parent.openers().keys() <= {name for name in NAMES if parent.owner(name) == 1}

    run(tmp_path, work)


def test_idle_connections_live_on_at_the_successor(tmp_path: Path) -> None:
    """Also those that have never sent anything, and those with half a request."""

    async def work(parent: Parent, token: str) -> None:
        idle = [Client(parent.path / "shard-0.sock") for _ in range(30)]
        for number, client in enumerate(idle):
            await client.__aenter__()
            if number % 3 == 1:
                await client.get(NAMES[number % len(NAMES)], NOTES)
            elif number % 3 == 2:
                client.writer.write(request("POST", host_of(NAMES[0]), NOTES, {"title": "half"})[: 20 + number])
        await under_way(parent, 0)
        await parent.replace(0, 2)
        for number, client in enumerate(idle):
            if number % 3 == 2:
                client.writer.write(request("POST", host_of(NAMES[0]), NOTES, {"title": "half"})[20 + number :])
            else:
                client.send(NAMES[number % len(NAMES)], NOTES)
            assert (await client.answer())[0] == 200
            client.writer.close()

    run(tmp_path, work)


def test_the_death_of_an_owner_in_the_middle(tmp_path: Path) -> None:
    """What was acknowledged is there when its next owner, told by `Settle`, opens it; who waited is served."""

    async def work(parent: Parent, token: str) -> None:
        name = next(name for name in NAMES if parent.owner(name) == 0)
        await parent.start(2, 0)
        routes = Routes((2, 1))
        async with Client(parent.path / "shard-1.sock") as client, Client(parent.port) as stuck:
            written = (await client.get(name, NOTES, {"title": "before"}))["id"]
            stuck.writer.write(request("POST", host_of(name), NOTES, {"title": "x" * 200_000})[:100_000])
            await under_way(parent, 0)
            await parent.order(2, lambda number: Gain(number, routes))
            kept = await parent.order(0, lambda number: Lose(number, routes))
            assert name in kept
            keeps = dict.fromkeys(kept, 0)
            await parent.all((2, 0, 1), lambda number: Settle(number, routes, keeps))
            await parent.order(2, lambda number: Expect(number, name))
            release = parent.ask(0, lambda number: Release(number, name, 2, 30.0))
            client.send(name, f"{NOTES}/{written}")  # waits for its owner's release, and dies with it
            await asyncio.sleep(0.05)
            assert not release.done()
            os.kill(parent.hands[0].pid, signal.SIGKILL)
            assert await parent.exit_code(0) == -signal.SIGKILL
            with pytest.raises(ConnectionError):
                await release
        async with Client(parent.path / "shard-1.sock") as client:
            client.send(name, f"{NOTES}/{written}")  # waits in the inbox of who has died, or at its next owner
            parent.directory.settle(routes, {})
            await parent.start(0, 0)  # takes what is in the inbox, and owns nothing
            await parent.all((2, 1), lambda number: Settle(number, routes, {}))
            await parent.order(2, lambda number: Own(number, name))
            status, told = await client.answer()
            assert (status, told["id"]) == (200, written)
            await parent.depart(0, 2)

    run(tmp_path, work)


def test_a_worker_departs_only_once_and_with_whatever_it_has(tmp_path: Path) -> None:
    async def work(parent: Parent, token: str) -> None:
        await parent.start(2, 0)
        routes = Routes((2, 1))
        await parent.change(routes, [2], [0])
        async with Client(parent.path / "shard-0.sock") as client:
            await client.get(NAMES[0], NOTES)
            first = parent.ask(0, lambda number: Depart(number, 2))
            second = parent.ask(0, lambda number: Depart(number, 2))
            assert (await first).ok
            assert (await second).ok
            assert await parent.exit_code(0) == 0
            await client.get(NAMES[0], NOTES)

    run(tmp_path, work)


def test_settings_of_the_test_are_those_of_a_server() -> None:
    """The parent's defaults are the real ones, so what passes here passes there."""
    assert Settings().live_tenants_max >= len(NAMES)
