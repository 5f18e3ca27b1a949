"""The registry: durable, fast with ten thousand tenants, and never open across a fork."""

import time
from pathlib import Path

import apsw
import pytest

from supervisor.contract.tenant import Tenant, TenantState
from supervisor.tenants.registry import Registry, RegistryError


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path / "registry.db")
    made.prepare()
    return made


@pytest.mark.parametrize(
    "tenant",
    [
        Tenant("demo", TenantState.ACTIVE),
        Tenant("demo", TenantState.SUSPENDED, 3, ("a.example.com", "b.example.com"), 'it\'s unpaid; "x"', "2026-01-01"),
        Tenant("demo", TenantState.CREATING, 0),
    ],
)
def test_a_tenant_comes_back_as_it_was(registry: Registry, tenant: Tenant) -> None:
    registry.put(Tenant("demo", TenantState.DELETED, 9, ("x",), "y", "z"))
    registry.put(tenant)
    registry.put(Tenant("aaa", TenantState.FAILED))
    assert registry.load() == [Tenant("aaa", TenantState.FAILED), tenant]
    registry.remove("aaa")
    registry.remove("aaa")
    assert registry.load() == [tenant]


def test_it_is_private_and_may_be_prepared_again(registry: Registry, tmp_path: Path) -> None:
    registry.put(Tenant("demo", TenantState.ACTIVE))
    registry.prepare()
    assert len(registry.load()) == 1
    assert (tmp_path / "registry.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("state", ["ACTIVE", "", "gone"])
def test_the_file_is_checked(tmp_path: Path, state: str) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(RegistryError, match="cannot be used"):
        Registry(path).prepare()
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(RegistryError, match="has version 99"):
        Registry(path).prepare()


def test_nothing_is_open_between_operations(registry: Registry, tmp_path: Path) -> None:
    registry.put(Tenant("demo", TenantState.ACTIVE))
    registry.load()
    opened = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]


def test_ten_thousand_tenants(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.db")
    registry.prepare()
    connection = apsw.Connection(str(tmp_path / "registry.db"))
    with connection:
        connection.executemany(
            "INSERT INTO tenants (name, state, created) VALUES (?, 'active', '')", ((f"t{n}",) for n in range(10_000))
        )
    connection.close()
    started = time.perf_counter()
    assert len(registry.load()) == 10_000
    assert time.perf_counter() - started < 1.0
    started = time.perf_counter()
    registry.put(Tenant("t5000", TenantState.SUSPENDED))
    registry.remove("t5001")
    assert time.perf_counter() - started < 0.5
    assert len(registry.load()) == 9_999
