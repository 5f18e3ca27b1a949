"""From `exec` to the first answer with 200, and from SIGTERM to the end."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Sequence

from tests.bench.load import Answers
from tests.servers import Server, free_port

LOOK_EVERY_S = 0.0005
PATIENCE_S = 60.0
HEALTH = "/api/health"


def as_installed() -> None:
    """Servers and commands that are started from now on keep the byte code of what they import, as Python does by
    itself; where it is told not to, each start would compile all sources."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def born(server: Server, asked: Sequence[tuple[str, str]] = (("127.0.0.1", HEALTH),)) -> float:
    """Starts it; milliseconds until all of these were answered with 200: (host, path). The caller stops it."""
    server.port = free_port()
    server.log.parent.mkdir(parents=True, exist_ok=True)
    with server.log.open("ab") as out:
        started = time.perf_counter()
        server.process = subprocess.Popen(server.command(), stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    for host, path in asked:
        while not _answers(server.port, host, path):
            if time.perf_counter() - started > PATIENCE_S or server.process.poll() is not None:
                tail = server.tail()
                server.stop()
                raise RuntimeError(f"no answer from {host}{path}\n{tail}")
            time.sleep(LOOK_EVERY_S)
    return (time.perf_counter() - started) * 1e3


def died(server: Server) -> float:
    """Ends it; milliseconds from SIGTERM until the process is gone. Raises RuntimeError unless it leaves by itself."""
    started = time.perf_counter()
    code = server.stop()
    took = (time.perf_counter() - started) * 1e3
    if code not in {0, -15}:
        raise RuntimeError(f"{type(server).__name__} ended with {code}\n{server.tail()}")
    return took


def _answers(port: int, host: str, path: str) -> bool:
    answers = Answers()
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        while data := line.recv(65536):
            if answers.complete(data):
                return answers.succeeded()
    return False
