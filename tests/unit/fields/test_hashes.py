"""Passwords and hashes: what bcrypt looks at, and what it does not."""

import bcrypt
import pytest

from worker.fields.hashes import HASH_COST_MAX, NOBODY, PASSWORD_BYTES_MAX, hash_password, password_fits

LONG = "é" * (PASSWORD_BYTES_MAX // 2)


def test_a_password_fits_its_hash() -> None:
    stored = hash_password("p\0assword é", 4)
    assert stored.startswith("$2a$04$")
    assert password_fits("p\0assword é", stored)
    for wrong in ("p", "p\0assword e", "", "p\0assword é "):
        assert not password_fits(wrong, stored)


def test_what_is_beyond_72_bytes_is_not_looked_at() -> None:
    stored = hash_password(LONG, 4)
    assert password_fits(LONG, stored)
    assert password_fits(LONG + "z", stored)
    assert not password_fits(LONG[:-1] + "z" + LONG, stored)
    with pytest.raises(ValueError, match="72 bytes"):
        hash_password(LONG + "z", 4)


@pytest.mark.parametrize("stored", ["", "x", "$2a$10$", "é" * 60, NOBODY])
def test_nothing_fits_what_is_no_hash(stored: str) -> None:
    assert not password_fits("", stored)
    assert not password_fits("password", stored)


def test_an_empty_password_has_no_hash() -> None:
    assert hash_password("", 4) == ""


def test_the_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[int] = []
    monkeypatch.setattr(bcrypt, "gensalt", lambda cost, _prefix: costs.append(cost) or b"$2a$04$" + b"." * 22)
    hash_password("x", 31)
    assert costs == [HASH_COST_MAX]
