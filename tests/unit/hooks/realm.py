"""The prelude in an engine of this very process, with a host that a test makes up: the scripts' side alone."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.engine import Engine, ScriptError
from sandbox.prelude import prelude


class OverError(Exception):
    """There is nothing more to run."""


class Realm:
    """A fresh one, which is told to run `orders` [(name, data)…]; `answers` are what its calls of the host get.

    An operation answers its value, or raises `ToldError` with an error as the host would send it.
    """

    def __init__(self, operations: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.operations = dict(operations or {})
        self.calls: list[tuple[Any, ...]] = []
        self._orders: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._is_over = False
        self._engine = Engine(self._call)
        self._engine.evaluate(prelude())

    def run(self, *orders: tuple[str, object]) -> list[dict[str, Any]]:
        """What came of each order: {"v": value} or {"e": error}."""
        self._orders = [{"n": name, "d": data} for name, data in orders]
        self._results = []
        self._is_over = False
        try:
            self._engine.evaluate(b"__pocker_loop()")
        except ScriptError:
            assert not self._orders
        return self._results

    def load(self, files: Mapping[str, str], kind: str = "hooks") -> dict[str, Any]:
        """What files of pb_hooks have registered, or their `error`."""
        told = [{"path": f"/pb_{kind}/{name}", "source": source} for name, source in files.items()]
        value: dict[str, Any] = self.run(("load", {"kind": kind, "files": told}))[0]["v"]
        return value

    def _call(self, name: bytes, args: bytes) -> bytes:
        if name == b"$drain":
            self._engine.evaluate(b"0")
            return b"0"
        if name == b"$random":
            return b"4"
        if name in {b"$ready", b"$r"}:
            if name == b"$r" and not self._is_over:
                self._results.append(json.loads(args)[1])
            if not self._orders:
                self._is_over = True
                raise OverError
            return json.dumps(self._orders.pop(0)).encode()
        _, *given = json.loads(args)
        self.calls.append((name.decode(), *given))
        try:
            return json.dumps({"v": self.operations[name.decode()](*given)}).encode()
        except ToldError as error:
            return json.dumps({"e": error.args[0]}).encode()


class ToldError(Exception):
    """An operation's error, as the host sends it."""


def go(message: str) -> ToldError:
    """An error of Go's."""
    return ToldError({"kind": "go", "message": message})
