"""Handovers with workers that are models: whoever dies, and whenever, no tenant has two owners or, in the end, none.

The workers answer over real channels on one loop, by the model in `tests.process.owning`; `Stage` is the arbiter: it
forks (makes a model with a copy of the directory), reaps, and respawns. Nothing depends on how long anything takes.
"""

import asyncio
import copy
import logging
import random
import signal
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor.berths import Berths
from supervisor.contract.channel import Channel, attach, pair
from supervisor.contract.messages import Call, Depart, Message, Reply, UsageReport
from supervisor.contract.settings import Settings
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.contract.usage import WorkerUsage
from supervisor.crew import Crew
from supervisor.handover import HandoverError
from supervisor.moves import Moves, Shelf
from supervisor.tenants.holds import Holds
from tests.process.owning import Owning

NAMES = [f"tenant-{number}" for number in range(24)]
BERTHS = 12
DEADLINE_S = 20

Fault = Callable[["Model", Message], str]


def never(worker: "Model", message: Message) -> str:
    return ""


class Model:
    """One worker process. `fault` may have it die "before" or "after" it answers a message, or be "mute"."""

    def __init__(self, stage: "Stage", shard: int, berth: int, pid: int) -> None:
        self.stage = stage
        self.shard, self.berth, self.pid = shard, berth, pid
        self.dead = False
        directory = copy.deepcopy(stage.directory)  # what a fork is
        self.owning = Owning(berth, directory, self._opened, self._closed)
        self.channel: Channel | None = None

    def _opened(self, name: str) -> None:
        other = self.stage.holders.get(name)
        assert other is None, f"{name} has two owners: {other.pid} at {other.berth}, {self.pid} at {self.berth}"
        self.stage.holders[name] = self

    def _closed(self, name: str) -> None:
        assert self.stage.holders.pop(name) is self

    async def begin(self, sock: Any) -> None:
        self.channel = await attach(self.stage.loop, sock, Channel(self.told, lambda: None))
        if self.dead:
            self._hang_up()
            return
        if self.stage.fault(self, UsageReport(WorkerUsage(0, 0))) != "before":
            self.channel.send(UsageReport(WorkerUsage(self.shard, self.pid)))
        else:
            self.die(signal.SIGSEGV)

    def told(self, message: Any) -> None:
        if self.dead:
            return
        fault = self.stage.fault(self, message)
        if fault == "mute":
            return
        if fault == "before":
            self.die(signal.SIGSEGV)
            return
        if isinstance(message, Call):
            assert self.owning.use(message.tenant), f"{message.tenant} was asked of {self.berth}, which does not own it"
        value = self.owning.answer(message)
        self.channel.send(Reply(message.id, fault != "refuse", value=value, error=fault))
        if fault == "after" or isinstance(message, Depart):
            assert not isinstance(message, Depart) or not self.owning.open
            self.stage.loop.call_soon(self.die, signal.SIGSEGV)

    def die(self, number: int) -> None:
        """The end of the process: what it had open is closed by the kernel, then the supervisor is told."""
        if self.dead:
            return
        self.dead = True
        for name in self.owning.open:
            del self.stage.holders[name]
        self.owning.open.clear()
        # the channel's end and the reaping come in either order
        if self.stage.rng.random() < 0.5:
            self._hang_up()
        else:
            self.stage.loop.call_later(0.001, self._hang_up)
        self.stage.dead.append(self)

    def _hang_up(self) -> None:
        if self.channel is not None and self.channel._transport is not None:
            self.channel._transport.abort()


