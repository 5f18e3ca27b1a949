"""A zygote and its children: forked, talked to, killed, reaped; what each of them has and has not."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from sandbox.frames import AHEAD, FORGET, first_call
from sandbox.pool import Child, ExitStatus, Limits, SandboxUnavailable, Zygote
from tests.unit.sandbox.conftest import evaluate, hear, send

DEADLINE_S = 60
USER = "nobody"


@asynccontextmanager
async def zygote(user: str = USER) -> AsyncIterator[Zygote]:
    """One for the time of a test; it has ended afterwards."""
    made = Zygote(user)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield made
            made.close()
            while made.pid is not None:
                await asyncio.sleep(0.005)
    finally:
        made.close()


@pytest.fixture
def within(run: Callable[[Awaitable[None]], None]) -> Callable[[Callable[[Zygote], Awaitable[None]]], None]:
    """Runs a test with a zygote."""

    def do(test: Callable[[Zygote], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with zygote() as made:
                await test(made)

        run(whole())

    return do


def fields(pid: int, file: str = "status") -> dict[str, str]:
    """A file of /proc as a dictionary."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def lives(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_children_do_what_they_are_told(within) -> None:
    async def test(made: Zygote) -> None:
        child = await made.fork(Limits())
        assert await evaluate(child, "1 + 1") == 2
        assert await evaluate(child, "globalThis.kept = 3") == 3
        assert await evaluate(child, "kept") == 3  # it is one realm
        assert "nope" in (await evaluate(child, "nope"))["e"]["message"]
        other = await made.fork(Limits())
        assert await evaluate(other, "typeof kept") == "undefined"
        assert made.children == 2
        for one in (child, other):
            one.kill()
            assert (await one.over).status == -signal.SIGKILL
            one.close()
        assert made.children == 0

    within(test)


def test_operations_and_what_runs_inside_of_them(within) -> None:
    async def test(made: Zygote) -> None:
        child = await made.fork(Limits())
        await send(child, {"n": "eval", "d": "[host('one', {a: 1}), host('two')]"})
        name, args = await hear(child)
        assert (name, args[1:]) == ("one", [{"a": 1}])
        await send(child, {"n": "eval", "d": "host('inner') + 1"})
        assert (await hear(child))[0] == "inner"
        await send(child, {"v": 41})
        name, args = await hear(child)
        assert (name, args[1]) == ("$r", {"v": 42})
        await send(child, {"v": "first"})
        assert (await hear(child))[0] == "two"
        await send(child, {"v": "x" * 5_000_000})
        name, args = await hear(child)
        assert args[1]["v"] == ["first", "x" * 5_000_000]
        child.close()
        assert await child.over == ExitStatus(0, child.cpu_ns(), (await child.over).rss_kb)  # its host is gone

    within(test)


def test_what_a_child_has(within) -> None:
    """One descriptor, no rights, no environment; not the zygote's socket, and no file."""

    async def test(made: Zygote) -> None:
        os.environ["POCKER_TEST_SECRET"] = "in the worker's environment"
        try:
            first = await made.fork(Limits())
            child = await made.fork(Limits())
        finally:
            del os.environ["POCKER_TEST_SECRET"]
        assert await evaluate(child, "typeof process + typeof require + typeof call_python + typeof dukpy") == (
            "undefined" * 4
        )
        status = fields(child.pid)
        assert status["Seccomp"] == "2"
        assert status["NoNewPrivs"] == "1"
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
        assert "0" not in status["Uid"].split() or os.geteuid() != 0
        assert status["Threads"] == "1"
        if os.geteuid() == 0:  # who is not root can't look, as the child's memory is nobody's to see
            assert [fd.name for fd in Path(f"/proc/{child.pid}/fd").iterdir()] == ["0"]
            assert Path(f"/proc/{child.pid}/fd/0").readlink() != Path(f"/proc/{first.pid}/fd/0").readlink()
            assert b"SECRET" not in Path(f"/proc/{made.pid}/environ").read_bytes()
            for name, most in (("Max open files", "1"), ("Max processes", "0"), ("Max core file size", "0")):
                line = next(line for line in Path(f"/proc/{child.pid}/limits").read_text().splitlines() if name in line)
                assert line.removeprefix(name).split()[:2] == [most, most]
        for one in (first, child):
            one.kill()
            one.close()

    within(test)


def test_clock_and_memory_of_a_child(within) -> None:
    async def test(made: Zygote) -> None:
        child = await made.fork(Limits())
        empty_kb, before_ns = child.memory_kb(), child.cpu_ns()
        assert 0 < before_ns < 1e9
        assert empty_kb < 8_000
        await evaluate(child, "globalThis.kept = 'x'.repeat(20e6); let n = 0; while (n < 3e5) n++; 0")
        assert child.memory_kb() > empty_kb + 15_000
        child.measure()
        assert child.memory_kb() > 15_000
        used_ns = child.cpu_ns()
        assert used_ns > before_ns
        child.kill()
        over = await child.over
        assert child.cpu_ns() == over.cpu_ns >= used_ns
        assert child.memory_kb() == 0
        child.close()

    within(test)


