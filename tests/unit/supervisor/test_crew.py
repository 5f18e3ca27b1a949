"""The crew: what is asked is answered, or ends with the worker that was asked."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from supervisor import crew as module
from supervisor.contract.channel import Channel, attach, pair
from supervisor.contract.messages import (
    STOPPING,
    Answer,
    Ask,
    Call,
    Message,
    Notice,
    Progress,
    Reply,
    TenantDrop,
    TenantFailed,
    UsageReport,
)
from supervisor.contract.shardmap import Directory, first_routes
from supervisor.contract.usage import WorkerUsage
from supervisor.crew import Crew, CrewError, WorkerLost

Way = Callable[["Worker", Message], None]


class Worker:
    """The other end of a seat, on the same loop."""

    def __init__(self, answer: Way) -> None:
        self.heard: list[Message] = []
        self._answer = answer

    async def begin(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self.channel = await attach(loop, sock, Channel(self._on_message, lambda: None))

    def _on_message(self, message: Message) -> None:
        self.heard.append(message)
        self._answer(self, message)

    def say(self, message: Message) -> None:
        self.channel.send(message)


def obey(worker: Worker, message: Message) -> None:
    worker.say(Reply(message.id, True, value=getattr(message, "op", None)))


def refuse(worker: Worker, message: Message) -> None:
    worker.say(Reply(message.id, False, error="no"))


def die(worker: Worker, message: Message) -> None:
    worker.channel.close()


def test_who_is_ending_is_waited_for_and_not_killed(stage) -> None:
    """It finishes what it has begun; whatever it is asked is settled by its end."""
    made = stage(1)

    def ending(worker: Worker, message: Message) -> None:
        worker.say(Reply(message.id, False, error=STOPPING))

    worker = made.seat(0, ending)
    killed: list[int] = []
    made.crew.kill = lambda pid, number: killed.append(pid)
    seat = made.crew.seats[0]
    asked = [
        made.loop.create_task(made.crew.tell_all(dropped)),
        made.loop.create_task(made.crew.order(seat, dropped, 5)),
    ]
    while len(worker.heard) < 2:
        made.run(asyncio.sleep(0.001))
    made.run(asyncio.sleep(0.01))
    assert not any(task.done() for task in asked)
    worker.channel.close()
    made.loop.call_later(0.01, made.crew.reaped, 0)
    made.run(asked[0])
    with pytest.raises(WorkerLost, match="died"):
        made.run(asked[1])
    assert killed == []


def ignore(worker: Worker, message: Message) -> None:
    """Says nothing."""


class Stage:
    """A crew of workers which answer as told."""

    def __init__(self, shards: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.directory = Directory(first_routes(shards), "localhost", False)
        self.crew = Crew(self.loop, self.directory, 8, logging.getLogger("test"))
        self.pids = iter(range(1000, 2000))

    def seat(self, shard: int, answer: Way) -> Worker:
        ours, theirs = pair()
        self.crew.reaped(shard)
        self.crew.take_seat(shard, shard, next(self.pids), ours)
        worker = Worker(answer)
        self.loop.run_until_complete(worker.begin(self.loop, theirs))
        return worker

    def run(self, work: Awaitable[Any]) -> Any:
        async def limited() -> Any:
            async with asyncio.timeout(5):
                return await work

        return self.loop.run_until_complete(limited())


@pytest.fixture
def stage() -> Iterator[Callable[[int], Stage]]:
    made: list[Stage] = []

    def make(shards: int) -> Stage:
        made.append(Stage(shards))
        return made[-1]

    yield make
    for one in made:
        for seat in one.crew.seats.values():
            seat.channel.close()
        one.loop.run_until_complete(asyncio.sleep(0.01))
        one.loop.close()


def dropped(number: int) -> TenantDrop:
    return TenantDrop(number, "demo")


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([obey, obey], None),
        ([obey, die], None),
        ([die, die], None),
        ([obey, refuse], "shard 1: no"),
        ([ignore, obey], r"shard 0 \(pid 1000\) did not confirm"),
    ],
)
def test_everyone_is_told_and_the_dead_count_as_done(stage, monkeypatch, answers, error) -> None:
    monkeypatch.setattr(module, "ACK_TIMEOUT_S", 0.05)
    made = stage(2)
    workers = [made.seat(shard, answer) for shard, answer in enumerate(answers)]
    if error is None:
        made.run(made.crew.tell_all(dropped))
    else:
        with pytest.raises(CrewError, match=error):
            made.run(made.crew.tell_all(dropped))
    assert [len(worker.heard) for worker in workers] == [1, 1]


def test_a_change_told_while_the_channel_is_being_connected_arrives(stage) -> None:
    made = stage(1)
    ours, theirs = pair()
    gate = made.loop.create_future()

    async def command() -> None:
        await gate
        await made.crew.tell_all(dropped)

    task = made.loop.create_task(command())
    made.run(asyncio.sleep(0))
    gate.set_result(None)  # so that the command goes on in the very next turn of the loop, just after the fork
    made.crew.take_seat(0, 0, 1000, ours)
    worker = Worker(obey)
    made.run(worker.begin(made.loop, theirs))
    made.run(task)
    assert [message.name for message in worker.heard] == ["demo"]


def test_nobody_is_told_if_there_is_nobody(stage) -> None:
    made = stage(2)
    made.run(made.crew.tell_all(dropped))


def test_a_call_is_answered_with_progress_on_the_way(stage) -> None:
    def work(worker: Worker, message: Message) -> None:
        for done in (1, 2):
            worker.say(Progress(message.id, "copying", done, 2))
        worker.say(Progress(message.id + 1000, "of another call"))
        obey(worker, message)

    made = stage(2)
    idle, owner = made.seat(0, ignore), made.seat(1, work)
    told: list[tuple[str, int]] = []
    value = made.run(
        made.crew.call(lambda: 1, "import", "demo", {"source": "/x"}, lambda p: told.append((p.text, p.done)))
    )
    assert value == "import"
    assert told == [("copying", 1), ("copying", 2)]
    assert idle.heard == []
    assert [(m.op, m.tenant, m.args) for m in owner.heard if isinstance(m, Call)] == [
        ("import", "demo", {"source": "/x"})
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        (refuse, CrewError, "no"),
        (die, WorkerLost, r"the worker of shard 0 \(pid 1000\) died meanwhile"),
        (ignore, CrewError, "export on tenant demo: no sign of progress"),
    ],
)
def test_a_call_fails_with_a_reason(stage, monkeypatch, answer, kind, error) -> None:
    monkeypatch.setattr(module, "SILENCE_TIMEOUT_S", 0.05)
    made = stage(1)
    made.seat(0, answer)
    with pytest.raises(kind, match=error):
        made.run(made.crew.call(lambda: 0, "export", "demo", {}))
    assert made.crew.seats[0].asked == {}, "nothing is kept of what was asked"


def test_a_call_waits_for_the_successor_of_a_leaving_worker(stage) -> None:
    made = stage(1)
    former = made.seat(0, refuse)
    made.crew.told_to_leave(made.crew.seats[0].pid)
    call = made.loop.create_task(made.crew.call(lambda: 0, "disk", "demo", {}))
    made.run(asyncio.sleep(0.01))
    assert not call.done()
    successor = made.seat(0, obey)
    assert made.run(call) == "disk"
    assert (len(former.heard), len(successor.heard)) == (0, 1)


def test_a_call_to_a_shard_without_a_worker_ends(stage, monkeypatch) -> None:
    monkeypatch.setattr(module, "SUCCESSOR_TIMEOUT_S", 0.05)
    made = stage(1)
    with pytest.raises(CrewError, match="tenant demo has had no worker"):
        made.run(made.crew.call(lambda: 0, "disk", "demo", {}))


def test_last_words_of_a_replaced_worker_are_heard(stage) -> None:
    made = stage(1)
    former = made.seat(0, ignore)
    call = made.loop.create_task(made.crew.call(lambda: 0, "provision", "demo", {}))
    made.run(asyncio.sleep(0.01))
    former.say(Reply(former.heard[0].id, True, value="done in time"))
    former.channel.close()
    made.seat(0, ignore)
    assert made.run(call) == "done in time"


def test_what_workers_tell_unasked(stage) -> None:
    made = stage(2)
    usages: list[int] = []
    failed: list[str] = []
    lost: list[int] = []
    made.crew.on_usage = lambda usage: usages.append(usage.shard)
    made.crew.on_failed = lambda told: failed.append(told.name)
    made.crew.on_lost = lost.append
    workers = [made.seat(shard, obey) for shard in (0, 1)]
    assert not made.run(made.crew.all_ready(0.01))
    workers[0].say(UsageReport(WorkerUsage(0, 1)))
    assert not made.run(made.crew.all_ready(0.01))
    workers[1].say(TenantFailed("demo", "corrupt"))
    assert made.run(made.crew.all_ready(1))
    assert (usages, failed, made.crew.served) == ([0], ["demo"], {0, 1})
    workers[1].channel.close()
    made.run(asyncio.sleep(0.01))
    assert lost == [1]
    assert not made.run(made.crew.all_ready(0.01))
    made.seat(1, obey)
    made.seat(0, obey)  # its predecessor's channel has not ended yet
    assert lost == [1, 0]
    assert made.crew.spawned == {0: 2, 1: 2}


def test_a_worker_that_breaks_the_frame_is_lost(stage) -> None:
    made = stage(1)
    worker = made.seat(0, ignore)
    call = made.loop.create_task(made.crew.call(lambda: 0, "provision", "demo", {}))
    made.run(asyncio.sleep(0.01))
    worker.channel._transport.write(b"\0\0\0\0")
    with pytest.raises(WorkerLost):
        made.run(call)


def test_what_workers_ask_is_answered_whatever_happens(stage) -> None:
    made = stage(1)
    noted: list[Notice] = []
    made.crew.on_notice = noted.append
    made.crew.on_ask = lambda what, tenant: {"usage": {"of": tenant}}[what]
    worker = made.seat(0, ignore)
    worker.say(Ask(7, "usage", "demo"))
    worker.say(Ask(8, "weather", "demo"))
    worker.say(Notice("disk", "demo", "full"))
    made.run(asyncio.sleep(0.01))
    assert worker.heard == [Answer(7, {"of": "demo"}), Answer(8, None)]
    assert noted == [Notice("disk", "demo", "full")]


def test_calls_wait_while_the_owner_changes_and_go_to_whoever_it_is_then(stage) -> None:
    made = stage(2)
    workers = [made.seat(shard, obey) for shard in (0, 1)]
    owner = 0
    with made.crew.paused("demo"):
        call = made.loop.create_task(made.crew.call(lambda: owner, "disk", "demo", {}))
        other = made.loop.create_task(made.crew.call(lambda: 0, "disk", "other", {}))
        made.run(other)
        assert not call.done()
        owner = 1
    made.run(call)
    with made.crew.paused():
        late = made.loop.create_task(made.crew.call(lambda: 0, "disk", "other", {}))
        made.run(asyncio.sleep(0.01))
        assert not late.done()
    made.run(late)
    assert [len(worker.heard) for worker in workers] == [2, 1]


def test_berths_are_given_out_from_the_lowest_that_nobody_has(stage) -> None:
    made = stage(2)
    assert made.crew.vacant() == [(0, 0), (1, 1)]
    made.seat(0, obey)
    assert made.crew.free_berth() == 2, "a route leads to berth 1"
    ours, theirs = pair()
    made.crew.take_seat(0, 2, 999, ours)
    assert made.crew.free_berth() == 3
    made.crew.closed.add(1)
    assert made.crew.vacant() == []
    made.crew.reaped(0)
    made.crew.closed.clear()
    assert made.crew.vacant() == [(0, 0), (1, 1)]
    theirs.close()


def test_who_disobeys_a_step_is_killed_before_anybody_else_goes_on(stage) -> None:
    made = stage(1)
    made.seat(0, refuse)
    killed: list[int] = []

    def kill(pid: int, number: int) -> None:
        killed.append(pid)
        made.loop.call_later(0.01, made.crew.reaped, 0)

    made.crew.kill = kill
    seat = made.crew.seats[0]
    with pytest.raises(WorkerLost, match="TenantDrop failed: no"):
        made.run(made.crew.order(seat, dropped, 5))
    assert killed == [seat.pid]
    assert seat.gone.done()
