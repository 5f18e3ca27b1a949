"""`$security` on the host's side: what is random is fair, what is signed or encrypted is checked, nonsense is told."""

import asyncio
import base64
import hashlib
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from worker.hooks import gobase64, jwt
from worker.hooks.aes import decrypted, encrypted
from worker.hooks.calls import GoError
from worker.hooks.ops import security
from worker.hooks.ops.outside import VARIABLES, VARIABLES_BYTES_MAX, read_variables
from worker.lanes import Lanes

KEY = b"1" * 32


def run(name: str, *args: Any) -> Any:
    """The operation's answer."""

    async def answer() -> Any:
        lanes = Lanes(inline_budget_ms=5, read_timeout_s=30, pool_threads=1)
        try:
            hooks = SimpleNamespace(ctx=SimpleNamespace(lanes=lanes, account=None))
            return await security.OPS[name](SimpleNamespace(hooks=hooks), *args)  # type: ignore[arg-type]
        finally:
            lanes.close()

    return asyncio.run(answer())


@pytest.mark.parametrize("alphabet", ["abc", "ab" * 50, "".join(map(chr, range(256))), "x" * 300 + "y" * 300])
def test_each_letter_is_as_likely(alphabet: str) -> None:
    drawn = run("random", 60_000, alphabet)
    assert len(drawn) == 60_000
    found, kinds = Counter(drawn), len(set(alphabet))
    assert set(found) == set(alphabet)
    expected = 60_000 / kinds
    assert all(abs(count - expected) < 8 * expected**0.5 for count in found.values())


def test_bytes_are_drawn_not_characters() -> None:
    assert set(run("random", 1000, "é".encode().decode("latin-1"))) == {"\xc3", "\xa9"}


@pytest.mark.parametrize(
    "args", [(-1, None), (1.5, None), (1 << 40, None), ("9", None), (True, None), (3, ""), (3, "€"), (3, 5)]
)
def test_what_can_not_be_drawn(args: tuple[Any, Any]) -> None:
    with pytest.raises(GoError):
        run("random", *args)


def test_long_patterns_are_refused() -> None:
    with pytest.raises(GoError, match="too large"):
        run("random_by_regex", "a{1000}" * 500)


def test_large_texts_are_hashed_too() -> None:
    assert run("hash", "md5", "x" * 500_000) == hashlib.md5(b"x" * 500_000).hexdigest()
    assert len(run("hmac", "sha512", "x" * 500_000, "k")) == 128


NONSENSE = (None, 5, [], {}, True, 1.5, "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"), "x" * 1000, "€")


@pytest.mark.parametrize("name", security.OPS)
def test_nonsense_is_told(name: str) -> None:
    for value in NONSENSE:
        for count in range(4):
            with suppress(GoError, TypeError):  # the session answers a wrong number of arguments
                run(name, *[value] * count)


# -- tokens -----------------------------------------------------------------------------------------------------------

CLAIMS = b'{"exp":9999999999,"id":"x"}'


def test_a_token_is_read_with_its_key_alone() -> None:
    token = jwt.sign(CLAIMS, b"key")
    assert jwt.verified(token, b"key") == {"exp": 9_999_999_999, "id": "x"}
    for key in (b"", b"Key", b"keys"):
        with pytest.raises(GoError, match="signature is invalid"):
            jwt.verified(token, key)


def test_a_changed_token_is_none() -> None:
    token = jwt.sign(CLAIMS, b"key")
    for at in range(0, len(token), 3):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        # the last character of a part may hold bits that mean nothing
        with suppress(GoError):
            assert jwt.verified(changed, b"key")["id"] == "x"
            assert gobase64.decode_url(changed.rpartition(".")[2]) == gobase64.decode_url(token.rpartition(".")[2])


def test_another_method_is_not_taken() -> None:
    claims = gobase64.encode_url(CLAIMS).decode()
    for method in ("none", "HS512", "RS256"):
        header = gobase64.encode_url(b'{"alg":"%s"}' % method.encode()).decode()
        with pytest.raises(GoError, match=f"signing method {method} is invalid"):
            jwt.verified(f"{header}.{claims}.", b"")


def test_long_tokens_are_refused() -> None:
    with pytest.raises(GoError):
        jwt.unverified("a" * 1_000_000 + ".b.c")
    with pytest.raises(GoError):
        jwt.sign(b"x" * 1_000_000, b"k")


# -- base64 and AES ---------------------------------------------------------------------------------------------------

PADDED: dict[str, bytes | int] = {
    "": b"",
    "YQ==": b"a",
    "YW\nI=\r\n": b"ab",
    "YWJj": b"abc",
    "YQ": 0,
    "YWJjZ": 4,
    "YQ=": 3,
    "YQ==YQ==": 4,
    "=": 0,
    "Y===": 1,
    "YW=I": 2,
    "YWJ\u00e9": 3,
    "_-==": 0,
    " YQ==": 0,
}


@pytest.mark.parametrize("text", PADDED, ids=repr)
def test_base64(text: str) -> None:
    wanted = PADDED[text]
    if isinstance(wanted, bytes):
        assert gobase64.decode(text) == wanted
        return
    with pytest.raises(GoError, match=f"illegal base64 data at input byte {wanted}$"):
        gobase64.decode(text)


def test_what_was_encrypted() -> None:
    for plain in (b"", b"a", bytes(range(256)) * 100):
        cipher = encrypted(plain, KEY)
        assert decrypted(cipher, KEY) == plain
        assert encrypted(plain, KEY) != cipher
    with pytest.raises(GoError, match="message authentication failed"):
        decrypted(encrypted(b"hello", KEY), b"2" * 32)
    changed = bytearray(gobase64.decode(encrypted(b"hello", KEY)))
    for at in (0, 14, len(changed) - 1):
        changed[at] ^= 1
        with pytest.raises(GoError, match="message authentication failed"):
            decrypted(base64.b64encode(changed).decode(), KEY)
        changed[at] ^= 1


# -- variables --------------------------------------------------------------------------------------------------------


def test_variables(tmp_path: Any) -> None:
    assert read_variables(tmp_path) == {}
    lines = ("# comment", "A=1", " B = two words ", "export C='x=y'", 'D=""', "no", "=x", "1A=x", "E F=x", "G=ä", "A=2")
    (tmp_path / VARIABLES).write_text("\n".join(lines))
    assert read_variables(tmp_path) == {"A": "2", "B": "two words", "C": "x=y", "D": "", "G": "ä"}
    (tmp_path / VARIABLES).write_bytes(b"X=" + b"y" * VARIABLES_BYTES_MAX * 2 + b"\nZ=1")
    assert len(read_variables(tmp_path)["X"]) == VARIABLES_BYTES_MAX - 2
    assert "Z" not in read_variables(tmp_path)
