"""Identifiers, ids and timestamps as PocketBase writes them into its databases."""

import os
import time
from functools import lru_cache

ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def quote(identifier: str) -> str:
    """`identifier` between backticks. The one place where a name enters SQL text; values are always parameters."""
    return "`" + identifier.replace("`", "``") + "`"


def rand_text(length: int, alphabet: str) -> str:
    """`length` characters drawn from `alphabet`, at most 256 of them, by the system's secure source."""
    # one system call for all characters; a byte beyond the last full multiple of the alphabet is drawn again
    table, beyond = _drawn(alphabet)
    text = ""
    while len(text) < length:
        drawn = os.urandom(length * 2).translate(table, beyond)
        text += drawn.decode() if alphabet.isascii() else "".join([alphabet[place] for place in drawn])
    return text[:length]


@lru_cache(maxsize=16)
def _drawn(alphabet: str) -> tuple[bytes, bytes]:
    """What each random byte stands for, a character of ASCII or a place in the alphabet, and the bytes for nothing."""
    size = len(alphabet)
    stands_for = alphabet.encode() if alphabet.isascii() else bytes(range(size))
    return bytes(stands_for[byte % size] for byte in range(256)), bytes(range(256 - 256 % size, 256))


def rand_id(length: int = 15) -> str:
    """A new record id: `[a-z0-9]`, 15 characters by default."""
    return rand_text(length, ID_ALPHABET)


def rand_secret(length: int = 50) -> str:
    """A new token key or signing secret: `[a-zA-Z0-9]`, 50 characters by default."""
    return rand_text(length, ALPHANUMERIC)


def now() -> str:
    """This moment as `YYYY-MM-DD HH:MM:SS.mmmZ` in UTC."""
    return stamp(time.time_ns() // 1_000_000)


def stamp(milliseconds: int) -> str:
    """Milliseconds since the epoch as `YYYY-MM-DD HH:MM:SS.mmmZ` in UTC."""
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{fraction:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
