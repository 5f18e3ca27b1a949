"""JSON web tokens as scripts make and check them: HS256 alone, and Go's words for whatever is wrong with one.

PyJWT says other things about the same tokens, and the words are what scripts compare.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import orjson

from worker.hooks import gobase64
from worker.hooks.calls import GoError

HEADER = gobase64.encode_url(b'{"alg":"HS256","typ":"JWT"}')
TOKEN_CHARS_MAX = 1 << 18
CLAIMS_BYTES_MAX = 1 << 17
# What the real one has heard of; it takes HS256 only, but says something else about the others.
METHODS = frozenset(f"{family}{bits}" for family in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)) | {
    "EdDSA",
    "none",
}

MALFORMED = "token is malformed: "
UNVERIFIABLE = "token is unverifiable: "
BAD_SIGNATURE = "token signature is invalid: "
BAD_CLAIMS = "token has invalid claims: "
EXPIRED = "token is expired"
EARLY = "token is not valid yet"
UNISSUED = "token used before issued"


def sign(claims: bytes, key: bytes) -> str:
    """A token for claims that are JSON already."""
    if len(claims) > CLAIMS_BYTES_MAX:
        raise GoError("the claims of a token are too long")
    body = HEADER + b"." + gobase64.encode_url(claims)
    return (body + b"." + gobase64.encode_url(_signature(body, key))).decode()


def verified(token: str, key: bytes) -> dict[str, Any]:
    """The claims of a token signed with `key` that is valid now. GoError."""
    header, claims, signed, given = _parsed(token)
    if header["alg"] != "HS256":
        raise GoError(f"{BAD_SIGNATURE}signing method {header['alg']} is invalid")
    if not hmac.compare_digest(_signature(signed.encode(), key), given):
        raise GoError(f"{BAD_SIGNATURE}signature is invalid")
    faults = _faults(claims, ("exp", "nbf"))
    if faults:
        raise GoError(BAD_CLAIMS + faults)
    return claims


def unverified(token: str) -> dict[str, Any]:
    """The claims of a token that is valid now, whoever signed it. GoError."""
    _, claims, _, _ = _parsed(token)
    faults = _faults(claims, ("exp", "nbf", "iat"))
    if faults:
        raise GoError(faults)
    return claims


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()


def _parsed(token: str) -> tuple[dict[str, Any], dict[str, Any], str, bytes]:
    """Header, claims, what is signed, and the signature."""
    parts = token.split(".", 3) if len(token) <= TOKEN_CHARS_MAX else []
    if len(parts) != 3:
        raise GoError(f"{MALFORMED}token contains an invalid number of segments")
    header = _object(_part(parts[0], "header"), "header", "map[string]interface {}")
    claims = _object(_part(parts[1], "claim"), "claim", "jwt.MapClaims")
    method = header.get("alg")
    if not isinstance(method, str):
        raise GoError(f"{UNVERIFIABLE}signing method (alg) is unspecified")
    if method not in METHODS:
        raise GoError(f"{UNVERIFIABLE}signing method (alg) is unavailable")
    return header, claims, f"{parts[0]}.{parts[1]}", _part(parts[2], "signature")


def _part(text: str, name: str) -> bytes:
    try:
        return gobase64.decode_url(text)
    except GoError as error:
        raise GoError(f"{MALFORMED}could not base64 decode {name}: {error}") from None


def _object(raw: bytes, name: str, wanted: str) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise GoError(f"{MALFORMED}could not JSON decode {name}: {_syntax(raw, error.pos)}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
        reason = f"json: cannot unmarshal {kind} into Go value of type {wanted}"
        raise GoError(f"{MALFORMED}could not JSON decode {name}: {reason}")
    return value


def _syntax(raw: bytes, at: int) -> str:
    """About what Go says of text that is no JSON."""
    text = raw.decode("utf-8", "replace").strip()
    if not text or at >= len(text):
        return "unexpected end of JSON input"
    return f"invalid character '{text[at]}' looking for beginning of value"


def _faults(claims: dict[str, Any], names: tuple[str, ...]) -> str:
    """What is wrong with the times of claims, in Go's order."""
    now = time.time()
    faults = []
    for name in names:
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            faults.append(f"invalid type for claim: {name} is invalid")
        elif value and (reason := CHECKS[name](now, int(value))):
            faults.append(reason)
    return ", ".join(faults)


CHECKS: dict[str, Callable[[float, int], str]] = {
    "exp": lambda now, at: "" if now < at else EXPIRED,
    "nbf": lambda now, at: EARLY if now < at else "",
    "iat": lambda now, at: UNISSUED if now < at else "",
}
