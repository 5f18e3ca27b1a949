"""Bodies of requests that are read more than once, in the place of Falcon's stream of them."""

from collections.abc import AsyncIterator
from typing import Any


class Heard:
    """A body's stream that keeps what is read of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.kept = bytearray()

    async def read(self, size: int | None = -1) -> bytes:
        """As Falcon's."""
        piece: bytes = await self._stream.read(size)
        self.kept += piece
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self.kept += piece
            yield piece


class Again:
    """A body that was read already, as Falcon's stream of it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def read(self, size: int | None = -1) -> bytes:
        """What is left of it, or so many bytes."""
        end = len(self._raw) if size is None or size < 0 else size
        piece, self._raw = self._raw[:end], self._raw[end:]
        return piece

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._whole()

    async def _whole(self) -> AsyncIterator[bytes]:
        if self._raw:
            piece, self._raw = self._raw, b""
            yield piece
