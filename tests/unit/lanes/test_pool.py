"""The threads: who runs, who waits, who is refused, and who pays."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervisor.contract.plan import Plan
from worker.errors import ApiError
from worker.fair.account import Account
from worker.fields.hashes import hash_password, password_fits
from worker.lanes.pool import WAITING_MAX, Pool

DEADLINE_S = 60.0


class Books:
    """What was booked, by tenant."""

    def __init__(self) -> None:
        self.ns: dict[str, int] = {}

    def __call__(self, account: Account | None, cpu_ns: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        name = "" if account is None else account.name
        self.ns[name] = self.ns.get(name, 0) + cpu_ns


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def pool(books: Books) -> Iterator[Pool]:
    made = Pool("test", 2, books, wait_s=DEADLINE_S)
    yield made
    made.close()


def account(name: str, **plan: int) -> Account:
    return Account(name, Plan(**plan))


def burn(cpu_ns: int) -> int:
    """Use so much CPU without the interpreter's lock; what was used in truth."""
    began = time.thread_time_ns()
    while time.thread_time_ns() - began < cpu_ns:
        sum(range(1000))
    return time.thread_time_ns() - began


async def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def test_answers_and_errors_come_back(pool: Pool, run: Any) -> None:
    def fail() -> None:
        raise KeyError("x")

    async def scenario() -> None:
        assert await pool.run(None, lambda a, b: a + b, 1, 2) == 3
        with pytest.raises(KeyError):
            await pool.run(None, fail)
        assert threading.current_thread().name != await pool.run(None, lambda: threading.current_thread().name)
        assert (pool.waiting, pool.running) == (0, 0)

    run(scenario())


def test_who_lets_work_pays_for_it_when_it_ends_and_while_it_runs(pool: Pool, books: Books, run: Any) -> None:
    async def scenario() -> None:
        mine, other = account("mine"), account("other")
        used = await pool.run(mine, burn, 20_000_000)
        assert used <= books.ns["mine"] < used + 5_000_000
        await pool.run(other, time.sleep, 0.05)
        assert books.ns["other"] < 20_000_000, "to wait costs nothing"
        stop = threading.Event()
        goes = iter(stop.is_set, True)
        [job] = [asyncio.create_task(pool.run(mine, lambda: [burn(1_000_000) for _ in goes]))]
        before = books.ns["mine"]
        # by itself, before its end
        await until(lambda: books.ns["mine"] > before + 10_000_000)
        assert not job.done()
        stop.set()
        total = sum(await job)
        assert books.ns["mine"] - before == pytest.approx(total, rel=0.2)

    run(scenario())


def test_a_flood_of_logins_delays_another_tenants_by_little(pool: Pool, run: Any) -> None:
    """Of a thousand hashes of one tenant a few end before the other one's, whenever that comes."""
    hashed = hash_password("password", 4)

    async def scenario() -> None:
        flood, quiet = account("flood", weight=1000), account("quiet")
        ended: list[str] = []

        async def login(who: Account) -> None:
            assert not await pool.run(who, password_fits, "wrong", hashed)
            ended.append(who.name)

        tasks = [asyncio.create_task(login(flood)) for _ in range(WAITING_MAX)]
        await until(lambda: len(ended) > 10)
        before = len(ended)
        await login(quiet)
        assert ended.index("quiet") <= before + 10
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(scenario())


def test_too_many_waiting_are_refused_of_that_tenant_alone(pool: Pool, run: Any) -> None:
    async def scenario() -> None:
        flood, quiet = account("flood"), account("quiet")
        go = threading.Event()
        tasks = [asyncio.create_task(pool.run(flood, go.wait)) for _ in range(WAITING_MAX + 1)]
        await until(lambda: pool.waiting == WAITING_MAX and pool.running == 1)
        with pytest.raises(ApiError) as refused:
            await pool.run(flood, go.wait)
        assert refused.value.status == 429
        assert await pool.run(quiet, lambda: 1) == 1
        go.set()
        assert await asyncio.gather(*tasks) == [True] * len(tasks)

    run(scenario())


def test_nobody_waits_for_ever(books: Books, run: Any) -> None:
    pool = Pool("test", 1, books, wait_s=0.05)
    go = threading.Event()

    async def scenario() -> None:
        running = asyncio.create_task(pool.run(None, go.wait))
        await until(lambda: pool.running)
        with pytest.raises(ApiError) as refused:
            await pool.run(account("late"), lambda: 1)
        assert refused.value.status == 503
        go.set()
        assert await running
        assert await pool.run(account("late"), lambda: 1) == 1

    run(scenario())
    pool.close()


def test_who_is_cancelled_leaves_the_line(pool: Pool, books: Books, run: Any) -> None:
    async def scenario() -> None:
        go = threading.Event()
        ran: list[int] = []
        running = [asyncio.create_task(pool.run(account(name), go.wait)) for name in "ab"]
        await until(lambda: pool.running == 2)
        waiting = asyncio.create_task(pool.run(account("c"), ran.append, 1))
        await until(lambda: pool.waiting)
        waiting.cancel()
        running[0].cancel()
        for task in (waiting, running[0]):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (pool.waiting, pool.running) == (0, 2), "what runs can't be taken back"
        go.set()
        await running[1]
        await until(lambda: not pool.running)
        assert ran == []
        assert await pool.run(account("c"), lambda: 2) == 2

    run(scenario())


def test_it_outlives_a_loop(pool: Pool) -> None:
    """What a thread does for a loop that is gone by then holds nobody up."""
    go = threading.Event()

    async def abandon() -> None:
        job = asyncio.create_task(pool.run(account("a"), go.wait))
        await until(lambda: pool.running)
        job.cancel()

    asyncio.run(abandon())
    go.set()
    assert asyncio.run(pool.run(account("a"), lambda: 1)) == 1


def test_a_job_gets_its_thread_once_there_are_some(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may have none left for a moment; nobody must wait for ever for that."""
    start = threading.Thread.start
    failures = [RuntimeError("can't start new thread")] * 2

    def hardly(thread: threading.Thread) -> None:
        if failures:
            raise failures.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", hardly)
    pool = Pool("test", 2, lambda account, ns: None, wait_s=60)
    assert run(pool.run(None, lambda: 42)) == 42
    assert failures == []
    pool.close()
