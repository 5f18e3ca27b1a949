"""Data and tokens go both ways: what Pocker wrote, the real PocketBase serves, and the reverse."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.oracle.client import Client
from tests.oracle.rows import ident
from tests.oracle.seed import ACTORS, SUPER, Seed, grow_into, log_in
from tests.servers import Pocker, PocketBase

LISTED = (
    "tags",
    "posts",
    "comments",
    "private",
    "profiles",
    "teams",
    "memberships",
    "tickets",
    "notes",
    "numbers",
    "nodes",
)
PEOPLE = ("users", "staff", "locked", "_superusers")
SETTINGS = {
    "meta": {"appName": "<Both> & \u2028 ways", "accentColor": ""},
    "smtp": {"username": "u", "password": "p"},
    "s3": {"secret": "s"},
    "backups": {"cron": "0 0 * * *"},
    "batch": {"enabled": True, "maxBodySize": 2**53 + 1},
    "superuserIPs": ["127.0.0.1", "::1/128"],
    "rateLimits": {"rules": [{"label": "*:auth", "audience": "@guest", "duration": 1, "maxRequests": 99}]},
    "trustedProxy": {"headers": ["X-A"]},
}


@dataclass(frozen=True)
class Written:
    """A tenant that was created and filled by Pocker alone, and a real PocketBase on its export."""

    pocker: Client
    real: Client
    tokens: dict[str, str]
    pb_data: Path  # the real one's


@pytest.fixture(scope="module")
def written(pocker: Pocker, tmp_path_factory: pytest.TempPathFactory, pocketbase_binary: Path) -> Iterator[Written]:
    pocker.create_tenant("written", *SUPER)
    ours = Client(pocker.port, pocker.host("written"))
    tokens = grow_into(ours)
    ours.ok("PATCH", "/api/settings", SETTINGS)
    target = tmp_path_factory.mktemp("export") / "pb_data"
    pocker.export_tenant("written", target)
    with PocketBase(target) as server:
        theirs = Client(server.port, f"127.0.0.1:{server.port}")
        yield Written(ours, theirs, tokens, target)
        theirs.close()
    ours.close()


def everything(client: Client, token: str, collection: str) -> Any:
    client.token = token
    return client.ok("GET", f"/api/collections/{collection}/records?sort=id&perPage=200")


@pytest.mark.parametrize("collection", [*LISTED, *PEOPLE])
def test_the_real_one_serves_what_pocker_wrote(written: Written, collection: str) -> None:
    token = written.tokens["super"]
    ours, theirs = (everything(client, token, collection) for client in (written.pocker, written.real))
    assert ours["totalItems"] > 0
    assert ours == theirs


def test_the_real_one_shows_the_same_collections(written: Written) -> None:
    shown = []
    for client in (written.pocker, written.real):
        client.token = written.tokens["super"]
        shown.append(client.ok("GET", "/api/collections?perPage=200&sort=id")["items"])
    assert [item["name"] for item in shown[0]] == [item["name"] for item in shown[1]]
    assert shown[0] == shown[1]


def test_the_real_one_has_the_same_settings(written: Written) -> None:
    shown = []
    for client in (written.pocker, written.real):
        client.token = written.tokens["super"]
        shown.append(client.ok("GET", "/api/settings"))
    assert shown[0] == shown[1]
    # the real one stores what it has read, secrets too, as it was stored
    stored = [settings_row(written.pb_data)]
    written.real.ok("PATCH", "/api/settings", {})
    stored.append(settings_row(written.pb_data))
    assert stored[0][:3] == stored[1][:3]
    assert b'"password":"p"' in stored[0][1]
    assert stored[0][3] < stored[1][3]


def settings_row(pb_data: Path) -> tuple[Any, ...]:
    """The row of the settings: type, value, created, updated."""
    db = apsw.Connection(str(pb_data / "data.db"), flags=apsw.SQLITE_OPEN_READONLY)
    row = next(db.execute("SELECT typeof(value), value, created, updated FROM _params WHERE id = 'settings'"))
    db.close()
    return tuple(row)


def test_the_real_one_writes_to_what_pocker_wrote(written: Written) -> None:
    client = written.real
    client.token = written.tokens["super"]
    made = client.ok("POST", "/api/collections/tags/records", {"title": "by the real one"})
    path = f"/api/collections/posts/records/{ident('post1')}"
    assert client.ok("PATCH", path, {"tags+": made["id"]})["tags"][-1] == made["id"]
    client.ok("PATCH", "/api/collections/tags", {"fields+": []})


@pytest.mark.parametrize("actor", ACTORS)
def test_the_real_one_takes_tokens_of_pocker(written: Written, actor: str) -> None:
    assert refreshed(written.real, actor, written.tokens[actor])


@pytest.mark.parametrize("actor", ACTORS)
def test_passwords_hashed_by_pocker_open_the_real_one(written: Written, actor: str) -> None:
    assert log_in(written.real, actor)


@pytest.fixture(scope="module")
def imported(pocker: Pocker, seed: Seed) -> Iterator[Client]:
    """A tenant made of the seed's directory."""
    pocker.import_tenant("imported", seed.pb_data)
    client = Client(pocker.port, pocker.host("imported"))
    yield client
    client.close()


def refreshed(client: Client, actor: str, token: str) -> bool:
    """Whether the token is the actor's there, and only with its signature whole."""
    path = f"/api/collections/{ACTORS[actor][0]}/auth-refresh"
    client.token = token
    answer = client.ok("POST", path)
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    refused = client.send("POST", path, {"Authorization": forged}, None)
    return answer["record"]["email"] == ACTORS[actor][1] and refused.status == 401


@pytest.mark.parametrize("actor", ACTORS)
def test_pocker_takes_tokens_of_the_real_one(imported: Client, seed: Seed, actor: str) -> None:
    assert refreshed(imported, actor, seed.tokens[actor])


@pytest.mark.parametrize("actor", ACTORS)
def test_passwords_hashed_by_the_real_one_open_pocker(imported: Client, actor: str) -> None:
    assert log_in(imported, actor)


def test_an_imported_directory_is_left_alone(imported: Client, seed: Seed) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in seed.pb_data.glob("*.db*")}
    imported.token = seed.tokens["super"]
    imported.ok("POST", "/api/collections/tags/records", {"title": "only in the copy"})
    assert {path.name: path.stat().st_mtime_ns for path in seed.pb_data.glob("*.db*")} == before
