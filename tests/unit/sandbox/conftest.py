"""A small prelude for the sandbox's own tests: the pump, and the host may have any text evaluated."""

import asyncio
import json
from typing import Any

import pytest

from sandbox import serving
from sandbox.frames import HEAD_BYTES, answer_frame, length_of, split_call
from sandbox.pool import Child, ExitStatus

BOOT = """
import sys
sys.path += sys.argv[2:]
import sandbox.prelude as prelude
prelude.FILES = ("pump", "random")
prelude.TAIL = "const evaluate = G.eval; P.on('eval', (code) => evaluate(code)); G.host = P.host;" + prelude.TAIL
from sandbox.zygote import main
main(sys.argv[1])
"""
ANSWER_BYTES_MAX = 1 << 28


@pytest.fixture(autouse=True)
def small_prelude(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zygotes of this test load the small prelude."""
    monkeypatch.setattr(serving, "BOOT", BOOT)


async def send(child: Child, order: dict[str, Any], bits: int = 0) -> None:
    """Say something to the child."""
    await asyncio.get_running_loop().sock_sendall(child.sock, answer_frame(json.dumps(order).encode(), bits))


async def hear(child: Child) -> tuple[str, list[Any]] | ExitStatus:
    """The child's next call; its end where there is none."""
    heard = b""
    loop = asyncio.get_running_loop()
    while len(heard) < HEAD_BYTES or len(heard) < HEAD_BYTES + length_of(heard, ANSWER_BYTES_MAX):
        try:
            chunk = await loop.sock_recv(child.sock, 1 << 20)
        except ConnectionError:
            chunk = b""
        if not chunk:
            return await child.over
        heard += chunk
    name, args = split_call(heard[HEAD_BYTES:])
    return name.decode(), json.loads(args)


async def evaluate(child: Child, code: str) -> Any:
    """The value of `code`, {"e": error}, or how the child ended."""
    await send(child, {"n": "eval", "d": code})
    heard = await hear(child)
    if isinstance(heard, ExitStatus):
        return heard
    name, args = heard
    assert name == "$r"
    result = args[1]
    return result if "e" in result else result.get("v")
