"""The same requests, on the same data, to the real PocketBase and to our use cases: equal statuses and bodies."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from worker.context import Context
from worker.lanes import Lanes

from . import scenario
from .conftest import PASSWORD, REAL, ROOT, Caller, RealServer, find, normalised, open_context

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL.exists(), reason="the real PocketBase is not installed"),
]


@dataclass
class Seed:
    """A data directory with the scenario's schema and first records, and a token for each who logs in."""

    directory: Path
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    directory = tmp_path_factory.mktemp("seed")
    first = ["superuser", "upsert", "first@example.com", PASSWORD, "--dir", str(directory)]
    subprocess.run([str(REAL), *first], check=True, capture_output=True)
    real = RealServer(directory)
    real.start()
    try:
        token = real.login("_superusers", "first@example.com", PASSWORD)
        root = {"id": scenario.ident("root"), "email": ROOT, "password": PASSWORD, "passwordConfirm": PASSWORD}
        assert real.call(token, "POST", "_superusers", root)[0] == 200
        for first_one in real.http.get(
            "/api/collections/_superusers/records?filter=email='first@example.com'", headers={"Authorization": token}
        ).json()["items"]:
            assert real.call(token, "DELETE", f"_superusers/{first_one['id']}")[0] == 204
        tokens = {"": "", "root": real.login("_superusers", ROOT, PASSWORD)}
        headers = {"Authorization": tokens["root"]}
        for collection in scenario.COLLECTIONS:
            answer = real.http.post("/api/collections", json=collection, headers=headers)
            assert answer.status_code == 200, answer.text
        answer = real.http.patch("/api/collections/users", json=scenario.OPEN, headers=headers)
        assert answer.status_code == 200, answer.text
        for name, body in scenario.SEED:
            status, text = real.call(tokens["root"], "POST", name, body)
            assert status == 200, text
        for who, login in scenario.LOGINS.items():
            tokens[who] = real.login(*login)
    finally:
        real.stop()
    return Seed(directory, tokens)


@dataclass
class Pair:
    """One data directory twice: under the real server, and under our use cases."""

    real: RealServer
    context: Context
    tokens: dict[str, str]


@pytest.fixture
def pair(seed: Seed, tmp_path: Path, lanes: Lanes) -> Iterator[Pair]:
    shutil.copytree(seed.directory, tmp_path / "real")
    shutil.copytree(seed.directory, tmp_path / "ours" / "pb_data")
    real = RealServer(tmp_path / "real")
    real.start()
    context = open_context(tmp_path / "ours", lanes)
    try:
        yield Pair(real, context, seed.tokens)
    finally:
        context.close()
        real.stop()


@pytest.mark.parametrize("chapter", scenario.CHAPTERS)
def test_every_answer_is_the_real_one(pair: Pair, chapter: str) -> None:
    identities = {
        "": None,
        "root": find(pair.context, "_superusers", "email", ROOT),
        **{who: find(pair.context, name, "email", email) for who, (name, email, _) in scenario.LOGINS.items()},
    }
    different = []
    for who, method, path, body in scenario.CHAPTERS[chapter]:
        theirs = pair.real.call(pair.tokens[who], method, path, body)
        ours = Caller(pair.context, identities[who]).call(method, path, body)
        if (theirs[0], normalised(theirs[1])) != (ours[0], normalised(ours[1])):
            different.append(f"{who or 'guest'} {method} {path} {body}{around_difference(theirs, ours)}")
    assert not different, f"{len(different)} of {len(scenario.CHAPTERS[chapter])} differ:\n" + "\n".join(different)


def around_difference(theirs: tuple[int, str], ours: tuple[int, str]) -> str:
    """Both answers, cut to what surrounds their first difference."""
    pairs = enumerate(zip(normalised(theirs[1]), normalised(ours[1]), strict=False))
    at = next((index for index, (one, other) in pairs if one != other), 0)
    cut = slice(max(0, at - 60), at + 140)
    return f"\n  real {theirs[0]} {normalised(theirs[1])[cut]}\n  ours {ours[0]} {normalised(ours[1])[cut]}"


# Rows enough for pages that are made in several steps, as each server's own file has them.
MANY = 700
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {MANY})"
FILLED = (
    f"INSERT INTO things (id, title, num, meta, tags) {NUMBERS} SELECT printf('thing%010d', i), 't' || i, i % 7,"
    " CASE i % 5 WHEN 0 THEN 'null' WHEN 1 THEN '{\"a\":[1.50]}' WHEN 2 THEN '\"x\"' ELSE '1e3' END, '[]' FROM n",
    f"INSERT INTO users (id, email, emailVisibility, tokenKey, password) {NUMBERS} SELECT printf('user%011d', i),"
    " 'm' || i || '@example.com', i % 3 = 0, printf('%050d', i), '' FROM n",
)
LONG_PAGES = [
    "things?perPage=200",
    "things?perPage=201&sort=-num,id",
    "things?perPage=1000&sort=title&skipTotal=1",
    "things?perPage=300&page=2&filter=num>2&sort=id",
    "things?perPage=1000&filter=num=99",
    "users?perPage=200&sort=id",
    "users?perPage=1000&sort=-id",
    "users?perPage=250&page=3&sort=id",
]


@pytest.mark.parametrize("who", ["", "root", "ann"])
def test_long_pages_are_the_real_ones(pair: Pair, who: str) -> None:
    for data in (pair.real.directory / "data.db", pair.context.pb_data / "data.db"):
        with closing(apsw.Connection(str(data))) as connection:
            connection.set_busy_timeout(5_000)
            for statement in FILLED:
                connection.execute(statement)
    logins = {"root": ("_superusers", ROOT, PASSWORD), **scenario.LOGINS}
    identity = find(pair.context, logins[who][0], "email", logins[who][1]) if who else None
    different = []
    for path in LONG_PAGES:
        theirs = pair.real.call(pair.tokens[who], "GET", path)
        ours = Caller(pair.context, identity).call("GET", path)
        if (theirs[0], normalised(theirs[1])) != (ours[0], normalised(ours[1])):
            different.append(f"{path}{around_difference(theirs, ours)}")
    assert not different, "\n".join(different)
