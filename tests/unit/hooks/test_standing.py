"""Runs that stand behind others on a process: their order, where they go, and what a child may say for them.

The child is this test, at the other end of the line: it sees each frame, and may say anything.
"""

import asyncio
import json
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.frames import AHEAD, FORGET, HEAD_BYTES, answer_head, call_frame
from sandbox.process import ExitStatus
from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.fair.account import Account
from worker.hooks import children as children_module
from worker.hooks.children import Children
from worker.hooks.session import Session

DEADLINE_S = 60
SLOW = "slow"


class Far:
    """A child, seen from itself."""

    def __init__(self) -> None:
        self.sock, self._far = socket.socketpair()
        self.sock.setblocking(False)
        self._far.setblocking(False)
        self.over: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self.killed = False
        self.used_ns = 0

    def say(self, *calls: tuple[str, list[Any]]) -> None:
        self._far.send(b"".join(call_frame(name.encode(), json.dumps(args).encode()) for name, args in calls))

    def heard(self) -> list[tuple[int, Any]]:
        """What the host has said since: which frame it was, and what it says: the text of an order, or a value."""
        data, said = b"", []
        with suppress(BlockingIOError):
            data = self._far.recv(1 << 20)
        while data:
            length, bits = answer_head(data)
            frame = json.loads(data[HEAD_BYTES : HEAD_BYTES + length])
            said.append((bits, f"{frame['d']}{'!' * frame.get('c', 0)}" if "n" in frame else frame.get("v")))
            data = data[HEAD_BYTES + length :]
        return said

    def kill(self) -> None:
        if not self.killed:
            self.killed = True
            self._far.close()
            asyncio.get_running_loop().call_soon(self.over.set_result, ExitStatus(-signal.SIGKILL, 0, 0))

    def close(self) -> None:
        self.sock.close()

    def cpu_ns(self) -> int:
        return self.used_ns

    def memory_kb(self) -> int:
        return 0


