"""A tenant's own migrations: the files of `pb_migrations`, and which of them have been applied.

    pending(ctx)            files that have not been applied, in their order
    listed(ctx)             all of them, for operators
    up(hooks, files)        apply them: all in one transaction, or none
    down(hooks, count)      revert the last so many, in reverse order, likewise
    forget_missing(ctx)     take those off the table whose files are gone

What is applied stands in the tenant's `_migrations`, beside what the real one has applied itself, which nobody here
reverts. Hooks hear of what migrations do, as there.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError, HookError
from worker.hooks.files import BYTES_MAX, MIGRATIONS, FilesError, content, inside
from worker.sql import stamp
from worker.unit import transaction
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context
    from worker.db.connection import Database
    from worker.hooks.hooks import Hooks
    from worker.hooks.session import Session

SUFFIXES = (".js", ".ts")
OWN_SUFFIX = ".go"
FILES_MAX = 5_000
ROOT = f"/{MIGRATIONS}/"


class MigrationError(Exception):
    """A migration could not be applied or reverted: everything is as it was. The message names the file."""


def available(directory: Path) -> list[str]:
    """The names of the tenant's migration files, in the order in which they are applied. Blocks for a look."""
    folder = f"{directory}/{MIGRATIONS}"
    try:
        os.stat(folder)  # noqa: PTH116 (twice as fast, and takes no descriptor, which there may be none of)
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(SUFFIXES))
    except (FileNotFoundError, NotADirectoryError):
        return []
    if len(names) > FILES_MAX:
        raise FilesError(f"{MIGRATIONS} has more than {FILES_MAX} files")
    return names


def pending(ctx: "Context") -> list[str]:
    """The files that have not been applied. Some ten microseconds for a tenant that has none. FilesError."""
    names = available(ctx.directory)
    if not names:
        return []
    applied = _applied(ctx.data)
    return [name for name in names if name not in applied]


async def listed(ctx: "Context") -> list[dict[str, Any]]:
    """Every migration of the tenant's own: `file`, when it was `applied` ("" if not), whether its file is `there`."""
    there = await ctx.lanes.blocking(ctx.account, available, ctx.directory)
    sql = "SELECT file, applied FROM `_migrations`"
    applied = dict(await ctx.lanes.read(ctx.data, lambda db: db.all(sql)))
    names = {*there, *(name for name in applied if not str(name).endswith(OWN_SUFFIX))}
    return [
        {"file": name, "applied": stamp(applied[name] // 1000) if name in applied else "", "there": name in there}
        for name in sorted(names)
    ]


async def up(hooks: "Hooks", names: list[str]) -> list[str]:
    """Apply these files; those that were, which are all but such as say nothing. MigrationError."""
    done: list[str] = []
    async with hooks.session(job=True) as session:
        known = await _load(hooks.ctx, session, names)
        async with transaction(hooks.ctx) as inner:
            applied = _applied(inner.data)  # by now: somebody else may have been first
            for name in names:
                if name in known and name not in applied:
                    await _run(session, inner, name, up=True)
                    _note(inner, name)
                    done.append(name)
    return done


async def down(hooks: "Hooks", count: int) -> list[str]:
    """Revert the last `count` that were applied; their names. MigrationError."""
    ctx = hooks.ctx
    sql = "SELECT file FROM `_migrations` ORDER BY applied DESC, rowid DESC LIMIT ?"
    names = [row[0] for row in await ctx.lanes.read(ctx.data, lambda db: db.all(sql, (count,)))]
    there = set(await ctx.lanes.blocking(ctx.account, available, ctx.directory))
    for name in names:
        if name.endswith(OWN_SUFFIX):
            raise MigrationError(f"{name} is one of PocketBase's own, which are not reverted here")
        if name not in there:
            raise MigrationError(f"{name} is not in {MIGRATIONS}")
    async with hooks.session(job=True) as session:
        known = await _load(ctx, session, sorted(names))
        async with transaction(ctx) as inner:
            for name in names:
                if known.get(name):
                    await _run(session, inner, name, up=False)
                _forget(inner, name)
    return names


async def forget_missing(ctx: "Context") -> list[str]:
    """Take off the table what has no file any more; the names."""
    there = set(await ctx.lanes.blocking(ctx.account, available, ctx.directory))
    gone = [
        name for name in await ctx.lanes.read(ctx.data, _applied) if not name.endswith(OWN_SUFFIX) and name not in there
    ]

    async def forget(ctx: "Context") -> None:
        for name in gone:
            _forget(ctx, name)

    if gone:
        await write(ctx, forget)
    return gone


async def _load(ctx: "Context", session: "Session", names: list[str]) -> dict[str, bool]:
    """Have the files run in the session's process; of those that are migrations, whether they can be reverted."""
    try:
        files = await ctx.lanes.blocking(ctx.account, _read, ctx.directory, names)
        told = await session.run("load", {"kind": "migrations", "files": files})
    except (FilesError, OSError, HookError) as error:
        raise MigrationError(str(error)) from error
    if not isinstance(told, dict):
        raise MigrationError("the files do not tell what they are")
    if "error" in told:
        raise MigrationError(_worded(told["error"]))
    found: dict[str, bool] = {}
    for each in told.get("migrations") or ():
        if isinstance(each, dict) and isinstance(file := each.get("file"), str):
            found[file.removeprefix(ROOT)] = each.get("down") is True
    return found


def _read(directory: Path, names: list[str]) -> list[dict[str, str]]:
    files = []
    left = BYTES_MAX
    for name in names:
        path = inside(directory, directory / MIGRATIONS / name)
        if path is None:
            raise FilesError(f"{MIGRATIONS}/{name} is outside of the tenant's directory")
        data = content(path)
        left -= len(data)
        if left < 0:
            raise FilesError(f"the files in {MIGRATIONS} have more than {BYTES_MAX >> 20} MB in all")
        files.append({"path": ROOT + name, "source": data.decode("utf-8", "replace")})
    return files


def _worded(failure: object) -> str:
    if not isinstance(failure, dict):
        return "a file can't be run"
    file = str(failure.get("file", "")).removeprefix("/")
    line = failure.get("line")
    where = f"{file}:{line}" if isinstance(line, int) and line else file
    return f"{where}: {str(failure.get('message', ''))[:4_000]}"


async def _run(session: "Session", inner: "Context", name: str, *, up: bool) -> None:
    failed = f"failed to {'apply' if up else 'revert'} migration {name}"
    try:
        await session.run("migrate", {"file": ROOT + name, "up": up, "app": session.app_of(inner)})
    except ApiError as error:
        raise MigrationError(f"{failed}: {error.message} {error.cause or ''}".strip()) from error
    except Exception as error:
        raise MigrationError(f"{failed}: {error}") from error


def _applied(db: "Database") -> set[Any]:
    return {row[0] for row in db.all("SELECT file FROM `_migrations`")}


def _note(ctx: "Context", name: str) -> None:
    ctx.data.execute("REPLACE INTO `_migrations` (file, applied) VALUES (?, ?)", (name, time.time_ns() // 1000))


def _forget(ctx: "Context", name: str) -> None:
    ctx.data.execute("DELETE FROM `_migrations` WHERE file = ?", (name,))
