"""What an application is told that sends to a client who has left. Apart, since no exception can be compiled."""


class ClientGone(ConnectionError):  # noqa: N818 (no failure of ours)
    """Raised by `send` once the connection is lost, as ASGI demands."""
