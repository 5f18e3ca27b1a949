"""A migration file for each change of a collection that a superuser makes, as the real one writes them.

    created(new)        makes the collection; down: deletes it
    updated(old, new)   takes one definition to the other; down: the other way round. Empty where nothing differs
    deleted(old)        deletes it; down: makes it again
    snapshot(all)       makes all of these, or what they are not yet; down: nothing

Definitions are those of the API (`Collection.dump()`), so there are no secrets in a file. `keep` writes the file and
notes it as applied, so that other servers that get the file run it and this one does not.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import orjson

from worker.errors import ApiError
from worker.fields.jsontext import spelled
from worker.hooks.files import MIGRATIONS, inside
from worker.writing import write

if TYPE_CHECKING:
    from worker.context import Context

log = logging.getLogger("pocker.hooks")

REFERENCE = '/// <reference path="../pb_data/types.d.ts" />\n'
UNTOLD = frozenset({"created", "updated"})
# Who makes so many changes within a second gets files of the seconds after it.
NAMES_MAX = 1_000
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
SAVE = "  return app.save(collection)\n"
# Among what an open tenant keeps.
ORDER = "automigrate"
NOTE = "INSERT INTO `_migrations` (file, applied) VALUES (?, ?)"

Definition = Mapping[str, Any]


class Order:
    """The files of one tenant's changes are written one after another, and are applied in that order elsewhere."""

    __slots__ = ("last", "lock")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        # the name of the last one
        self.last = ""


async def keep(ctx: "Context", old: Definition | None, new: Definition | None) -> None:
    """Write the file of a change that has been made. What can't be written is logged; the change stands."""
    told = old or new
    assert told is not None
    if old is None:
        kind, text = "created", created(told)
    elif new is None:
        kind, text = "deleted", deleted(old)
    else:
        kind, text = "updated", updated(old, new)
    if not text:
        return
    order: Order = ctx.caches.setdefault(ORDER, Order())
    try:
        async with order.lock:
            name = f"{kind}_{told['name']}.js"
            file = await ctx.lanes.blocking(ctx.account, _written, ctx.directory, name, text, order.last)
            order.last = file

            async def note(ctx: "Context") -> None:
                ctx.data.execute(NOTE, (file, time.time_ns() // 1000))

            await write(ctx, note)
    except (OSError, apsw.Error, ApiError) as error:
        log.warning("tenant %s: no migration file was written: %s", ctx.name, error, extra={"tenant": ctx.name})


async def keep_snapshot(ctx: "Context") -> str:
    """Write a file of all collections as they are; its name. It counts as not applied, as in the real one. OSError."""
    text = snapshot([collection.dump() for collection in ctx.catalog.all()])
    return await ctx.lanes.blocking(ctx.account, _written, ctx.directory, "collections_snapshot.js", text)


def _written(directory: Path, name: str, text: str, last: str = "") -> str:
    """The name under which `text` stands in the tenant's migrations now, behind `last`. Blocks. OSError."""
    folder = directory / MIGRATIONS
    if inside(directory, folder) is None:
        raise OSError(f"{MIGRATIONS} is outside of the tenant's directory")
    folder.mkdir(exist_ok=True)
    moment = int(time.time())
    for second in range(moment, moment + NAMES_MAX):
        file = f"{second}_{name}"
        if file <= last:
            continue
        try:
            descriptor = os.open(folder / file, NEW_FILE, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        return file
    raise OSError(f"{NAMES_MAX} migrations of one name within a second")


def created(new: Definition) -> str:
    """The file of a new collection."""
    return _file(_making(new), _deleting(new))


def deleted(old: Definition) -> str:
    """The file of a deleted collection."""
    return _file(_deleting(old), _making(old))


def updated(old: Definition, new: Definition) -> str:
    """The file of a changed collection; empty where nothing of it differs."""
    forth, back = _changing(old, new, ("removed", "added")), _changing(new, old, ("added", "removed"))
    if not forth and not back:
        return ""
    return _file(_found(old) + forth + SAVE, _found(new) + back + SAVE)


def snapshot(collections: list[Definition]) -> str:
    """The file of a whole schema."""
    told = _json([_plain(collection) for collection in collections])
    up = f"  const snapshot = {told};\n\n  return app.importCollections(snapshot, false);\n"
    return _file(up, "  return null;\n")


def _file(up: str, down: str) -> str:
    return f"{REFERENCE}migrate((app) => {{\n{up}}}, (app) => {{\n{down}}})\n"


def _found(collection: Definition, end: str = "") -> str:
    return f"  const collection = app.findCollectionByNameOrId({_json(collection['id'])}){end}\n\n"


def _making(collection: Definition) -> str:
    return f"  const collection = new Collection({_json(_plain(collection))});\n\n  return app.save(collection);\n"


def _deleting(collection: Definition) -> str:
    return _found(collection, ";") + "  return app.delete(collection);\n"


def _changing(old: Definition, new: Definition, order: tuple[str, str]) -> str:
    """The statements that make `new` of `old`, fields in that order, each with a blank line behind it."""
    before, after = _plain(old), _plain(new)
    fields, wanted = before.pop("fields", []), after.pop("fields", [])
    parts = []
    data = _difference(before, after)
    if data:
        parts.append(f"  // update collection data\n  unmarshal({_json(data)}, collection)\n\n")
    changes = _field_changes(fields, wanted)
    for kind in (*order, "updated"):
        parts += changes[kind]
    return "".join(parts)


def _field_changes(fields: list[Definition], wanted: list[Definition]) -> dict[str, list[str]]:
    """The statements about fields, by what they do."""
    known = {field["id"]: field for field in fields}
    ids = {field["id"] for field in wanted}
    changes: dict[str, list[str]] = {"removed": [], "added": [], "updated": []}
    for field in fields:
        if field["id"] not in ids:
            told = f"  // remove field\n  collection.fields.removeById({_json(field['id'])})\n\n"
            changes["removed"].append(told)
    for place, field in enumerate(wanted):
        stored = known.get(field["id"])
        if stored != field:
            kind, comment = ("added", "add") if stored is None else ("updated", "update")
            told = f"  // {comment} field\n  collection.fields.addAt({place}, new Field({_json(field)}))\n\n"
            changes[kind].append(told)
    return changes


def _difference(old: Definition, new: Definition) -> dict[str, Any]:
    """What of `new` is not so in `old`, objects member by member."""
    found: dict[str, Any] = {}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := _difference(before, value):
                found[key] = inner
        elif value != before or type(value) is not type(before):
            found[key] = value
    return found


def _plain(collection: Definition) -> dict[str, Any]:
    """A definition without what belongs to one server: dates, and the providers with their secrets."""
    plain = {key: value for key, value in collection.items() if key not in UNTOLD}
    if isinstance(plain.get("oauth2"), dict):
        plain["oauth2"] = {key: value for key, value in plain["oauth2"].items() if key != "providers"}
    return plain


def _json(value: object) -> str:
    """JSON with sorted names and two blanks a level, as it stands inside of a function."""
    text = orjson.dumps(value, spelled, orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return text.replace("\n", "\n  ")
