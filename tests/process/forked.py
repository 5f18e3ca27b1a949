"""Forking a real worker process from a test: what it keeps of its parent, and how it becomes one."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from supervisor.contract.board import Board
from worker.process import ShardWorker


def sockets_of(board: Board, listener: socket.socket) -> set[socket.socket]:
    """What every worker of `board` needs."""
    return {listener, *board.shard_listeners, *(end for pair in board.links for end in pair)}


def become(
    kind: type[ShardWorker],
    board: Board,
    *,
    listener: socket.socket,
    theirs: socket.socket,
    shard: int,
    berth: int,
    parent: int,
    log: Path,
) -> NoReturn:
    """In the child of a fork: serve as a worker of `kind` until it ends, and exit as it would. Never returns."""
    code = 70
    try:
        _keep(log, [*sockets_of(board, listener), theirs])
        board.channel = theirs
        worker = _made(kind, board, listener, parent, log)
        worker.shard, worker.berth = shard, berth
        worker.init_process()
        code = 0
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _keep(log: Path, kept: Iterable[socket.socket]) -> None:
    """A fork also inherits the clients of the test, whose connections would never end: only `kept` stays open."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    numbers = {0, 1, 2, *(sock.fileno() for sock in kept)}
    # Their numbers stay taken: the objects that know them are here as well, and close them when they are collected.
    null = os.open(os.devnull, os.O_RDWR)
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) not in numbers:
            with contextlib.suppress(OSError):
                os.dup2(null, int(path.name))


def _made(kind: type[ShardWorker], board: Board, listener: socket.socket, parent: int, log: Path) -> ShardWorker:
    from gunicorn.config import Config
    from gunicorn.glogging import Logger

    cfg = Config()
    cfg.set("errorlog", str(log))

    class Listening:
        sock = listener
        fileno = listener.fileno

    worker = kind(1, parent, [Listening], None, 30, cfg, Logger(cfg))
    worker.board = board
    return worker
