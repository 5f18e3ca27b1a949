"""Answers of the gate: 429, in the shape of every error of the API, with what a client needs to try again in time.

    retry-after: 2                  seconds
    ratelimit-limit: 100            the limit that was reached, in whatever it counts
    ratelimit-remaining: 0
    ratelimit-reset: 2              seconds

(draft-ietf-httpapi-ratelimit-headers). A flood of refusals must cost little, so all but the date is made once. A
browser's preflight is answered as the application would: it must succeed, or a script never sees the 429 behind it.
"""

from collections.abc import Iterator

from worker.fair.limits import Denial
from worker.wire import replies
from worker.wire.heads import Head

STATUS = 429
MESSAGE = "Too Many Requests."
KEPT_MAX = 256
# As the front answers a browser from elsewhere: else a script would not get to see the status.
CROSS_ORIGIN = b"access-control-allow-origin: *\r\n"

PREFLIGHT = (
    b"HTTP/1.1 204 No Content\r\nvary: Origin\r\nvary: Access-Control-Request-Method\r\n"
    b"vary: Access-Control-Request-Headers\r\naccess-control-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\n"
    b"access-control-allow-origin: *\r\n"
)

_BODY = replies.error_body(STATUS, MESSAGE)


class Denials:
    """The answers that have been made, by what they say."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[tuple[Denial, bool, bool], tuple[bytes, bytes]] = {}

    def reply(self, denial: Denial, head: Head, date: bytes, *, close: bool) -> bytes:
        """The whole answer to the request of that head; `close`: the connection is closed after it."""
        cross = False
        for name, _ in head.fields.headers:
            if name == b"origin":
                cross = True
                break
        if cross and head.method == "OPTIONS":
            return PREFLIGHT + b"".join(_allowed(head)) + date + replies.LAST[close]
        key = (denial, cross, close)
        parts = self._kept.get(key)
        if parts is None:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            parts = self._kept[key] = _compose(denial, cross, close)
        before, behind = parts
        if head.fields.version == "1.0" and not close:
            behind = replies.KEEP_ALIVE + behind
        return b"%b%b%b%b" % (before, date, behind, b"" if head.method == "HEAD" else _BODY)


def _allowed(head: Head) -> Iterator[bytes]:
    """The fields that a preflight asks for."""
    for name, value in head.fields.headers:
        if name == b"access-control-request-headers" and value:
            yield b"access-control-allow-headers: %b\r\n" % value


def _compose(denial: Denial, cross: bool, close: bool) -> tuple[bytes, bytes]:
    """What stands before the date and behind it."""
    before = b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b" % (
        replies.status_line(STATUS),
        len(_BODY),
        CROSS_ORIGIN if cross else b"",
    )
    before += b"retry-after: %d\r\nratelimit-limit: %d\r\nratelimit-remaining: 0\r\nratelimit-reset: %d\r\n" % (
        denial.reset_s,
        denial.limit,
        denial.reset_s,
    )
    return before, replies.LAST[close]
