"""The life cycle: the whole table of steps by states, and that nothing contradicts the contract."""

import pytest

from supervisor.contract.tenant import TRANSITIONS, Tenant
from supervisor.contract.tenant import TenantState as State
from supervisor.tenants.lifecycle import OPERABLE, REPAIRS, STEPS, LifecycleError, take

ALLOWED = {
    ("finish", State.CREATING): State.ACTIVE,
    ("suspend", State.ACTIVE): State.SUSPENDED,
    ("suspend", State.FAILED): State.SUSPENDED,
    ("resume", State.SUSPENDED): State.ACTIVE,
    ("resume", State.FAILED): State.ACTIVE,
    ("fail", State.CREATING): State.FAILED,
    ("fail", State.ACTIVE): State.FAILED,
    ("fail", State.MOVING): State.FAILED,
    ("delete", State.CREATING): State.DELETED,
    ("delete", State.ACTIVE): State.DELETED,
    ("delete", State.SUSPENDED): State.DELETED,
    ("delete", State.FAILED): State.DELETED,
    ("move", State.ACTIVE): State.MOVING,
    ("land", State.MOVING): State.ACTIVE,
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", STEPS)
def test_steps(step: str, state: State) -> None:
    tenant = Tenant("demo", state, 1, ("a.example.com",), "old reason", "2026-01-01 00:00:00.000Z")
    target = ALLOWED.get((step, state))
    if target is None:
        with pytest.raises(LifecycleError, match=f"tenant demo is {state}; {step} needs it "):
            take(step, tenant)
        return
    after = take(step, tenant, "new reason")
    assert after == Tenant("demo", target, 1, ("a.example.com",), "new reason", "2026-01-01 00:00:00.000Z")
    assert take(step, tenant).reason == ""


def test_the_tables_agree() -> None:
    for name, step in STEPS.items():
        for source in step.source:
            assert step.target in TRANSITIONS[source], f"{name} from {source}"
    assert set(TRANSITIONS) == set(State)
    assert not TRANSITIONS[State.DELETED]
    assert all(state not in targets for state, targets in TRANSITIONS.items())
    assert OPERABLE.isdisjoint(REPAIRS), "what a start must repair is not operated on"
    assert OPERABLE | set(REPAIRS) == set(State)
