"""The policy: a table of what was measured and remembered, and what follows."""

import pytest

from supervisor.policy.decide import NS, Abort, Kill, Memory, WorkerFacts, decide

NOW = 1_000 * NS
NOBODY = Memory()


def held(seconds: float, pid: int = 10, shard: int = 0, tenant: str = "greedy") -> WorkerFacts:
    return WorkerFacts(shard, pid, (tenant, NOW - int(seconds * NS)))


@pytest.mark.parametrize(
    ("workers", "memory", "actions", "aborted"),
    [
        ([], NOBODY, [], {}),
        ([WorkerFacts(0, 10)], NOBODY, [], {}),
        ([held(0)], NOBODY, [], {}),
        ([held(9.99)], NOBODY, [], {}),
        ([held(-5)], NOBODY, [], {}),
        ([held(10)], NOBODY, [Abort(0, 10, "greedy", 10.0)], {10: "greedy"}),
        ([held(10)], Memory({99: "other"}), [Abort(0, 10, "greedy", 10.0)], {10: "greedy"}),
        ([held(11)], Memory({10: "greedy"}), [Kill(0, 10, "greedy")], {10: "greedy"}),
        ([WorkerFacts(0, 10)], Memory({10: "greedy"}), [Kill(0, 10, "greedy")], {10: "greedy"}),
        ([WorkerFacts(0, 11)], Memory({10: "greedy"}), [], {}),
        ([held(1, pid=11)], Memory({10: "greedy"}), [], {}),
        (
            [held(20, pid=10), WorkerFacts(1, 11), held(30, pid=12, shard=2, tenant="slow")],
            NOBODY,
            [Abort(0, 10, "greedy", 20.0), Abort(2, 12, "slow", 30.0)],
            {10: "greedy", 12: "slow"},
        ),
    ],
)
def test_the_hung_worker_rule(workers, memory, actions, aborted) -> None:
    kept = dict(memory.aborted)
    assert decide(workers, memory, NOW, hang_after_s=10) == (actions, Memory(aborted))
    assert memory.aborted == kept, "what was remembered is not changed"
