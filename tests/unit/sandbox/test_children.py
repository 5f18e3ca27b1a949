"""A tenant's processes in its worker: leased, shared out, ended from outside; whatever scripts do in them.

The timer's steps are short here; what it decides is the same.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.frames import answer_frame
from sandbox.limits import ROOM_MB
from supervisor.contract.messages import Notice
from supervisor.contract.plan import Plan
from supervisor.contract.settings import Sandbox
from worker.errors import ApiError
from worker.fair.account import Account
from worker.hooks import leased as leased_module
from worker.hooks import processes as processes_module
from worker.hooks.children import Children
from worker.hooks.leased import Leased
from worker.hooks.processes import Processes

DEADLINE_S = 90
WAIT_S = 60.0


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(processes_module, "IDLE_LOOK_EVERY_S", 0.02)


class Stage:
    """A worker's processes and what it was told of them."""

    def __init__(self, **settings: Any) -> None:
        self.charged: dict[str, int] = {}
        self.told: list[Notice] = []
        self.own = Account("", Plan())
        self.processes = Processes(Sandbox(**settings), self, self.own, self.told.append)
        self.tenants: list[Children] = []

    def charge(self, account: Account, ns: int) -> None:
        self.charged[account.name] = self.charged.get(account.name, 0) + ns

    def tenant(self, name: str, **plan: Any) -> Children:
        made = Children(name, self.processes, Account(name, Plan(**plan)))
        self.tenants.append(made)
        return made


@asynccontextmanager
async def stage(**settings: Any) -> AsyncIterator[Stage]:
    """Everything is gone afterwards, and nothing is counted that is not there."""
    made = Stage(**settings)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield made
            for tenant in made.tenants:
                tenant.close()
            await until(lambda: not made.processes.count)
            assert not any(tenant.count for tenant in made.tenants)
            assert not made.processes.crowded
            made.processes.close()
            await until(lambda: made.processes.zygote.pid is None)
    finally:
        made.processes.close()


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


async def evaluate(leased: Leased, code: str) -> Any:
    """The value of `code`, {"e": error}, or why the line ended."""
    said: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    leased.line.take = lambda name, args: said.done() or said.set_result(json.loads(args)[1])
    leased.line.ended = lambda reason: said.done() or said.set_result(leased.why() or reason)
    leased.line.send(answer_frame(json.dumps({"n": "eval", "d": code}).encode()))
    answer = await said
    return answer if isinstance(answer, str) or "e" in answer else answer.get("v")


def test_a_process_is_used_again_and_closed_when_idle(run) -> None:
    async def test() -> None:
        async with stage(idle_close_s=0.1) as made:
            tenant = made.tenant("a")
            first = await tenant.lease(WAIT_S)
            assert await evaluate(first, "globalThis.kept = 1") == 1
            first.release(reusable=True)
            first.release(reusable=True)  # a second time changes nothing
            again = await tenant.lease(WAIT_S)
            assert again is first
            assert await evaluate(again, "kept") == 1
            again.release(reusable=False)
            fresh = await tenant.lease(WAIT_S)
            assert await evaluate(fresh, "typeof kept") == "undefined"
            fresh.release(reusable=True)
            await until(lambda: tenant.count == 0)
            assert tenant.memory_kb == 0
            assert made.processes._timer is None or made.processes.count == 0
            assert not made.told

    run(test())


def test_one_that_becomes_free_while_somebody_asks_is_his(run) -> None:
    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a", js_processes=1)
            held = await tenant.lease(WAIT_S)
            asks = asyncio.ensure_future(tenant.lease(WAIT_S))
            await asyncio.sleep(0)
            held.release(reusable=True)
            assert await asks is held
            held.release(reusable=True)

    run(test())


