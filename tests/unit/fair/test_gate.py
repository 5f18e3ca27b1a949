"""The gate on a simulated clock: shares of CPU, limits, holds; nobody starves and no CPU is left idle."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.contract.plan import Plan, Verdict
from supervisor.contract.tenant import Tenant, TenantState
from tests.unit.fair.simulated import Client, Loop, Worker
from worker.fair.account import Accounts
from worker.fair.gate import ALONE_NS, WAIT, Gate
from worker.fair.limits import Denial
from worker.fair.queue import QUANTUM_NS

MS = 1_000_000


def worker(seed: int = 0, **weights: int) -> Worker:
    return Worker({name: Plan(weight=weight) for name, weight in weights.items()}, seed)


def within(shares: dict[str, float], weights: dict[str, int], tolerance: float = 0.05) -> None:
    total = sum(weights.values())
    for name, weight in weights.items():
        assert abs(shares[name] / (weight / total) - 1) <= tolerance, (name, shares, weights)


COST = st.sampled_from([100_000, 140_000, 1 * MS, 5 * MS, 30 * MS])
TENANT = st.tuples(st.integers(20, 1000), COST, COST)
SECONDS = 6


@settings(max_examples=12, deadline=None)
@given(st.lists(TENANT, min_size=2, max_size=5), st.integers(0, 1000))
def test_backlogged_tenants_share_cpu_by_weight(tenants: list[tuple[int, int, int]], seed: int) -> None:
    """Whatever the mix of cheap and dear requests; nobody starves, and the loop never sleeps."""
    weights = {f"t{number}": tenant[0] for number, tenant in enumerate(tenants)}
    one = worker(seed, **weights)
    for name, (_, cheap, dear) in zip(weights, tenants, strict=True):

        def cost(cheap: int = cheap, dear: int = dear) -> int:
            return cheap if one.random.random() < 0.8 else dear

        one.clients(name, 400, cost)  # so that something always waits
    one.run(1)
    one.used_ns = dict.fromkeys(weights, 0)  # the first ones were free
    began_ns = one.loop.now_ns
    one.run(SECONDS)
    for name, (weight, cheap, dear) in zip(weights, tenants, strict=True):
        due_ns = (one.loop.now_ns - began_ns) * weight / sum(weights.values())
        grain_ns = 2 * max(cheap, dear) + QUANTUM_NS  # nothing is shared more finely
        assert abs(one.used_ns[name] - due_ns) <= 0.05 * due_ns + grain_ns
    assert one.idle_ns == 0


def test_a_verdict_scales_the_weight() -> None:
    one = worker(a=100, b=100)
    for name in ("a", "b"):
        one.clients(name, 200, lambda: 100_000)
    one.gate.judge(Verdict("a", weight_percent=25))
    one.run(5)
    within(one.shares(), {"a": 25, "b": 100})
    one.gate.judge(Verdict("a"))
    one.used_ns = {"a": 0, "b": 0}
    one.run(5)
    within(one.shares(), {"a": 100, "b": 100})


def test_a_light_tenant_hardly_waits_for_floods() -> None:
    one = worker(flood=100, dear=100, light=100)
    one.clients("flood", 500, lambda: 140_000)
    one.clients("dear", 50, lambda: 5 * MS)
    light = one.clients("light", 3, lambda: 140_000, pause_ns=7 * MS)
    one.run(1)
    for client in light:
        client.longest_ns = client.answered = 0
    one.run(5)
    # in the worst case it is read behind a dear one that is running and another one's slice
    assert max(client.longest_ns for client in light) < 12 * MS
    assert sum(client.answered for client in light) > 3 * 5_000 // 13 * 0.8


def test_pool_cpu_counts() -> None:
    """What runs in a thread leaves less of the loop."""
    one = worker(a=100, b=100)
    one.clients("b", 200, lambda: 100_000)

    def cost() -> int:
        account = one.accounts.get("a")
        assert account is not None
        one.gate.charge(account, 300_000)
        return 100_000

    one.clients("a", 200, cost)
    one.run(10)
    shares = one.shares()
    # of a's 410 µs a request the loop sees 110
    assert abs(shares["a"] / (shares["b"] * 110 / 410) - 1) < 0.05


def test_a_tenant_alone_does_not_wait_for_others() -> None:
    one = worker(a=100, b=100)
    clients = one.clients("a", 64, lambda: 140_000)
    one.clients("b", 1, lambda: 140_000)[0].again = lambda: None  # type: ignore[method-assign]
    one.run(1.5 * ALONE_NS / 1e9)
    before, parked = sum(client.answered for client in clients), one.gate.parked
    one.run(1)
    assert sum(client.answered for client in clients) - before > 6_600
    assert one.gate.parked == parked
    one.clients("b", 1, lambda: 140_000)
    one.run(0.1)
    assert one.gate.parked > parked


def test_debts_last_while_others_want_the_cpu() -> None:
    one = worker(a=100, b=100)
    debtor = one.clients("a", 1, lambda: 140_000)[0]
    others = one.clients("b", 100, lambda: 140_000)
    one.run(0.1)
    account = one.accounts.of(debtor.tenant)
    one.gate.charge(account, 3_000 * MS)  # something that ran for three seconds elsewhere
    one.run(2)
    before = debtor.answered
    one.run(0.5)
    assert debtor.answered == before
    one.run(1)
    assert debtor.answered > before
    one.gate.charge(account, 3_000 * MS)
    for client in others:
        client.again = lambda: None  # type: ignore[method-assign] # nobody asks again
    before = debtor.answered
    one.run(0.1)  # the others have been answered, and there is nobody else
    assert debtor.answered > before
    one.gate.charge(account, 3_000 * MS)
    debtor.again = lambda: None  # type: ignore[method-assign]
    one.run(1)
    one.gate.sweep()
    one.gate.sweep()
    assert one.gate._queue.refresh(account) == QUANTUM_NS


# -- limits -----------------------------------------------------------------------------------------------------------


def ask(one: Worker, client: Client, times: int) -> tuple[int, int]:
    """(answered, denied) of so many requests at once."""
    client.again = lambda: None  # type: ignore[method-assign]
    before = client.answered, client.denied
    for _ in range(times):
        client.arrive()
    for _ in range(100):
        one.loop.run_due()
    return client.answered - before[0], client.denied - before[1]


def test_rate_with_burst() -> None:
    one = Worker({"a": Plan(requests_per_s=10, requests_burst=5)})
    client = one.clients("a", 1, lambda: 0)[0]
    assert ask(one, client, 8) == (5, 3)
    assert client.denials[-1] == Denial(10, 1)
    one.loop.now_ns += 250 * MS
    assert ask(one, client, 8) == (2, 6)
    one.loop.now_ns += 60_000 * MS
    assert ask(one, client, 8) == (5, 3)


def test_the_lower_of_plan_and_verdict() -> None:
    one = Worker({"a": Plan(requests_per_s=10, requests_burst=5)})
    client = one.clients("a", 1, lambda: 0)[0]
    one.gate.judge(Verdict("a", requests_per_s=2.0))
    assert ask(one, client, 8) == (2, 6)
    one.gate.judge(Verdict("a", requests_per_s=100.0))
    one.loop.now_ns += 1_000 * MS
    assert ask(one, client, 8) == (5, 3)
    one.gate.judge(Verdict("a"))
    assert one.accounts.verdicts == {}


def test_blocked_for_a_time() -> None:
    one = worker(a=100)
    client = one.clients("a", 1, lambda: 0)[0]
    assert ask(one, client, 2) == (2, 0)
    one.gate.judge(Verdict("a", blocked_until=one.loop.now() + 30))
    assert ask(one, client, 2) == (0, 2)
    assert client.denials[-1] == Denial(0, 30)
    one.loop.now_ns += 30_001 * MS
    assert ask(one, client, 2) == (2, 0)


def test_a_verdict_that_was_there_before_the_first_request() -> None:
    one = worker(a=100)
    one.accounts.verdicts["a"] = Verdict("a", blocked_until=1000.0)
    assert ask(one, one.clients("a", 1, lambda: 0)[0], 1) == (0, 1)


def test_cpu_limit_delays_and_then_refuses() -> None:
    one = Worker({"a": Plan(cpu_percent=20, queue_max=30)})
    clients = one.clients("a", 40, lambda: 990_000)
    one.run(10)
    assert 0.19 < one.used_ns["a"] / one.loop.now_ns < 0.23
    assert any(client.denied for client in clients)
    assert one.idle_ns > 7_000 * MS
    assert max(denial.reset_s for client in clients for denial in client.denials) == 1


def test_concurrency() -> None:
    one = Worker({"a": Plan(concurrency_max=2, queue_max=3)})
    client = one.clients("a", 1, lambda: 0)[0]
    assert ask(one, client, 1) == (1, 0)
    account = one.accounts.of(client.tenant)
    one.gate.enter(account)
    assert ask(one, client, 2) == (2, 0)
    one.gate.enter(account)
    assert ask(one, client, 5) == (0, 2)
    assert client.denials[-1] == Denial(3, 1)
    one.gate.end(account)
    for _ in range(5):
        one.loop.run_due()
    assert (client.answered, len(account.waiting)) == (6, 0)


@pytest.mark.parametrize("kind", ["held", "routed", "both"])
def test_holds(kind: str) -> None:
    one = worker(a=100, b=100)
    client = one.clients("a", 1, lambda: 0)[0]
    gate = one.gate
    account = one.accounts.of(client.tenant)
    if kind != "routed":
        gate.hold("a")
        gate.hold("b")  # not heard of yet
    if kind != "held":
        gate.await_routes(account)
    assert ask(one, client, 3) == (0, 0)
    assert len(account.waiting) == 3
    if kind != "routed":
        assert gate.holds("a")
        gate.free("a")
        assert ask(one, client, 0) == (3, 0)
        assert ask(one, one.clients("b", 1, lambda: 0)[0], 1) == (0, 0)
    gate.free_all_routed()
    for _ in range(3):
        one.loop.run_due()
    assert ask(one, client, 1) == (1, 0)
    assert client.answered == 4


def test_who_leaves_is_not_waited_for() -> None:
    one = worker(a=100)
    client = one.clients("a", 1, lambda: 0)[0]
    one.gate.hold("a")
    ask(one, client, 2)
    account = one.accounts.of(client.tenant)
    first = account.waiting[0]
    first.gone = True
    one.gate.leave(account, first)
    one.gate.free("a")
    second = account.waiting
    assert not second
    for _ in range(3):
        one.loop.run_due()
    assert client.answered == 1


def test_too_much_in_memory() -> None:
    one = Worker({"a": Plan(buffer_bytes_max=65_536)})
    client = one.clients("a", 1, lambda: 0)[0]
    assert ask(one, client, 1) == (1, 0)
    account = one.accounts.of(client.tenant)
    account.buffered = 65_537
    one.gate.weigh(account)
    assert ask(one, client, 1) == (0, 1)
    account.buffered = 65_536
    one.gate.weigh(account)
    assert ask(one, client, 1) == (1, 0)


def test_one_that_fails_does_not_keep_the_others_waiting() -> None:
    loop = Loop()
    accounts = Accounts(lambda _: Plan(concurrency_max=1), {})
    gate = Gate(loop, accounts, loop.now)
    account = accounts.of(Tenant(name="a", state=TenantState.ACTIVE, shard=0))
    went_on = []

    class Waiter:
        gone = False

        def __init__(self, number: int) -> None:
            self.number = number

        def go_on(self, granted: bool) -> None:
            went_on.append(self.number)
            if self.number == 0:
                raise RuntimeError("broken")

    gate.hold("a")
    for number in range(3):
        assert gate.consider(account) is WAIT
        gate.park(account, Waiter(number))
    gate.free("a")
    with pytest.raises(RuntimeError, match="broken"):
        loop.run_due()
    loop.run_due()
    assert went_on == [0, 1, 2]
