"""Scripts of a tenant on an engine in a thread of the test's process: the whole prelude, all operations, no walls.

scripted = Scripted(ctx)
await scripted("return $app.store().get('a')")    what it returns, as JSON; Thrown with what it throws
"""

import asyncio
import json
import queue
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from sandbox.engine import Engine, ScriptError
from sandbox.prelude import prelude
from supervisor.contract.plan import Plan
from worker.context import Context
from worker.hooks.alarm import Alarm
from worker.hooks.ops import table
from worker.hooks.session import Session

TAIL = b"P.seal();\n})(globalThis);0"
# What the tests have the script run: the body of a function.
EVALUATION = b"""
Object.defineProperty(G, "__host", { value: P.host });
P.on("test", (code) => {
    try { return { v: JSON.stringify((0, eval)("(function () {" + code + "})")()) ?? "null" }; }
    catch (error) { return { e: String(error) }; }
});
"""
PATIENCE_S = 60


class Thrown(Exception):  # noqa: N818 - what a script throws need be no error
    """What a script has thrown, as a text."""


class Over(BaseException):
    """Ends the engine's thread from within a call."""


class Realm:
    """An engine in a thread, which looks like a leased process with its line."""

    def __init__(self) -> None:
        self.line = self
        self.alarm = Alarm()
        self.child = SimpleNamespace(kill=self.kill)
        self.told: frozenset[int] = frozenset()
        self.killed = False
        self.take: Any = None
        self.ended: Any = None
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._loop: Any = None
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._calls: list[tuple[bytes, bytes]] = []
        self._ready = threading.Event()

    def start(self, loop: Any) -> None:
        self._loop = loop
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def _live(self) -> None:
        engine: Engine | None = None

        def call(name: bytes, args: bytes) -> bytes:
            assert engine is not None
            if name == b"$drain":
                engine.run_jobs()
                return b"0"
            if name == b"$random":
                return b'"' + b"7" * 64 + b'"'
            if name == b"$ready":
                self._ready.set()
            else:
                self._loop.call_soon_threadsafe(self._heard, name, args)
            answer = self._answers.get(timeout=PATIENCE_S)
            if answer is None:
                raise Over
            return answer

        engine = Engine(call)
        engine.evaluate(prelude().replace(TAIL, EVALUATION + TAIL))
        with suppress(Over, ScriptError):
            engine.evaluate(b"__pocker_loop()")

    def _heard(self, name: bytes, args: bytes) -> None:
        if not self.killed:
            self.take(name, args)

    # what a session asks of a line and a leased process

    def send(self, frame: bytes) -> None:
        self._answers.put(frame[4:])

    def close(self) -> None:
        pass

    def why(self) -> str:
        return ""

    def release(self, *, reusable: bool) -> None:
        del reusable

    def kill(self) -> None:
        self.killed = True
        self._answers.put(None)


class Scripted:
    """The scripts of a tenant."""

    def __init__(self, ctx: Context, **limits: Any) -> None:
        self.ctx = ctx
        self.realm: Realm | None = None
        self.warnings: list[str] = []
        self.hooks: Any = SimpleNamespace(
            ctx=ctx,
            name=ctx.name,
            extras={},
            plan=Plan(**limits),
            warn=self.warnings.append,
            book=lambda ns: None,
            manifest=SimpleNamespace(handlers=[]),
        )

    async def __call__(self, code: str) -> Any:
        """Run the body of a function; its value. Raises Thrown, or what the run ended with."""
        said = await self.ask("test", code)
        if "e" in said:
            raise Thrown(said["e"])
        return json.loads(said["v"])

    async def ask(self, name: str, data: object) -> Any:
        """Have the script run something of the prelude's."""
        if self.realm is None or self.realm.killed:
            self.realm = Realm()
            self.realm.start(asyncio.get_running_loop())
        async with Session(self.hooks, self.realm, table(), 60.0) as session:  # type: ignore[arg-type]
            return await session.run(name, data)

    def close(self) -> None:
        if self.realm is not None:
            self.realm.kill()
