"""What unit tests share."""

import asyncio

import pytest


@pytest.fixture
def run():
    """Runs a coroutine to its end on a loop of the test's own."""
    with asyncio.Runner() as runner:
        yield runner.run
