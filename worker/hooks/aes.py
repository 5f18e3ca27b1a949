"""AES-GCM as scripts use it: a nonce, what is encrypted and its tag, all of it as base64.

The library is pycryptodomex, loaded at the first use: the better known one would be found by PyJWT, which then loads it
into every worker, 11 MB that nobody uses.
"""

import base64
import secrets

from worker.hooks import gobase64
from worker.hooks.calls import GoError

KEY_SIZES = (16, 24, 32)
NONCE_BYTES = 12
TAG_BYTES = 16

BAD_TAG = "cipher: message authentication failed"


def encrypted(plain: bytes, key: bytes) -> str:
    """Base64 of a random nonce, the encrypted bytes and their tag. GoError for a key of the wrong size."""
    _check(key)
    from Cryptodome.Cipher import AES  # noqa: PLC0415 (few scripts need it, and it takes some MB)

    nonce = secrets.token_bytes(NONCE_BYTES)
    body, tag = AES.new(key, AES.MODE_GCM, nonce=nonce).encrypt_and_digest(plain)
    return base64.b64encode(nonce + body + tag).decode()


def decrypted(text: str, key: bytes) -> bytes:
    """What was encrypted with the same key. GoError for anything else."""
    _check(key)
    data = gobase64.decode(text)
    if len(data) < NONCE_BYTES + TAG_BYTES:  # the real one breaks off with less than a nonce
        raise GoError(BAD_TAG)
    from Cryptodome.Cipher import AES  # noqa: PLC0415 (as above)

    cipher = AES.new(key, AES.MODE_GCM, nonce=data[:NONCE_BYTES])
    try:
        return cipher.decrypt_and_verify(data[NONCE_BYTES:-TAG_BYTES], data[-TAG_BYTES:])
    except ValueError:
        raise GoError(BAD_TAG) from None


def _check(key: bytes) -> None:
    if len(key) not in KEY_SIZES:
        raise GoError(f"crypto/aes: invalid key size {len(key)}")
