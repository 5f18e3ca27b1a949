"""Texts and bytes between host and script: bytes are texts of one character a byte (`sandbox/js/bytes.js`)."""

from worker.hooks.calls import GoError


def as_text(value: object) -> str:
    """A text that a script has sent. GoError for anything else."""
    if not isinstance(value, str):
        raise GoError("a text is missing")
    return value


def as_bytes(value: object) -> bytes:
    """Bytes that a script has sent. GoError for anything else."""
    try:
        return as_text(value).encode("latin-1")
    except UnicodeEncodeError:
        raise GoError("these are no bytes") from None


def as_binary(data: bytes) -> str:
    """Bytes as they are sent to a script."""
    return data.decode("latin-1")