def test_a_tenant_has_no_more_than_its_plan_allows_and_who_comes_first_is_first(run) -> None:
    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a", js_processes=2)
            held = [await tenant.lease(WAIT_S) for _ in range(2)]
            assert tenant.count == 2
            order: list[int] = []

            async def one(number: int) -> None:
                leased = await tenant.lease(WAIT_S)
                order.append(number)
                leased.release(reusable=True)

            tasks = [asyncio.ensure_future(one(number)) for number in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(ApiError) as refused:
                await tenant.lease(0.05)
            assert refused.value.status == 503
            assert tenant.count == 2
            assert order == []
            for leased in held:
                leased.release(reusable=True)
            await asyncio.gather(*tasks)
            assert order == list(range(10))
            none = made.tenant("none", js_processes=0)
            with pytest.raises(ApiError):
                await none.lease(WAIT_S)

    run(test())


def test_a_fresh_process_has_run_nothing(run) -> None:
    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a", js_processes=1)
            used = await tenant.lease(WAIT_S)
            used.release(reusable=True)
            fresh = await tenant.lease(WAIT_S, fresh=True)
            assert fresh is not used
            waiting = asyncio.ensure_future(tenant.lease(WAIT_S, fresh=True))
            await asyncio.sleep(0)
            fresh.release(reusable=True)
            other = await waiting
            assert other is not fresh
            other.release(reusable=True)
            tenant.renew()
            renewed = await tenant.lease(WAIT_S)
            assert renewed is not other
            tenant.renew()  # while it is at work: it goes on, and is not used again
            assert await evaluate(renewed, "1") == 1
            renewed.release(reusable=True)
            last = await tenant.lease(WAIT_S)
            assert last is not renewed
            last.release(reusable=True)

    run(test())


def test_tenants_take_turns_where_there_are_not_enough(run) -> None:
    async def test() -> None:
        async with stage(processes_max=2) as made:
            busy, late, third = (made.tenant(name, js_processes=4) for name in ("busy", "late", "third"))
            held = [await busy.lease(WAIT_S) for _ in range(2)]
            more = [asyncio.ensure_future(busy.lease(WAIT_S)) for _ in range(5)]
            waits = asyncio.ensure_future(late.lease(WAIT_S))
            await until(lambda: made.processes.crowded)
            held[0].release(reusable=True)  # busy wants it at once, and was there first: but the other has none
            leased = await waits
            assert (busy.count, late.count) == (1, 1)
            leased.release(reusable=True)
            held[1].release(reusable=True)
            for task in more:
                (await task).release(reusable=True)
            # who is idle gives way
            await until(lambda: not made.processes._busy)
            (await third.lease(WAIT_S)).release(reusable=True)
            assert third.count == 1
            assert made.processes.count <= 2
            # who gives up is not waited for
            held = [await third.lease(WAIT_S) for _ in range(2)]
            with pytest.raises(ApiError):
                await late.lease(0.05)
            assert not made.processes.crowded
            for leased in held:
                leased.release(reusable=True)

    run(test())


def test_leases_that_are_given_up_leak_nothing(run) -> None:
    async def test() -> None:
        async with stage(processes_max=3) as made:
            tenants = [made.tenant(name, js_processes=2) for name in "abcd"]
            for turn in range(6):
                tasks = [asyncio.ensure_future(tenant.lease(WAIT_S)) for tenant in tenants for _ in range(3)]
                for _ in range(turn * 3):
                    await asyncio.sleep(0.001)
                for task in tasks:
                    task.cancel()
                for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(outcome, Leased):
                        outcome.release(reusable=True)
            leased = [await tenant.lease(WAIT_S) for tenant in tenants[:3]]
            assert made.processes.count == 3
            for one in leased:
                one.release(reusable=True)

    run(test())


# What scripts do to hang or swell: each is ended, or gets an error, in the words of `answer`.
CPU = "it used more than 0.3 s of CPU"
ATTACKS = {
    "a loop": ("for (;;);", CPU),
    "a loop that catches": ("for (;;) try { for (;;); } catch {} finally { continue; }", CPU),
    "a native loop": ("Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)", CPU),
    "another native loop": ("Array.prototype.includes.call({length: 2 ** 53 - 1}, 1)", CPU),
    "a regular expression": ("/^(a+)+$/.test('a'.repeat(40) + 'b')", CPU),
    "a sort": ("const a = Array.from({length: 1e6}, (_, i) => -i); for (;;) a.sort(() => 1)", CPU),
    "promises": ("(function flood() { return Promise.resolve().then(flood); })()", CPU),
    "promises beside": ("(async () => { for (;;) await 0; })()", CPU),
    "timers": ("new Promise(() => { (function f() { setTimeout(f, 0); })(); })", CPU),
    "a getter": ("({ get then() { for (;;); } })", CPU),
    "a proxy": ("new Proxy({}, { get() { for (;;); }, ownKeys() { for (;;); } })", CPU),
    "toJSON": ("({ toJSON() { for (;;); } })", CPU),
    "recursion": ("(function f() { return f() + 1; })()", "call stack"),
    "recursion of getters": (
        "const o = {}; Object.defineProperty(o, 'x', { get() { return this.x; } }); o.x",
        "call stack",
    ),
    "an endless promise": ("new Promise(() => {})", "never settled"),
    "allocation": ("const all = []; for (;;) all.push(new Array(1e5).fill(1));", "memory"),
    "a string": ("let s = 'x'; for (;;) s += s;", ("memory", "length", "too long")),
    "a buffer": ("const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));", ("memory", "allocation")),
    "a large answer": ("'x'.repeat(25 << 20)", ("too much", "memory", "cpu")),
    "an answer that is no JSON": ("const a = {}; a.a = a; a", "circular"),
    "an answer that throws": ("({ toJSON() { throw new Error('not me'); } })", "not me"),
    "a call that is too large": ("host('op', 'x'.repeat(25 << 20))", ("too much", "memory", "cpu")),
}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_hostile_scripts_are_ended_and_the_next_one_is_fine(run, name: str) -> None:
    code, words = ATTACKS[name]

    async def test() -> None:
        async with stage() as made:
            tenant, neighbour = made.tenant("a", js_cpu_s=0.3, js_memory_mb=48), made.tenant("neighbour")
            leased = await tenant.lease(WAIT_S)
            answer = str(await evaluate(leased, code)).lower()
            assert any(word.lower() in answer for word in ([words] if isinstance(words, str) else words)), answer
            heaviest_kb = 0 if leased.child.pid == 0 else tenant.memory_kb
            assert heaviest_kb < (48 + ROOM_MB + 10) * 1024
            leased.release(reusable=words != CPU)
            again = await tenant.lease(WAIT_S)
            assert await evaluate(again, "1 + 1") == 2
            again.release(reusable=True)
            other = await neighbour.lease(WAIT_S)
            assert await evaluate(other, "1 + 1") == 2
            other.release(reusable=True)
            await until(lambda: leased.child.over.done() or leased is again)
            assert not Path(f"/proc/{leased.child.pid}").exists() or leased is again
            assert not made.told

    run(test())


def test_cpu_is_booked_to_whose_it_is(run) -> None:
    async def test() -> None:
        async with stage() as made:
            busy, idle = made.tenant("busy", js_cpu_s=30), made.tenant("idle")
            for tenant in (busy, idle):
                (await tenant.lease(WAIT_S)).release(reusable=True)
            before_ns = {tenant.name: tenant.account.child_ns for tenant in (busy, idle)}
            leased = await busy.lease(WAIT_S)
            working = asyncio.ensure_future(evaluate(leased, "let n = 0; while (n < 2e7) n++; n"))
            await until(lambda: busy.account.child_ns > before_ns["busy"] + 5e6)  # while it is at work
            assert await working == 2e7
            leased.release(reusable=True)
            used_ns = busy.account.child_ns - before_ns["busy"]
            assert used_ns > 1e8
            assert idle.account.child_ns - before_ns["idle"] < used_ns / 2
            for tenant in (busy, idle):
                assert made.charged[tenant.name] == tenant.account.child_ns
            leased = await busy.lease(WAIT_S)
            leased.child.kill()
            await leased.child.over
            leased.release(reusable=False)
            assert made.own.child_ns > 0  # the zygote's start

    run(test())


def test_what_is_heavy_or_old_is_not_used_again(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_module, "LIFE_CPU_S_MIN", 1)
    monkeypatch.setattr(leased_module, "LIFE_RUNS", 1)

    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a", js_memory_mb=32, js_cpu_s=30)
            heavy = await tenant.lease(WAIT_S)
            await evaluate(
                heavy, "globalThis.kept = []; for (let i = 0; i < 20; i++) kept.push('x'.repeat(1 << 20)); 0"
            )
            await until(lambda: tenant.memory_kb > 16 << 10)
            heavy.release(reusable=True)
            light = await tenant.lease(WAIT_S)
            assert light is not heavy
            light.release(reusable=True)
            aging = made.tenant("b", js_cpu_s=0.05 * 20)
            old = await aging.lease(WAIT_S)
            while old.child.cpu_ns() < 6e8:  # half of its life, and something
                assert await evaluate(old, "let n = 0; while (n < 1e6) n++; n") == 1e6
            old.release(reusable=True)
            young = await aging.lease(WAIT_S)
            assert young is not old
            young.release(reusable=True)

    run(test())


def test_what_ends_by_itself_is_told(run) -> None:
    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a")
            for number, told in ((signal.SIGSYS, True), (signal.SIGSEGV, False), (signal.SIGKILL, False)):
                for at_work in (True, False):
                    leased = await tenant.lease(WAIT_S)
                    if at_work:
                        working = asyncio.ensure_future(evaluate(leased, "for (;;);"))
                        await asyncio.sleep(0)
                    else:
                        leased.release(reusable=True)
                    os.kill(leased.child.pid, number)
                    if at_work:
                        assert await working == "the process has ended"
                        leased.release(reusable=False)
                    await until(lambda leased=leased: leased not in tenant._all)
                    assert len(made.told) == told, (number, at_work)
                    made.told.clear()

    run(test())


def test_a_closed_tenant_has_no_process_and_nobody_waits_for_one(run) -> None:
    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a", js_processes=1)
            leased = await tenant.lease(WAIT_S)
            waiting = asyncio.ensure_future(tenant.lease(WAIT_S))
            await asyncio.sleep(0)
            tenant.close()
            with pytest.raises(ApiError):
                await waiting
            with pytest.raises(ApiError):
                await tenant.lease(WAIT_S)
            await leased.child.over
            assert leased.why() == "the tenant is closed"
            leased.release(reusable=True)
            await until(lambda: tenant.count == 0)

    run(test())


def test_a_zygote_that_dies_is_replaced(run) -> None:
    async def test() -> None:
        async with stage() as made:
            tenant = made.tenant("a")
            leased = await tenant.lease(WAIT_S)
            assert made.processes.zygote.pid is not None
            os.kill(made.processes.zygote.pid, signal.SIGKILL)
            assert await evaluate(leased, "for (;;);") == "the process has ended"
            leased.release(reusable=False)
            await until(lambda: tenant.count == 0)
            again = await tenant.lease(WAIT_S)
            assert await evaluate(again, "1") == 1
            again.release(reusable=True)

    run(test())


def test_where_there_is_no_zygote_everybody_hears_why(run) -> None:
    async def test() -> None:
        async with stage(user="no-such-user") as made:
            tenants = [made.tenant(name) for name in "ab"]
            outcomes = await asyncio.gather(
                *(tenant.lease(WAIT_S) for tenant in tenants for _ in range(3)), return_exceptions=True
            )
            for outcome in outcomes:
                assert isinstance(outcome, ApiError)
                assert (outcome.status, "no-such-user" in str(outcome.cause)) == (503, True)
                assert "no-such-user" not in outcome.message
            assert [(notice.tenant, notice.kind) for notice in made.told] == [("", "sandbox")]  # said once

    if os.geteuid() != 0:
        pytest.skip("only root changes the user")
    run(test())
