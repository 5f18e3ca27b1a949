"""The data that scripts are run on, and what is read of a server's files afterwards.

It is the oracle's seed (tests/oracle/schema.py, rows.py: all types of fields, auth collections, relations of every
shape), with a view, and two external auths.
"""

import json
import re
from pathlib import Path
from typing import Any

import apsw

from tests.oracle.client import Answer, Client
from tests.oracle.rows import ident
from tests.oracle.seed import SUPER, Seed, grow_into, log_in
from tests.servers import PocketBase

VIEW = """SELECT p.id, p.title, p.author, count(c.id) AS comments, max(c.stars) AS best, p.meta
FROM posts p LEFT JOIN comments c ON c.post = p.id GROUP BY p.id"""

_HASH = re.compile(r"^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$")
_KEY = re.compile(r"^[A-Za-z0-9]{50}$")


def grow_world(directory: Path) -> Seed:
    """Fill `directory` (a new pb_data) by the real PocketBase, and stop it again."""
    server = PocketBase(directory)
    server.upsert_superuser(*SUPER)
    with server:
        api = Client(server.port, f"127.0.0.1:{server.port}")
        tokens = grow_into(api, files=True)
        api.token = log_in(api, "super")
        api.ok(
            "POST",
            "/api/collections",
            {"name": "post_stats", "type": "view", "viewQuery": VIEW, "listRule": "", "viewRule": ""},
        )
        for number, provider in enumerate(("google", "github"), 1):
            body = {
                "id": ident(f"external{number}"),
                "collectionRef": "_pb_users_auth_",
                "recordRef": ident("user1"),
                "provider": provider,
                "providerId": f"p{number}",
            }
            api.ok("POST", "/api/collections/_externalAuths/records", body)
        api.ok("DELETE", "/api/logs")
        api.close()
    return Seed(directory, tokens)


def evaluation(answer: Answer) -> bytes:
    """The answer to /eval with its JSON opened, so that what differs is seen member by member.

    The text of that JSON stays as it is: the order of its keys and the spelling of its numbers count. The order of the
    members around it is the real one's whim.
    """
    try:
        said = json.loads(answer.body)
        members = sorted((name, str(value)) for name, value in said.items() if answer.status == 200)
        shown = [f"{json.dumps(name)}: {_opened(name, value)}" for name, value in members]
    except (ValueError, AttributeError):
        return answer.body
    return f"{{{', '.join(shown)}}}".encode("utf-8", "surrogatepass") if shown else answer.body


def _opened(name: str, value: str) -> str:
    if name in ("v", "json"):
        try:
            json.loads(value)
        except ValueError:
            pass
        else:
            return value
    return json.dumps(value, ensure_ascii=False)


def table(home: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table in the order of their making, without what is different by chance."""
    connection = apsw.Connection(str(home / "pb_data" / "data.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        cursor = connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid')
        return [
            {column[0]: _masked(value) for column, value in zip(cursor.get_description(), row, strict=True)}
            for row in cursor
        ]
    finally:
        connection.close()


def _masked(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, str):
        if hashed := _HASH.match(value):
            return f"a bcrypt hash of cost {hashed[1]}"
        return "a token key" if _KEY.match(value) else value
    return value


def logged(home: Path) -> list[dict[str, Any]]:
    """What is in the logs beside requests, in order: level, message and data.

    What scripts say to the console, which the real one prints, is left out.
    """
    connection = apsw.Connection(str(home / "pb_data" / "auxiliary.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = connection.execute(
            "SELECT level, message, data FROM _logs "
            "WHERE coalesce(json_extract(data, '$.type'), '') NOT IN ('request', 'console') ORDER BY rowid"
        )
        return [{"level": level, "message": message, "data": json.loads(data)} for level, message, data in rows]
    finally:
        connection.close()
