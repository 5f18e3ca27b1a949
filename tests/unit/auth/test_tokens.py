"""Tokens go both ways between us and a real PocketBase on the same data, and die when they should."""

import base64
import time
from typing import Any

import jwt
import orjson
import pytest

from tests.unit.auth.conftest import ANN, PASSWORD, ROOT
from worker.auth import tokens
from worker.auth.tokens import TokenKind
from worker.fields.hashes import hash_password, password_fits
from worker.http.identity import REMEMBERED_MAX, find_identity, load_identity
from worker.records import store

REFRESH = "/api/collections/users/auth-refresh"
LOGIN = "/api/collections/users/auth-with-password"
CREDENTIALS = {"identity": ANN["email"], "password": PASSWORD}


def record_of(both: Any, collection: str = "users", email: Any = ANN["email"]) -> Any:
    found = both.context.catalog.get(collection)
    return store.find_by(both.context.data, found, "email", email)


def parts(token: str) -> list[Any]:
    return [orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


@pytest.mark.parametrize(("collection", "email"), [("users", ANN["email"]), ("_superusers", ROOT)])
def test_a_token_of_ours_is_valid_there(both: Any, collection: str, email: str) -> None:
    token = tokens.issue(record_of(both, collection, email))
    answer = both.there("POST", f"/api/collections/{collection}/auth-refresh", token=token)
    assert answer.status_code == 200
    assert answer.json()["record"]["email"] == email
    assert both.there("POST", REFRESH, token=token[:-2] + "xx").status_code == 401


@pytest.mark.parametrize(("collection", "email"), [("users", ANN["email"]), ("_superusers", ROOT)])
def test_a_token_of_theirs_is_valid_here(both: Any, collection: str, email: str) -> None:
    login = f"/api/collections/{collection}/auth-with-password"
    token = both.there("POST", login, {"identity": email, "password": PASSWORD}).json()["token"]
    record = load_identity(both.context, token.encode())
    assert record is not None
    assert record.email == email
    assert load_identity(both.context, token[:-2].encode() + b"xx") is None


@pytest.mark.parametrize(("collection", "email"), [("users", ANN["email"]), ("_superusers", ROOT)])
def test_equal_claims_make_equal_tokens(both: Any, collection: str, email: str) -> None:
    login = f"/api/collections/{collection}/auth-with-password"
    for _ in range(5):  # both must have been made within one second
        there = both.there("POST", login, {"identity": email, "password": PASSWORD}).json()["token"]
        here = tokens.issue(record_of(both, collection, email))
        if parts(there)[1]["exp"] == parts(here)[1]["exp"]:
            break
    assert here == there


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer ", "BEARER "])
def test_headers_that_carry_a_token(both: Any, prefix: str) -> None:
    token = tokens.issue(record_of(both))
    assert both.there("POST", REFRESH, token=prefix + token).status_code == 200
    assert both.here("POST", REFRESH, token=prefix + token).status == 200


@pytest.mark.parametrize("header", ["Basic {}", "Bearer  {}", "{}.x", "x", "..", "a.b.c", "Bearer"])
def test_headers_that_do_not(both: Any, header: str) -> None:
    token = header.format(tokens.issue(record_of(both)))
    assert both.there("POST", REFRESH, token=token).status_code == 401
    assert both.here("POST", REFRESH, token=token).status == 401


def claims_of(both: Any, **changes: Any) -> dict[str, Any]:
    claims = parts(tokens.issue(record_of(both)))[1] | changes
    return {name: value for name, value in claims.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": "soon"},
        {"type": "file"},
        {"type": None},
        {"id": "nobody123456789"},
        {"id": 5},
        {"collectionId": "pbc_3142635823"},
        {"collectionId": "pbc_2279338944"},  # no auth collection
        {"collectionId": None},
    ],
)
def test_claims_that_do_not_hold(both: Any, changes: dict[str, Any]) -> None:
    key = tokens.signing_key(record_of(both), TokenKind.AUTH)
    good = jwt.encode(claims_of(both), key, "HS256")
    bad = jwt.encode(claims_of(both, **changes), key, "HS256")
    assert load_identity(both.context, good.encode()) is not None
    assert load_identity(both.context, bad.encode()) is None
    assert both.there("POST", REFRESH, token=bad).status_code == 401


def test_a_token_without_an_expiry_holds_as_there(both: Any) -> None:
    token = jwt.encode(claims_of(both, exp=None), tokens.signing_key(record_of(both), TokenKind.AUTH), "HS256")
    assert both.there("POST", REFRESH, token=token).status_code == 200
    assert both.here("POST", REFRESH, token=token).status == 200


@pytest.mark.parametrize(
    ("changed", "quickly"),
    [
        (lambda header, body, signature: (header, body, signature), True),
        (lambda header, body, signature: (header, body, signature[:-1]), False),
        (lambda header, body, signature: (header, body, signature + "="), False),
        (lambda header, body, signature: (header, body, signature, "x"), False),
        (lambda header, body, signature: (header, body, "é" + signature), False),
        (lambda header, body, signature: (header, body, signature.swapcase()), False),
        (lambda header, body, signature: (header, body + "=", signature), False),
        (lambda header, body, signature: (header, body[:-4], signature), False),
        (lambda header, body, signature: (header, "W1tb" * 1000, signature), False),
        (lambda header, body, signature: (header[:-1], body, signature), False),
        (lambda header, body, signature: (body, header, signature), False),
    ],
)
def test_a_quick_look_finds_what_a_full_one_does(both: Any, changed: Any, quickly: bool) -> None:
    token = ".".join(changed(*tokens.issue(record_of(both)).split(".")))
    found = tokens._verified_as_issued(both.context, token, TokenKind.AUTH)
    assert (found is not None) is quickly
    full = tokens._verified(both.context, token, TokenKind.AUTH)
    assert full is not None or not quickly
    if found is not None and full is not None:
        assert (found.record.id, found.claims) == (full.record.id, full.claims)


