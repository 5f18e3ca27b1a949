"""What SQL of scripts may not do: other files, the connection's state, the tenant's definition, time, memory."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import apsw
import orjson
import pytest

from supervisor.contract.plan import Plan
from tests.unit.conftest import NewTenant
from worker.context import Context
from worker.db import scripted
from worker.hooks.calls import Call, GoError, Refused
from worker.hooks.ops.query import COLUMNS, EXECUTE, ROWS, sql
from worker.lanes import Lanes

STATE = ("foreign_keys", "journal_mode", "synchronous", "case_sensitive_like", "query_only", "recursive_triggers")
STATE += ("writable_schema", "temp_store", "cache_size", "locking_mode", "ignore_check_constraints", "user_version")


class Fixture:
    """A new tenant, and its scripts' SQL."""

    def __init__(self, directory: Path, lanes: Lanes) -> None:
        self.ctx = Context("test", directory, lanes, write_limit_s=10.0, log_queue_max=200)
        self.call = cast(Call, SimpleNamespace(context=lambda _: self.ctx, plan=Plan()))

    def run(self, text: str, *params: Any, aux: bool = False, mode: int = ROWS) -> Any:
        async def run() -> Any:
            return orjson.loads(orjson.dumps(await sql(self.call, 0, aux, text, list(params), mode)))

        return asyncio.run(run())

    def value(self, text: str, *params: Any) -> Any:
        return self.run(text, *params)[1][0][0]

    def state(self) -> list[Any]:
        return [self.ctx.data.once(f"PRAGMA {name}") for name in STATE]


def _lanes() -> Lanes:
    return Lanes(inline_budget_ms=5, read_timeout_s=0.5, pool_threads=2)


@pytest.fixture
def tenant(tmp_path: Path, new_tenant: NewTenant) -> Iterator[Fixture]:
    lanes = _lanes()
    new_tenant(tmp_path)
    made = Fixture(tmp_path, lanes)
    made.run("CREATE TABLE t (a, b TEXT)")
    yield made
    made.ctx.close()
    lanes.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, new_tenant: NewTenant) -> Iterator[Fixture]:
    """One for what changes nothing; `t` is empty in both of its databases."""
    lanes = _lanes()
    directory = tmp_path_factory.mktemp("shared")
    new_tenant(directory)
    made = Fixture(directory, lanes)
    for aux in (False, True):
        made.run("CREATE TABLE t (a, b TEXT)", aux=aux)
    yield made
    made.ctx.close()
    lanes.close()


REFUSED = [
    "ATTACH ':memory:' AS x",
    "  -- note\n /* x */ attach database '/etc/passwd' as p",
    "SELECT 1; ATTACH ':memory:' AS x",
    "EXPLAIN ATTACH ':memory:' AS x",
    "DETACH main",
    "PRAGMA journal_mode = delete",
    "PRAGMA main.journal_mode(off)",
    "EXPLAIN PRAGMA writable_schema = 1",
    "PRAGMA writable_schema = 1",
    "PRAGMA case_sensitive_like = 1",
    "PRAGMA synchronous = 0",
    "PRAGMA locking_mode = exclusive",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA max_page_count = 1",
    "PRAGMA mmap_size = 1000000000",
    "PRAGMA hard_heap_limit = 1",
    "PRAGMA database_list",
    "SELECT 1; PRAGMA query_only = 1",
    "INSERT INTO t VALUES (1, 2); PRAGMA recursive_triggers = 1",
    "BEGIN",
    "COMMIT",
    "INSERT INTO t VALUES (1, 2); COMMIT; DELETE FROM t",
    "ROLLBACK",
    "SAVEPOINT x",
    "RELEASE t0",
    "CREATE TEMP TABLE x (a)",
    "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE TEMP VIEW users AS SELECT 1",
    "CREATE TABLE temp.x (a)",
    "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')",
    "CREATE VIRTUAL TABLE x USING sqlite_dbpage",
]
FAILING = [
    "VACUUM",
    "VACUUM INTO '/tmp/pocker-vacuum'",
    "SELECT load_extension('x')",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM csv('/etc/passwd')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/x', 'y')",
    "SELECT * FROM fsdir('/')",
    "UPDATE sqlite_schema SET sql = ''",
    "DELETE FROM sqlite_master",
    "SELECT json_patch('{}', '{}')",
    "syntax",
]


@pytest.mark.parametrize("aux", [False, True])
@pytest.mark.parametrize("text", REFUSED)
def test_refused(shared: Fixture, text: str, aux: bool) -> None:
    tenant = shared
    before = tenant.state()
    with pytest.raises(Refused):
        tenant.run(text, aux=aux)
    assert tenant.state() == before
    assert tenant.run("SELECT count(*) FROM t", aux=aux)[1] == [[0]]
    # the worker's own statements are nobody's business
    tenant.ctx.data.once("PRAGMA shrink_memory")


