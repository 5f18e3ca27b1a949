"""A minimal worker for tests of the supervisor alone, and `python standin.py …` to start a supervisor with it.

It answers on the listener and on its shard's socket, one request a connection:
    GET /who        {"shard", "pid", "tenants"}
    GET /hang/NAME  holds the loop for ever in the name of tenant NAME
    GET /stubborn/NAME  the same, and does not die of SIGABRT
    GET /slow/S     answers after S seconds
    GET /use/NAME   opens tenant NAME if this worker owns it: it holds a lock on the tenant's directory from then on
Orders over the channel are answered; "provision" makes the tenant's directory, "remove" deletes it, other calls echo.
A call whose tenant is named `stuck` is never answered, one whose tenant is named `bad` is refused. Orders of a handover
are carried out by the model in `owning`; the file `fault` in the data directory, {"kind", "berth", "how"}, has the
worker at that berth die "before" or "after" it answers the first order of that kind, or be "mute". The file `bad-image`
has code that takes over end at once; `late-signal` sends SIGTERM to code that is about to be replaced by new code.
"""

import asyncio
import contextlib
import faulthandler
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from gunicorn.workers.base import Worker

from supervisor.accounting.keeping import Keeping
from supervisor.app import Server
from supervisor.config import ConfigError, load
from supervisor.contract.channel import Channel, attach
from supervisor.contract.messages import Call, Depart, Progress, Reply, UsageReport
from supervisor.contract.settings import draft_dir, tenant_dir
from supervisor.contract.usage import TenantUsage, WorkerUsage
from supervisor.premises import StartError
from supervisor.takeover import CHECK, VARIABLE
from tests.process.owning import Owning

BEAT_S = 0.1


def preload() -> None:
    """Nothing to share."""


class StandIn(Worker):
    """Keeps the promises of a worker (see `supervisor.contract.board`) and serves as little as possible."""

    def load_wsgi(self) -> None:
        pass

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.enable()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self.stopping = stopping = asyncio.Event()
        self.locks: dict[str, int] = {}
        self.owning = Owning(self.berth, self.board.directory, self._lock, self._unlock)
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGQUIT, os._exit, 0)
        self.channel = Channel(self._told, lambda: None)
        await attach(loop, self.board.channel, self.channel)
        self.served: set[asyncio.Task[None]] = set()
        servers = [await asyncio.start_server(self._answer, sock=listener.sock) for listener in self.sockets]
        servers.append(await asyncio.start_unix_server(self._answer, sock=self.board.shard_listeners[self.shard]))
        while not stopping.is_set():
            self.notify()
            if os.getppid() != self.ppid:
                return
            usage = [TenantUsage(t.name, ok=1, cpu_loop_ms=0.5, live=True) for t in self.board.directory][:3]
            self.channel.send(
                UsageReport(WorkerUsage(self.shard, os.getpid(), self.berth, live_tenants=len(usage), tenants=usage))
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), BEAT_S)
        for server in servers:
            server.close()
        if self.served:
            await asyncio.wait(self.served)
        Path(self.board.settings.data, f"closed.{self.shard}").write_text(str(os.getpid()))
        self.channel.close()
        await asyncio.sleep(0)

    def _told(self, message: object) -> None:
        fault = self._fault(message)
        if fault == "before":
            os._exit(9)
        if fault == "mute":
            return
        value = getattr(message, "args", None)
        match message:
            case Call(tenant="stuck"):
                return
            case Call(tenant="bad", op="provision"):
                self.channel.send(Reply(message.id, False, error="bad cannot be provisioned"))
                return
            case Call(op="provision"):
                draft_dir(self.board.settings, message.tenant).mkdir(parents=True)
            case Call(op="remove"):
                for directory in (draft_dir, tenant_dir):
                    shutil.rmtree(directory(self.board.settings, message.tenant), ignore_errors=True)
            case Call(op="export"):
                for done in range(3):
                    self.channel.send(Progress(message.id, "copying", done, 3))
            case Depart():
                self.stopping.set()
            case _:
                value = self.owning.answer(message)
        self.channel.send(Reply(message.id, True, value=value))
        if fault == "after":
            asyncio.get_running_loop().call_soon(os._exit, 9)

    def _fault(self, message: object) -> str:
        """What is to go wrong with this order; nothing goes wrong twice."""
        file = Path(self.board.settings.data, "fault")
        with contextlib.suppress(FileNotFoundError, ValueError):
            wanted = json.loads(file.read_text())
            if (wanted["kind"], wanted["berth"]) == (type(message).__name__, self.berth):
                file.unlink()
                return wanted["how"]
        return ""

    def _lock(self, name: str) -> None:
        descriptor = os.open(tenant_dir(self.board.settings, name), os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Path(self.board.settings.data, f"two-owners.{name}").write_text(str(os.getpid()))
            raise
        self.locks[name] = descriptor

    def _unlock(self, name: str) -> None:
        os.close(self.locks.pop(name))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.served.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            if path.startswith(("/hang/", "/stubborn/")):
                if path.startswith("/stubborn/"):
                    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGABRT])
                self.board.slots.claim(self.berth, path.rpartition("/")[2], time.monotonic_ns())
                while True:
                    pass
            if path.startswith("/slow/"):
                await asyncio.sleep(float(path.removeprefix("/slow/")))
            told = {
                "shard": self.shard,
                "berth": self.berth,
                "pid": os.getpid(),
                "tenants": sorted(tenant.name for tenant in self.board.directory),
            }
            if path.startswith("/use/"):
                told["used"] = self.owning.use(path.removeprefix("/use/"))
            body = json.dumps(told).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
            self.served.discard(task)


if __name__ == "__main__":
    sys.modules["standin"] = sys.modules["__main__"]
    flags = json.loads(sys.argv[2])
    if os.environ.get(VARIABLE, CHECK) != CHECK and Path(flags["data"], "bad-image").exists():
        sys.exit(7)
    if Path(flags["data"], "late-signal").exists():
        keep = Keeping.close
        Keeping.close = lambda keeping: (keep(keeping), os.kill(os.getpid(), signal.SIGTERM))
    try:
        Server(
            load(sys.argv[1] or None, flags, {}),
            reread=lambda: load(sys.argv[1] or None, flags, {}),
            worker="standin.StandIn",
            preload="standin:preload",
        ).run()
    except (ConfigError, StartError) as error:
        sys.exit(str(error))
