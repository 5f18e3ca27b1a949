"""The server: every part of the supervisor built and wired, and handed to gunicorn."""

import asyncio
import importlib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from gunicorn.app.base import BaseApplication

from supervisor import arbiter, premises
from supervisor.accounting.ledger import Ledger
from supervisor.accounting.sampler import Sampler
from supervisor.arbiter import Parts, ShardArbiter
from supervisor.contract.layout import DATA_DEFAULT
from supervisor.contract.messages import TenantFailed
from supervisor.contract.settings import Settings, control_socket, data_dir, registry_file, shard_socket
from supervisor.contract.shardmap import Directory
from supervisor.contract.slots import Slots
from supervisor.crew import Crew
from supervisor.ops.commands import Commands
from supervisor.ops.control import Control
from supervisor.ops.demo import make_demo
from supervisor.ops.reports import Reports
from supervisor.ops.tenancy import Tenancy
from supervisor.premises import StartError
from supervisor.pump import Pump
from supervisor.tenants.registry import Registry, RegistryError
from supervisor.tick import Tick

WORKER = "worker.process.ShardWorker"
PRELOAD = "worker.app:preload"
CONTROL_MODE = 0o600
SHARD_SOCKET_MODE = 0o660
FIXED_WHILE_RUNNING = ("listen", "data", "shards", "base_domain", "path_prefix")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 (heartbeat files, unlinked at once; on a disk their fstat might block)


class Server(BaseApplication):
    """One server. `reread` gives the settings anew on SIGHUP; `worker` and `preload` are dotted paths, because the
    supervisor does not know the worker."""

    def __init__(
        self,
        settings: Settings,
        *,
        reread: Callable[[], Settings] | None = None,
        demo: bool = False,
        worker: str = WORKER,
        preload: str = PRELOAD,
    ) -> None:
        self.settings = settings
        self.parts: Parts | None = None
        self._reread = reread or (lambda: settings)
        self._demo = demo
        self._worker = worker
        self._preload = preload
        self._listener = -1
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = logging.getLogger("gunicorn.error")
        super().__init__(prog="pocker")

    def load_config(self) -> None:
        """gunicorn's own settings follow from ours; nothing else reaches it, neither flags nor environment."""
        settings = self.parts.settings if self.parts else self.settings
        supervision = settings.supervision
        for key, value in {
            "proc_name": "pocker",
            "bind": [f"fd://{self._listener}"],
            "workers": settings.shards,
            "worker_class": self._worker,
            "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
            "timeout": supervision.heartbeat_timeout_s,
            "graceful_timeout": supervision.graceful_timeout_s,
            "loglevel": settings.log_level,
            "preload_app": True,
            "control_socket_disable": True,
            "pre_fork": arbiter.pre_fork,
            "post_fork": arbiter.post_fork,
        }.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        """gunicorn calls it once, before any fork: the time to import what the workers share."""
        module, _, function = self._preload.partition(":")
        getattr(importlib.import_module(module), function)()
        return self

    def run(self) -> None:
        """Serves until it is told to stop; leaves through SystemExit. Raises StartError when it cannot start."""
        settings = self.settings
        premises.prepare_data_dir(settings)
        lock = premises.take_lock(settings, _waiting)
        premises.set_limits()
        listener = premises.bind(settings)
        self.parts = self._build()
        premises.listen(settings, listener)
        self._listener = listener.detach()
        self.do_load_config()
        try:
            ShardArbiter(self).run()
        finally:
            self.parts.pump.close()
            os.close(lock)

    def _build(self) -> Parts:
        settings, log = self.settings, self._log
        directory = Directory(settings.shards, settings.base_domain, settings.path_prefix)
        registry = Registry(registry_file(settings))
        try:
            registry.prepare()
            for tenant in registry.load():
                directory.put(tenant)
        except RegistryError as error:
            raise StartError(str(error)) from error
        pump = Pump()
        loop = pump.loop
        slots, ledger = Slots(settings.shards), Ledger()
        crew = Crew(loop, settings.shards, log)
        tick = Tick(slots, Sampler(), ledger, log)
        tenancy = Tenancy(settings, registry, directory, crew, ledger, log)
        commands = Commands(tenancy, Reports(settings, directory, crew, ledger, tick))
        crew.on_usage = ledger.book
        crew.on_lost = ledger.shard_lost

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            task = loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def on_failed(failed: TenantFailed) -> None:
            spawn(tenancy.mark_failed(failed))

        def on_open() -> None:
            spawn(self._begin(tenancy, commands, directory, crew))

        crew.on_failed = on_failed
        desk = Control(loop, premises.listen_unix(control_socket(settings), CONTROL_MODE), commands, log, on_open)
        return Parts(
            settings=settings,
            directory=directory,
            slots=slots,
            crew=crew,
            tick=tick,
            desk=desk,
            pump=pump,
            shard_listeners=[
                premises.listen_unix(shard_socket(settings, shard), SHARD_SOCKET_MODE)
                for shard in range(settings.shards)
            ],
            reread=self._reread_settings,
        )

    def _reread_settings(self) -> Settings:
        """What SIGHUP brings: the settings anew, apart from those on which running processes agree."""
        new = self._reread()
        kept = {key: getattr(self.settings, key) for key in FIXED_WHILE_RUNNING}
        for key, value in kept.items():
            if getattr(new, key) != value:
                self._log.warning("%s can't change while the server runs; it stays %s", key, value)
        return msgspec.structs.replace(new, **kept)

    async def _begin(self, tenancy: Tenancy, commands: Commands, directory: Directory, crew: Crew) -> None:
        await tenancy.repair()
        if self._demo:
            told = await make_demo(commands, directory, crew, self._program(), self._log)
            if told is not None:
                print(told, flush=True)  # the password is shown once, and never in a log

    def _program(self) -> str:
        """A command line of the operator for this server, up to the command itself."""
        script = Path(sys.argv[0])
        program = "python -m supervisor"
        if script.name == "pocker":
            found = shutil.which("pocker")
            program = "pocker" if found and Path(found).samefile(script) else os.path.relpath(script)
        data = data_dir(self.settings)
        return program if data == Path(DATA_DEFAULT).resolve() else f"POCKER_DATA={data} {program}"


def _waiting(pid: int) -> None:
    logging.getLogger("gunicorn.error").warning("the supervisor with pid %d died; waiting for its workers to end", pid)