def test_each_child_draws_other_numbers(within) -> None:
    async def test(made: Zygote) -> None:
        children = [await made.fork(Limits()) for _ in range(3)]
        drawn = [await evaluate(child, "[Math.random(), Math.random()]") for child in children]
        assert len({number for pair in drawn for number in pair}) == 6
        assert all(0 <= number < 1 for pair in drawn for number in pair)
        for child in children:
            child.kill()
            child.close()

    within(test)


def test_a_dead_zygote_takes_its_children_with_it_and_another_serves(within) -> None:
    async def test(made: Zygote) -> None:
        children = [await made.fork(Limits()) for _ in range(3)]
        await send(children[0], {"n": "eval", "d": "for (;;);"})
        pid = made.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        for child in children:
            assert (await child.over).status == -signal.SIGKILL
            while lives(child.pid):
                await asyncio.sleep(0.005)
            child.close()
        child = await made.fork(Limits())
        assert made.pid != pid
        assert await evaluate(child, "1") == 1
        child.kill()
        child.close()

    within(test)


def test_a_zygote_that_dies_while_asked(within) -> None:
    async def test(made: Zygote) -> None:
        await made.start()
        assert made.pid is not None
        os.kill(made.pid, signal.SIGSTOP)
        forks = [asyncio.ensure_future(made.fork(Limits())) for _ in range(3)]
        await asyncio.sleep(0)
        os.kill(made.pid, signal.SIGKILL)
        for outcome in await asyncio.gather(*forks, return_exceptions=True):
            assert isinstance(outcome, SandboxUnavailable)

    within(test)


def test_forks_that_nobody_waits_for_any_more_leave_nothing_behind(within) -> None:
    async def test(made: Zygote) -> None:
        await made.start()
        forks = [asyncio.ensure_future(made.fork(Limits())) for _ in range(5)]
        await asyncio.sleep(0)
        for fork in forks:
            fork.cancel()
        await asyncio.gather(*forks, return_exceptions=True)
        child = await made.fork(Limits())
        process = psutil.Process(made.pid)
        while [one.pid for one in process.children()] != [child.pid] or made.children != 1:
            await asyncio.sleep(0.005)
        child.kill()
        child.close()

    within(test)


def test_without_the_user_there_is_no_process(run) -> None:
    async def test() -> None:
        async with zygote("no-such-user") as made:
            for _ in range(2):  # the second time nothing is tried
                with pytest.raises(SandboxUnavailable, match="there is no user 'no-such-user'"):
                    await made.fork(Limits())
                while made.pid is not None:
                    await asyncio.sleep(0.005)

    async def as_root() -> None:
        async with zygote("root") as made:
            with pytest.raises(SandboxUnavailable, match="is root"):
                await made.fork(Limits())

    if os.geteuid() != 0:
        pytest.skip("only root changes the user")
    run(test())
    run(as_root())


MANY = 40


def test_many_at_a_time(within) -> None:
    async def test(made: Zygote) -> None:
        children: list[Child] = await asyncio.gather(*(made.fork(Limits()) for _ in range(MANY)))
        assert len({child.pid for child in children}) == MANY
        values = await asyncio.gather(*(evaluate(child, f"{n} * 2") for n, child in enumerate(children)))
        assert values == [n * 2 for n in range(MANY)]
        for child in children:
            child.kill()
        await asyncio.gather(*(child.over for child in children))
        for child in children:
            child.close()

    within(test)


def test_orders_that_come_ahead_have_their_turn_unless_they_are_to_be_forgotten(within) -> None:
    def order(code: str) -> dict[str, str]:
        return {"n": "eval", "d": code}

    async def heard(child: Child, count: int) -> list[str]:
        """So many calls, which may come together."""
        calls, data = [], b""
        while len(calls) < count:
            while (call := first_call(data)) is None:
                data += await asyncio.get_running_loop().sock_recv(child.sock, 1 << 16)
            calls.append(f"{call[0].decode()} {call[1].decode()}")
            data = data[call[2] :]
        assert not data
        return calls

    async def test(made: Zygote) -> None:
        child = await made.fork(Limits())
        await send(child, order("host('op', 1) + host('op', 2)"))
        await send(child, order("'b'"), AHEAD)
        assert await heard(child, 1) == ["op [0,1]"]
        await send(child, order("host('op', 3)"), AHEAD)
        # while it waits it may be asked for something else, as ever, and that goes first
        await send(child, order("'within'"))
        assert await heard(child, 1) == ['$r [0,{"v":"within"}]']
        await send(child, {"v": 10})
        assert await heard(child, 1) == ["op [0,2]"]
        await send(child, {"v": 20})
        assert await heard(child, 3) == ['$r [0,{"v":30}]', '$r [0,{"v":"b"}]', "op [0,3]"]
        for code in ("'lost'", "'" + "lost" * 10_000 + "'"):
            await send(child, order(code), AHEAD)
        await send(child, {"v": 5}, FORGET)
        await send(child, order("'" + "c" * 40_000 + "'"), AHEAD)
        assert await heard(child, 2) == ['$r [0,{"v":5}]', '$r [0,{"v":"' + "c" * 40_000 + '"}]']
        assert await evaluate(child, "1 + 1") == 2
        child.kill()
        child.close()
        await child.over

    within(test)