@pytest.mark.parametrize("text", FAILING)
def test_fails(shared: Fixture, text: str) -> None:
    tenant = shared
    before = tenant.state()
    with pytest.raises((apsw.Error, GoError)):
        tenant.run(text)
    assert tenant.state() == before
    assert tenant.value("SELECT count(*) FROM t") == 0
    assert not Path("/tmp/pocker-vacuum").exists()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("PRAGMA table_info(t)", [[0, "a", "", 0, None, 0], [1, "b", "TEXT", 0, None, 0]]),
        ("PRAGMA user_version", [[0]]),
        ("PRAGMA foreign_keys", [[1]]),
        ("WITH x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 3) SELECT n FROM x", [[1], [2], [3]]),
        ("VALUES (1), ('a')", [[1], ["a"]]),
        ("SELECT 1; SELECT 2", [[2]]),
        ("INSERT INTO t VALUES (1, 'x') RETURNING a", [[1]]),
        ("WITH x AS (SELECT 5) INSERT INTO t SELECT *, 'y' FROM x RETURNING b", [["y"]]),
        ("SELECT 1e3, 0.5, -0.0, 9e999, x'00ff', 9007199254740993, NULL", None),
        ("", []),
    ],
)
def test_answers(tenant: Fixture, text: str, answer: Any) -> None:
    rows = tenant.run(text)[1]
    expected: Any = [
        [{"f": 1000.0}, 0.5, {"f": "-0"}, {"f": "+Inf"}, {"b": "\x00\xff"}, {"i": "9007199254740993"}, None]
    ]
    assert rows == (expected if answer is None else answer)


def test_explain_is_a_read(tenant: Fixture) -> None:
    assert tenant.run("EXPLAIN QUERY PLAN SELECT * FROM t")[1][0][3] == "SCAN t"
    assert tenant.run("EXPLAIN INSERT INTO t VALUES (1, 2)")[1]
    assert tenant.value("SELECT count(*) FROM t") == 0


def test_foreign_keys_stay_on(tenant: Fixture) -> None:
    tenant.run("PRAGMA foreign_keys = OFF")
    tenant.run("PRAGMA defer_foreign_keys = ON")
    assert tenant.ctx.data.once("PRAGMA foreign_keys") == [(1,)]
    assert tenant.ctx.data.once("PRAGMA defer_foreign_keys") == [(0,)]


def test_counts_and_columns(tenant: Fixture) -> None:
    assert tenant.run("INSERT INTO t VALUES (1, 'x'), (2, 'y')", mode=EXECUTE) == [2, 2]
    assert tenant.run("UPDATE t SET a = a + 1 WHERE a = ?", 2, mode=EXECUTE)[0] == 1
    assert tenant.run("SELECT a, b FROM t WHERE 0", mode=COLUMNS) == [["a", "b"], [], ["", "TEXT"]]
    assert tenant.run("SELECT a FROM t", mode=EXECUTE) == [0, 0]


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("SELECT ?", [], "missing argument with index 1"),
        ("SELECT ?, ?", [1], "missing argument with index 2"),
        ("SELECT :name", [], 'missing named argument "name"'),
        ("INSERT INTO t VALUES (?, ?)", [1], "missing argument with index 2"),
        ("SELECT 1", [[1]], "a value that no database takes"),
        ("SELECT 1", [2**63], "a value that no database takes"),
        ("SELECT 1", [{"b": "\u0100"}], "latin-1"),
        ("SELECT 1", [1] * 40_000, "too many parameters"),
        ("SELECT '" + "x" * 1_000_001 + "'", [], "the statement is too long"),
    ],
)
def test_parameters(shared: Fixture, text: str, params: list[Any], message: str) -> None:
    with pytest.raises(GoError, match=message):
        shared.run(text, *params)


def test_parameters_left_over_are_nobodys(shared: Fixture) -> None:
    assert shared.run("SELECT '?', ?", 7, 8)[1] == [["?", 7]]


