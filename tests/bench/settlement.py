"""Tenants by the thousand in a data directory that no server uses: their files, and a row in the registry for each.

The files are what `pocker tenant create` leaves, but nothing waits for the disk. `settled` gives residents all they
have: the schema by the code that an import over the API runs, in this process; records as rows into the tables that
this made. All passwords are one: its hash takes 50 ms, and what is stored is the same. `crowded` makes tenants that
are new, of which nobody has used anything.
"""

import asyncio
import dataclasses
import json
import os
import random
import shutil
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import apsw
import jwt

from supervisor.contract.layout import REGISTRY, TEMPLATE, TENANTS
from supervisor.contract.stamp import stamp_now
from supervisor.tenants.registry import Registry
from tests.bench.hands import by_all
from tests.bench.population import VALUES, Resident
from worker.context import Context
from worker.db.connection import Database
from worker.lanes import Lanes
from worker.provision import template, write_databases
from worker.records.rules import check_rule
from worker.schema.importing import import_collections
from worker.sql import rand_id, rand_secret

PASSWORD_HASH = "$2a$10$mbcQ1/IDuwWHEhqrWidIGOIDMdr.vLshv.3IfLsqohVVgb5bFPKEW"
USERS = 3
TOKEN_S = 30 * 86_400
KEY_LENGTH = 50
KEYS = "residents.json"
LIMIT_S = 120.0


def register(data: Path, names: Iterable[str]) -> None:
    """Enters tenants whose files are there, all at once."""
    path = data / REGISTRY
    Registry(path).prepare()
    moment = stamp_now()
    connection = apsw.Connection(str(path))
    with connection:
        connection.executemany(
            "INSERT INTO tenants (name, state, created) VALUES (?, 'active', ?)", ((name, moment) for name in names)
        )
    connection.close()


# -- a crowd of new ones -----------------------------------------------------------------------------------------------


def names_of(count: int, first: int = 0) -> list[str]:
    """Names of a crowd, from the number `first` on."""
    return [f"crowd-{number:06}" for number in range(first, first + count)]


def crowded(data: Path, names: Sequence[str]) -> None:
    """Makes and registers new tenants, with secrets of their own."""
    _prepare(data)
    by_all(partial(_found, data), names)
    register(data, names)
    os.sync()  # what is measured next does not share the disk with this


def _prepare(data: Path) -> None:
    """What all of them need, before several processes begin."""
    (data / TENANTS).mkdir(mode=0o700, parents=True, exist_ok=True)
    template(data / TEMPLATE)


def _found(data: Path, names: Sequence[str]) -> list[None]:
    source = template(data / TEMPLATE)
    for name in names:
        pb_data = f"{data}/{TENANTS}/{name}/pb_data"
        os.mkdir(os.path.dirname(pb_data))  # noqa: PTH102, PTH120 (100,000 of them)
        write_databases(source, Path(pb_data), lambda _: None)
    return []


def copied(data: Path, models: Sequence[tuple[Path, str]]) -> None:
    """Makes and registers copies of tenants: (directory of that one, name of the copy)."""
    (data / TENANTS).mkdir(mode=0o700, parents=True, exist_ok=True)
    by_all(partial(_copy, data), models)
    register(data, [name for _, name in models])


def _copy(data: Path, models: Sequence[tuple[Path, str]]) -> list[None]:
    for model, name in models:
        shutil.copytree(model, data / TENANTS / name)
    return []


def removed(data: Path) -> None:
    """Removes the tenants' files, which are many."""
    by_all(_remove, [entry.path for entry in os.scandir(data / TENANTS)])
    shutil.rmtree(data)


def _remove(paths: Sequence[str]) -> list[None]:
    for path in paths:
        shutil.rmtree(path)
    return []


# -- residents ---------------------------------------------------------------------------------------------------------


