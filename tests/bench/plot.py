"""What the growth is measured on: a collection that the real PocketBase has made, with as many rows as are wanted."""

from pathlib import Path

import apsw

from tests.bench.data import SUPER
from tests.oracle.client import Client
from tests.servers import PocketBase

ALIKE = 30  # rows with the same `n`
FIRST_DAY = "2026-01-01 12:00:00.000Z"


def planted(pb_data: Path, rows: int) -> None:
    """A new data directory with `items` (public, `n` has an index) and so many rows."""
    pb_data.mkdir(parents=True)
    server = PocketBase(pb_data)
    server.upsert_superuser(*SUPER)
    with server:
        api = Client(server.port, f"127.0.0.1:{server.port}")
        login = {"identity": SUPER[0], "password": SUPER[1]}
        api.token = api.ok("POST", "/api/collections/_superusers/auth-with-password", login)["token"]
        fields = [
            {"name": "title", "type": "text"},
            {"name": "n", "type": "number"},
            {"name": "ok", "type": "bool"},
            {"name": "created", "type": "autodate", "onCreate": True},
            {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
        ]
        public = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule"), "")
        index = "CREATE INDEX `items_n` ON `items` (`n`)"
        api.ok(
            "POST",
            "/api/collections",
            {"name": "items", "type": "base", "fields": fields, **public} | {"indexes": [index]},
        )
        api.ok("POST", "/api/collections", {"name": "others", "type": "base", "fields": fields, **public})
        api.close()
    rows_added(pb_data, 0, rows)


def rows_added(pb_data: Path, first: int, until: int) -> None:
    """Rows with these numbers, as the server would have written them. Nobody may use the files now."""
    connection = apsw.Connection(str(pb_data / "data.db"))
    connection.execute("PRAGMA synchronous=OFF")
    with connection:
        connection.executemany(
            "INSERT INTO `items` (id, title, n, ok, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
            (
                (f"item{at:011}", f"Item number {at}", at // ALIKE, at % 2, FIRST_DAY, FIRST_DAY)
                for at in range(first, until)
            ),
        )
    connection.close()


def hook_files(directory: Path, collection: str, number: int) -> Path:
    """A `pb_hooks` with so many handlers of creations in that collection."""
    directory.mkdir(parents=True)
    line = f"onRecordCreate((e) => {{ e.next() }}, '{collection}')\n"
    (directory / "main.pb.js").write_text(line * number or "// none\n")
    return directory
