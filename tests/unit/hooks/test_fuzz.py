"""A process that sends nonsense: every operation, with arguments and answers that no script of ours would send.

The host answers each call, or ends the run; it logs no exception of its own, and leaves nothing behind. Each seed is
one run; `POCKER_FUZZ=5000:200` has other ones run, 200 from number 5000 on.
"""

import asyncio
import inspect
import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from tests.unit.conftest import NewTenant
from worker.context import Context
from worker.errors import ApiError, HookError, ValidationErrors
from worker.hooks.alarm import Alarm
from worker.hooks.hooks import Hooks
from worker.hooks.manifest import Handler, Manifest
from worker.hooks.net import Outside
from worker.hooks.ops import table
from worker.hooks.ops.collections import drafted
from worker.hooks.requests import wire_of_info
from worker.hooks.session import Session
from worker.lanes import Lanes
from worker.records.rules import check_rule
from worker.schema import storing
from worker.unit import transaction

FIRST, COUNT = map(int, os.environ.get("POCKER_FUZZ", "0:60").split(":"))
# They take long, and nothing of a script's gets there.
LEFT_OUT = {b"vacuum", b"vacuum.aux", b"sleep"}
ROW = "rec1xxxxxxxxxxx"
TYPES = [
    "text",
    "number",
    "bool",
    "email",
    "url",
    "date",
    "select",
    "json",
    "file",
    "relation",
    "editor",
    "autodate",
    "password",
    "geoPoint",
    "nonsense",
]
EVENTS = [
    "onRecordCreate",
    "onRecordUpdate",
    "onRecordDelete",
    "onRecordValidate",
    "onRecordCreateExecute",
    "onRecordEnrich",
    "onRecordAfterCreateSuccess",
    "onRecordAfterCreateError",
    "onModelCreate",
    "onModelUpdate",
    "onModelValidate",
    "onCollectionCreate",
    "onModelAfterUpdateSuccess",
    "onCollectionUpdate",
    "onCollectionValidate",
    "onCollectionDelete",
    "onSettingsReload",
]
PARTS = [
    "record",
    "records",
    "collection",
    "result",
    "model",
    "collectionsData",
    "settings",
    "newSettings",
    "batch",
    "token",
    "meta",
    "identity",
]
TEXTS = [
    "a",
    "users",
    "notes",
    "posts",
    ROW,
    "../../etc/passwd",
    "/etc/passwd",
    "/pb_data/data.db",
    "/pb_data",
    "/",
    ".",
    "..",
    "title",
    "n",
    "tags",
    "meta",
    "rel",
    "file",
    "@request.auth.id!=''",
    "-created",
    "[a-z]{5}",
    "(a+)+$",
    "([",
    "sha256",
    "auth",
    "static",
    "http://127.0.0.1:1/",
    "http://2130706433/",
    "{}",
    "[1,2",
    "null",
    "1e309",
    "{:a}",
    "base",
    "view",
    "text",
    "relation",
    "id",
    "password",
    "GET",
    "`",
    '"',
    "'",
    "UTC",
    "Europe/Berlin",
    "./x",
    "title='x'",
]
TEXTS += ["", "\0", "é\U0001f600", "a" * 300, "x" * 70_000, "SELECT 1", "DELETE FROM notes", "* * * * *", "\ud7ff"]
NUMBERS = [0, 1, -1, 2, 3, 100, 2**31, 2**53, -(2**53), 2**63 - 1, -(2**63), 2**64 - 1, 0.5, 1e308, -0.0, 5e-324]


def nested(depth: int, *, named: bool) -> Any:
    value: Any = None
    for _ in range(depth):
        value = {"a": value} if named else [value]
    return value


