"""The whole server as tests see it: a supervisor with real workers, and clients on raw sockets who miss no byte.

Clients are threads. A `Wire` tells three ends of a connection apart: closed before an answer began (`Closed`, which
HTTP allows at any time, and after which a client may ask again), cut in the middle of an answer (`Cut`, which is never
right), and silence (TimeoutError).
"""

import json
import random
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from supervisor.contract.shardmap import owner_of
from tests.http1 import request
from tests.process import conftest
from tests.servers import Pocker

EMAIL, PASSWORD = "root@example.com", "super-secret-1"
LOGIN = "/api/collections/_superusers/auth-with-password"
CREDENTIALS = {"identity": EMAIL, "password": PASSWORD}
OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
NOTES = "/api/collections/notes/records"
HEALTH = "/api/health"
ANSWER_S = 60.0
"""How long a client waits for one answer; more than any worker's replacement may take on a loaded machine."""
TAKEN = (b"validation_not_unique", b"validation_pk_invalid")
"""Said of a record's id that exists."""


class Closed(ConnectionError):  # noqa: N818 (what happened)
    """The connection ended where an answer might have begun."""


class Cut(ConnectionError):  # noqa: N818 (what happened)
    """The connection ended in the middle of an answer."""


@dataclass(frozen=True)
class Answer:
    """One response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


class Wire:
    """One connection, to a port of this machine or to a unix socket."""

    def __init__(self, target: int | Path, timeout_s: float = ANSWER_S) -> None:
        self.sock = socket.socket(socket.AF_INET if isinstance(target, int) else socket.AF_UNIX)
        self.sock.settimeout(timeout_s)
        self._got = b""
        try:
            self.sock.connect(("127.0.0.1", target) if isinstance(target, int) else str(target))
            if isinstance(target, int):
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is cut is sent cut, at once
        except BaseException:
            self.sock.close()
            raise

    def send(self, data: bytes) -> None:
        """Raises Closed where the other side has gone."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(str(error)) from error

    def answer(self) -> Answer:
        """The next response. Raises Closed, Cut or TimeoutError."""
        while (end := self._got.find(b"\r\n\r\n")) < 0:
            self._more()
        lines = self._got[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = end + 4 + int(headers.get("content-length", 0))
        while len(self._got) < size:
            self._more()
        body, self._got = self._got[end + 4 : size], self._got[size:]
        return Answer(int(lines[0].split()[1]), headers, body)

    def _more(self) -> None:
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise (Cut(repr(self._got[-200:])) if self._got else Closed("before an answer"))
        self._got += data

    def ask(self, method: str, host: str, target: str, body: Any = None, token: str = "") -> Answer:
        """Sends one request and reads its answer."""
        self.send(request(method, host, target, body, token))
        return self.answer()

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Whole(Pocker):
    """A server whose settings the test gives as keyword arguments (nested ones as dicts)."""

    def __init__(self, directory: Path, shards: int = 2, **settings: Any) -> None:
        super().__init__(directory, shards)
        self.configure(**settings)

    def shard_socket(self, shard: int) -> Path:
        return self.directory / f"shard-{shard}.sock"

    def rows(self) -> list[dict[str, Any]]:
        """What `status` says about each shard."""
        rows: list[dict[str, Any]] = self.do("status")["shards"]
        return rows

    def pids(self, *gone: int) -> list[int]:
        """The workers' pids by shard, once all of them serve and none is one of `gone`."""

        def serving() -> list[dict[str, Any]] | None:
            rows = self.rows()
            return rows if all(row["state"] == "serving" and row["pid"] not in gone for row in rows) else None

        rows = until(serving, "all shards serve")
        for row in rows:
            assert psutil.Process(row["pid"]).ppid() == self.pid
        return [row["pid"] for row in rows]

    def make(self, name: str, fields: Iterable[dict[str, Any]] = (), **rules: str | None) -> str:
        """A new tenant with a superuser and a collection `notes` open to everybody; the superuser's token."""
        self.do("tenant.create", name=name, domains=[])
        self.do("superuser.upsert", name=name, email=EMAIL, password=PASSWORD)
        with Wire(self.port) as wire:
            token: str = expect(wire.ask("POST", self.host(name), LOGIN, CREDENTIALS), 200)["token"]
            columns = [{"name": "title", "type": "text"}, *fields]
            notes = {"name": "notes", "type": "base", **OPEN, **rules, "fields": columns}
            expect(wire.ask("POST", self.host(name), "/api/collections", notes, token), 200)
        return token

    def make_all(self, names: list[str]) -> str:
        """As `make` for all of them, the later ones as copies of the first; the token is valid for each."""
        token = self.make(names[0])
        source = self.directory.parent / f"{names[0]}-exported"
        self.do("tenant.export", name=names[0], target=str(source))
        for name in names[1:]:
            self.do("tenant.import", name=name, source=str(source))
        return token

    def ask(self, method: str, name: str, target: str, body: Any = None, token: str = "") -> Answer:
        """One request to the tenant on a connection of its own."""
        with Wire(self.port) as wire:
            return wire.ask(method, self.host(name), target, body, token)

    def ask_host(self, host: str, target: str) -> Answer:
        """GET with any Host on a connection of its own."""
        with Wire(self.port) as wire:
            return wire.ask("GET", host, target)

    def pb_data(self, name: str) -> Path:
        return self.directory / "tenants" / name / "pb_data"


class Poisoned(Whole):
    """A server with one more route, by which a request harms its worker (see `poisoned`)."""

    def command(self) -> list[str]:
        flags = {"data": str(self.directory), "listen": f"127.0.0.1:{self.port}", "shards": str(self.shards)}
        return [sys.executable, str(Path(__file__).with_name("poisoned.py")), json.dumps(flags), str(self.config)]


def until(done: Callable[[], Any], what: str) -> Any:
    """Polls until `done()` is true and returns its value; fails when that takes longer than any answer may."""
    return conftest.until(done, what, ANSWER_S)


def expect(answer: Answer, status: int) -> Any:
    """The answer's JSON, if it has that status."""
    assert answer.status == status, (answer.status, answer.body[:500])
    return answer.json() if answer.body else None


def on_shard(shard: int, count: int = 1, shards: int = 2, prefix: str = "t") -> list[str]:
    """So many names of tenants whom that shard owns."""
    names: list[str] = []
    number = 0
    while len(names) < count:
        if owner_of(name := f"{prefix}{number}", shards) == shard:
            names.append(name)
        number += 1
    return names


def new_id(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=15))