class Stage:
    """The arbiter's part, on a loop of its own that stands still for every fork."""

    def __init__(self, shards: int, fault: Fault = never, seed: int = 0) -> None:
        self.loop = asyncio.new_event_loop()
        self.wrong: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.wrong.append(context))
        self.rng = random.Random(seed)
        self.fault = fault
        self.holders: dict[str, Model] = {}
        self.dead: list[Model] = []
        self.workers: dict[int, Model] = {}
        self.forks: Counter[int] = Counter()
        self.pids = iter(range(1000, 100_000))
        log = logging.getLogger("test")
        self.directory = Directory(first_routes(shards), "localhost", False)
        for name in NAMES:
            self.directory.put(Tenant(name, TenantState.ACTIVE))
        self.crew = Crew(self.loop, self.directory, BERTHS, log)
        self.crew.stand_still = self.stop
        self.crew.kill = self.kill
        self.berths = Berths(BERTHS, log)
        self.rows: list[Tenant] = []
        registry: Any = self
        shelf = Shelf(lambda shard: shard, lambda listener: None)
        shelf.fit(shards)
        self.settings = Settings(shards=shards)
        self.moves = Moves(
            self.settings, self.loop, self.crew, self.directory, self.berths, registry, Holds(), shelf, log
        )
        self.shelf = shelf
        self.turning = False
        self.turn()

    def put(self, tenant: Tenant) -> None:
        """As the registry."""
        self.rows.append(tenant)

    def stop(self) -> None:
        if self.turning:
            self.loop.stop()

    def kill(self, pid: int, number: int) -> None:
        for worker in self.workers.values():
            if worker.pid == pid:
                worker.die(number)

    def turn(self) -> None:
        """What the arbiter does between two turns of the loop, then a short turn."""
        for worker in [worker for worker in self.dead if self.rng.random() < 0.7]:
            self.dead.remove(worker)
            del self.workers[worker.pid]
            self.crew.reaped(worker.berth)
        for wanted in self.crew.take_wanted():
            wanted.seat.set_result(self.fork(wanted.shard, wanted.berth))
        for shard, berth in self.crew.vacant():
            self.fork(shard, berth)
        self.turning = True
        end = self.loop.call_later(0.002, self.loop.stop)
        self.loop.run_forever()
        end.cancel()
        self.turning = False
        for context in self.wrong:
            raise AssertionError(context["message"]) from context.get("exception")

    def fork(self, shard: int, berth: int) -> Any:
        self.berths.occupied(berth)
        self.forks[berth] += 1
        ours, theirs = pair()
        worker = Model(self, shard, berth, next(self.pids))
        self.workers[worker.pid] = worker
        seat = self.crew.take_seat(shard, berth, worker.pid, ours)
        self.loop.create_task(worker.begin(theirs))
        return seat

    def use(self, name: str) -> bool:
        """A request: it goes to whoever a random worker thinks it belongs to, and on from there, a few times."""
        living = [worker for worker in self.workers.values() if not worker.dead]
        if not living:
            return False
        worker = self.rng.choice(living)
        for _ in range(4):
            if worker.owning.use(name):
                return True
            tenant = worker.owning.directory.get(name)
            assert tenant is not None
            berth = worker.owning.directory.owner(tenant)
            others = [other for other in living if other.berth == berth]
            if not others or others[0] is worker:
                return False
            worker = others[0]
        return False

    def run(self, work: Coroutine[Any, Any, Any], traffic: bool = True) -> Any:
        """Until it is done, under requests; raises what it raises."""
        task = self.loop.create_task(work)
        deadline = self.loop.time() + DEADLINE_S
        while not task.done():
            if traffic:
                self.loop.call_later(0.001, self.use, self.rng.choice(NAMES))
            self.turn()
            assert self.loop.time() < deadline, "the handover does not end"
        return task.result()

    def settle(self) -> None:
        """Until everybody knows the same, and every tenant is served by its owner."""
        deadline = self.loop.time() + DEADLINE_S
        self.fault = never

        def served() -> bool:
            return not self.dead and all(self.use(name) for name in NAMES)

        while not served():
            self.turn()
            assert self.loop.time() < deadline, {name: self.use(name) for name in NAMES}
        routes = self.directory.routes
        assert self.directory.kept == {}
        assert self.crew.closed == set()
        for worker in self.workers.values():
            if (seat := self.crew.seats[worker.berth]).heir is None:
                assert worker.berth in routes.berths, f"{seat} is nobody's"
        for name, worker in self.holders.items():
            tenant = self.directory.get(name)
            assert tenant is not None
            assert self.directory.owner(tenant) == worker.berth
        assert len(self.shelf.listeners) == routes.shards

    def close(self) -> None:
        self.moves.cancel()
        for worker in self.workers.values():
            worker.die(signal.SIGKILL)
        while self.dead:
            self.turn()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()
        for sender, inbox in self.berths.links:
            sender.close()
            inbox.close()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Any:
    made: list[Stage] = []

    def make(shards: int, fault: Fault = never, seed: int = 0) -> Stage:
        made.append(Stage(shards, fault, seed))
        made[-1].run(made[-1].crew.all_ready(10))
        for name in NAMES[::2]:
            made[-1].use(name)
        return made[-1]

    yield make
    for one in made:
        one.close()


