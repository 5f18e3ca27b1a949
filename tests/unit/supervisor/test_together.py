"""Changes of the registry that come at once are one transaction; who made them hears how it ended."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from supervisor.contract.tenant import Tenant, TenantState
from supervisor.tenants import together as module
from supervisor.tenants.drafts import DraftError
from supervisor.tenants.registry import Registry, RegistryError
from supervisor.tenants.together import Together


class Counting(Registry):
    """Notes how many tenants each transaction had; refuses those with one named `bad`."""

    __slots__ = ("transactions",)

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.transactions: list[int] = []

    def put(self, *tenants: Tenant, taken: Mapping[str, str] | None = None) -> None:
        self.transactions.append(len(tenants))
        if any(tenant.name == "bad" for tenant in tenants):
            raise RegistryError("the disk is full")
        super().put(*tenants, taken=taken)


def tenant(name: str) -> Tenant:
    return Tenant(name, TenantState.ACTIVE)


@pytest.fixture
def registry(tmp_path: Path) -> Counting:
    made = Counting(tmp_path / "registry.db")
    made.prepare()
    return made


def names(registry: Registry) -> list[str]:
    return [known.name for known in registry.load()]


@pytest.mark.parametrize(("most", "transactions"), [(1000, [5, 1]), (2, [2, 2, 1, 1])])
def test_what_comes_at_once_is_one_transaction(run, registry, monkeypatch, most, transactions) -> None:
    monkeypatch.setattr(module, "TOGETHER_MAX", most)

    async def scenario() -> None:
        together = Together(registry)
        await asyncio.gather(*(together.put(tenant(name)) for name in "abcde"))
        assert names(registry) == list("abcde")
        await together.put(tenant("f"))
        assert names(registry) == list("abcdef"), "durable when it returns"

    run(scenario())
    assert registry.transactions == transactions


def test_a_failure_is_everybodys_and_the_next_ones_are_served(run, registry) -> None:
    async def scenario() -> None:
        together = Together(registry)
        ended = await asyncio.gather(*map(together.put, map(tenant, ["a", "bad", "b"])), return_exceptions=True)
        assert [str(end) for end in ended] == ["the disk is full"] * 3
        assert names(registry) == []
        gone = asyncio.create_task(together.put(tenant("gone")))
        stays = asyncio.create_task(together.put(tenant("stays")))
        await asyncio.sleep(0)
        gone.cancel()
        await stays
        assert "stays" in names(registry)

    run(scenario())


def test_what_was_made_ahead_takes_its_place_with_the_registrys_word(run, registry, tmp_path: Path) -> None:
    drafts = {name: tmp_path / f".ready-{name}" for name in ["a", "bad", "gone"]}
    for name in ["a", "bad"]:
        drafts[name].mkdir()

    async def scenario() -> None:
        together = Together(registry)
        with pytest.raises(RegistryError):
            await together.put(tenant("bad"), drafts["bad"], tmp_path / "bad")
        assert drafts["bad"].exists()
        changes = [together.put(tenant(name), drafts[name], tmp_path / name) for name in ["a", "gone"]]
        fine, failed = await asyncio.gather(*changes, return_exceptions=True)
        assert fine is None
        assert isinstance(failed, DraftError), "its own only"

    run(scenario())
    assert [path.name for path in (tmp_path / "a", tmp_path / "gone") if path.exists()] == ["a"]
    assert registry.taken() == {"a": ".ready-a", "gone": ".ready-gone"}
    registry.remove("gone")
    assert registry.taken() == {"a": ".ready-a"}
    registry.forget_taken()
    assert registry.taken() == {}
