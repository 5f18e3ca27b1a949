"""What stops a start: each time one clear line and exit code 1, and nothing is left behind."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import SCRIPT, StandIn
from tests.servers import QUIET, ROOT


def serve(data: Path, port: int, config: str = "", **flags: Any) -> "subprocess.CompletedProcess[str]":
    """A start that is expected to fail."""
    given = {"data": str(data), "listen": f"127.0.0.1:{port}", "operators": QUIET["operators"], **flags}
    return subprocess.run(
        [sys.executable, str(SCRIPT), config, json.dumps(given)], capture_output=True, text=True, timeout=60, cwd=ROOT
    )


def assert_refused(done: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    for part in parts:
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use(tmp_path: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert_refused(serve(tmp_path / "data", port), f"cannot listen on 127.0.0.1:{port}: the port is in use")


def test_an_address_of_another_machine(tmp_path: Path, port: int) -> None:
    assert_refused(serve(tmp_path / "data", port, listen=f"192.0.2.1:{port}"), f"cannot listen on 192.0.2.1:{port}")


def test_two_supervisors_on_one_data_directory(standin: StandIn, port: int) -> None:
    before = standin.pids()
    assert_refused(
        serve(standin.directory, port), str(standin.directory), f"in use by the supervisor with pid {standin.pid}"
    )
    assert standin.pids() == before
    assert standin.value("status")["pid"] == standin.pid, "its sockets are untouched"


def test_a_directory_that_cannot_be_written(tmp_path: Path, port: int) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert_refused(serve(file / "data", port), f"data directory {file / 'data'}", "cannot be written")


def test_a_directory_whose_path_is_too_long_for_sockets(tmp_path: Path, port: int) -> None:
    data = tmp_path / ("d" * 100)
    assert_refused(serve(data, port), "too long for a unix socket")


def test_a_registry_that_is_none(tmp_path: Path, port: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "registry.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert_refused(serve(data, port), "registry.db", "cannot be used")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("shards: many", ["shards: found 'many'", "a whole number from 1 to 256"]),
        ("http: {header_bytes_max: 1}", ["http.header_bytes_max: unknown key", "did you mean head_bytes_max?"]),
        ("shards: [", ["is not YAML"]),
    ],
)
def test_wrong_settings(tmp_path: Path, port: int, text: str, parts: list[str]) -> None:
    config = tmp_path / "pocker.yaml"
    config.write_text(text)
    assert_refused(serve(tmp_path / "data", port, str(config)), str(config), *parts)
    assert not (tmp_path / "data").exists()
