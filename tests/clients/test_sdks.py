"""Two unchanged clients drive two tenants that live in different processes, over one kept-alive connection."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.contract.shardmap import owner_of
from tests.servers import ROOT, Pocker

EMAIL, PASSWORD = "root@example.com", "super-secret-1"
EXAMPLES = ROOT / "examples"
SHARDS = 2


def names_by_shard() -> list[str]:
    """A tenant's name for each shard."""
    names: dict[int, str] = {}
    for number in range(1000):
        names.setdefault(owner_of(f"shop-{number}", SHARDS), f"shop-{number}")
    return [names[shard] for shard in range(SHARDS)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pocker]:
    """A server of two shards with one tenant on each, reachable by host name and by path."""
    with Pocker(tmp_path_factory.mktemp("clients") / "data", SHARDS, ROOT / "configs/dev.yaml") as pocker:
        for name in names_by_shard():
            pocker.create_tenant(name, EMAIL, PASSWORD)
        yield pocker


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples with the locked packages installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed for the JavaScript SDK")
    target = tmp_path_factory.mktemp("node") / "examples"
    shutil.copytree(EXAMPLES, target, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=target, capture_output=True, text=True, timeout=170
    )
    if done.returncode != 0:
        pytest.skip(f"npm ci failed: {done.stderr.strip().splitlines()[-1]}")
    return target


def urls(server: Pocker, form: str) -> list[str]:
    return [form.format(name=name, port=server.port) for name in names_by_shard()]


FORMS = [
    pytest.param("http://{name}.localhost:{port}", id="by host name"),
    pytest.param("http://127.0.0.1:{port}/t/{name}", id="by path"),
]


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_javascript(server: Pocker, node: Path, form: str) -> None:
    said = run(["node", str(node / "sdk.mjs"), *urls(server, form), EMAIL, PASSWORD])
    assert "all as expected, over 1 connection\n" in said


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_python(server: Pocker, form: str) -> None:
    said = run([sys.executable, str(EXAMPLES / "sdk.py"), *urls(server, form), EMAIL, PASSWORD])
    assert said.endswith("all as expected\n")


@pytest.mark.slow
def test_a_wrong_password_fails(server: Pocker) -> None:
    command = [
        sys.executable,
        str(EXAMPLES / "sdk.py"),
        *urls(server, "http://{name}.localhost:{port}"),
        EMAIL,
        "wrong",
    ]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 1
