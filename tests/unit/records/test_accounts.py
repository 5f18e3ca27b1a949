"""Records that log in: hashing, token keys, the epoch, ids across collections, the last superuser."""

import asyncio
from typing import Any

import bcrypt
import pytest

from worker.context import Context
from worker.errors import ApiError, ValidationErrors
from worker.fields.hashes import hash_password
from worker.records import actions, saving, store
from worker.records.record import Record
from worker.schema.collection import Collection

from .conftest import add_collection, find, info_of


@pytest.fixture
def users(ctx: Context) -> Collection:
    found = ctx.catalog.get("users")
    assert found is not None
    return found


def make(ctx: Context, collection: Collection, email: str, **values: Any) -> Record:
    record = Record.new(collection)
    record.set("email", email)
    record.set_password("12345678")
    for name, value in values.items():
        record.set(name, value)
    asyncio.run(actions.save(ctx, record))
    return record


def test_a_password_is_hashed_outside_the_transaction(
    ctx: Context, users: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[bool] = []

    def watched(plain: str, cost: int) -> str:
        inside.append(ctx.data.in_transaction)
        return hash_password(plain, cost)

    monkeypatch.setattr(saving, "hash_password", watched)
    record = make(ctx, users, "a@example.com")
    stored = store.find(ctx.data, users, record.id)
    assert stored is not None
    assert stored.data["password"].startswith("$2a$10$")
    assert bcrypt.checkpw(b"12345678", stored.data["password"].encode())
    assert inside == [False]


@pytest.mark.parametrize(
    ("change", "dies"),
    [
        ({"name": "x"}, False),
        ({"verified": True}, False),
        ({"email": "new@example.com"}, True),
        ({"emailVisibility": True}, False),
        ({"password": None}, True),
    ],
)
def test_when_tokens_die(ctx: Context, users: Collection, change: dict[str, Any], dies: bool) -> None:
    record = make(ctx, users, "a@example.com")
    key = record.token_key
    assert len(key) == 50
    for name, value in change.items():
        if name == "password":
            record.set_password("another password")
        else:
            record.set(name, value)
    asyncio.run(actions.save(ctx, record))
    stored = store.find(ctx.data, users, record.id)
    assert stored is not None
    assert (stored.token_key != key) is dies


@pytest.mark.parametrize("whose", ["own", "another's"])
def test_who_becomes_verified_loses_external_logins_and_then_the_tokens(
    ctx: Context, users: Collection, whose: str
) -> None:
    record, other = make(ctx, users, "a@example.com"), make(ctx, users, "b@example.com")
    external = ctx.catalog.get("_externalAuths")
    assert external is not None
    linked = Record.new(external)
    owner = record if whose == "own" else other
    for name, value in {
        "recordRef": owner.id,
        "collectionRef": users.id,
        "provider": "google",
        "providerId": "1",
    }.items():
        linked.set(name, value)
    asyncio.run(actions.save(ctx, linked))
    key = record.token_key
    record.set("verified", True)
    asyncio.run(actions.save(ctx, record))
    assert (record.token_key != key) is (whose == "own")
    assert (store.find(ctx.data, external, linked.id) is None) is (whose == "own")
    # once more, of a verified one, changes nothing
    key = record.token_key
    record.set("verified", True)
    asyncio.run(actions.save(ctx, record))
    assert record.token_key == key


def test_the_epoch_moves_with_logins_only(ctx: Context, users: Collection) -> None:
    notes = add_collection(ctx, "notes", {"name": "owner", "type": "relation", "collectionId": users.id})
    before = ctx.auth_epoch
    note = Record.new(notes)
    asyncio.run(actions.save(ctx, note))
    asyncio.run(actions.remove(ctx, note))
    assert ctx.auth_epoch == before
    user = make(ctx, users, "a@example.com")
    created = ctx.auth_epoch
    assert created > before
    user.set("name", "x")
    asyncio.run(actions.save(ctx, user))
    updated = ctx.auth_epoch
    assert updated > created
    asyncio.run(actions.remove(ctx, user))
    assert ctx.auth_epoch > updated


def test_ids_are_unique_among_all_logins(ctx: Context, users: Collection) -> None:
    root = find_or_make_root(ctx)
    with pytest.raises(ValidationErrors) as caught:
        make(ctx, users, "a@example.com", id=root.id)
    assert caught.value.data() == {
        "id": {"code": "validation_invalid_auth_id", "message": "Invalid or duplicated auth record id."}
    }
    assert ctx.data.value("SELECT COUNT(*) FROM users") == 0


def find_or_make_root(ctx: Context) -> Record:
    superusers = ctx.catalog.get("_superusers")
    assert superusers is not None
    return make(ctx, superusers, "root@example.com")


def test_superusers(ctx: Context) -> None:
    root = find_or_make_root(ctx)
    assert root.verified
    with pytest.raises(ApiError) as caught:
        asyncio.run(actions.remove(ctx, root))
    assert (caught.value.status, caught.value.message) == (400, "You can't delete the only existing superuser.")
    second = make(ctx, root.collection, "second@example.com")
    asyncio.run(actions.remove(ctx, root))
    assert find(ctx, "_superusers", "email", "second@example.com").id == second.id


def test_a_row_in_the_way_rolls_everything_back(ctx: Context, users: Collection) -> None:
    user = make(ctx, users, "a@example.com")
    musts = add_collection(
        ctx, "musts", {"name": "user", "type": "relation", "collectionId": users.id, "required": True}
    )
    origin = Record.new(ctx.catalog.get("_authOrigins") or users)
    for name, value in {"collectionRef": users.id, "recordRef": user.id, "fingerprint": "f"}.items():
        origin.set(name, value)
    asyncio.run(actions.save(ctx, origin))
    must = Record.new(musts)
    must.set("user", user.id)
    asyncio.run(actions.save(ctx, must))
    with pytest.raises(ApiError) as caught:
        asyncio.run(actions.remove(ctx, user))
    assert "required relation reference" in caught.value.message
    assert ctx.data.value("SELECT COUNT(*) FROM users") == 1
    assert ctx.data.value("SELECT COUNT(*) FROM _authOrigins") == 1
    asyncio.run(actions.remove(ctx, must))
    asyncio.run(actions.remove(ctx, user))
    assert ctx.data.value("SELECT COUNT(*) FROM users") == 0
    assert ctx.data.value("SELECT COUNT(*) FROM _authOrigins") == 0


def test_no_password_leaves_the_process(ctx: Context, users: Collection) -> None:
    user = make(ctx, users, "a@example.com")
    root = find_or_make_root(ctx)
    for who in (None, user, root):
        item = asyncio.run(actions.view_record(ctx, users, user.id, info_of(who))) if who is not None else {}
        assert not {"password", "tokenKey"} & set(item)
        listed = asyncio.run(actions.list_records(ctx, users, info_of(who), actions.ListQuery()))
        assert not any({"password", "tokenKey"} & set(item) for item in listed["items"])


@pytest.mark.parametrize(("cost", "used"), [(4, 4), (10, 10), (15, 14), (31, 14)])
def test_the_cost_of_a_hash_is_bounded(monkeypatch: pytest.MonkeyPatch, cost: int, used: int) -> None:
    asked: list[int] = []
    cheapest = bcrypt.gensalt(4, b"2a")
    monkeypatch.setattr(bcrypt, "gensalt", lambda rounds, prefix: asked.append(rounds) or cheapest)
    assert bcrypt.checkpw(b"plain", hash_password("plain", cost).encode())
    assert asked == [used]
