"""The seed and the two servers, made once a session."""

from pathlib import Path

import pytest

from tests.oracle.harness import SUBJECT, Oracle
from tests.oracle.seed import Seed, grow
from tests.servers import Pocker


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory, pocketbase_binary: Path) -> Seed:
    """A `pb_data` written by the real PocketBase, which is stopped; copy it, don't change it."""
    directory = tmp_path_factory.mktemp("seed") / "pb_data"
    directory.mkdir()
    return grow(directory)


@pytest.fixture(scope="session")
def oracle(seed: Seed, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Oracle:
    subject: Pocker | None = None if SUBJECT == "pocketbase" else request.getfixturevalue("pocker")
    return Oracle(seed, tmp_path_factory.mktemp("oracle"), subject)
