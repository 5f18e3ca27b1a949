"""The databases of a new tenant, as PocketBase 0.40.6 leaves them after its own migrations.

`template.json`, next to this module, holds what that version writes into an empty data directory: the statements of its
tables and indexes in their order, the names of its migrations, its settings and its collections, without secrets and
dates. A template is written once per data directory of ours; a new tenant is a copy of it with secrets of its own.
"""

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import orjson

from worker.db.connection import Database
from worker.sql import now, rand_secret

# Names the directory of a template; a change of what a new tenant looks like needs a new one.
TEMPLATE_VERSION = "0.40.6-2"
# Half of SQLite's default: a live tenant's caches take 40 KB less. Imported databases keep the page size they have.
PAGE_BYTES = 2048

SECRET_LENGTH = 50
_BLANK = '"secret":""'
# Stands in a template for a secret, as long as one, so that another can take its place without SQLite.
_MARK_TEXT = "~" * SECRET_LENGTH
_MARKED = f'"secret":"{_MARK_TEXT}"'

# Where a database says how it is journaled, and the two ways, from SQLite's file format.
_MARK = slice(18, 20)
_ROLLBACK, _WAL = b"\x01\x01", b"\x02\x02"

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"
_COLUMNS = "SELECT name FROM pragma_table_info(?)"


def write_template(directory: Path) -> None:
    """Write data.db and auxiliary.db of a new tenant, without secrets, into `directory`, which must exist."""
    template = orjson.loads(files("worker.db").joinpath("template.json").read_bytes())
    data = directory / "data.db"
    secrets = _create(data, template["data"], _MARKED)
    if data.read_bytes().count(_MARK_TEXT.encode()) != secrets:  # a page's end has cut one in two
        data.unlink()
        _create(data, template["data"], _BLANK)
    _create(directory / "auxiliary.db", template["auxiliary"])


def _create(path: Path, content: dict[str, Any], blank: str = _BLANK) -> int:
    """Make a database; the number of secrets in it, for each of which `blank` stands."""
    connection = apsw.Connection(str(path))
    try:
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)  # PocketBase's DDL has double-quoted defaults
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        with connection:
            for statement in content["schema"]:
                connection.execute(statement)
            secrets = _fill(connection, content, blank) if "collections" in content else 0
    finally:
        connection.close()
    return secrets


def _fill(connection: apsw.Connection, content: dict[str, Any], blank: str) -> int:
    moment = now()
    secrets = 0
    for file in content["migrations"]:
        connection.execute("INSERT INTO `_migrations` (file, applied) VALUES (?, ?)", (file, time.time_ns() // 1000))
    connection.execute(
        # the real one stores the settings as a blob
        "INSERT INTO `_params` (id, value, created, updated) VALUES ('settings', ?, ?, ?)",
        (orjson.dumps(content["settings"]), moment, moment),
    )
    for collection in content["collections"]:
        row = {
            name: orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value
            for name, value in collection.items()
        }
        row |= {"created": moment, "updated": moment}
        secrets += str(row["options"]).count(_BLANK)
        row["options"] = str(row["options"]).replace(_BLANK, blank)
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO `_collections` ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    return secrets


def personal_copy(template: bytes) -> bytes:
    """The data.db of a new tenant: the template's with signing secrets of its own. Made in memory, within microseconds
    where that is possible, so that it is written once and waits for the disk once."""
    pieces = template.split(_MARK_TEXT.encode())
    if len(pieces) > 1:
        secrets = rand_secret(SECRET_LENGTH * (len(pieces) - 1)).encode()
        own = [pieces[0]]
        for number, piece in enumerate(pieces[1:]):
            own += (secrets[number * SECRET_LENGTH : (number + 1) * SECRET_LENGTH], piece)
        return b"".join(own)
    connection = apsw.Connection(":memory:")
    try:
        connection.deserialize("main", _marked(template, _ROLLBACK))
        with connection:
            _draw_secrets(connection)
        return _marked(connection.serialize("main"), _WAL)
    finally:
        connection.close()


def _marked(content: bytes, mark: bytes) -> bytes:
    """The database with another journal mode in its header: in memory there is no WAL."""
    return content[: _MARK.start] + mark + content[_MARK.stop :]


def _draw_secrets(connection: apsw.Connection) -> None:
    rows = connection.execute("SELECT rowid, options FROM `_collections` WHERE type = 'auth'").fetchall()
    for rowid, text in rows:
        pieces = str(text).split(_BLANK)
        secrets = rand_secret(SECRET_LENGTH * (len(pieces) - 1))
        own = pieces[0]
        for number, piece in enumerate(pieces[1:]):
            own += f'"secret":"{secrets[number * SECRET_LENGTH : (number + 1) * SECRET_LENGTH]}"{piece}'
        connection.execute("UPDATE `_collections` SET options = ? WHERE rowid = ?", (own, rowid))


def check_importable(db: Database) -> str | None:
    """Why a database cannot be served, in words for an operator; None if it can."""
    tables = {name for (name,) in db.once(_TABLES)}
    if "_collections" not in tables or not tables & {"_params", "_migrations"}:
        return "data.db is not a PocketBase database: it has no table _collections"
    columns = {name for (name,) in db.once(_COLUMNS, ("_collections",))}
    if not {"fields", "indexes", "options"} <= columns:
        return "data.db is of a PocketBase older than 0.23: start PocketBase 0.23 or later on it once"
    if "_superusers" not in tables:
        return "data.db has no table _superusers: its migrations have not run to their end"
    return None


def ensure_auxiliary(db: Database) -> None:
    """Make the request log's table and indexes where they are missing."""
    if "_logs" in {name for (name,) in db.once(_TABLES)}:
        return
    template = orjson.loads(files("worker.db").joinpath("template.json").read_bytes())
    with db.transaction():
        for statement in template["auxiliary"]["schema"]:
            db.execute(statement)
