"""The registry: durable, fast with ten thousand tenants, and never open across a fork."""

import time
from pathlib import Path

import apsw
import pytest

from supervisor.contract.tenant import Tenant, TenantState
from supervisor.tenants.registry import MIGRATIONS, Registry, RegistryError


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
        Tenant("demo", TenantState.ACTIVE, plan="large"),
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


VERSION_1 = """
CREATE TABLE tenants (
    name    TEXT PRIMARY KEY NOT NULL,
    state   TEXT NOT NULL,
    shard   INTEGER,
    domains TEXT NOT NULL DEFAULT '[]',
    reason  TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO tenants VALUES
    ('demo', 'active', 1, '["a.example.com"]', '', '2025-01-01'), ('old', 'failed', NULL, '[]', 'why', '');
PRAGMA user_version = 1
"""


def test_a_registry_of_a_former_release_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    connection = apsw.Connection(str(path))
    connection.execute(VERSION_1)
    connection.close()
    registry = Registry(path)
    for _ in range(2):
        registry.prepare()
        assert registry.load() == [
            Tenant("demo", TenantState.ACTIVE, 1, ("a.example.com",), "", "2025-01-01", "default"),
            Tenant("old", TenantState.FAILED, None, (), "why", ""),
        ]
    registry.put(Tenant("old", TenantState.ACTIVE, plan="small", crons=("* * * * *", "@daily")))
    assert registry.load()[1].plan == "small"
    assert registry.load()[1].crons == ("* * * * *", "@daily")


def test_a_failed_step_leaves_the_registry_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.db"
    connection = apsw.Connection(str(path))
    connection.execute(VERSION_1)
    connection.close()
    monkeypatch.setitem(MIGRATIONS, 1, f"{MIGRATIONS[1]}; SELECT nothing")
    with pytest.raises(RegistryError, match="nothing"):
        Registry(path).prepare()
    monkeypatch.undo()
    Registry(path).prepare()
    assert len(Registry(path).load()) == 2


def test_the_file_is_checked(tmp_path: Path) -> None:
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


def test_nothing_is_open_once_it_is_closed(registry: Registry, tmp_path: Path) -> None:
    def opened() -> list[str]:
        paths = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
        return [path for path in paths if path.startswith(str(tmp_path))]

    registry.put(Tenant("demo", TenantState.ACTIVE))
    assert opened()
    registry.close()
    assert not opened()
    assert len(registry.load()) == 1, "it is opened again"
    registry.close()


def test_what_is_put_is_durable_at_once_and_in_one_file_in_the_end(registry: Registry, tmp_path: Path) -> None:
    registry.put(Tenant("a", TenantState.ACTIVE), Tenant("b", TenantState.ACTIVE))
    copy = Registry(tmp_path / "copy.db")  # of what a machine that loses its power has on the disk
    for ending in ("", "-wal"):
        (tmp_path / f"copy.db{ending}").write_bytes((tmp_path / f"registry.db{ending}").read_bytes())
    assert copy.load() == registry.load() == [Tenant("a", TenantState.ACTIVE), Tenant("b", TenantState.ACTIVE)]
    registry.close()
    registry.close()
    assert [path.name for path in tmp_path.glob("registry.db*")] == ["registry.db"]
    assert len(registry.load()) == 2


def test_ten_thousand_tenants(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.db")
    registry.prepare()
    connection = apsw.Connection(str(tmp_path / "registry.db"))
    with connection:
        connection.executemany(
            "INSERT INTO tenants (name, state, created) VALUES (?, 'active', '')", ((f"t{n}",) for n in range(10_000))
        )
    connection.close()
    started = time.process_time()
    assert len(registry.load()) == 10_000
    assert time.process_time() - started < 3
    started = time.process_time()
    registry.put(Tenant("t5000", TenantState.SUSPENDED))
    registry.remove("t5001")
    assert time.process_time() - started < 3
    assert len(registry.load()) == 9_999
