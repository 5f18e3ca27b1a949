"""The world, made once a session, and a pair of servers a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hooks.harness import APPS, HERE, Pair, Place, Scripts, served
from tests.hooks.world import grow_world
from tests.oracle.harness import SUBJECT
from tests.oracle.seed import Seed
from tests.servers import Pocker


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, pocketbase_binary: Path) -> Seed:
    """A `pb_data` written by the real PocketBase, which is stopped; copy it, don't change it."""
    directory = tmp_path_factory.mktemp("world") / "pb_data"
    directory.mkdir()
    return grow_world(directory)


@pytest.fixture(scope="session")
def place(world: Seed, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Place:
    """Where pairs are made."""
    subject: Pocker | None = None if SUBJECT == "pocketbase" else request.getfixturevalue("pocker")
    return Place(tmp_path_factory.mktemp("pairs"), world, subject)


@pytest.fixture(scope="module")
def pair(place: Place, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """The real server and Pocker for a module, with its HOOKS, MIGRATIONS or APP, and /eval."""
    module = request.module
    app: str | None = getattr(module, "APP", None)
    own = Scripts.of(APPS / app) if app else Scripts({}, {})
    common = Scripts.of(HERE)
    scripts = Scripts(
        common.hooks | own.hooks | getattr(module, "HOOKS", {}), own.migrations | getattr(module, "MIGRATIONS", {})
    )
    yield from served(place, scripts)
