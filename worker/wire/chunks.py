"""Chunked bodies: the chunks of plain form are taken here, everything else by the parser that read the head.

    1a\\r\\n⟨26 bytes⟩\\r\\n      plain: a size above zero of up to eight digits, nothing else in its line
    0\\r\\n…                     the parser's: the last chunk and the trailers
    1a;x=y\\r\\n…                the parser's, and so is all that follows: extensions, or what is malformed

Plain chunks are a strict subset of what the parser takes, and it is given a body's bytes from the beginning of a chunk
on. The parser needs some 10 µs a chunk and the way here 1, so that a body in tiny chunks costs no more than others.
"""

import re

from gunicorn.asgi.parser import ParseError, PythonProtocol

from worker.wire.refusal import MALFORMED, Refusal, refusal_of

PLAIN = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
BEGUN = re.compile(rb"[0-9A-Fa-f]{0,8}\r?")  # what may become a plain size line
TINY_BYTES = 64  # chunks smaller than that, on average
PARSED_MAX = 1_000  # chunks with extensions, which nobody sends and which are dear
LINE_END = b"\r\n"


class Chunks:
    """The chunked body behind a head, decoded as it comes."""

    __slots__ = ("_begun", "_found", "_left", "_parsed", "_parser", "_plain", "tiny")

    def __init__(self, parser: PythonProtocol, found: list[bytes]) -> None:
        self._parser = parser
        self._found = found  # what the parser decodes
        self._plain = True
        self._begun = b""  # of a line that has not come whole
        self._left = 0  # bytes of the chunk still to come, its line end included
        self._parsed = 0
        self.tiny = False  # whether the last bytes were of very small chunks, so that fewer should be read at a time

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """(decoded, None) while more is to come, (decoded, bytes behind the body) at its end. Raises Refusal."""
        parts: list[bytes] = []
        if self._plain:
            fed = len(data)
            data = self._take_plain(data, parts)
            self.tiny = len(parts) * TINY_BYTES > fed
            if self._plain:
                return _joined(parts), None
        parser, found = self._parser, self._found
        try:
            parser.feed(data)
        except ParseError as error:
            raise refusal_of(error) from error
        self._parsed += len(found)
        if self._parsed > PARSED_MAX:
            raise Refusal(400, MALFORMED)
        parts += found
        found.clear()
        return _joined(parts), parser.remaining() if parser.is_complete else None

    def _take_plain(self, data: bytes, parts: list[bytes]) -> bytes:
        """Takes plain chunks; returns what is the parser's if something is. Raises Refusal."""
        if self._begun:
            data = self._begun + data
            self._begun = b""
        position, end = 0, len(data)
        left = self._left
        match = PLAIN.match
        while position < end:
            if left == 0:
                line = match(data, position)
                if line is None:
                    if BEGUN.fullmatch(data, position) is None:
                        self._plain = False
                        return data[position:]
                    self._begun = data[position:]
                    break
                left = int(line[1], 16) + len(LINE_END)
                if left == len(LINE_END):
                    self._plain = False
                    return data[position:]
                position = line.end()
            stop = position + left
            content = stop - len(LINE_END)
            if position < content:
                parts.append(data[position:content])
                position = content
            if position < end and data[position:stop] != LINE_END[-left:][: end - position]:
                raise Refusal(400, MALFORMED)
            left = max(0, stop - end)
            position = stop
        self._left = left
        return b""


def _joined(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)
