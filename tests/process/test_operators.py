"""What an operator sees of a running server: metrics, health, events, the log, and `pocker top` in a terminal."""

import contextlib
import fcntl
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from prometheus_client import parser

from supervisor.contract.settings import Operators
from tests.process.test_supervisor_start import assert_refused
from tests.process.test_supervisor_start import serve as failing_start
from tests.process.whole import ANSWER_S, HEALTH, Whole, expect, until
from tests.servers import ROOT, free_port

SHORT_TICK = {"tick_s": 0.2}
SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
"""
"""Runs its arguments as a shell runs a job in the foreground: only such a one can be stopped by Ctrl-Z."""
ALTERNATE_SCREEN_ON, ALTERNATE_SCREEN_OFF, CURSOR_ON = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"
CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Watched(Whole):
    """A server with its operators' listener on; `port_of_operators` is where."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.port_of_operators = free_port()
        super().__init__(directory, **settings)

    def configure(self, **settings: Any) -> None:
        operators = {"listen": f"127.0.0.1:{self.port_of_operators}"} | settings.pop("operators", {})
        given: dict[str, Any] = {"supervision": SHORT_TICK, "log_format": "json"} | settings
        super().configure(**given, operators=operators)

    def look(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Status and body of one of the operators' pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port_of_operators, timeout=ANSWER_S)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def health(self) -> tuple[int, list[str]]:
        """Status of /healthz, and what is wrong."""
        status, body = self.look("/healthz")
        told = json.loads(body)
        assert told["status"] == ("ok" if status == 200 else "failing")
        return status, told["problems"]

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample, as Prometheus reads it."""
        status, body = self.look("/metrics")
        assert status == 200
        families = parser.text_string_to_metric_families(body.decode())
        samples = [sample for family in families for sample in family.samples]
        found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
        assert len(found) == len(samples), "a series twice"
        return found

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics().get((name, frozenset(labels.items())))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with Watched(tmp_path_factory.mktemp("operators") / "data") as running:
        for name in ("blog", "shop", "wiki"):
            running.do("tenant.create", name=name, domains=[])
        yield running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Watched]:
    """A server that the test may stop, kill and reconfigure."""
    with Watched(tmp_path / "data") as running:
        running.pids()
        yield running


# Metrics and health


def test_metrics_follow_what_is_used(server: Watched) -> None:
    for _ in range(20):
        expect(server.ask("GET", "blog", HEALTH), 200)
    expect(server.ask("GET", "blog", "/api/collections/nothing/records"), 404)

    def counted() -> bool:
        metrics = server.metrics()
        ok, wrong = (
            sum(
                value
                for (name, labels), value in metrics.items()
                if name == "pocker_requests_total" and ("outcome", outcome) in labels
            )
            for outcome in ("ok", "client_error")
        )
        return ok >= 20 and wrong >= 1

    until(counted, "the server's requests are counted")
    before = server.metric("pocker_tenant_requests_total", tenant="blog", outcome="ok")
    assert before is not None
    for _ in range(10):
        expect(server.ask("GET", "blog", HEALTH), 200)
    until(
        lambda: server.metric("pocker_tenant_requests_total", tenant="blog", outcome="ok") == before + 10,
        "exactly these ten are counted for their tenant",
    )
    metrics = server.metrics()
    assert metrics["pocker_tenants", frozenset({("state", "active")})] == 3
    assert all(metrics["pocker_worker_up", frozenset({("shard", shard)})] == 1 for shard in "01")
    assert metrics["pocker_tenant_memory_bytes", frozenset({("tenant", "blog")})] > 0
    assert metrics["pocker_tenant_cpu_seconds_total", frozenset({("tenant", "blog"), ("where", "loop")})] >= 0


def test_pages_and_methods(server: Watched) -> None:
    assert server.look("/metrics", "HEAD") == (200, b"")
    assert server.look("/")[0] == 404
    assert server.look("/metrics", "POST")[0] == 405
    assert server.health() == (200, [])


def test_a_token_is_asked_for_once_it_is_set(own: Watched) -> None:
    own.configure(operators={"token": "s3cret"})
    os.kill(own.pid, signal.SIGHUP)
    until(lambda: own.look("/healthz")[0] == 401, "the token is asked for")
    assert own.look("/metrics", Authorization="Bearer wrong")[0] == 401
    assert own.look("/metrics", Authorization="Bearer s3cret")[0] == 200
    # The file names another address, which needs no token; the one that is listened on goes on asking for its own.
    own.configure(operators={"token": "", "listen": f"127.0.0.1:{free_port()}"}, idle_close_s=100.0)
    os.kill(own.pid, signal.SIGHUP)
    until(lambda: b"operators.listen can't change" in own.log.read_bytes(), "the settings are read again")
    assert own.look("/metrics")[0] == 401
    assert own.look("/metrics", Authorization="Bearer s3cret")[0] == 200
    assert b"s3cret" not in own.log.read_bytes()


def test_health_names_what_is_wrong(own: Watched) -> None:
    assert own.health() == (200, [])
    own.configure(disk={"reserve_mb": 9_000_000})
    os.kill(own.pid, signal.SIGHUP)
    status, problems = until(lambda: found if (found := own.health())[0] == 503 else None, "the reserve is missed")
    assert status == 503
    assert any("less than the reserve of 9000000 MB: writes are refused" in problem for problem in problems)
    own.configure()
    os.kill(own.pid, signal.SIGHUP)
    until(lambda: own.health()[0] == 200, "all is well again")


@pytest.mark.slow
def test_workers_that_keep_dying(own: Watched) -> None:
    pids = own.pids()
    os.kill(pids[0], signal.SIGKILL)
    pids = own.pids(pids[0])
    until(lambda: own.health()[0] == 200, "one dead worker that was replaced is no reason")
    os.kill(pids[1], signal.SIGKILL)
    own.pids(*pids[1:])
    problems = until(lambda: own.health()[1], "two of them are")
    assert any("2 workers died within the last 60 s" in problem for problem in problems)
    assert (own.metric("pocker_worker_restarts_total", shard="0") or 0) >= 1


def test_children_do_not_keep_the_operators_sockets(own: Watched) -> None:
    with socket.create_connection(("127.0.0.1", own.port_of_operators), 10) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        pids = own.pids()
        os.kill(pids[0], signal.SIGKILL)  # its successor is forked while the connection is open
        for pid in own.pids(pids[0]):
            held = {connection.laddr.port for connection in psutil.Process(pid).net_connections("tcp")}
            assert own.port_of_operators not in held
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 ")


@pytest.mark.slow
def test_counters_go_on_over_an_upgrade(own: Watched) -> None:
    own.do("tenant.create", name="blog", domains=[])
    for _ in range(10):
        expect(own.ask("GET", "blog", HEALTH), 200)

    def counted(least: int) -> bool:
        return (own.metric("pocker_tenant_requests_total", tenant="blog", outcome="ok") or 0) >= least

    until(lambda: counted(10), "the requests are counted")
    before = own.metrics()
    done = command(own, "upgrade")
    assert done.returncode == 0, done.stderr
    after = own.metrics()
    for series, value in before.items():
        if series[0].endswith("_total") and not series[0].startswith("pocker_worker"):
            assert after[series] >= value, series
    # Nothing was used meanwhile but by the server for itself, so nothing may have jumped either.
    other = "pocker_tenant_requests_total", frozenset({("tenant", "_other"), ("outcome", "ok")})
    assert after[other] == before[other]
    expect(own.ask("GET", "blog", HEALTH), 200)
    until(lambda: counted(11), "counting goes on")


@pytest.mark.parametrize(
    ("operators", "parts"),
    [
        ({"listen": "127.0.0.1:{port}"}, ["operators.listen: cannot listen on 127.0.0.1:{port}: the port is in use"]),
        ({"listen": "0.0.0.0:{free}"}, ["operators.listen", "0.0.0.0:{free}", "operators.token"]),
        ({"listen": "192.0.2.1:{free}", "token": "x"}, ["cannot listen on 192.0.2.1:{free}"]),
    ],
)
def test_what_stops_a_start(tmp_path: Path, operators: dict[str, str], parts: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"port": taken.getsockname()[1], "free": free_port()}
        given = {key: value.format(**ports) for key, value in operators.items()}
        done = failing_start(tmp_path / "data", free_port(), operators=given)
    assert_refused(done, *(part.format(**ports) for part in parts))


# Usage and events


def test_a_default_port_that_another_server_has_stops_no_start(tmp_path: Path) -> None:
    default = Operators().listen
    host, _, port = default.rpartition(":")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # else somebody has it anyway
            stack.enter_context(socket.create_server((host, int(port))))
        with Whole(tmp_path / "data", operators={"listen": default}) as server:
            server.pids()
            assert f"cannot listen on {default}: the port is in use" in server.log.read_text()


def command(server: Whole, *arguments: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "supervisor", *arguments, "--data", str(server.directory)]
    return subprocess.run(line, capture_output=True, text=True, timeout=ANSWER_S, cwd=ROOT)


def test_usage_since(server: Watched) -> None:
    expect(server.ask("GET", "shop", HEALTH), 200)

    def days() -> Any:
        return server.run("usage", "shop", "--since", "7d")["days"]

    (day,) = until(days, "the day is told")
    assert day["ok"] >= 1
    text = command(server, "usage", "shop", "--since", "7d")
    assert text.returncode == 0, text.stderr
    assert day["day"] in text.stdout
    assert command(server, "usage", "shop", "--since", "soon").returncode == 2
    assert "there is no tenant nobody" in command(server, "usage", "nobody", "--since", "1d").stderr


def test_events(server: Watched) -> None:
    server.do("tenant.suspend", name="wiki", reason="unpaid \x1b[31m")
    events = server.run("events", "--tenant", "wiki")
    assert [event["kind"] for event in events] == ["created", "suspended"]
    assert server.run("events", "--kind", "suspended")[-1]["tenant"] == "wiki"
    assert server.run("events", "--since", "2999-01-01") == []
    text = command(server, "events", "--since", "1h").stdout
    assert "unpaid ?[31m" in text
    assert text.splitlines()[0].split() == ["AT", "(UTC)", "KIND", "TENANT", "SHARD", "REASON"]
    server.do("tenant.resume", name="wiki")


class Lines:
    """A command that goes on, and the lines that it prints."""

    def __init__(self, server: Whole, *arguments: str) -> None:
        line = [sys.executable, "-m", "supervisor", *arguments, "--data", str(server.directory)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        self._got = b""

    def until(self, part: str) -> dict[str, Any]:
        """The first line with that part, parsed."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            while b"\n" in self._got:
                line, _, self._got = self._got.partition(b"\n")
                told: dict[str, Any] = json.loads(line)
                if part in line.decode():
                    return told
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                self._got += os.read(self.process.stdout.fileno(), 65536)
        raise AssertionError(f"no line with {part!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=ANSWER_S)
        finally:
            self.process.kill()


@pytest.mark.slow
def test_events_are_followed_also_over_a_restart(own: Watched) -> None:
    own.do("tenant.create", name="early", domains=[])
    with Lines(own, "events", "--follow", "--json") as lines:
        assert lines.until("early")["kind"] == "created"
        own.do("tenant.suspend", name="early", reason="first")
        assert lines.until("first")["kind"] == "suspended"
        own.stop()
        own.start()
        own.do("tenant.resume", name="early")
        assert lines.until("resumed")["tenant"] == "early"
    assert lines.process.returncode == 0
    own.stop()
    assert "no server runs on the data directory" in command(own, "events", "--follow").stderr
    assert command(own, "top", "--once").returncode == 1


# The log


@pytest.mark.slow
def test_every_line_of_the_log_is_json(own: Watched) -> None:
    own.do("tenant.create", name="broken", domains=[])
    pids = own.pids()
    os.kill(pids[0], signal.SIGKILL)
    own.pids(pids[0])
    database = own.pb_data("broken") / "data.db"
    database.write_bytes(b"no database at all" * 1000)
    own.ask("GET", "broken", HEALTH)
    own.stop()
    entries = [json.loads(line) for line in own.log.read_text().splitlines()]
    assert entries
    for entry in entries:
        assert entry.keys() >= {"time", "level", "message", "logger", "pid"}, entry
    assert any(entry.get("tenant") == "broken" for entry in entries)
    assert {entry["shard"] for entry in entries if "shard" in entry} >= {0, 1}


# `pocker top` in a terminal


class Screen:
    """`pocker top` in a pseudo-terminal of its own; `since_mark` is what it has drawn since `mark`."""

    def __init__(self, server: Whole, *arguments: str, columns: int = 80, rows: int = 24, **environ: str) -> None:
        self.terminal, theirs = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(theirs)
        line = [sys.executable, "-c", SHELL, sys.executable, "-m", "supervisor", "top", *arguments]
        self.process = subprocess.Popen(
            [*line, "--data", str(server.directory)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=ROOT,
            env=os.environ | {"TERM": "xterm-256color"} | environ,
        )
        self.job = until(lambda: next(iter(psutil.Process(self.process.pid).children()), None), "the job runs")
        self._theirs = theirs
        self.drawn = b""
        self._mark = 0

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        self._mark = len(self.drawn)
        os.write(self.terminal, keys.encode())

    def until(self, part: str) -> str:
        """Waits until that is drawn after the last key; everything since then, without controls."""

        def seen() -> str | None:
            self._read()
            text = CONTROLS.sub(b"", self.drawn[self._mark :]).decode(errors="replace")
            return text if part in text else None

        found: str = until(seen, f"{part!r} is drawn")
        return found

    def _read(self) -> None:
        while select.select([self.terminal], [], [], 0.02)[0]:
            self.drawn += os.read(self.terminal, 65536)

    def end(self) -> int:
        """Its exit code, after all that it has drawn was read."""
        until(lambda: self._read() or self.process.poll() is not None, "it ends")
        self._read()
        return self.process.returncode

    def restored(self) -> bool:
        """Whether the terminal is as it was."""
        return (
            termios.tcgetattr(self._theirs) == self.before
            and self.drawn.rindex(ALTERNATE_SCREEN_OFF) > self.drawn.rindex(ALTERNATE_SCREEN_ON)
            and CURSOR_ON in self.drawn[self.drawn.rindex(ALTERNATE_SCREEN_ON) :]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self.job.kill()
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
        os.close(self._theirs)


def test_top_draws_sorts_filters_and_leaves_all_as_it_was(server: Watched) -> None:
    with Screen(server) as screen:
        first = screen.until("blog")
        assert "CPU %▼" in first
        assert "shard 1 CPU" in first
        assert termios.tcgetattr(screen._theirs) != screen.before
        screen.press("n")
        screen.until("NAME▲")
        screen.press("v")
        screen.until("NAME▼")
        screen.press("?")
        screen.until("this help")
        screen.press("x/sho\r")
        last = screen.until("only *sho*").rpartition("NAME")[2]
        assert "shop" in last
        until(lambda: "blog" not in screen.until("NAME").rpartition("NAME▼")[2], "only the shop is left")
        screen.resize(120, 30)
        screen.press(" ")
        screen.until("[paused]")
        screen.press("q")
        assert screen.end() == 0
        assert screen.restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_top_restores_the_terminal_when_it_is_ended(server: Watched, number: int) -> None:
    with Screen(server) as screen:
        screen.until("blog")
        screen.job.send_signal(number)
        screen.end()
        assert screen.restored()


def test_top_is_stopped_and_continued_like_any_job(server: Watched) -> None:
    with Screen(server) as screen:
        screen.until("blog")
        screen.press("\x1a")
        until(lambda: screen.job.status() == psutil.STATUS_STOPPED, "it is stopped")
        screen._read()
        assert screen.restored()
        screen.press("")
        screen.job.resume()
        screen.until("blog")
        assert not screen.restored()
        screen.press("q")
        assert screen.end() == 0
        assert screen.restored()


def test_top_without_colours(server: Watched) -> None:
    with Screen(server, NO_COLOR="1") as screen:
        screen.until("blog")
        screen.press("q")
        screen.end()
        assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", screen.drawn)


@pytest.mark.slow
def test_top_outlives_the_server(own: Watched) -> None:
    own.do("tenant.create", name="blog", domains=[])
    with Screen(own) as screen:
        screen.until("blog")
        own.stop()
        screen.press("")
        screen.until("trying again")
        own.start()
        own.do("tenant.create", name="after", domains=[])
        screen.press("")
        screen.until("after")
        screen.press("q")
        assert screen.end() == 0


def test_top_once_and_into_a_pipe(server: Watched) -> None:
    for arguments in (("top",), ("top", "--once"), ("top", "--sort", "name")):
        done = command(server, *arguments)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
        assert "NAME" in done.stdout
        assert "blog" in done.stdout
    told = server.run("top", "--sort", "name")
    assert [tenant["name"] for tenant in told["tenants"]] == ["blog", "shop", "wiki"]
