"""Who is meant by a request, and who owns that tenant."""

import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.contract.shardmap import HOSTS_REMEMBERED_MAX, Directory, first_routes, owner_of
from supervisor.contract.tenant import Tenant, TenantState, is_name

NAMES = [f"tenant-{number}" for number in range(4000)]


def tenant(name: str, *domains: str, shard: int | None = None) -> Tenant:
    return Tenant(name, TenantState.ACTIVE, shard, domains)


def directory(*tenants: Tenant, prefix: bool = False, base: str = "localhost", shards: int = 4) -> Directory:
    made = Directory(first_routes(shards), base, prefix)
    for one in tenants:
        made.put(one)
    return made


@pytest.mark.parametrize(
    ("name", "shards", "owner"),
    [("demo", 1, 0), ("demo", 2, 1), ("demo", 3, 1), ("shop", 2, 1), ("shop", 8, 7), ("x", 8, 0)],
)
def test_owners_never_change_between_releases(name: str, shards: int, owner: int) -> None:
    assert owner_of(name, shards) == owner


@given(st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_one_more_shard_moves_only_its_share(shards: int) -> None:
    before = {name: owner_of(name, shards) for name in NAMES}
    after = {name: owner_of(name, shards + 1) for name in NAMES}
    moved = [name for name in NAMES if before[name] != after[name]]
    assert all(after[name] == shards for name in moved), "only to the new shard"
    expected = len(NAMES) / (shards + 1)
    assert 0.6 * expected - 20 < len(moved) < 1.4 * expected + 20


@pytest.mark.parametrize("shards", [2, 3, 7])
def test_shards_get_equal_shares(shards: int) -> None:
    counted = Counter(owner_of(name, shards) for name in NAMES)
    assert set(counted) == set(range(shards))
    assert max(counted.values()) < 1.2 * len(NAMES) / shards


@given(st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63), st.integers(1, 16))
def test_an_owner_is_a_shard(name: str, shards: int) -> None:
    assert 0 <= owner_of(name, shards) < shards


def test_a_pinned_tenant_stays_where_it_is_put_if_there_is_such_a_shard() -> None:
    away = (owner_of("demo", 4) + 1) % 4
    made = directory(tenant("demo", shard=away))
    assert made.owner(tenant("demo", shard=away)) == away
    made.put(tenant("demo", shard=99))
    assert made.owner(tenant("demo")) == owner_of("demo", 4)


HOSTS = [
    (b"demo.localhost", "demo"),
    (b"demo.localhost:8090", "demo"),
    (b"demo.localhost:", "demo"),
    (b"DEMO.LocalHost", "demo"),
    (b"demo.localhost.", "demo"),
    (b"demo.localhost.:80", "demo"),
    (b"shop.example.com", "demo"),
    (b"Shop.Example.COM.:443", "demo"),
    (b"a-b.localhost", "a-b"),
    (b"", None),
    (b"localhost", None),
    (b"localhost:8090", None),
    (b".localhost", None),
    (b"demo", None),
    (b"demo.", None),
    (b"demo.localhost..", None),
    (b"demo.localhost:80:80", None),
    (b"demo.localhost:http", None),
    (b"x.demo.localhost", None),
    (b"nobody.localhost", None),
    (b"example.com", None),
    (b"www.shop.example.com", None),
    (b"demo.localhost.example.com", None),
    (b"demolocalhost", None),
    (b"demo.localhost/", None),
    (b" demo.localhost", None),
    (b"d\xe9mo.localhost", None),
    (b"127.0.0.1:8090", None),
    (b"[::1]:8090", None),
    (b"demo." + b"x" * 300 + b".localhost", None),
]


@pytest.mark.parametrize(("host", "name"), HOSTS)
def test_hosts(host: bytes, name: str | None) -> None:
    made = directory(tenant("demo", "shop.example.com"), tenant("a-b"))
    for _ in range(2):  # the second time from memory
        found = made.by_host(host)
        assert (found.name if found else None) == name
        routed = made.route(host, b"/t/demo/api/health")
        assert routed == ((found, 0) if found else None), "the path means nobody while the prefix is off"


