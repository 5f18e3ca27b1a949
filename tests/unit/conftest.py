"""What unit tests share."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.provision import template, write_databases

NewTenant = Callable[[Path], None]


@pytest.fixture
def run():
    """Runs a coroutine to its end on a loop of the test's own."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def new_tenant(tmp_path_factory: pytest.TempPathFactory) -> NewTenant:
    """Writes the files of a new tenant into a directory, as the server makes them, but without waiting for the disk."""
    source = template(tmp_path_factory.mktemp("template"))
    return lambda directory: write_databases(source, directory / "pb_data", lambda _: None)