def settled(data: Path, residents: Sequence[Resident]) -> list[Resident]:
    """These tenants with all they have, in the data directory `data`, and with their keys. What was made by an earlier
    call is kept: `residents` begins with those."""
    keys = data.parent / f"{data.name}-{KEYS}"
    rows = json.loads(keys.read_bytes()) if keys.is_file() else []
    missing = residents[len(rows) :]
    if missing:
        _prepare(data)
        rows += by_all(partial(_settle, data), missing)
        register(data, [resident.name for resident in missing])
        keys.write_text(json.dumps(rows))
    return [dataclasses.replace(one, keys=tuple(row)) for one, row in zip(residents, rows, strict=False)]


def _settle(data: Path, residents: Sequence[Resident]) -> list[tuple[str, str, str]]:
    _found(data, [resident.name for resident in residents])
    lanes = Lanes(inline_budget_ms=int(LIMIT_S * 1e3), read_timeout_s=LIMIT_S, pool_threads=1)
    try:
        return asyncio.run(_furnished(data, residents, lanes))
    finally:
        lanes.close()


async def _furnished(data: Path, residents: Sequence[Resident], lanes: Lanes) -> list[tuple[str, str, str]]:
    made = []
    for resident in residents:
        directory = data / TENANTS / resident.name
        context = Context(resident.name, directory, lanes, write_limit_s=LIMIT_S, log_queue_max=1)
        try:
            context.data.once("PRAGMA synchronous=OFF")
            keys = _peopled(context.data, resident.number)
            bodies = [shape.body for shape in resident.shapes]
            await import_collections(context, bodies, check_rule, delete_missing=False)
            _fill(context.data.connection, resident, keys[2])
        finally:
            context.close()
        if resident.scripts:
            (directory / "pb_hooks").mkdir()
            (directory / "pb_hooks" / "main.pb.js").write_text(resident.scripts)
        made.append(keys)
    return made


def _peopled(db: Database, number: int) -> tuple[str, str, str]:
    """Gives a new tenant a superuser and users; the tokens of the first of each, and that user's id."""
    moment, tokens, user = stamp_now(), [], ""
    with db.transaction():
        for collection, count in (("_superusers", 1), ("users", USERS)):
            row = db.once("SELECT id, options FROM `_collections` WHERE name = ?", (collection,))
            options = json.loads(row[0][1])
            for at in range(count):
                key, record = rand_secret(KEY_LENGTH), rand_id()
                email = f"{'root' if count == 1 else f'user{at}'}@tenant{number}.example.com"
                db.once(
                    f"INSERT INTO `{collection}` (id, email, password, tokenKey, verified, created, updated) "
                    "VALUES (?, ?, ?, ?, TRUE, ?, ?)",
                    (record, email, PASSWORD_HASH, key, moment, moment),
                )
                if not at:
                    user = record
                    tokens.append(_token(record, str(row[0][0]), key + options["authToken"]["secret"]))
    return tokens[0], tokens[1], user


def _token(record: str, collection: str, key: str) -> str:
    claims = {"collectionId": collection, "exp": int(time.time()) + TOKEN_S, "id": record}
    return jwt.encode({**claims, "refreshable": True, "type": "auth"}, key, "HS256")


def _fill(connection: apsw.Connection, resident: Resident, user: str) -> None:
    """Its records: rows as the server itself would have written them."""
    rng = random.Random(resident.number)
    moment = stamp_now()
    with connection:
        for at, shape in enumerate(resident.shapes):
            for number in range(resident.records):
                record = shape.record(rng, user, f"{rng.choice(VALUES)} {number}")
                record |= {"id": resident.record_id(at, number), "created": moment, "updated": moment}
                cells = [json.dumps(value) if isinstance(value, dict) else value for value in record.values()]
                columns, marks = ", ".join(f"`{name}`" for name in record), ", ".join("?" * len(cells))
                connection.execute(f"INSERT INTO `{shape.name}` ({columns}) VALUES ({marks})", cells)