class Nonsense:
    """Values, more or less like those that operations expect."""

    def __init__(self, seed: int, ids: list[str]) -> None:
        self.draw = random.Random(seed)
        self._texts = TEXTS + ids
        self._ids = ids
        self._level = 0

    def text(self) -> str:
        return self.draw.choice(self._texts)

    def value(self, depth: int = 3) -> Any:
        draw = self.draw
        kind = draw.random()
        if depth <= 0 or self._level > 4 or kind < 0.6:
            return draw.choice([None, True, False, draw.choice(NUMBERS), self.text(), self.text(), [], {}])
        self._level += 1
        try:
            if kind < 0.63:
                return nested(draw.choice([190, 300]), named=draw.random() < 0.5)
            if kind < 0.8:
                return [self.value(depth - 1) for _ in range(draw.randrange(4))]
            if kind < 0.9:
                return {self.text(): self.value(depth - 1) for _ in range(draw.randrange(4))}
            return self.record() if kind < 0.96 else self.collection()
        finally:
            self._level -= 1

    def record(self) -> Any:
        draw = self.draw
        if draw.random() < 0.15 or self._level > 3:
            return draw.choice([1, 2, 3, -1, -2, 99, True])
        self._level += 1
        try:
            names = draw.sample([*TYPES, "title", "id", "email", "password", "tokenKey", "rel"], 5)
            stored = draw.choice([None, None, {}, {"id": ROW}, {"id": ROW, "title": "a"}, 1, [], self.value(2)])
            wire = {
                "c": draw.choice([*self._ids, "nope", None]),
                "t": stored,
                "d": {name: self.value(2) for name in names},
            }
            for key, chance in (("j", 0.3), ("x", 0.2), ("v", 0.2)):
                if draw.random() < chance:
                    wire[key] = draw.choice(
                        [-1, -2, 5, self.value(2), {"rel": self.record()}, {"shown": self.value(2)}]
                    )
            return wire
        finally:
            self._level -= 1

    def collection(self) -> Any:
        draw = self.draw
        options = [
            "min",
            "max",
            "pattern",
            "values",
            "maxSelect",
            "collectionId",
            "id",
            "autogeneratePattern",
            "maxSize",
        ]
        rest = ["listRule", "indexes", "viewQuery", "passwordAuth", "oauth2", "authToken", "system", "id", "created"]
        fields = [
            {"name": self.text(), "type": draw.choice(TYPES), draw.choice(options): self.value(2)}
            for _ in range(draw.randrange(4))
        ]
        told = {"name": self.text(), "type": draw.choice(["base", "auth", "view", None]), "fields": fields}
        told |= {draw.choice(rest): self.value(2) for _ in range(draw.randrange(3))}
        return draw.choice([{"def": told, "id": draw.choice(["", *self._ids])}, told, {"def": self.value(2), "id": ""}])

    def argument(self, operation: str, name: str, request: int) -> Any:
        """Something for the parameter of that name."""
        draw = self.draw
        if draw.random() < 0.15:
            return self.value()
        if name == "app":
            return draw.choice([0, 0, 0, 0, 0, 0, -1, 1, -2, 2, 99, None, True, "0", 2**60, -(2**60)])
        if name == "number" and operation.startswith("request"):
            return request
        if name in {"wire", "record"}:
            return self.collection() if operation.startswith("collection") else self.record()
        if name in {"ids", "kinds", "types", "excluded", "expands"}:
            return [self.text() for _ in range(draw.randrange(4))]
        if name in {"limit", "offset", "size", "start", "seconds", "level", "mode", "at", "more"}:
            return draw.choice(NUMBERS)
        if name in {"definition", "items", "tree", "told", "changes", "info", "given", "body", "handled", "entries"}:
            return draw.choice([{}, [], {self.text(): self.value(2)}, self.collection(), [self.value(2)], [[1]]])
        return self.text()

    def changes(self) -> Any:
        draw = self.draw
        if draw.random() < 0.7:
            return 0
        change = draw.choice(
            [self.record(), {"d": {"title": self.value(2)}}, {"t": self.value(1)}, {"x": self.value()}]
        )
        return draw.choice([self.value(), [[draw.choice([1, 2, -1, -2, 99]), change]]])

    def result(self) -> Any:
        draw = self.draw
        parts = {name: draw.choice([self.value(), self.record(), self.collection()]) for name in draw.sample(PARTS, 4)}
        error = {"kind": draw.choice(["api", "go", "js", 1]), "status": draw.choice(NUMBERS), "message": self.value(1)}
        error |= {"data": self.value(), "id": draw.choice(NUMBERS), "tree": self.value(), "stack": self.value(1)}
        return draw.choice([{"v": parts}, {"v": 0}, {"e": error}, {"e": self.value()}, self.value()])


