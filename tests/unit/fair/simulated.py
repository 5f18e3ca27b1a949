"""A worker on a simulated clock: a loop, tenants whose clients always ask again, and the real gate between them.

A wake of the loop is: read the sockets that have something, then run what is due. Time passes where CPU is used.
"""

import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import Any

from supervisor.contract.plan import Plan
from supervisor.contract.tenant import Tenant, TenantState
from worker.fair.account import Account, Accounts
from worker.fair.gate import Gate, Waiting
from worker.fair.limits import Denial

READ_NS = 10_000  # CPU of reading a request from its socket


class Loop:
    """The part of an event loop that the gate uses."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._soon: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._later: list[tuple[int, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._numbers = count()

    def now(self) -> float:
        return self.now_ns / 1e9

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self._soon.append((callback, args))

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        heapq.heappush(self._later, (self.now_ns + int(delay * 1e9), next(self._numbers), callback, args))

    def run_due(self) -> None:
        soon, self._soon = self._soon, []
        while self._later and self._later[0][0] <= self.now_ns:
            _, _, callback, args = heapq.heappop(self._later)
            soon.append((callback, args))
        for callback, args in soon:
            callback(*args)

    @property
    def pending(self) -> bool:
        return bool(self._soon)

    def skip(self) -> bool:
        """Sleeps until the next timer, if there is one."""
        if self._later:
            self.now_ns = max(self.now_ns, self._later[0][0])
        return bool(self._later)


class Counting(Gate):
    """A gate that counts what it lets wait."""

    parked = 0

    def park(self, account: Account, request: Waiting) -> None:
        self.parked += 1
        super().park(account, request)


class Request:
    """One client's request; its client asks again as soon as it is answered."""

    def __init__(self, client: "Client", account: Account) -> None:
        self.client = client
        self.account = account
        self.gone = False
        self.since_ns = client.worker.loop.now_ns

    def go_on(self, granted: bool) -> None:
        if granted:
            self.client.run(self)
        else:
            self.client.ask(self, known=True)


class Client:
    """One connection of a tenant: `cost` gives the CPU of each request in ns."""

    def __init__(self, worker: "Worker", tenant: Tenant, cost: Callable[[], int], pause_ns: int = 0) -> None:
        self.worker = worker
        self.tenant = tenant
        self.cost = cost
        self.pause_ns = pause_ns
        self.answered = self.denied = 0
        self.longest_ns = 0
        self.denials: list[Denial] = []

    def arrive(self) -> None:
        worker = self.worker
        account = worker.accounts.of(self.tenant)
        worker.use(account, READ_NS)
        self.ask(Request(self, account))

    def ask(self, request: Request, known: bool = False) -> None:
        account, gate = request.account, self.worker.gate
        if account.bars or account.deficit_ns <= 0:
            answer = gate.consider(account, known)
            if isinstance(answer, Denial):
                self.denied += 1
                self.denials.append(answer)
                self.worker.loop.call_later(answer.reset_s, self.ready)
                return
            if answer is not None:
                gate.park(account, request)
                return
        self.run(request)

    def run(self, request: Request) -> None:
        loop = self.worker.loop
        self.longest_ns = max(self.longest_ns, loop.now_ns - request.since_ns)
        self.worker.use(request.account, self.cost())
        self.answered += 1
        self.again()

    def again(self) -> None:
        if self.pause_ns:
            self.worker.loop.call_later(self.pause_ns / 1e9, self.ready)
        else:
            self.ready()

    def ready(self) -> None:
        self.worker.sockets.append(self)


class Worker:
    """The loop, the gate, the clients."""

    def __init__(self, plans: dict[str, Plan], seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.loop = Loop()
        self.accounts = Accounts(plans.__getitem__, {})
        self.gate = Counting(self.loop, self.accounts, self.loop.now)
        self.sockets: list[Client] = []
        self.used_ns: dict[str, int] = dict.fromkeys(plans, 0)
        self.idle_ns = 0
        self._swept_ns = 0

    def clients(self, name: str, number: int, cost: Callable[[], int], pause_ns: int = 0) -> list[Client]:
        """That many clients of the tenant `name`, whose plan has the same name."""
        tenant = Tenant(name=name, state=TenantState.ACTIVE, plan=name)
        made = [Client(self, tenant, cost, pause_ns) for _ in range(number)]
        self.sockets += made
        return made

    def use(self, account: Account, ns: int) -> None:
        """CPU of the loop is used."""
        self.loop.now_ns += ns
        self.used_ns[account.name] += ns
        self.gate.book(account, ns)

    def run(self, seconds: float) -> None:
        """For so long, or until nothing is left to do."""
        until_ns = self.loop.now_ns + int(seconds * 1e9)
        while self.loop.now_ns < until_ns:
            ready, self.sockets = self.sockets, []
            self.random.shuffle(ready)
            if not ready and not self.loop.pending:
                before_ns = self.loop.now_ns
                assert not self.gate._queue, "the loop sleeps though a request has its turn"
                if not self.loop.skip():
                    return
                self.idle_ns += self.loop.now_ns - before_ns
            for client in ready:
                client.arrive()
            self.loop.run_due()
            if self.loop.now_ns - self._swept_ns > 1_000_000_000:
                self._swept_ns = self.loop.now_ns
                self.gate.sweep()

    def shares(self) -> dict[str, float]:
        """Each tenant's part of the CPU used."""
        total = sum(self.used_ns.values())
        return {name: used / total for name, used in self.used_ns.items()}
