"""What the wire itself answers to a request that it can't read: one table from the parser's errors to answers."""

from gunicorn.asgi.parser import (
    InvalidHTTPVersion,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseError,
    UnsupportedTransferCoding,
)

MALFORMED = "The request is malformed."
HEAD_TOO_LARGE = "The request head is too large."
TARGET_TOO_LONG = "The request target is too long."
REFUSALS: tuple[tuple[type[Exception], int, str], ...] = (
    (LimitRequestLine, 414, TARGET_TOO_LONG),
    (LimitRequestHeaders, 431, HEAD_TOO_LARGE),
    (UnsupportedTransferCoding, 501, "The transfer coding is not supported."),
    (InvalidHTTPVersion, 505, "The HTTP version is not supported."),
    (ParseError, 400, MALFORMED),
    (ValueError, 400, MALFORMED),  # int() of a Content-Length with thousands of digits
)


class Refusal(Exception):  # noqa: N818 (it is the answer, not a failure of ours)
    """A request the wire itself answers: `status` and a public `message`; the connection is closed after it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def refusal_of(error: Exception) -> Refusal:
    """What to answer to a parser's error."""
    for kind, status, message in REFUSALS:
        if isinstance(error, kind):
            return Refusal(status, message)
    raise error
