"""What a tenant takes of this worker: the one object that the wire, the gate and the lanes share about a tenant.

Counters are since the last report and plain integers: they are written on the event loop's thread only. What a thread
has measured is booked by the loop when the thread is done, or before each report for those that go on.

`loop_ns` is what was measured around the callbacks that ran for the tenant; `wakes` counts them, and by it the rest of
the loop's CPU is shared out (`report`). What the worker does for nobody in particular is in `Accounts.own`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import thread_time_ns
from typing import Any

from supervisor.contract.plan import Plan, Verdict
from supervisor.contract.tenant import Tenant

NEW = 1  # the bar of an account that the gate has not seen yet


class Account:
    """One tenant of one worker. Times are CPU in ns, but for `sql_ns` and `waited_ns` (wall)."""

    __slots__ = (
        "bars",
        "buffered",
        "bytes_in",
        "bytes_out",
        "child_ns",
        "connections",
        "cut",
        "deficit_ns",
        "errors",
        "failed",
        "gone",
        "limits",
        "lined",
        "loop_ns",
        "name",
        "ok",
        "plan",
        "pool_ns",
        "refused",
        "rests_until",
        "round",
        "rows",
        "running",
        "sql_ns",
        "told",
        "used_at",
        "verdict",
        "waited_ns",
        "waiting",
        "wakes",
        "weight",
    )

    def __init__(self, name: str, plan: Plan, verdict: Verdict | None = None) -> None:
        self.name = name
        self.plan = plan
        self.verdict = verdict
        # counters: outcomes of requests
        self.ok = self.failed = self.errors = self.refused = self.gone = 0
        # counters: CPU on the loop, in the pools' threads, in processes of its own; then the rest
        self.loop_ns = self.pool_ns = self.child_ns = 0
        # callbacks of the loop that ran for it
        self.wakes = 0
        self.sql_ns = self.rows = self.cut = self.waited_ns = 0
        self.bytes_in = self.bytes_out = 0
        # gauges: open connections whose last request was its own; requests under way; bytes kept for it (parts of
        # bodies, answers that clients have not taken)
        self.connections = self.running = self.buffered = 0
        # the fair queue's: what it may still use in this round (below zero: a debt), and what waits for its turn
        self.deficit_ns = 0
        self.round = 0
        self.waiting: deque[Any] = deque()
        # the gate's: why a request may not run at once (`gate` names the bits), its place among those that wait, its
        # share, and what it may take if that is limited
        self.bars = NEW
        self.lined = False
        self.weight = plan.weight
        self.limits: Any = None
        # the lanes': until when (monotonic s) it owes others a rest from work that can't be divided
        self.rests_until = 0.0
        # the report's: monotonic seconds of its last use (who is idle for long is forgotten), the gauges as last told
        self.used_at = 0.0
        self.told: tuple[int, ...] = ()


class Accounts:
    """The accounts of one worker, made on first use. `plan_of` gives the plan of that name.

    `own` is the worker's own account: what it does for no tenant, such as its reports, or requests to unknown hosts.
    """

    __slots__ = ("_accounts", "_plan_of", "own", "verdicts")

    def __init__(self, plan_of: Callable[[str], Plan], verdicts: dict[str, Verdict]) -> None:
        self._plan_of = plan_of
        self._accounts: dict[str, Account] = {}
        self.own = Account("", Plan())
        self.verdicts = verdicts

    def of(self, tenant: Tenant) -> Account:
        """The account of a tenant."""
        account = self._accounts.get(tenant.name)
        if account is None:
            plan, verdict = self._plan_of(tenant.plan), self.verdicts.get(tenant.name)
            account = self._accounts[tenant.name] = Account(tenant.name, plan, verdict)
        return account

    def get(self, name: str) -> Account | None:
        """The account of that name, if the tenant was heard of."""
        return self._accounts.get(name)

    def forget(self, account: Account) -> None:
        """Drops an account to which nothing refers any more: no context, no connection, no request."""
        self._accounts.pop(account.name, None)

    @contextmanager
    def own_work(self) -> Iterator[None]:
        """Books what is done inside, on the loop's thread and without waiting, as the worker's own."""
        began_ns = thread_time_ns()
        try:
            yield
        finally:
            self.own.loop_ns += thread_time_ns() - began_ns
            self.own.wakes += 1

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())
