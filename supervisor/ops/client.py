"""The operator's end of the control socket. Standard library only: every `pocker tenant …` starts through here."""

import json
import os
import socket
from collections.abc import Callable
from typing import Any

from supervisor.contract.layout import CONTROL_SOCKET

ANSWER_BYTES_MAX = 256 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

OnProgress = Callable[[str, int, int], None]


class ClientError(Exception):
    """The supervisor cannot be reached, or did not do it; one line for the operator."""


def ask(data: str, command: str, args: dict[str, Any], on_progress: OnProgress) -> Any:
    """Has the supervisor of the data directory carry out a command and returns its value. Raises ClientError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        _connect(connection, data)
        try:
            connection.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
            return _answer(connection, on_progress)
        except OSError as error:
            raise ClientError(f"the connection to the supervisor broke: {error.strerror or error}") from error


def _connect(connection: socket.socket, data: str) -> None:
    path = os.path.join(data, CONTROL_SOCKET)  # noqa: PTH118 (pathlib would cost the client its start)
    try:
        connection.connect(path)
    except PermissionError as error:
        raise ClientError(f"{path}: not allowed; the server belongs to another user") from error
    except OSError as error:
        raise ClientError(
            f"no server runs on the data directory {data} (start one with `pocker serve`, or name it with --data)"
        ) from error


def _answer(connection: socket.socket, on_progress: OnProgress) -> Any:
    buffer = bytearray()
    searched = 0
    while True:
        end = buffer.find(b"\n", searched)
        if end < 0:
            searched = len(buffer)
            if searched > ANSWER_BYTES_MAX:
                raise ClientError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
            chunk = connection.recv(CHUNK_BYTES)
            if not chunk:
                raise ClientError("the server stopped before it answered")
            buffer += chunk
            continue
        message = json.loads(buffer[:end])
        del buffer[: end + 1]
        searched = 0
        progress = message.get("progress")
        if progress is not None:
            on_progress(progress["text"], progress["done"], progress["total"])
        elif message["ok"]:
            return message["value"]
        else:
            raise ClientError(message["error"])
