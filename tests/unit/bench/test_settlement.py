"""Tenants that are made by the thousand: whether a server takes them for what they are said to be."""

import json
from pathlib import Path

import apsw
import pytest

from supervisor.contract.layout import REGISTRY, TENANTS
from tests.bench import hands
from tests.bench.population import Resident
from tests.bench.settlement import copied, crowded, names_of, settled


def registered(data: Path) -> list[str]:
    return [name for (name,) in apsw.Connection(str(data / REGISTRY)).execute("SELECT name FROM tenants ORDER BY name")]


def stored(data: Path, name: str, query: str) -> list[tuple[object, ...]]:
    return apsw.Connection(str(data / TENANTS / name / "pb_data" / "data.db")).execute(query).fetchall()


def test_settled(tmp_path: Path) -> None:
    data = tmp_path / "data"
    residents = [Resident(number, collections=2, records=3) for number in range(3)]
    first = settled(data, residents[:2])
    every = settled(data, residents)
    assert every[:2] == first  # nothing is made twice
    assert registered(data) == [resident.name for resident in residents]
    for resident in every:
        names = [shape.name for shape in resident.shapes]
        own = stored(data, resident.name, "SELECT name FROM `_collections` WHERE NOT `system`")
        assert {name for (name,) in own} == {*names, "users"}
        assert stored(data, resident.name, f"SELECT count(*) FROM `{names[1]}`") == [(3,)]
        assert stored(data, resident.name, "SELECT count(*) FROM `users`") == [(3,)]
        assert all(resident.keys)
    assert len({keys for resident in every for keys in resident.keys}) == 9
    # the first has a script, the others none
    assert [(data / TENANTS / one.name / "pb_hooks").exists() for one in every] == [True, False, False]


def test_crowd_and_copies(tmp_path: Path) -> None:
    crowd = names_of(2, 5)
    crowded(tmp_path / "crowd", crowd)
    assert registered(tmp_path / "crowd") == crowd == ["crowd-000005", "crowd-000006"]
    options = [
        stored(tmp_path / "crowd", name, "SELECT options FROM `_collections` WHERE name = 'users'") for name in crowd
    ]
    secrets = [json.loads(str(rows[0][0]))["authToken"]["secret"] for rows in options]
    assert len(set(secrets)) == 2
    model = tmp_path / "crowd" / TENANTS / crowd[0]
    copied(tmp_path / "copies", [(model, "one"), (model, "two")])
    assert registered(tmp_path / "copies") == ["one", "two"]
    assert stored(tmp_path / "copies", "two", "SELECT options FROM `_collections` WHERE name = 'users'") == options[0]


def test_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "FEW", 1)
    assert hands.by_all(sorted, range(7)) == list(range(7))
    assert hands.by_all(sorted, []) == []