class Stage:
    """A tenant's processes."""

    def __init__(self, processes: int) -> None:
        self.far: list[Far] = []
        self.zygote = SimpleNamespace(fork=self._fork, pid=1)
        self.crowded = False
        self.reports: list[str] = []
        nothing = lambda *_: None  # noqa: E731
        for name in ("freed", "leave", "begins", "rests", "ended", "book", "book_fork", "available"):
            setattr(self, name, nothing)
        self.children: Any = Children("t", self, Account("t", Plan(js_processes=processes, js_cpu_s=1.0)))  # type: ignore[arg-type]
        self.ctx = SimpleNamespace(catalog=SimpleNamespace(version=1))
        self.waiting = asyncio.Event()

        async def wait(call: Any) -> str:
            del call
            await self.waiting.wait()
            return "waited"

        async def answer(call: Any) -> str:
            del call
            return "answered"

        self.hooks: Any = SimpleNamespace(
            ctx=self.ctx, name="t", extras={}, plan=self.children.plan, book=lambda ns: None, children=self.children,
            warn=self.reports.append, table={b"wait": wait, b"answer": answer},
        )  # fmt: skip
        self.tasks: dict[str, asyncio.Task[Any]] = {}

    def admit(self, children: Children) -> bool:
        del children
        return True

    def report(self, tenant: str, what: str) -> None:
        del tenant
        self.reports.append(what)

    async def _fork(self, limits: object) -> Far:
        del limits
        self.far.append(Far())
        return self.far[-1]

    async def begin(self, *names: str, handler: str = "") -> None:
        """A run of each name, each of a handler of its own which is known to be quick, or of `handler`."""
        for name in names:
            if not handler:
                self.children.learn(name, quick=True)
            self.tasks[name] = asyncio.create_task(self._run(name, handler or name))
        await self.rest()

    async def _run(self, name: str, handler: str) -> Any:
        async with Session(self.hooks, None, self.hooks.table, 30.0, handler) as session:
            return await session.run("x", name)

    async def rest(self) -> None:
        """Until nothing happens any more by itself."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def say(self, far: int, *calls: tuple[str, list[Any]]) -> None:
        self.far[far].say(*calls)
        await self.rest()

    def heard(self) -> list[list[tuple[int, Any]]]:
        return [far.heard() for far in self.far if not far.killed]

    async def outcome(self, name: str) -> Any:
        try:
            return await self.tasks[name]
        except ApiError as error:
            return error.status
        except asyncio.CancelledError:
            return "cancelled"


def result(value: str) -> tuple[str, list[Any]]:
    return ("$r", [0, {"v": value}])


def call(name: str) -> tuple[str, list[Any]]:
    return (name, [0])


def play(scene: Callable[[Stage], Awaitable[None]], processes: int = 1) -> None:
    async def main() -> None:
        async with asyncio.timeout(DEADLINE_S):
            stage = Stage(processes)
            await scene(stage)
            assert all(task.done() for task in stage.tasks.values())
            stage.children.close()
            await stage.rest()
            assert stage.children.count == 0
            assert not stage.children._waiting

    asyncio.run(main())


def test_the_process_goes_from_one_to_the_next() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b", "c")
        assert stage.heard() == [[(0, "a!"), (AHEAD, "b"), (AHEAD, "c")]]
        (leased,) = stage.children._all
        stage.far[0].used_ns = 900_000_000
        await stage.say(0, result("A"))
        assert await stage.outcome("a") == "A"
        # what the one before has used is not what this one has
        stage.far[0].used_ns = 1_800_000_000
        leased.look()
        assert not stage.far[0].killed
        await stage.say(0, call("answer"))
        assert stage.heard() == [[(0, "answered")]]
        await stage.say(0, result("B"), call("answer"))
        assert stage.heard() == [[(0, "answered")]]
        await stage.say(0, result("C"))
        assert [await stage.outcome(name) for name in "bc"] == ["B", "C"]
        await stage.begin(*(str(number) for number in range(8)))
        assert len(stage.heard()[0]) == 8
        await stage.say(0, *(result(f"R{number}") for number in range(8)))
        assert [await stage.outcome(str(number)) for number in range(8)] == [f"R{number}" for number in range(8)]
        assert len(stage.far) == 1
        assert not stage.reports

    play(scene)


def test_only_so_many_stand_behind_and_the_others_wait_for_a_place() -> None:
    async def scene(stage: Stage) -> None:
        names = [str(number) for number in range(children_module.BEHIND_MAX + 3)]
        await stage.begin(*names)
        assert len(stage.heard()[0]) == children_module.BEHIND_MAX + 1
        for name in names:
            await stage.say(0, result(name))
        assert [await stage.outcome(name) for name in names] == names

    play(scene)


def test_nobody_stands_behind_what_is_not_known_to_be_quick() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", handler=SLOW)
        await stage.begin("b")
        assert stage.heard() == [[(0, "a!")]]
        await stage.say(0, result("A"))
        assert stage.heard() == [[(0, "b")]]
        await stage.begin("c", handler="unknown")
        await stage.begin("d")  # c may stand behind, and nobody behind c
        assert stage.heard() == [[(AHEAD, "c")]]
        await stage.say(0, result("B"), result("C"))
        assert stage.heard() == [[(0, "d")]]
        await stage.say(0, result("D"))
        await stage.begin("e", "f", handler=SLOW)  # it was quick meanwhile
        assert stage.heard() == [[(0, "e"), (AHEAD, "f")]]
        stage.far[0].used_ns += 20_000_000
        await stage.say(0, result("E"), result("F"))
        await stage.begin("g", "h", handler=SLOW)
        assert stage.heard() == [[(0, "g")]]
        await stage.say(0, result("G"))
        await stage.say(0, result("H"))

    play(scene)


def test_they_go_elsewhere_when_the_process_ends() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b", "c")
        stage.far[0].kill()
        await stage.rest()
        assert await stage.outcome("a") == 500
        assert stage.heard() == [[(0, "b!"), (AHEAD, "c")]]
        await stage.say(1, result("B"), result("C"))
        assert [await stage.outcome(name) for name in "bc"] == ["B", "C"]

    play(scene)


def test_they_go_elsewhere_when_the_run_before_waits() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b")
        await stage.begin("c", "d")
        assert [[text for _, text in far] for far in stage.heard()] == [["a!", "c"], ["b!", "d"]]
        await stage.say(0, call("wait"))
        assert stage.heard() == [[], [(AHEAD, "c")]]
        await stage.say(1, result("B"), result("D"), result("C"))
        assert [await stage.outcome(name) for name in "bdc"] == ["B", "D", "C"]
        stage.waiting.set()
        await stage.rest()
        assert stage.heard() == [[(FORGET, "waited")], []]
        await stage.say(0, result("A"))
        assert await stage.outcome("a") == "A"
        assert not any(far.killed for far in stage.far)

    play(scene, processes=2)


def test_one_that_has_nothing_to_do_takes_over_what_stands_behind_another() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b")
        await stage.begin("c", "d", "e")
        assert [[text for _, text in far] for far in stage.heard()] == [["a!", "c", "e"], ["b!", "d"]]
        await stage.say(1, result("B"), result("D"))
        await stage.say(0, call("answer"))
        assert stage.heard() == [[(FORGET, "answered")], [(0, "c"), (AHEAD, "e")]]
        await stage.say(1, result("C"))
        await stage.say(0, result("A"))
        await stage.say(1, result("E"))
        assert [await stage.outcome(name) for name in "abcde"] == list("ABCDE")

    play(scene, processes=2)


def test_one_that_is_cancelled_never_happens() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b", "c")
        stage.tasks["b"].cancel()
        await stage.rest()
        assert await stage.outcome("b") == "cancelled"
        assert not any(far.killed for far in stage.far)
        await stage.say(0, result("A"), call("answer"))  # for b
        assert await stage.outcome("a") == "A"
        assert stage.far[0].killed
        assert stage.heard() == [[(0, "c!")]]
        await stage.say(1, result("C"))
        assert await stage.outcome("c") == "C"
        # where the process can forget it, it does
        await stage.begin("d", "e", "f")
        stage.tasks["e"].cancel()
        await stage.say(1, call("wait"))
        stage.waiting.set()
        await stage.rest()
        assert stage.heard()[-1] == [(0, "d"), (AHEAD, "e"), (AHEAD, "f"), (FORGET, "waited")]
        await stage.say(1, result("D"))
        assert stage.heard()[-1] == [(0, "f")]
        await stage.say(1, result("F"))
        assert [await stage.outcome(name) for name in "df"] == ["D", "F"]

    play(scene)


def test_one_that_has_waited_for_too_long_gets_an_error() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b", "c")
        (leased,) = stage.children._all
        leased.queue[0]._deadline = 0.5
        leased.look()
        await stage.rest()
        assert await stage.outcome("b") == 503
        assert not stage.tasks["c"].done()
        stage.children.cut("the test is over")
        await stage.rest()
        assert [await stage.outcome(name) for name in "ac"] == [500, 503]

    play(scene)


@pytest.mark.parametrize(
    "said",
    [
        [result("A"), result("B"), result("C"), result("nobody's")],
        [result("A"), result("B"), result("C"), call("answer")],
        [call("answer"), result("A")],
        [call("wait"), result("A")],
    ],
)
def test_a_child_speaks_for_the_run_whose_turn_it_is(said: list[Any]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b", "c")
        await stage.say(0, *said)
        assert stage.far[0].killed
        ends = len([one for one in said[:3] if one[0] == "$r"]) == 3
        if not ends:
            assert await stage.outcome("a") == 500
            await stage.say(1, result("B"), result("C"))
        assert [await stage.outcome(name) for name in "bc"] == ["B", "C"]

    play(scene)


def test_nobody_speaks_for_one_whose_order_was_not_sent() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a")
        await stage.begin("b" * (1 << 15))
        assert stage.heard() == [[(0, "a!")]]
        await stage.say(0, result("A"), result("B"))
        assert await stage.outcome("a") == "A"
        assert stage.far[0].killed
        assert await stage.outcome("b" * (1 << 15)) == 500

    play(scene)


def test_a_change_of_the_catalog_is_told_before_what_builds_on_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin("a", "b")
        stage.ctx.catalog.version = 2
        await stage.begin("c")  # it is no more what the process knows
        assert stage.heard() == [[(0, "a!"), (AHEAD, "b")]]
        await stage.say(0, call("answer"))
        assert stage.heard() == [[(FORGET, "answered"), (AHEAD, "b"), (AHEAD, "c")]]
        stage.ctx.catalog.version = 3
        await stage.begin("d")
        await stage.say(0, result("A"), result("B"), result("C"))
        assert stage.heard() == [[(0, "d!")]]
        await stage.say(0, result("D"))
        assert [await stage.outcome(name) for name in "abcd"] == list("ABCD")
        assert not stage.far[0].killed

    play(scene)