def test_other_algorithms_and_keys_are_refused(both: Any) -> None:
    record = record_of(both)
    key = tokens.signing_key(record, TokenKind.AUTH)
    claims = claims_of(both)
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    unsigned = header + "." + jwt.encode(claims, key, "HS256").split(".")[1] + "."
    for token in (
        jwt.encode(claims, key, "HS512"),
        jwt.encode(claims, record.token_key, "HS256"),
        jwt.encode(claims, tokens.signing_key(record, TokenKind.FILE), "HS256"),
        unsigned,
    ):
        assert load_identity(both.context, token.encode()) is None
        assert both.there("POST", REFRESH, token=token).status_code == 401


@pytest.mark.parametrize("kind", list(TokenKind))
def test_every_kind_is_good_for_itself_only(both: Any, kind: TokenKind) -> None:
    token = tokens.issue(record_of(both), kind, new_email="new@example.com")
    for other in TokenKind:
        verified = tokens.verify(both.context, token, other)
        assert (verified is not None) == (other is kind)
    claims = parts(token)[1]
    expected = {"id", "type", "collectionId", "exp"}
    if kind is TokenKind.AUTH:
        expected.add("refreshable")
    elif kind is not TokenKind.FILE:
        expected.add("email")
    if kind is TokenKind.EMAIL_CHANGE:
        expected.add("newEmail")
    assert claims.keys() == expected
    assert list(claims) == sorted(claims)


def test_a_file_token_of_theirs_holds_here(both: Any) -> None:
    token = both.there("POST", "/api/files/token", token=tokens.issue(record_of(both))).json()["token"]
    verified = tokens.verify(both.context, token, TokenKind.FILE)
    assert verified is not None
    assert verified.record.email == ANN["email"]
    assert tokens.verify(both.context, token, TokenKind.AUTH) is None


def test_a_remembered_token_dies_with_its_key(both: Any) -> None:
    context = both.context
    header = tokens.issue(record_of(both)).encode()
    identity = find_identity(context, header)
    assert identity is not None
    assert find_identity(context, header) is identity
    # another write to the collection: looked at again, and still good
    context.auth_epoch += 1
    again = find_identity(context, header)
    assert again is identity
    assert again.epoch == context.auth_epoch
    # a new password makes a new token key
    ann = record_of(both)
    target = f"/api/collections/users/records/{ann.id}"
    both.there("PATCH", target, {"password": "x" * 10, "passwordConfirm": "x" * 10}, both.superuser).raise_for_status()
    context.auth_epoch += 1
    assert find_identity(context, header) is None
    assert find_identity(context, header) is None
    same = {"password": PASSWORD, "passwordConfirm": PASSWORD}
    both.there("PATCH", target, same, both.superuser).raise_for_status()
    context.auth_epoch += 1


def test_a_remembered_token_dies_in_time(both: Any) -> None:
    header = tokens.issue(record_of(both), duration=1).encode()
    assert find_identity(both.context, header) is not None
    identity = both.context.caches["identities"][header]
    identity.expires = time.time() - 0.001
    assert find_identity(both.context, header) is None


def test_a_remembered_token_dies_with_its_record(both: Any) -> None:
    body = {"email": "gone@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD}
    created = both.there("POST", "/api/collections/users/records", body, both.superuser).json()
    header = tokens.issue(record_of(both, email=body["email"])).encode()
    assert load_identity(both.context, header) is not None
    both.there("DELETE", f"/api/collections/users/records/{created['id']}", token=both.superuser).raise_for_status()
    both.context.auth_epoch += 1
    assert load_identity(both.context, header) is None


def test_the_memory_of_tokens_is_bounded(both: Any) -> None:
    record = record_of(both)
    headers = [tokens.issue(record, duration=1000 + i).encode() for i in range(REMEMBERED_MAX + 5)]
    for header in headers:
        assert load_identity(both.context, header) is not None
    remembered = both.context.caches["identities"]
    assert len(remembered) == REMEMBERED_MAX
    assert headers[-1] in remembered
    assert headers[0] not in remembered


def test_passwords_go_both_ways(both: Any) -> None:
    stored = record_of(both).get("password")
    assert password_fits(PASSWORD, stored)
    assert not password_fits(PASSWORD + "x", stored)
    ours = hash_password(PASSWORD, 10)
    assert ours.startswith("$2a$10$")
    assert password_fits(PASSWORD, ours)


@pytest.mark.parametrize("stored", ["", "nonsense", "$2a$10$short"])
def test_nothing_fits_what_is_no_hash(stored: str) -> None:
    assert not password_fits("", stored)
    assert not password_fits("x", stored)


@pytest.mark.parametrize("password", ["", "\x00", "é" * 100, "x" * 200, "\ud800"])
def test_any_text_may_be_tried_as_a_password(password: str) -> None:
    assert not password_fits(password, "")