@pytest.mark.parametrize(
    ("host", "target", "meant"),
    [
        (b"127.0.0.1:8090", b"/t/demo/api/health", ("demo", 7)),
        (b"127.0.0.1:8090", b"/t/demo", ("demo", 7)),
        (b"127.0.0.1:8090", b"/t/demo/", ("demo", 7)),
        (b"127.0.0.1:8090", b"/t/demo?x=1", ("demo", 7)),
        (b"", b"/t/a-b/x?y=/t/demo/", ("a-b", 6)),
        (b"a-b.localhost", b"/t/demo/api/health", ("a-b", 0)),
        (b"nobody.localhost", b"/t/demo/api", ("demo", 7)),
        (b"127.0.0.1", b"/t/Demo/api", None),
        (b"127.0.0.1", b"/t/nobody/api", None),
        (b"127.0.0.1", b"/t/demo2/api", None),
        (b"127.0.0.1", b"/t//api", None),
        (b"127.0.0.1", b"/t/", None),
        (b"127.0.0.1", b"/t", None),
        (b"127.0.0.1", b"/T/demo/", None),
        (b"127.0.0.1", b"//t/demo/", None),
        (b"127.0.0.1", b"/t/%64emo/", None),
        (b"127.0.0.1", b"/api/t/demo/", None),
        (b"127.0.0.1", b"/", None),
        (b"127.0.0.1", b"", None),
        (b"127.0.0.1", b"*", None),
        (b"127.0.0.1", b"/t/" + b"d" * 64 + b"/", None),
        (b"127.0.0.1", b"/t/" + b"d" * 63 + b"/", ("d" * 63, 66)),
        (b"127.0.0.1", b"/t/d\xe9mo/", None),
    ],
)
def test_routes_with_the_path_prefix(host: bytes, target: bytes, meant: tuple[str, int] | None) -> None:
    made = directory(tenant("demo"), tenant("a-b"), tenant("d" * 63), prefix=True)
    found = made.route(host, target)
    assert (None if found is None else (found[0].name, found[1])) == meant


def test_changes_are_seen_at_once() -> None:
    made = directory(tenant("one", "www.example.com"), tenant("two"))
    assert made.by_host(b"www.example.com") is made.get("one")
    made.put(tenant("one"))
    assert made.by_host(b"www.example.com") is None
    made.put(tenant("two", "www.example.com"))
    assert made.by_host(b"www.example.com") is made.get("two")
    assert made.by_domain("WWW.example.com") is made.get("two")
    suspended = Tenant("two", TenantState.SUSPENDED)
    made.put(suspended)
    assert made.by_host(b"two.localhost") is suspended
    assert made.by_domain("www.example.com") is None
    made.drop("two")
    made.drop("two")
    assert made.by_host(b"two.localhost") is None
    assert [one.name for one in made] == ["one"]
    assert len(made) == 1


def test_a_domain_that_moved_is_not_lost_with_its_former_tenant() -> None:
    made = directory(tenant("one", "www.example.com"))
    made.put(tenant("two", "www.example.com"))
    made.drop("one")
    assert made.by_host(b"www.example.com") is made.get("two")


def test_strange_hosts_do_not_fill_the_memory() -> None:
    made = directory(tenant("demo"))
    for port in range(2 * HOSTS_REMEMBERED_MAX):
        assert made.by_host(b"demo.localhost:%d" % port) is not None
        assert made.by_host(b"nobody.localhost:%d" % port) is None
    assert len(made._hosts) <= HOSTS_REMEMBERED_MAX


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a", True), ("0", True), ("a-b", True), ("a--b", True), ("a" * 63, True),
        ("", False), ("-a", False), ("a-", False), ("A", False), ("a.b", False), ("a_b", False), ("a" * 64, False),
        ("a\n", False), ("é", False), ("..", False), ("a/b", False),
    ],
)  # fmt: skip
def test_names(text: str, valid: bool) -> None:
    assert is_name(text) is valid


def test_who_has_jobs_is_known_without_a_look_at_all() -> None:
    made = directory(*map(tenant, "abc"))
    assert made.scheduled() == []
    busy = Tenant("b", TenantState.ACTIVE, crons=("* * * * *",))
    made.put(busy)
    made.put(Tenant("c", TenantState.SUSPENDED, crons=("@daily",)))
    assert [one.name for one in made.scheduled()] == ["b", "c"]
    made.put(tenant("b"))
    made.drop("c")
    assert made.scheduled() == []