def once(kind: str, berth: int, how: str) -> Fault:
    """The first message of that kind at that berth goes wrong."""
    done: list[bool] = []

    def fault(worker: Model, message: Message) -> str:
        if done or type(message).__name__ != kind or worker.berth != berth:
            return ""
        done.append(True)
        return how

    return fault


def test_a_recycled_shard_has_another_worker_with_all_its_tenants(stage) -> None:
    made = stage(2)
    former = made.crew.seat(0).pid
    made.run(made.moves.recycle(0, "test"))
    made.settle()
    assert made.crew.seat(0).pid != former
    assert made.directory.routes.berths == (2, 1)
    made.run(made.moves.recycle(0, "test"))
    made.run(made.moves.recycle(1, "test"))
    assert made.directory.routes.berths == (0, 2), "the lowest free berths"
    made.settle()
    assert former not in made.workers


SUCCESSOR, PREDECESSOR, OTHER = 2, 0, 1
STEPS = [
    *(("Gain", SUCCESSOR), ("Lose", PREDECESSOR), ("Settle", SUCCESSOR), ("Settle", PREDECESSOR), ("Settle", OTHER)),
    *(("Expect", SUCCESSOR), ("Release", PREDECESSOR), ("Own", SUCCESSOR), ("Depart", PREDECESSOR)),
]


@pytest.mark.parametrize("how", ["before", "after", "refuse"])
@pytest.mark.parametrize(("kind", "berth"), STEPS)
def test_a_death_at_any_step_of_a_recycle(stage, kind: str, berth: int, how: str) -> None:
    made = stage(2, once(kind, berth, how), seed=3)
    given_up = berth == SUCCESSOR
    with pytest.raises(HandoverError, match="shard 0 keeps its worker") if given_up else nullcontext():
        made.run(made.moves.recycle(0, "test"))
    assert made.directory.routes.berths[0] == (PREDECESSOR if given_up else SUCCESSOR)
    made.settle()


@pytest.mark.parametrize(("first", "second"), [("Lose", "Settle"), ("Release", "Own")])
def test_both_die(stage, first: str, second: str) -> None:
    faults = [once(first, PREDECESSOR, "before"), once(second, SUCCESSOR, "before")]
    made = stage(2, lambda worker, message: "".join(fault(worker, message) for fault in faults), seed=5)
    with suppress(HandoverError):
        made.run(made.moves.recycle(0, "test"))
    made.settle()
    assert made.forks[PREDECESSOR] + made.forks[SUCCESSOR] == 3, "one of the berths has a new worker"


@pytest.mark.parametrize("kind", ["Gain", "Lose", "Release", "Own"])
def test_who_does_not_answer_is_ended(stage, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from supervisor import handover, moves

    monkeypatch.setattr(handover, "ACK_TIMEOUT_S", 0.05)
    made = stage(2, once(kind, dict(STEPS)[kind], "mute"))
    made.moves._settings = Settings(supervision=moves.Settings().supervision)
    monkeypatch.setattr(type(made.moves), "_release_s", 0.05)
    try:
        made.run(made.moves.recycle(0, "test"))
    except HandoverError:
        assert kind in {"Gain", "Own"}
    made.settle()


def test_a_successor_that_never_serves_changes_nothing(stage) -> None:
    made = stage(2, once("UsageReport", SUCCESSOR, "before"))
    former = made.crew.seat(0).pid
    with pytest.raises(HandoverError, match="ended before it served"):
        made.run(made.moves.recycle(0, "test"))
    made.settle()
    assert made.crew.seat(0).pid == former


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 2), (2, 5), (5, 1), (1, 4)])
def test_another_number_of_shards(stage, before: int, after: int) -> None:
    made = stage(before)
    owners = {name: made.directory.shard(made.directory.get(name)) for name in NAMES}
    pids = {shard: made.crew.seat(shard).pid for shard in range(before)}
    made.settings = Settings(shards=after)

    async def renew() -> bool:
        made.moves.renew(made.settings, "test")
        return await made.moves.renewed()

    assert made.run(renew())
    made.settle()
    assert made.directory.routes.shards == after
    for name in NAMES:
        now = made.directory.shard(made.directory.get(name))
        assert now == owners[name] or now >= before or owners[name] >= after, "only who must has moved"
    assert all(made.crew.seat(shard).pid not in pids.values() for shard in range(after)), "with the new settings"


