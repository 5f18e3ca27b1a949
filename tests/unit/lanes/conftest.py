"""Lanes over small databases of two tenants."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.contract.plan import Plan
from worker.db.connection import Database
from worker.fair.account import Account
from worker.lanes import Lanes

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
# some tens of milliseconds
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT count(*) + {} FROM n"


def database(path: Path, name: str, **plan: float) -> Database:
    path.touch()
    db = Database(path)
    db.account = Account(name, Plan(**plan))
    db.execute("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
    return db


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path / "data.db", "mine")
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path / "other.db", "other")
    yield made
    made.close()


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Database]:
    """One whose plan gives its reads little time."""
    made = database(tmp_path / "hasty.db", "hasty", read_timeout_s=0.3)
    yield made
    made.close()


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes(inline_budget_ms=5, read_timeout_s=30, pool_threads=2)
    yield made
    made.close()
