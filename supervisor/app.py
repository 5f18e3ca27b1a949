"""The server as gunicorn runs it: where it starts, what gunicorn is told, what SIGHUP brings, how it ends."""

import importlib
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from gunicorn.app.base import BaseApplication

from supervisor import arbiter, descriptors, logs, premises, takeover
from supervisor.arbiter import ShardArbiter
from supervisor.assembly import assemble
from supervisor.berths import berths_for
from supervisor.contract.layout import DATA_DEFAULT
from supervisor.contract.settings import Settings, data_dir, registry_file
from supervisor.moves import Moves
from supervisor.ops.commands import Commands
from supervisor.ops.demo import make_demo
from supervisor.ops.tenancy import Tenancy
from supervisor.parts import Parts
from supervisor.premises import StartError
from supervisor.takeover import State
from supervisor.tenants.registry import Registry, RegistryError

WORKER = "worker.process.ShardWorker"
PRELOAD = "worker.app:preload"
FIXED_WHILE_RUNNING = ("listen", "data", "base_domain", "path_prefix")
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
        self._state: State | None = None
        self._told = ""
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
            "logger_class": logs.JSON if settings.log_format == "json" else logs.TEXT,
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
        self.cfg.logger_class(self.cfg)  # what is logged before gunicorn begins has the same form
        try:
            inherited = takeover.inherited()
        except (ValueError, OSError) as error:
            raise StartError(f"cannot go on with what the former code left: {error}") from error
        if isinstance(inherited, str):
            self._check()
            return
        self._state = state = inherited
        lock = self._resume(state) if state else self._begin()
        settings = self.settings
        listener = None if state else premises.bind(settings)
        self.parts = parts = assemble(settings, state, lock, self._reread_settings, self._on_open, self._log)
        if listener is not None:
            premises.listen(settings, listener)
            self._listener = listener.detach()
        self.do_load_config()
        if self._told:
            self._log.warning("%s", self._told)
        try:
            ShardArbiter(self).run()
        finally:
            parts.keeping.stop()
            parts.pump.close()
            parts.registry.close()
            os.close(lock)

    def _begin(self) -> int:
        premises.prepare_data_dir(self.settings)
        lock = premises.take_lock(self.settings, _waiting)
        premises.forbid_cores()
        self.settings = self._fitted(self.settings)
        return lock

    def _resume(self, state: State) -> int:
        """Goes on where the former image of this process stopped, with everything it has left."""
        kept = {key: getattr(state, key) for key in FIXED_WHILE_RUNNING}
        self.settings = self._fitted(self._kept(self.settings, kept))
        self._listener = state.listener
        return state.lock

    def _check(self) -> None:
        """Only says that this code would start: what a running server asks before it becomes this code."""
        module, _, name = self._worker.rpartition(".")
        self.load()
        getattr(importlib.import_module(module), name)
        self._fitted(self.settings)
        try:
            Registry(registry_file(self.settings)).rehearse()
        except RegistryError as error:
            raise StartError(str(error)) from error
        print(takeover.TOLD.format(takeover.VERSION))

    def _reread_settings(self) -> Settings:
        """What SIGHUP brings: the settings anew, apart from those on which running processes agree."""
        kept = {key: getattr(self.settings, key) for key in FIXED_WHILE_RUNNING}
        return self._fitted(self._kept(self._reread(), kept))

    def _kept(self, new: Settings, kept: dict[str, Any]) -> Settings:
        for key, value in kept.items():
            if getattr(new, key) != value:
                self._log.warning("%s can't change while the server runs; it stays %s", key, value)
        operators = new.operators
        if self.parts is not None and operators.listen != self.parts.operators_listen:
            # with its token: what the file says of another address may be none, and this one open to the world
            token, listen = self.parts.settings.operators.token, self.parts.operators_listen
            self._log.warning("operators.listen can't change while the server runs; it stays %s, as its token", listen)
            operators = msgspec.structs.replace(operators, listen=listen, token=token)
        return msgspec.structs.replace(new, **kept, operators=operators)

    async def _on_open(self, tenancy: Tenancy, commands: Commands, moves: Moves) -> None:
        parts = self.parts
        assert parts is not None
        await tenancy.repair()
        if self._state is not None:
            moves.renew(parts.settings, "new code")
        elif self._demo:
            told = await make_demo(commands, parts.directory, parts.crew, self._program(), self._log)
            if told is not None:
                print(told, flush=True)  # the password is shown once, and never in a log

    def _fitted(self, settings: Settings) -> Settings:
        """The settings as far as the descriptors reach that a process may have. Raises StartError."""
        fitted, told = descriptors.fit(settings, descriptors.raise_limit(), berths_for(settings.shards))
        self._told = told
        return fitted

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
