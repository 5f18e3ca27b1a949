"""Jobs of the engine's, run inside of a call."""

import json
from typing import Any

import pytest

from sandbox.engine import Engine

TABLE = {
    "nothing": ("", []),
    "a chain": ("(async () => { await 1; out.push('a'); await 2; out.push('b'); })();", ["a", "b"]),
    "in turns": (
        "for (const name of 'xy') (async () => { out.push(name + 1); await null; out.push(name + 2); })();",
        ["x1", "y1", "x2", "y2"],
    ),
    "it is caught": ("Promise.reject(1).catch((x) => out.push(x));", [1]),
    "what they call": ("(async () => { await 1; out.push(host('echo', 7)); })();", [7]),
    "too deep": (
        "(async () => { await 1; const f = () => f(); f(); })().catch((x) => out.push(x instanceof RangeError));",
        [True],
    ),
}


@pytest.mark.parametrize("by_evaluation", [False, True])
@pytest.mark.parametrize("name", TABLE)
def test_jobs(name: str, by_evaluation: bool) -> None:
    script, expected = TABLE[name]
    assert ran(script, by_evaluation) == expected


def test_jobs_in_jobs() -> None:
    """A handler that waits may save a record, and a handler of that may wait as well."""
    inner = "(async () => { await 1; host('jobs'); out.push('in'); })().then(() => out.push('out'));"
    assert ran(inner) == ["in", "out"]


def ran(script: str, by_evaluation: bool = False) -> list[Any]:
    """What a script has put `out` by the time its jobs were run."""
    made: list[Engine] = []

    def call(name: bytes, args: bytes) -> bytes:
        if name == b"jobs":
            made[0].run_jobs()
        return b"7" if name == b"echo" else b"0"

    engine = Engine(call)
    made.append(engine)
    assert engine._jobs is not None, "this build of the engine shows its jobs"
    if by_evaluation:
        engine._jobs = None
    engine.evaluate(b"globalThis.host = call_python; globalThis.out = []; 0")
    told: list[Any] = json.loads(engine.evaluate(f"{{ {script} host('jobs'); [...out] }}".encode()))
    return told
