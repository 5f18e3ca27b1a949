"""A supervisor with stand-in workers, for tests of the supervisor alone."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from supervisor.ops.client import ClientError, ask
from tests.servers import QUIET, ROOT, Server, free_port, operate

SCRIPT = Path(__file__).with_name("standin.py")
SUPERVISION = {"tick_s": 0.1, "hang_after_s": 0.5, "graceful_timeout_s": 5}
SQL = {"write_timeout_s": 0.2}  # must stay below hang_after_s
DEADLINE_S = 20.0


def until(done: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """Polls until `done()` is true and returns its value; fails when that takes too long."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        if value := done():
            return value
        time.sleep(min(0.005 + waited / 10, 0.1))  # what takes long is not worth asking for a hundred times a second
    raise AssertionError(f"still not after {seconds} s: {what}")


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie whom nobody has reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class StandIn(Server):
    """A supervisor on `directory` whose workers are `standin.StandIn`."""

    def __init__(self, directory: Path, shards: int = 2, **supervision: Any) -> None:
        super().__init__(directory)
        self.shards = shards
        self.config = directory.with_suffix(".yaml")
        self.configure(**supervision)

    def configure(self, **supervision: Any) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(QUIET | {"supervision": SUPERVISION | supervision, "sql": SQL}))

    def command(self) -> list[str]:
        flags = {"data": str(self.directory), "listen": f"127.0.0.1:{self.port}", "shards": str(self.shards)}
        return [sys.executable, str(SCRIPT), str(self.config), json.dumps(flags)]

    def start(self) -> "StandIn":
        super().start()
        # The workers of a killed predecessor may still listen, so it is the supervisor itself that must answer.
        until(self._ours, "the supervisor answers")
        until(lambda: all(self.who(shard) for shard in range(self.shards)), "all shards serve")
        return self

    def _ours(self) -> bool:
        with contextlib.suppress(ClientError):
            return ask(str(self.directory), "status", {}, lambda *_: None)["pid"] == self.pid
        return False

    def get(self, path: str, shard: int | None = None, timeout: float = 5.0) -> dict[str, Any]:
        """GET from one shard, or from whoever accepts. Raises OSError or HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        if shard is not None:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(timeout)
            connection.sock.connect(str(self.directory / f"shard-{shard}.sock"))
        with contextlib.closing(connection):
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def who(self, shard: int | None = None) -> dict[str, Any] | None:
        """What the worker of the shard says about itself, if it answers."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/who", shard, timeout=0.3)
        return None

    def cut_off(self, path: str, shard: int) -> None:
        """GET that must not be answered, because the worker dies first."""
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            told = self.get(path, shard, timeout=DEADLINE_S)
            raise AssertionError(f"{path} was answered: {told}")

    def pids(self) -> dict[int, int]:
        """shard → pid of the worker that serves it now."""
        return {shard: self.get("/who", shard)["pid"] for shard in range(self.shards)}

    def children(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.pid).children() if child.status() != psutil.STATUS_ZOMBIE]

    def ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """An operator's command."""
        return operate(*arguments, "--data", self.directory)

    def begin(self, *arguments: str) -> "Command":
        """An operator's command that may take a while."""
        return Command([sys.executable, "-m", "supervisor", *arguments, "--data", str(self.directory)])

    def value(self, *arguments: str) -> Any:
        """The JSON answer of an operator's command."""
        done = self.ask(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def do(self, command: str, **args: Any) -> Any:
        """An operator's command without a process of its own. Raises ClientError."""
        return ask(str(self.directory), command, args, lambda *_: None)

    def kill(self) -> None:
        """SIGKILL for the supervisor alone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None


class Command:
    """A running operator's command."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=ROOT
        )

    def finish(self, timeout: float = 30.0) -> "subprocess.CompletedProcess[str]":
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    """A running supervisor with two stand-in workers."""
    with StandIn(tmp_path / "data") as server:
        yield server


@pytest.fixture
def port() -> int:
    """A port nobody listens on."""
    return free_port()
