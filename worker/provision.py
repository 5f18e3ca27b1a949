"""Making, importing, exporting and removing the files of a tenant.

A new tenant is a template with secrets of its own, so that it costs milliseconds. An import copies a PocketBase data
directory, its write-ahead log included; an export writes one that the real PocketBase opens. What takes long runs in a
thread of the owner's worker and tells how far it is. What fails half-way, as for want of space, leaves nothing behind.

The directory of a tenant::

    NAME/pb_data/{data.db, auxiliary.db, storage/, …}   pb_hooks/   pb_migrations/   pb_public/
"""

import contextlib
import fcntl
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from supervisor.contract.layout import READY_PREFIX
from worker.db.connection import Database
from worker.db.migrations import TEMPLATE_VERSION, check_importable, ensure_auxiliary, personal_copy, write_template
from worker.fair.disk import MB, DiskWatch
from worker.sql import rand_id

# Told after each file: what is being copied, bytes done, bytes in all.
Progress = Callable[[str, int, int], None]
# Asked before anything is written, with the bytes that will be: raises ProvisionError where they are too many.
Fits = Callable[[int], None]

# Companions of pb_data: the option's name in an order → the directory it becomes.
COMPANIONS = {"hooks": "pb_hooks", "migrations": "pb_migrations", "public": "pb_public"}

# For a moment's lock, such as somebody's checkpoint.
BACKUP_WAIT_MS = 5_000

# What a data directory holds that belongs to a running process, not to its data.
TRANSIENT = frozenset({".pb_temp_to_delete", ".notify", ".autocert_cache", "lost+found"})
DATABASES = ("data.db", "auxiliary.db")
# What SQLite makes at the first opening of a database, empty, and leaves when it is closed in peace: to make a file
# takes longer than to open it.
BESIDE = ("data.db-wal", "data.db-shm")

# SQLite's lock bytes, from its file format: a connection in WAL mode holds a shared lock in this range of the main
# file.
LOCK_START, LOCK_LENGTH = 0x40000000, 512


class ProvisionError(Exception):
    """Why a tenant's files could not be made, copied or removed: one sentence for the operator."""


def template(root: Path) -> Path:
    """The directory of the template under `root`, made when it is missing."""
    ready = root / TEMPLATE_VERSION
    if not ready.exists():
        # made aside and renamed: two workers may come here at once, and one of them may be killed half-way
        draft = root / f".{rand_id()}"
        draft.mkdir(parents=True)
        try:
            write_template(draft)
            draft.rename(ready)
        except (OSError, apsw.Error):
            shutil.rmtree(draft, ignore_errors=True)
            if not ready.exists():
                raise
    return ready


def fits(watch: DiskWatch, quota_mb: int, total_bytes: int) -> None:
    """Raise ProvisionError where a tenant of so many bytes exceeds its quota (0: none) or what the disk has left."""
    if quota_mb and total_bytes > quota_mb * MB:
        raise ProvisionError(f"it takes {_mb(total_bytes)} MB, and its plan allows {quota_mb} MB of the disk")
    free = watch.free()
    if free is not None and free < total_bytes + watch.reserve_bytes:
        reserve = f", of which {_mb(watch.reserve_bytes)} MB are kept" if watch.reserve_bytes else ""
        raise ProvisionError(f"it takes {_mb(total_bytes)} MB, and only {free // MB} MB of the disk are free{reserve}")


def _mb(size: int) -> int:
    return -(-size // MB)


def provision(template_root: Path, directory: Path, allow: Fits = lambda _: None) -> None:
    """Make the files of a new tenant in `directory`, which must not exist; its data is on the disk when this returns.

    Raises ProvisionError.
    """
    try:
        source = template(template_root)
        allow(sum((source / name).stat().st_size for name in DATABASES))
        directory.mkdir(parents=True)
    except FileExistsError as error:
        raise ProvisionError(f"{directory} exists already") from error
    except (OSError, apsw.Error) as error:
        raise ProvisionError(f"the tenant's files can't be made: {error}") from error
    try:
        write_databases(source, directory / "pb_data", os.fsync)
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, OSError | apsw.Error):
            raise ProvisionError(f"the tenant's files can't be made: {error}") from error
        raise


def provision_ahead(template_root: Path, drafts: Path, count: int, allow: Fits = lambda _: None) -> list[str]:
    """Make the files of so many new tenants that have no names yet, in `drafts`; their ids.

    Each is in READY_PREFIX and its id, and on the disk. Raises ProvisionError where not even one can be made.
    """
    ids: list[str] = []
    for _ in range(count):
        identifier = rand_id()
        try:
            provision(template_root, drafts / f"{READY_PREFIX}{identifier}", allow)
        except ProvisionError:
            if not ids:
                raise
            break
        ids.append(identifier)
    return ids


def write_databases(source: Path, pb_data: Path, settle: Callable[[int], None]) -> None:
    """Write a new tenant's databases into `pb_data`, which is made; `settle` gets the descriptor of each.

    To have a new file on the disk is to have the directories in it that were made for it, on Linux's file systems.
    """
    pb_data.mkdir()
    for name, content in (
        ("auxiliary.db", (source / "auxiliary.db").read_bytes()),
        ("data.db", personal_copy((source / "data.db").read_bytes())),
    ):
        with (pb_data / name).open("xb") as file:
            file.write(content)
            file.flush()
            settle(file.fileno())
    for name in BESIDE:
        (pb_data / name).touch()


