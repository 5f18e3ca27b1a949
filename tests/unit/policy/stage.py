"""A stage for the policy: looks follow one another once a second, with the facts that the scene gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from supervisor.contract.settings import Policy, Settings
from supervisor.policy.actions import Action, Sentence
from supervisor.policy.decide import Memory, decide
from supervisor.policy.facts import Facts, TenantFacts, WorkerFacts

START = 100_000.0


def settings(**policy: Any) -> Settings:
    """The default ones, apart from these keys of `policy`."""
    return Settings(policy=replace(Policy(), **policy))


@dataclass
class Stage:
    """The policy at work; `told` has (second, action) of all that was decided."""

    settings: Settings = field(default_factory=Settings)
    memory: Memory = field(default_factory=Memory)
    now: float = START
    told: list[tuple[float, Action]] = field(default_factory=list)
    step_s: float = 1.0

    def look(self, facts: Facts) -> list[Action]:
        """One look, then `step_s` pass."""
        actions, self.memory = decide(facts, self.memory, self.settings, self.now)
        self.told += [(self.now - START, action) for action in actions]
        self.now += self.step_s
        return actions

    def play(self, seconds: int, scene: Callable[[float], Facts] | Facts) -> "Stage":
        """So many looks at what the scene shows; it gets the second since the start."""
        for _ in range(seconds):
            self.look(scene(self.now - START) if callable(scene) else scene)
        return self

    def sentences(self) -> list[tuple[float, str]]:
        """(second, kind) of each verdict that was told."""
        return [(at, action.kind) for at, action in self.told if isinstance(action, Sentence)]


def worker(shard: int = 0, **facts: Any) -> WorkerFacts:
    """A worker with pid 10 + shard."""
    return WorkerFacts(shard, facts.pop("pid", 10 + shard), **facts)


def crowded(*tenants: TenantFacts, waited: float = 30.0) -> Facts:
    """One worker that has all it can do, with these tenants, who wait."""
    waiting = [
        TenantFacts(
            **{name: getattr(tenant, name) for name in TenantFacts.__dataclass_fields__} | {"waited_ms": waited}
        )
        for tenant in tenants
    ]
    return Facts((worker(cpu_percent=97.0),), tuple(waiting))


def tenant(name: str, cpu: float, shard: int = 0, **facts: Any) -> TenantFacts:
    """A tenant in use."""
    return TenantFacts(name, shard, cpu_percent=cpu, requests_per_s=facts.pop("requests_per_s", 20.0), **facts)
