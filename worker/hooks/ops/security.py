"""`$security`: hashes, random texts, tokens and AES.

Bytes travel as texts of one character a byte. What is large is computed in a thread, at the tenant's expense.
"""

import hashlib
import hmac
import secrets
import string
from collections.abc import Callable
from typing import Any, TypeVar

from worker.fields.patterns import compiled, ungenerable
from worker.fields.regexp import PatternError
from worker.hooks import jwt
from worker.hooks.aes import decrypted, encrypted
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.wire import as_binary, as_bytes, as_text

T = TypeVar("T")

ALPHANUMERIC = (string.ascii_uppercase + string.ascii_lowercase + string.digits).encode()
RANDOM_BYTES_MAX = 1 << 20
PATTERN_CHARS_MAX = 2_048
# Whatever is larger does not hold the loop: hashing takes about 1 ms for each of its megabytes.
INLINE_BYTES_MAX = 1 << 18

HASHES: dict[str, Callable[[bytes], Any]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
}


async def hash_text(call: Call, name: object, text: object) -> str:
    """The hash of a text, in hexadecimal digits."""
    make = HASHES.get(name) if isinstance(name, str) else None
    if make is None:
        raise GoError("there is no such hash")
    data = as_text(text).encode()
    found: str = await _computed(call, len(data), lambda: make(data).hexdigest())
    return found


async def hmac_text(call: Call, name: object, text: object, secret: object) -> str:
    """The keyed hash of a text, in hexadecimal digits."""
    if name not in ("sha256", "sha512"):
        raise GoError("there is no such hash")
    key, data, kind = as_text(secret).encode(), as_text(text).encode(), str(name)
    return await _computed(call, len(key) + len(data), lambda: hmac.new(key, data, kind).hexdigest())


async def equal(_: Call, one: object, other: object) -> bool:
    """Whether two texts are the same, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(as_text(one).encode(), as_text(other).encode())


async def random(call: Call, size: object, alphabet: object) -> str:
    """So many bytes drawn from an alphabet of bytes (none: letters and digits)."""
    if type(size) is not int or not 0 <= size <= RANDOM_BYTES_MAX:
        raise GoError("a random string of such a length can't be made")
    drawn = ALPHANUMERIC if alphabet is None else as_bytes(alphabet)
    if not size:
        return ""
    if not drawn:
        raise GoError("the alphabet of a random string is empty")
    return as_binary(await _computed(call, size if len(drawn) <= 256 else size * 1_000, lambda: _drawn(drawn, size)))


def _drawn(alphabet: bytes, size: int) -> bytes:
    """Bytes of an alphabet, each as likely as the other."""
    count = len(alphabet)
    if count > 256:
        return bytes(secrets.choice(alphabet) for _ in range(size))
    fair = 256 - 256 % count
    table = bytes(alphabet[byte % count] for byte in range(256))
    unfair = bytes(range(fair, 256))
    out = bytearray()
    while len(out) < size:
        # bytes beyond the last whole multiple would favour the alphabet's beginning
        out += secrets.token_bytes((size - len(out)) * 256 // fair + 8).translate(table, unfair)
    return bytes(out[:size])


async def random_by_regex(_: Call, pattern: object) -> str:
    """A random text that a pattern of Go's matches."""
    source = as_text(pattern)
    if len(source) > PATTERN_CHARS_MAX:
        raise GoError("error parsing regexp: expression too large")
    try:
        found = compiled(source)
    except PatternError as error:
        raise GoError(str(error)) from None
    reason = ungenerable(found.node)
    if reason is not None:
        raise GoError(reason)
    return found.generate()


async def jwt_sign(_: Call, claims: object, key: object) -> str:
    """A token that claims what the JSON text says, signed by HS256."""
    return jwt.sign(as_text(claims).encode(), as_text(key).encode())


async def jwt_claims(_: Call, token: object) -> Any:
    """What a token claims, whoever signed it; its times are checked."""
    return jwt.unverified(as_text(token))


async def jwt_verify(_: Call, token: object, key: object) -> Any:
    """What a token claims that was signed by HS256 with the key."""
    return jwt.verified(as_text(token), as_text(key).encode())


async def encrypt(call: Call, data: object, key: object) -> str:
    """Bytes encrypted by AES-GCM, as base64."""
    plain, secret = as_bytes(data), as_text(key).encode()
    return await _computed(call, len(plain), lambda: encrypted(plain, secret))


async def decrypt(call: Call, cipher: object, key: object) -> str:
    """What was encrypted."""
    text, secret = as_text(cipher), as_text(key).encode()
    return as_binary(await _computed(call, len(text), lambda: decrypted(text, secret)))


async def _computed(call: Call, size: int, fn: Callable[[], T]) -> T:
    if size <= INLINE_BYTES_MAX:
        return fn()
    ctx = call.hooks.ctx
    return await ctx.lanes.blocking(ctx.account, fn)


OPS: dict[str, Operation] = {
    "hash": hash_text,
    "hmac": hmac_text,
    "equal": equal,
    "random": random,
    "random_by_regex": random_by_regex,
    "jwt_sign": jwt_sign,
    "jwt_claims": jwt_claims,
    "jwt_verify": jwt_verify,
    "encrypt": encrypt,
    "decrypt": decrypt,
}
