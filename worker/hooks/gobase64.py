"""Base64 as Go reads it, with Go's words for what is none."""

import base64
import binascii

from worker.hooks.calls import GoError

STANDARD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
URL = STANDARD - set(b"+/") | set(b"-_")


def decode(text: str) -> bytes:
    """The bytes of padded base64. GoError."""
    return _decoded(text, STANDARD, padded=True)


def decode_url(text: str) -> bytes:
    """The bytes of unpadded base64 with the alphabet for URLs. GoError."""
    return _decoded(text, URL, padded=False)


def encode_url(data: bytes) -> bytes:
    """Unpadded base64 with the alphabet for URLs."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text: str, alphabet: frozenset[int], *, padded: bool) -> bytes:
    raw = text.encode("utf-8", "replace")
    digits = raw.translate(None, b"\r\n")
    body = digits.rstrip(b"=") if padded else digits
    if alphabet.issuperset(body) and len(body) % 4 != 1 and (not padded or len(digits) == (len(body) + 3) // 4 * 4):
        try:
            return base64.b64decode(body + b"=" * (-len(body) % 4), b"-_" if alphabet is URL else None)
        except binascii.Error:
            pass
    raise GoError(f"illegal base64 data at input byte {_misfit(raw, alphabet, padded=padded)}")


def _misfit(raw: bytes, alphabet: frozenset[int], *, padded: bool) -> int:
    """The place that Go complains of, as its decoder goes: by groups of four, without line ends."""
    at = count = 0
    while at < len(raw):
        byte = raw[at]
        at += 1
        if byte in b"\r\n":
            continue
        if byte in alphabet:
            count = (count + 1) % 4
            continue
        if not padded or byte != 0x3D or count < 2:
            return at - 1
        rest = raw[at:].translate(None, b"\r\n")
        if count == 2 and not rest:
            return len(raw)
        if count == 2 and rest[:1] != b"=":
            return at - 1
        return at + (1 if count == 2 else 0)  # something behind the end
    return at - count
