"""What a change of an auth collection means for the tokens that are out. The rows were asked of the real one."""

from typing import Any

import pytest

from worker.context import Context
from worker.schema.options import TOKENS

from .conftest import Ours

LONG = "s" * 40


def secrets(tenant: Context) -> dict[str, str]:
    collection = tenant.catalog.get("users")
    assert collection is not None
    return {name: getattr(collection.auth, name).secret for name in TOKENS}


@pytest.mark.parametrize(
    ("before", "change", "status", "ended"),
    [
        ("", {"authRule": "verified = true"}, 200, True),
        ("verified = true", {"authRule": "verified = false"}, 200, True),
        ("verified = true", {"authRule": "verified = true "}, 200, True),
        ("verified = true", {"authRule": None}, 200, True),
        ("verified = true", {"authRule": ""}, 200, True),
        # a given secret loses against the drawn one, but must be a good one
        ("", {"authRule": "verified = true", "authToken": {"secret": LONG}}, 200, True),
        ("", {"authRule": "verified = true", "authToken": {"secret": "short"}}, 400, False),
        ("", {"authRule": "verified ="}, 400, False),
        ("", {"authRule": ""}, 200, False),
        ("", {"authRule": None}, 200, False),
        (None, {"authRule": ""}, 200, False),
        ("verified = true", {"manageRule": "verified = true"}, 200, False),
        ("verified = true", {"passwordAuth": {"enabled": False}}, 200, False),
        ("verified = true", {"authToken": {"duration": 1000}}, 200, False),
        ("verified = true", {}, 200, False),
    ],
)
def test_a_changed_auth_rule_ends_logins(
    ours: Ours, before: str | None, change: dict[str, Any], status: int, ended: bool
) -> None:
    tenant = ours.tenant
    assert ours("PATCH", "users", {"authRule": before})[0] == 200
    old, epoch = secrets(tenant), tenant.auth_epoch
    assert ours("PATCH", "users", change)[0] == status
    new = secrets(tenant)
    assert {name for name in old if old[name] != new[name]} == ({"auth_token"} if ended else set())
    assert (len(new["auth_token"]), LONG in new.values()) == (50, False)
    assert (tenant.auth_epoch > epoch) is (status == 200)


def test_a_given_secret_is_taken(ours: Ours, tenant: Context) -> None:
    assert ours("PATCH", "users", {"authToken": {"secret": LONG}})[0] == 200
    assert secrets(tenant)["auth_token"] == LONG