class Impostor:
    """A leased process, and who speaks for it."""

    def __init__(self, nonsense: Nonsense) -> None:
        self.line = self.child = self
        self.alarm = Alarm()
        self.told: frozenset[int] = frozenset()
        self.take: Any = None
        self.ended: Any = None
        self.killed = False
        self.released = 0
        self.request = 0
        self._nonsense = nonsense
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, frame: bytes) -> None:
        self._answers.put_nowait(frame[4:])

    def close(self) -> None:
        pass

    def why(self) -> str:
        return ""

    def release(self, *, reusable: bool) -> None:
        del reusable
        self.released += 1

    def kill(self) -> None:
        self.killed = True
        self._answers.put_nowait(None)

    async def speak(self) -> None:
        """Call, and answer what it is asked to run, until everything is answered."""
        draw, nonsense = self._nonsense.draw, self._nonsense
        operations = {name: operation for name, operation in table().items() if name not in LEFT_OUT}
        names, asked, calls = [*operations, *[b"next"] * 5], 0, draw.randrange(3, 60)
        while (answer := await self._answers.get()) is not None:
            order = orjson.loads(answer)
            asked += "n" in order
            frame = order.get("d", {}).get("n", 1) if isinstance(order.get("d"), dict) else 1
            calls -= 1
            if self.killed:
                return
            if calls < 0 or draw.random() < (0.35 if asked > 1 else 0.01):
                asked -= 1
                self._say(b"$r", [nonsense.changes(), nonsense.result()])
                if asked == 0:
                    return
                continue
            name = draw.choice(names)
            if name == b"next":
                given = [draw.choice([frame, 1]), nonsense.result(), 0]
            else:
                wanted = [*inspect.signature(operations[name]).parameters][1:]
                wanted = wanted if wanted != ["args"] else ["path"] * draw.randrange(5)
                given = [nonsense.argument(name.decode(), each, self.request) for each in wanted]
            self._say(name, [nonsense.changes(), *given])

    def _say(self, name: bytes, args: list[Any]) -> None:
        try:
            raw = orjson.dumps(args)
        except TypeError:  # deeper than it writes
            raw = b"[0," + b"[" * 300 + b"]" * 300 + b"]"
        self.take(name, raw)


@pytest.fixture
def ctx(tmp_path: Path, new_tenant: NewTenant) -> Iterator[Context]:
    new_tenant(tmp_path)
    lanes = Lanes(inline_budget_ms=50, read_timeout_s=2.0, pool_threads=2)
    context = Context("test", tmp_path, lanes, write_limit_s=5.0, log_queue_max=200)
    yield context
    context.close()
    lanes.close()


async def made(ctx: Context, **definition: Any) -> None:
    async with transaction(ctx) as inner:
        collection, _ = drafted(inner, {"def": {"type": "base", **definition}, "id": ""})
        await storing.save(inner, collection, None, check_rule)


async def filled(ctx: Context) -> None:
    own = {"select": {"values": ["a", "b"], "maxSelect": 2}, "autodate": {"onCreate": True}}
    kinds = [kind for kind in TYPES if kind not in {"nonsense", "relation", "password"}]
    fields = [{"name": kind, "type": kind, **own.get(kind, {})} for kind in kinds]
    await made(ctx, name="notes", fields=[{"name": "title", "type": "text"}, *fields])
    notes = ctx.catalog.get("notes")
    assert notes is not None
    await made(
        ctx, name="posts", fields=[{"name": "rel", "type": "relation", "collectionId": notes.id, "maxSelect": 5}]
    )
    await made(ctx, name="seen", type="view", viewQuery="SELECT id, title FROM notes")
    ctx.data.execute("INSERT INTO notes (id, title) VALUES (?, 'a')", (ROW,))


async def refused(*_: object, **__: object) -> Any:
    raise ApiError(503)


async def run(ctx: Context, hooks: Hooks, seed: int) -> None:
    impostor = Impostor(Nonsense(seed, [collection.id for collection in ctx.catalog.all()]))
    session = Session(hooks, impostor, table(), 60.0)  # type: ignore[arg-type] # it looks like one
    impostor.request = wire_of_info(session, ctx, None)["q"]

    async def ask() -> None:
        async with session:
            await session.run("test", None)

    speaking = asyncio.create_task(impostor.speak())
    try:
        await asyncio.wait_for(ask(), 60)
    except (ApiError, HookError, ValidationErrors):
        pass  # what scripts may throw
    finally:
        if not speaking.done():
            speaking.cancel()
        await asyncio.wait([speaking])
    assert speaking.cancelled() or speaking.exception() is None, speaking.exception()
    assert impostor.released == 1
    assert not session._work
    assert ctx.unit is None
    async with asyncio.timeout(30):  # the write-ahead log may be taken back just now
        await ctx.writer.acquire()
    ctx.writer.release()


@pytest.mark.slow
def test_nonsense_is_answered(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[str] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: wrong.append(str(told)))
        await filled(ctx)
        handlers = tuple(Handler(source="() => {}", file="/pb_hooks/a.pb.js", line=1, event=name) for name in EVENTS)
        outside = SimpleNamespace(outside=Outside(()))
        children: Any = SimpleNamespace(processes=outside, seat=lambda _: False, place=refused)
        hooks = Hooks(ctx, Manifest(handlers=handlers), children, table(), lambda _: None)
        hooks.bind()
        for seed in range(FIRST, FIRST + COUNT):
            try:
                await run(ctx, hooks, seed)
            except BaseException as error:
                error.add_note(f"POCKER_FUZZ={seed}:1 (it may need those before it)")
                raise
            wrong.extend(
                f"seed {seed}: {record.getMessage()} {record.exc_text}"
                for record in caplog.records
                if record.levelno >= logging.ERROR
            )
            caplog.clear()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert wrong == []
