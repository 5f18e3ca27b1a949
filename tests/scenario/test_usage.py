"""A tenant's superuser looks at what the tenant has used; nobody else may, and nothing of others is told."""

import time
from datetime import UTC, datetime

import pytest

USAGE = "/api/usage"
POLLS_S = 60.0


def told(story, enough):
    """The usage once `enough(usage)`: the supervisor hears of requests about once a second."""
    deadline = time.monotonic() + POLLS_S
    while not enough(usage := story.ok("GET", USAGE, as_=story.root)):
        assert time.monotonic() < deadline, usage
        time.sleep(0.1)
    return usage


def test_who_may_look(story):
    users = {"name": "people", "type": "auth", "createRule": "", "passwordAuth": {"enabled": True}}
    story.ok("POST", "/api/collections", users, as_=story.root)
    login = {"email": "u@example.com", "password": "1234567890"}
    story.ok("POST", "/api/collections/people/records", {**login, "passwordConfirm": login["password"]})
    user = story.login("people", login["email"], login["password"])
    assert [story("GET", USAGE, as_=token).status_code for token in ("", "nonsense", user)] == [401, 401, 403]
    assert story("GET", USAGE).json() == {
        "data": {},
        "message": "The request requires valid record authorization token.",
        "status": 401,
    }
    for method in ("POST", "PATCH", "DELETE"):
        assert story(method, USAGE, as_=story.root).status_code == 404
    assert story("GET", USAGE + "/more", as_=story.root).status_code == 404


def test_what_is_told(story):
    for _ in range(20):
        story.ok("GET", "/api/health")
    assert story("GET", "/api/collections/nothing/records").status_code == 404
    usage = told(story, lambda usage: usage["totals"]["ok"] >= 21 and usage["totals"]["failed"])
    assert set(usage) == {"plan", "since", "limits", "left", "now", "verdict", "windows", "totals", "today", "days"}
    assert (usage["plan"], usage["verdict"], usage["days"]) == ("default", None, [])
    totals = usage["totals"]
    assert totals["requests"] == sum(totals[name] for name in ("ok", "failed", "errors", "refused", "gone"))
    assert totals["cpuMs"] == pytest.approx(
        sum(totals[f"cpu{kind}Ms"] for kind in ("Loop", "Pool", "Process")), abs=0.01
    )
    assert totals["cpuPoolMs"] > 0, "the login's password was hashed in a thread"
    assert min(totals[name] for name in ("bytesIn", "bytesOut", "sqlMs", "sqlRows")) > 0
    assert usage["today"]["day"] == datetime.now(UTC).strftime("%Y-%m-%d")
    assert {name: usage["today"][name] for name in totals} == totals, "the tenant was made today"
    assert usage["windows"]["60s"]["requests"] >= 21
    assert usage["windows"]["60s"]["seconds"] == 60
    assert usage["now"]["live"]
    assert usage["now"]["memoryBytes"] > 50_000
    assert usage["limits"]["weight"] == 100
    assert (usage["limits"]["diskBytes"], usage["left"]["diskBytes"], usage["left"]["cpuPercent"]) == (None, None, None)
    assert usage["limits"]["memoryBytes"] == 64 << 20
    assert 0 < usage["left"]["memoryBytes"] < 64 << 20
    size = told(story, lambda usage: usage["now"]["diskBytes"])["now"]["diskBytes"]
    assert size > 50_000
    assert story.ok("GET", USAGE, as_=story.root, fields="plan,now.live") == {"plan": "default", "now": {"live": True}}


def test_a_tenant_that_comes_again_sees_nothing_of_its_predecessor(story, pocker):
    for _ in range(50):
        story.ok("GET", "/api/health")
    told(story, lambda usage: usage["totals"]["ok"] >= 50)
    pocker.delete_tenant(story.tenant)
    pocker.create_tenant(story.tenant, "root@example.com", "1234567890")
    story.root = story.login("_superusers", "root@example.com", "1234567890")
    usage = told(story, lambda usage: usage["totals"]["ok"] >= 1)
    assert usage["today"]["ok"] == usage["totals"]["ok"] < 50
    assert usage["days"] == []
