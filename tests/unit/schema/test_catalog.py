"""Loading collections, finding them, and what tenants with equal schemas share."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import orjson
import pytest

from tests.unit.conftest import NewTenant
from worker.context import Context
from worker.db.connection import Database
from worker.fields import Field
from worker.schema import shelf as module
from worker.schema.catalog import Catalog
from worker.schema.options import TOKENS
from worker.schema.shelf import Shelf

from .conftest import Ours


@pytest.fixture
def twins(tmp_path: Path, new_tenant: NewTenant) -> Iterator[tuple[Catalog, Catalog]]:
    """Two new tenants."""
    databases = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        new_tenant(tmp_path / name)
        databases.append(Database(tmp_path / name / "pb_data" / "data.db"))
    yield Catalog.load(databases[0]), Catalog.load(databases[1])
    for db in databases:
        db.close()


def test_finding(tenant: Context) -> None:
    catalog = tenant.catalog
    users = catalog.get("users")
    assert users is not None
    for name in ("USERS", "Users", "_pb_users_auth_"):
        assert catalog.get(name) is users
    for name in ("", "user", "_PB_USERS_AUTH_", "pbc_1"):
        assert catalog.get(name) is None
    assert [collection.name for collection in catalog.all()] == [
        *("_mfas", "_otps", "_externalAuths", "_authOrigins", "_superusers", "users"),
    ]


def test_base_collections_are_shared_whole_and_auth_ones_but_for_secrets(twins: tuple[Catalog, Catalog]) -> None:
    one, two = twins
    for name in ("_mfas", "_otps"):
        assert one.get(name) is two.get(name)
    mine, other = one.get("users"), two.get("users")
    assert mine is not other
    assert mine is not None
    assert other is not None
    assert mine.prototype is other.prototype
    assert mine.by_name is other.by_name
    assert mine.fields is other.fields
    assert mine.auth is not None
    assert other.auth is not None
    for token in TOKENS:
        assert getattr(mine.auth, token).secret != getattr(other.auth, token).secret
        assert len(getattr(mine.auth, token).secret) == 50
    assert mine.auth.verification_template is other.auth.verification_template
    assert mine.prototype.auth is not None
    assert mine.prototype.auth.auth_token.secret == ""


def test_collections_that_differ_share_the_fields_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def fields(*names: str, **options: object) -> tuple[Field, ...]:
        wanted = [{"type": "text", "name": name, **options} for name in names]
        return shelf.field_set(orjson.dumps(wanted).decode()).fields

    shelf = Shelf()
    (first, title), (other, same, _) = fields("a", "title"), fields("b", "title", "c")
    assert title is same
    assert first is not other
    assert fields("title", max=5)[0] is not title
    monkeypatch.setattr(module, "FIELDS_MAX", 2)
    fields("x", "y", "z")
    assert fields("title", "w")[0] is not title, "few are kept"
    assert title.dump() == fields("title")[0].dump()


def test_a_changed_schema_is_another_object(twins: tuple[Catalog, Catalog], ours: Ours, tenant: Context) -> None:
    before = tenant.catalog.get("users")
    others = twins[0].get("users")
    assert before is not None
    assert others is not None
    untouched = tenant.catalog.get("_otps")
    assert ours("PATCH", "users", {"listRule": ""})[0] == 200
    after = tenant.catalog.get("users")
    assert after is not None
    assert after is not before
    assert before.list_rule == others.list_rule == "id = @request.auth.id"
    assert after.list_rule == ""
    assert after.by_name is before.by_name, "its fields did not change"
    assert tenant.catalog.get("_otps") is untouched


def test_no_secret_is_shown(tenant: Context) -> None:
    users = tenant.catalog.get("users")
    assert users is not None
    assert users.auth is not None
    secret = users.auth.auth_token.secret
    assert secret not in str(users.dump())
    assert secret in str(users.dump(secrets=True))


def test_unique_columns(ours: Ours, tenant: Context) -> None:
    body = {
        "name": "t",
        "type": "auth",
        "fields": [{"name": name, "type": "text"} for name in ("a", "b", "c")],
        "indexes": [
            "create unique index t1 on t (a collate nocase)",
            "create unique index t2 on t (b, c)",
            "create index t3 on t (c)",
        ],
    }
    assert ours("POST", "", body)[0] == 200
    found = tenant.catalog.get("t")
    assert found is not None
    unique = {name for name in found.by_name if found.unique_column(name)}
    assert unique == {"a", "tokenKey", "email"}
    assert {name for name in found.by_name if found.nocase_unique(name)} == {"a"}


def test_references(ours: Ours, tenant: Context) -> None:
    field = {"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_"}
    assert ours("POST", "", {"name": "t", "fields": [field]})[0] == 200
    users = tenant.catalog.get("users")
    assert users is not None
    assert [(other.name, field.name) for other, field in tenant.catalog.referencing(users)] == [("t", "owner")]
    found = tenant.catalog.get("t")
    assert found is not None
    assert tenant.catalog.referencing(found) == []


def test_a_damaged_row_is_an_error(tenant: Context) -> None:
    tenant.data.execute("UPDATE _collections SET options = '{\"mfa\":5}' WHERE name = 'users'")
    with pytest.raises(msgspec.ValidationError):
        Catalog.load(tenant.data)
    tenant.data.execute("UPDATE _collections SET options = '{}', fields = '[{\"type\":\"nope\"}]' WHERE name = 'users'")
    with pytest.raises(ValueError, match="nope"):
        Catalog.load(tenant.data)
