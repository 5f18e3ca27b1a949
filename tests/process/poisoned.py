"""`python poisoned.py FLAGS CONFIG`: the real server with one more route, by which a request harms its worker.

    GET /api/poison/hang    never returns to the loop
    GET /api/poison/crash   ends the process by SIGSEGV
    GET /api/poison/leave   ends the process by SIGKILL, as one from outside would

What a worker can be made to hang with by its own API is mended when it is found, so a test needs something that stays.
"""

import json
import os
import signal
import sys

from supervisor.app import Server
from supervisor.config import load
from worker.app import Shard
from worker.process import ShardWorker

SIGNALS = {"crash": signal.SIGSEGV, "leave": signal.SIGKILL}


class Poison:
    """The route."""

    async def on_get(self, request: object, response: object, how: str) -> None:
        """Never answers."""
        if how in SIGNALS:
            os.kill(os.getpid(), SIGNALS[how])
        while True:
            pass


class PoisonedWorker(ShardWorker):
    """A worker with the route."""

    def build_shard(self) -> Shard:
        """The application of this shard."""
        shard = super().build_shard()
        shard.asgi.add_route("/api/poison/{how}", Poison())
        return shard


if __name__ == "__main__":
    sys.modules["poisoned"] = sys.modules["__main__"]
    flags = json.loads(sys.argv[1])
    Server(
        load(sys.argv[2], flags, {}), reread=lambda: load(sys.argv[2], flags, {}), worker="poisoned.PoisonedWorker"
    ).run()