def test_as_many_shards_as_there_are_berths_for(stage) -> None:
    made = stage(2)
    made.moves._settings = Settings(shards=BERTHS // 2)

    async def reshard() -> None:
        async with made.moves.lock:
            await made.moves._reshard(BERTHS // 2)

    with pytest.raises(HandoverError, match="up to 5 shards"):
        made.run(reshard())
    made.settle()


def test_a_tenant_moves_and_its_calls_wait(stage) -> None:
    made = stage(2)
    name = next(name for name in NAMES if made.directory.shard(made.directory.get(name)) == 0)

    async def work() -> Tenant:
        moving = asyncio.ensure_future(made.moves.move(name, 1))
        calls = [
            asyncio.ensure_future(
                made.crew.call(lambda: made.directory.owner(made.directory.get(name)), "disk", name, {})
            )
            for _ in range(20)
        ]
        await asyncio.gather(*calls)
        return await moving

    assert made.run(work()).shard == 1
    made.settle()
    assert made.directory.shard(made.directory.get(name)) == 1
    assert [row.state for row in made.rows] == [TenantState.MOVING, TenantState.ACTIVE]
    assert made.run(made.moves.move(name, None)).shard is None
    made.settle()
    assert made.directory.shard(made.directory.get(name)) == 0
    with pytest.raises(HandoverError, match="there is no shard 2"):
        made.run(made.moves.move(name, 2))


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize(("kind", "berth"), [("Expect", 1), ("Release", 0), ("Own", 1)])
def test_a_death_while_a_tenant_moves(stage, kind: str, berth: int, how: str) -> None:
    made = stage(2, once(kind, berth, how))
    name = next(name for name in NAMES if made.directory.shard(made.directory.get(name)) == 0)
    made.use(name)
    moved = True
    try:
        made.run(made.moves.move(name, 1))
    except HandoverError:
        moved = False
    assert moved == (kind != "Expect" or how == "after")
    assert made.directory.shard(made.directory.get(name)) == int(moved)
    assert made.rows[-1] == made.directory.get(name), "the registry says the same"
    made.settle()


def test_what_waits_in_the_queue_of_a_departed_worker_goes_to_its_heir(stage) -> None:
    made = stage(2)
    near, far = socket.socketpair()
    socket.send_fds(made.berths.links[0][0], [b"a connection"], [near.fileno()])
    near.close()
    made.run(made.moves.recycle(0, "test"))
    made.moves.forward()
    frame, fds, _, _ = socket.recv_fds(made.berths.links[2][1], 100, 1)
    assert frame == b"a connection"
    with socket.socket(fileno=fds[0]) as passed:
        passed.send(b"hello")
    assert far.recv(5) == b"hello"
    far.close()


@pytest.mark.slow
@given(
    seed=st.integers(0, 1 << 30),
    rate=st.sampled_from([0.01, 0.05, 0.15]),
    work=st.lists(st.sampled_from(["recycle 0", "recycle 1", "move", "more", "fewer"]), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_dies_whenever(seed: int, rate: float, work: list[str]) -> None:
    rng = random.Random(seed)

    def fault(worker: Model, message: Message) -> str:
        if isinstance(message, Call):
            return ""
        return rng.choice(["before", "after"]) if rng.random() < rate else ""

    made = Stage(2, seed=seed)
    try:
        made.run(made.crew.all_ready(10))
        made.fault = fault
        for what in work:
            shards = made.directory.routes.shards
            try:
                if what.startswith("recycle"):
                    made.run(made.moves.recycle(int(what[-1]) % shards, "test"))
                elif what == "move":
                    made.run(made.moves.move(rng.choice(NAMES), rng.randrange(shards)))
                else:
                    made.run(reshard(made, min(5, max(1, shards + (1 if what == "more" else -1)))))
            except HandoverError:
                pass
        made.settle()
    finally:
        made.close()


async def reshard(made: Stage, shards: int) -> None:
    async with made.moves.lock:
        if shards != made.directory.routes.shards:
            await made.moves._reshard(shards)
