"""The least of an HTTP client that attackers and measuring victims need: requests as bytes, answers by length."""

import socket

CHUNK_BYTES = 256 * 1024


def connect(port: int, timeout_s: float = 30.0) -> socket.socket:
    """A connection to the server on this machine."""
    sock = socket.create_connection(("127.0.0.1", port), timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Answers:
    """Reads the answers of one connection, all of which say their length."""

    __slots__ = ("buffer", "need", "status")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.need = 0
        self.status = 0

    def take(self, data: bytes) -> int:
        """Take what came; how many answers were completed by it. `status` is the last one's."""
        buffer = self.buffer
        buffer += data
        done = 0
        while True:
            if not self.need:
                end = buffer.find(b"\r\n\r\n")
                if end < 0:
                    return done
                head = bytes(buffer[:end]).lower()
                at = head.find(b"content-length:")
                length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                self.status = int(head[9:12])
                self.need = end + 4 + length
            if len(buffer) < self.need:
                return done
            del buffer[: self.need]
            self.need = 0
            done += 1
