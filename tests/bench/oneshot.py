"""One request at a time, timed, at the socket of the shard that owns the tenant, as a proxy that hashes by Host."""

import socket
import time
from collections.abc import Sequence

from supervisor.contract.layout import SHARD_SOCKET
from supervisor.contract.shardmap import owner_of
from tests.bench.load import COUNTER, Answers
from tests.bench.population import Resident
from tests.servers import Pocker

CHUNK_BYTES = 256 * 1024
TIMEOUT_S = 60.0


class Lines:
    """A kept connection to each shard. `ask` reads whole answers."""

    def __init__(self, server: Pocker) -> None:
        self._shards = server.shards
        self._number = 0
        self._lines = [_connected(str(server.directory / SHARD_SOCKET.format(at))) for at in range(server.shards)]
        self._answers = Answers()

    def ask(self, tenant: str, request: str) -> tuple[float, bool]:
        """Milliseconds it took, and whether the answer was 2xx. OSError where the connection breaks."""
        line = self._lines[owner_of(tenant, self._shards)]
        self._number += 1
        encoded = request.replace(COUNTER, f"9{self._number:010}").encode()
        started = time.perf_counter()
        line.sendall(encoded)
        while True:
            data = line.recv(CHUNK_BYTES)
            if not data:
                raise ConnectionError(f"the connection broke at {tenant}")
            if self._answers.complete(data):
                break
        took = (time.perf_counter() - started) * 1e3
        return took, self._answers.succeeded()

    def must(self, tenant: str, request: str) -> float:
        """Milliseconds it took. RuntimeError where the answer is no 2xx."""
        took, good = self.ask(tenant, request)
        if not good:
            raise RuntimeError(f"{tenant}: no 2xx for {request.splitlines()[0]}")
        return took

    def use(self, residents: Sequence[Resident], turns: int) -> None:
        """So many rounds of five requests to each, all of which must succeed."""
        for turn in range(turns):
            for resident in residents:
                for request in resident.requests(turn):
                    self.must(resident.name, request)

    def close(self) -> None:
        """Ends the connections."""
        for line in self._lines:
            line.close()


def _connected(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(TIMEOUT_S)
    line.connect(path)
    return line


def asked(line: socket.socket, request: str) -> bool:
    """Sends one request over a connection that is open; whether the whole answer was 2xx."""
    answers = Answers()
    line.sendall(request.replace(COUNTER, "90000000001").encode())
    while data := line.recv(CHUNK_BYTES):
        if answers.complete(data):
            return answers.succeeded()
    return False