def import_directory(
    source: Path, directory: Path, companions: dict[str, Path], progress: Progress, allow: Fits = lambda _: None
) -> None:
    """Copy the PocketBase data directory `source` and its companions into `directory`, which must not exist.

    Raises ProvisionError, with nothing left behind, where `source` is no data directory of PocketBase 0.23 or later, is
    in use by a running process, cannot be read, or has no room here.
    """
    check_source(source, companions)
    if directory.exists():
        raise ProvisionError(f"{directory} exists already")
    try:
        jobs = [(source, directory / "pb_data")]
        jobs += [(path, directory / COMPANIONS[kind]) for kind, path in companions.items()]
        copy_trees(jobs, progress, allow=allow)
        adopt(directory / "pb_data")
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, OSError):
            raise ProvisionError(f"the files can't be copied: {error}") from error
        raise


def check_source(source: Path, companions: dict[str, Path]) -> None:
    """Raise ProvisionError unless `source` and the companions are directories and nobody has the databases open."""
    if not (source / "data.db").is_file():
        raise ProvisionError(f"{source} is no PocketBase data directory: it has no data.db")
    for path in companions.values():
        if not path.is_dir():
            raise ProvisionError(f"{path} is no directory")
    for name in DATABASES:
        path = source / name
        holder = lock_holder(path) if path.is_file() else None
        if holder is not None:
            raise ProvisionError(f"{path} is in use by process {holder}: stop it first")


def lock_holder(path: Path) -> int | None:
    """The pid of a process that has the SQLite file `path` open in WAL mode or for writing, or None."""
    with path.open("rb") as file:
        query = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, LOCK_START, LOCK_LENGTH, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, query))
    return None if kind == fcntl.F_UNLCK else int(pid)


def adopt(pb_data: Path) -> None:
    """Make copied databases ours: take their WALs in, check what they are, add what a newer PocketBase has."""
    try:
        db = Database(pb_data / "data.db")
        try:
            reason = check_importable(db)
            if reason:
                raise ProvisionError(reason)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            db.close()
        auxiliary = pb_data / "auxiliary.db"
        auxiliary.touch()
        db = Database(auxiliary)
        try:
            ensure_auxiliary(db)
        finally:
            db.close()
    except apsw.Error as error:
        raise ProvisionError(f"the database can't be read: {error}") from error


def export_directory(directory: Path, target: Path, progress: Progress) -> None:
    """Write the tenant in `directory` as a PocketBase data directory to `target`, missing or empty.

    The databases are copied through SQLite's backup, so the tenant may serve meanwhile. Raises ProvisionError.
    """
    existed = target.exists()
    if existed and (not target.is_dir() or any(target.iterdir())):
        raise ProvisionError(f"{target} exists and is not empty")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds password hashes and signing secrets
        pb_data = directory / "pb_data"
        for name in DATABASES:
            progress(name, 0, 0)
            backup(pb_data / name, target / name)
        # the copies are complete; the WAL of a tenant that writes on belongs to what it has by now, not to them
        own = frozenset(
            pb_data / f"{name}{suffix}" for name in DATABASES for suffix in ("", "-wal", "-journal", "-spool")
        )
        copy_trees([(pb_data, target)], progress, skip=own.__contains__)
    except (OSError, apsw.Error, ProvisionError) as error:
        # a part of an export looks like all of one
        for path in list(target.iterdir()) if target.is_dir() else ():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if not existed:
            with contextlib.suppress(OSError):
                target.rmdir()
        raise ProvisionError(f"the export failed: {error}") from error


def backup(source: Path, target: Path) -> None:
    """A consistent copy of a database that may be in use. One step, so that no writer can make it start again."""
    reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    reader.set_busy_timeout(BACKUP_WAIT_MS)
    writer = apsw.Connection(str(target))
    try:
        with writer.backup("main", reader, "main") as copy:
            copy.step()
    finally:
        writer.close()
        reader.close()


def remove(directory: Path) -> None:
    """Delete every file of a tenant. One that is gone already is fine."""
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        raise ProvisionError(f"{directory} could not be removed")


def copy_trees(
    jobs: list[tuple[Path, Path]],
    progress: Progress,
    skip: Callable[[Path], bool] = lambda _: False,
    allow: Fits = lambda _: None,
) -> None:
    """Copy each `(from, to)` directory of `jobs`, telling `progress` after each file.

    Symbolic links are left out: what they point at is outside of the tenant. SQLite's `-shm` files are left out too.
    """
    files = [(path, target / path.relative_to(source)) for source, target in jobs for path in walk(source)]
    files = [(path, target) for path, target in files if not skip(path)]
    total = sum(path.stat().st_size for path, _ in files)
    allow(total)
    done = 0
    for _, target in jobs:
        target.mkdir(parents=True, exist_ok=True)
    for path, target in files:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise ProvisionError(f"{path} can't be copied: {error.strerror}") from error
        done += target.stat().st_size
        progress(path.name, done, total)


def walk(root: Path) -> Iterator[Path]:
    """The regular files under `root` that belong to its data. Raises ProvisionError for a folder that can't be read."""
    for folder, folders, names in os.walk(root, onerror=_refuse):
        folders[:] = [name for name in folders if name not in TRANSIENT]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and not name.endswith("-shm"):
                yield path


def _refuse(error: OSError) -> None:
    """Leaving out what can't be read would lose it without a word; a directory that has just gone is no loss."""
    if not isinstance(error, FileNotFoundError):
        raise ProvisionError(f"{error.filename} can't be read: {error.strerror}") from error
