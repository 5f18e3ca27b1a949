"""Loading a tenant's scripts: run once in a process that is thrown away; what they register is the manifest.

A manifest is kept in the tenant's directory (`TENANT/hooks.json`, which its scripts don't see) with the state of the
files that it was made from, so that opening a tenant costs a read and no process. It is not kept where a script has
asked the server for something while it was loaded: what it registers may then depend on more than the files.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from worker.errors import ApiError
from worker.hooks import routes
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.files import FilesError, State, scripts
from worker.hooks.hooks import Hooks
from worker.hooks.manifest import BYTES_MAX, NONE, Manifest, ManifestError, parse, read, written
from worker.services.cron import CronError, parse_cron

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Context
    from worker.hooks.children import Children

KEPT = "hooks.json"
TEXT_CHARS_MAX = 4_000

# What scripts may ask for at load that leaves the result a matter of their files alone.
PURE = frozenset({b"require", b"log", b"log.level", b"console", b"sleep", b"time.zone", b"time.offset"})
# There is no database yet while the real one loads, and it ends when it is asked for: operations by their first
# letters, and those among them that need none.
DATABASE = (b"collection.", b"records.", b"sql", b"table.", b"tx", b"vacuum", b"view.", b"log.prune", b"settings.save")
NO_DATABASE = frozenset({b"records.hash", b"records.secret", b"records.generate", b"collection.scaffold"})
WITHOUT_DATABASE = "the app is not bootstrapped yet: do this in onBootstrap, after e.next()"


class LoadError(Exception):
    """The scripts could not be loaded: what went wrong, in which of the tenant's files, and where (0: unknown)."""

    def __init__(
        self, message: str, file: str = "", line: int = 0, column: int = 0, stack: str = "", *, may_pass: bool = False
    ) -> None:
        super().__init__(message)
        # whether the very same files may be loaded the next time
        self.may_pass = may_pass
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.stack = stack

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where.removeprefix('/')}: {self.message}" if where else self.message


class _Failure(msgspec.Struct, frozen=True):
    """How a child tells that a file could not be loaded; foreign, like all that it tells."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    stack: str = ""


class _Loading(dict[bytes, Operation]):
    """The operations while scripts are loaded; notes whether they ask for anything that is no matter of the files."""

    def __init__(self, table: dict[bytes, Operation]) -> None:
        super().__init__(table)
        self.is_pure = True

    def get(self, name: bytes, default: Any = None) -> Any:
        """The operation of that name."""
        if name in PURE:
            return super().get(name, default)
        self.is_pure = False
        if name.startswith(DATABASE) and name not in NO_DATABASE:
            return _without_database
        return super().get(name, default)


async def _without_database(call: Call, *args: object) -> None:
    del call, args
    raise GoError(WITHOUT_DATABASE)


class Loaded(msgspec.Struct, frozen=True):
    """A manifest; whether it depends on the files alone; and what loading has left in `Hooks.extras`."""

    manifest: Manifest
    is_pure: bool
    extras: dict[str, Any]


async def load(
    ctx: "Context", children: "Children", table: dict[bytes, Operation], book: "Callable[[int], None]"
) -> Loaded:
    """Run the scripts that are there now on a process of `children`, which the caller throws away. Raises LoadError."""
    try:
        files = await ctx.lanes.blocking(ctx.account, scripts, ctx.directory)
    except FilesError as error:
        raise LoadError(str(error)) from None
    watched = _Loading(table)
    hooks = Hooks(ctx, NONE, children, watched, book)
    told: Any
    try:
        async with hooks.session() as session:
            told = await session.run("load", {"kind": "hooks", "files": [file._asdict() for file in files]})
    except ApiError as error:
        raise LoadError(str(error.cause or error.message), may_pass=True) from None
    except GoError as error:
        raise LoadError(str(error)) from None
    if isinstance(told, dict) and "error" in told:
        raise _failure(told["error"])
    try:
        manifest = parse(told)
    except ManifestError as error:
        raise LoadError(str(error)) from None
    await ctx.lanes.blocking(ctx.account, _check, manifest)
    return Loaded(manifest, watched.is_pure, hooks.extras)


def _check(manifest: Manifest) -> None:
    """LoadError for the first route or job that can't be."""
    try:
        routes.check(manifest)
    except routes.RouteError as error:
        raise LoadError(str(error), error.file, error.line) from None
    except ValueError as error:
        raise LoadError(str(error)) from None
    for job in manifest.crons:
        try:
            parse_cron(job.expression)
        except CronError as error:
            handler = manifest.handlers[job.handler]
            why = f"[cronAdd] failed to register cron job {job.id}: failed to add new cron job: {error}"
            raise LoadError(why, handler.file, handler.line) from None


def _failure(told: object) -> LoadError:
    try:
        failure = msgspec.convert(told, _Failure)
    except (msgspec.ValidationError, RecursionError):
        return LoadError("the scripts have failed, and do not tell why")
    return LoadError(
        failure.message[:TEXT_CHARS_MAX],
        failure.file[:TEXT_CHARS_MAX],
        failure.line,
        failure.column,
        failure.stack[:TEXT_CHARS_MAX],
    )


def cached(directory: Path, state: State) -> Manifest | None:
    """The manifest kept for the files in that state, if there is one. Blocks for a read."""
    if not state.signature or not state.is_settled:
        return None
    try:
        descriptor = os.open(directory / KEPT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return read(file.read(BYTES_MAX + 1), state.signature)


def keep(directory: Path, state: State, loaded: Loaded) -> None:
    """Keep a manifest for the next opening, or none. One that can't be written is made anew then. Blocks."""
    path = directory / KEPT
    with contextlib.suppress(OSError):
        if not state.signature or not loaded.is_pure:
            path.unlink(missing_ok=True)
            return
        draft = directory / f".{KEPT}"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(written(loaded.manifest, state.signature))
        draft.rename(path)