@dataclass
class Writer:
    """One client of one tenant: creates a record after another on a connection it keeps, and asks again if cut off.

    The client chooses the records' ids, so it learns whether a request that was never answered was carried out all the
    same (`unanswered`): the id is taken when it asks again.
    """

    server: Whole
    tenant: str
    seed: int
    target: int | Path = 0
    fresh: bool = False
    """A new connection for each request."""
    acknowledged: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Not acknowledged when the client stopped."""
    closed: int = 0
    cut: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Answers that are neither success nor a taken id; silence."""
    refused: bool = False
    """Nobody listened, so the client gave up."""

    def run(self, stopped: threading.Event) -> None:
        rng = random.Random(self.seed)
        wire: Wire | None = None
        number = 0
        while not stopped.is_set():
            record, again = new_id(rng), False
            self.left = [record]
            while not stopped.is_set():
                try:
                    wire = wire or Wire(self.target or self.server.port)
                    body = {"id": record, "title": f"{self.tenant} {number}"}
                    answer = wire.ask("POST", self.server.host(self.tenant), NOTES, body)
                except Closed:
                    self.closed += 1
                except Cut as error:
                    self.cut.append(str(error))
                except (ConnectionRefusedError, FileNotFoundError):
                    self.refused = True
                    return
                except OSError as error:
                    self.wrong.append(repr(error))
                else:
                    number += 1
                    self._note(record, answer, again)
                    if answer.closes or self.fresh:
                        wire.close()
                        wire = None
                    break
                if wire is not None:
                    wire.close()
                wire, again = None, True
            else:
                break
            self.left = []
        if wire is not None:
            wire.close()

    def _note(self, record: str, answer: Answer, again: bool) -> None:
        if answer.status == 200 and answer.json()["id"] == record:
            self.acknowledged.append(record)
        elif again and answer.status == 400 and any(code in answer.body for code in TAKEN):
            self.unanswered.append(record)
        else:
            self.wrong.append(f"{answer.status} {answer.body[:300]!r}")


class Load:
    """Writers at work until the block ends."""

    def __init__(self, writers: list[Writer]) -> None:
        self.writers = writers
        self.stopped = threading.Event()
        self._threads = [threading.Thread(target=writer.run, args=(self.stopped,), daemon=True) for writer in writers]

    def acknowledged(self) -> int:
        return sum(len(writer.acknowledged) for writer in self.writers)

    def more(self, count: int) -> None:
        """Waits until so many more records are acknowledged."""
        wanted = self.acknowledged() + count
        until(lambda: self.acknowledged() >= wanted, f"{count} more records")

    def each(self, count: int = 1) -> None:
        """Waits until every writer has so many more records acknowledged."""
        wanted = [len(writer.acknowledged) + count for writer in self.writers]

        def reached() -> bool:
            return all(len(writer.acknowledged) >= goal for writer, goal in zip(self.writers, wanted, strict=True))

        until(reached, f"{count} more records of every client")

    def join(self) -> None:
        """Ends the writers."""
        self.stopped.set()
        for thread in self._threads:
            thread.join(ANSWER_S)
            assert not thread.is_alive()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.join()


def stored(server: Whole, tenant: str) -> set[str]:
    """The ids of all notes, as the tenant itself lists them."""
    ids: set[str] = set()
    with Wire(server.port) as wire:
        page = 1
        while True:
            target = f"{NOTES}?perPage=1000&page={page}&fields=id&sort=id&skipTotal=1"
            items = expect(wire.ask("GET", server.host(tenant), target), 200)["items"]
            ids.update(item["id"] for item in items)
            if len(items) < 1000:
                return ids
            page += 1


def polled(ask_once: Callable[[], Answer], status: int, what: str) -> Answer:
    """Asks until the answer has that status."""
    seen: list[Answer] = []

    def once() -> bool:
        seen[:] = [ask_once()]
        return seen[0].status == status

    until(once, what)
    return seen[0]