@pytest.mark.parametrize(
    "arguments", [(None, False, "SELECT 1", [], 7), (0, False, 5, [], 0), (0, False, "x", {}, 0), (0, 0, "x", None, 0)]
)
def test_nonsense(shared: Fixture, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(GoError):
        asyncio.run(sql(shared.call, *arguments))


# -- time and memory --------------------------------------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) "


@pytest.mark.parametrize("aux", [False, True])
def test_endless_read_is_interrupted(tenant: Fixture, aux: bool) -> None:
    cast(Any, tenant.call).plan = Plan(read_timeout_s=0.5)
    with pytest.raises(apsw.InterruptError):
        tenant.run(ENDLESS + "SELECT count(*) FROM x", aux=aux)


def test_endless_write_is_interrupted_and_undone(tenant: Fixture) -> None:
    tenant.ctx.data.write_limit_ns = 300_000_000
    with pytest.raises(apsw.InterruptError):
        tenant.run(ENDLESS + "INSERT INTO t SELECT n, 'x' FROM x")
    assert tenant.value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    "text",
    [
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 2000000) SELECT n, n, n FROM x",
        "SELECT zeroblob(20000000)",
        "SELECT hex(zeroblob(100000)) FROM t AS a, t AS b, t AS c",
    ],
)
def test_large_results_are_refused(tenant: Fixture, text: str) -> None:
    tenant.run("INSERT INTO t VALUES " + ", ".join(["(1, 2)"] * 10))
    with pytest.raises((apsw.TooBigError, apsw.InterruptError)):
        tenant.run(text)


@pytest.mark.parametrize(
    ("text", "quick"),
    [
        ("INSERT INTO t VALUES (?, ?)", True),
        ("INSERT INTO t (a, b) VALUES (lower(?), 'like (')", True),
        ("UPDATE t SET a = datetime('now'), b = coalesce(b, 'x') WHERE a IN (1, 2)", True),
        ("DELETE FROM t WHERE a = 1 AND b IS NULL", True),
        ("UPDATE t SET a = b LIKE '%x%y%'", False),
        ("UPDATE t SET a = instr(b, 'x')", False),
        ("UPDATE t SET a = b || b", False),
        ("INSERT INTO t VALUES (randomblob(100000000), 1)", False),
        ("INSERT INTO t VALUES (\"printf\"('%0*d', 100000000, 1), 1)", False),
        ("INSERT INTO t VALUES (1, 2); DELETE FROM t", False),
        ("CREATE INDEX i ON t (a)", False),
    ],
)
def test_what_is_run_on_the_loop(text: str, quick: bool) -> None:
    assert scripted.is_quick(text) is quick


def test_long_work_goes_to_a_thread(tenant: Fixture) -> None:
    before = tenant.ctx.lanes.pooled
    tenant.run("INSERT INTO t VALUES (1, 'x')")
    assert tenant.ctx.lanes.pooled == before
    tenant.run("UPDATE t SET a = b LIKE '%y%'")
    assert tenant.ctx.lanes.pooled == before + 1


# -- the tenant's definition ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE _collections SET fields = 'x' WHERE name = 'users'",
        "UPDATE _collections SET options = '[1'",
        "DROP TABLE _collections",
        "ALTER TABLE _collections RENAME COLUMN fields TO other",
        "DROP TABLE _params",
    ],
)
def test_an_unreadable_definition_is_undone(tenant: Fixture, text: str) -> None:
    before = [collection.name for collection in tenant.ctx.catalog.all()]
    with pytest.raises(GoError, match="can't be read"):
        tenant.run(text)
    assert [collection.name for collection in tenant.ctx.catalog.all()] == before
    tenant.ctx.catalog.reload(tenant.ctx.data)
    assert [collection.name for collection in tenant.ctx.catalog.all()] == before


def test_changed_collections_and_accounts_are_noticed(tenant: Fixture) -> None:
    ctx = tenant.ctx
    version, epoch = ctx.catalog.version, ctx.auth_epoch
    tenant.run("UPDATE _collections SET name = 'people' WHERE name = 'users'; ALTER TABLE users RENAME TO people")
    assert ctx.catalog.get("people") is not None
    assert ctx.catalog.get("users") is None
    assert ctx.catalog.version > version
    assert ctx.auth_epoch > epoch


def test_changed_settings_are_in_force(tenant: Fixture) -> None:
    tenant.run("UPDATE _params SET value = json_set(value, '$.meta.appName', 'Renamed') WHERE id = 'settings'")
    assert tenant.ctx.settings.shown()["meta"]["appName"] == "Renamed"


def test_a_trigger_is_noticed(tenant: Fixture) -> None:
    assert not tenant.ctx.data.burden.writes
    tenant.run("CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET b = b; END")
    assert tenant.ctx.data.burden.writes


def test_the_auxiliary_database(tenant: Fixture) -> None:
    tenant.run("CREATE TABLE mine (a)", aux=True)
    assert tenant.run("INSERT INTO mine VALUES (1)", aux=True, mode=EXECUTE) == [1, 1]
    assert tenant.run("SELECT a FROM mine", aux=True)[1] == [[1]]
    with pytest.raises(apsw.SQLError):
        tenant.run("SELECT a FROM mine")
