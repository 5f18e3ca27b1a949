"""Rate limits by themselves: which rule a request has, how windows go, and that memory is bounded."""

import pytest

from worker.errors import ApiError
from worker.http.ratelimit import WINDOWS_MAX, Limiter, action_labels, action_of
from worker.services.settings import RateLimitRule, RateLimits

GUEST, AUTH = "@guest", "@auth"


def limiter(*rules: tuple[str, int, int, str]) -> Limiter:
    return Limiter(RateLimits(tuple(RateLimitRule(label, who, seconds, most) for label, most, seconds, who in rules)))


def passes(
    limits: Limiter, label: str = "/a", *, scope: str = "", who: str = GUEST, ip: str = "1", now_s: float = 0
) -> bool:
    try:
        limits.check([f"GET {label}", label] if label[0] == "/" else [label], scope, who, ip, now_s)
    except ApiError:
        return False
    return True


def test_a_refusal_names_the_rule_to_the_log_alone() -> None:
    limits = limiter(("/a", 0, 3, GUEST))
    with pytest.raises(ApiError) as refused:
        limits.check(["/a"], "", GUEST, "1", 0)
    assert refused.value.body() == {"data": {}, "message": "Too Many Requests.", "status": 429}
    rule = '{"label":"/a","audience":"@guest","duration":3,"maxRequests":0}'
    assert refused.value.cause == f"triggered rate limit rule: {rule}"


def test_a_window_begins_with_its_first_request() -> None:
    limits = limiter(("/a", 2, 3, ""))
    times = (10.9, 12.5, 12.9, 12.99, 13.0, 13.1, 15.9, 16.0, 100.0)
    assert [passes(limits, now_s=now) for now in times] == [True, True, False, False, True, True, False, True, True]


def test_addresses_and_scopes_are_counted_apart() -> None:
    limits = limiter(("/a", 1, 9, ""))
    assert [passes(limits, ip=ip) for ip in ("1", "1", "2", "2")] == [True, False, True, False]
    assert [passes(limits, scope=scope) for scope in ("x", "x", "y")] == [True, False, True]
    assert not passes(limits, who=AUTH)


@pytest.mark.parametrize(
    ("rules", "label", "allowed"),
    [
        ([("/a", 1), ("GET /a", 2)], "/a", 2),
        ([("/", 1), ("/a", 2)], "/a", 2),
        ([("/", 1), ("GET /", 2)], "/a", 2),
        ([("GET /", 1), ("/a", 2)], "/a", 1),
        ([("/", 1), ("/a/", 2)], "/a/b", 1),
        ([("/a/", 2), ("/", 1)], "/a/b", 2),
        ([("/a/", 1)], "/a", 1),
        ([("/a", 1)], "/a/b", 9),
        ([("/a/", 1)], "/ab", 9),
        ([("get /a", 1)], "/a", 9),
        ([("a", 1)], "/a", 9),
        ([("x:list", 1)], "x:list", 1),
        ([("X:list", 1)], "x:list", 9),
        ([("/a", 0)], "/a", 0),
    ],
)
def test_which_rule_decides(rules: list[tuple[str, int]], label: str, allowed: int) -> None:
    limits = limiter(*((rule, most, 60, "") for rule, most in rules))
    assert sum(passes(limits, label) for _ in range(9)) == allowed


def test_rules_are_for_somebody() -> None:
    limits = limiter(("/a", 1, 9, AUTH), ("/a", 2, 9, GUEST), ("/b", 1, 9, AUTH), ("/", 3, 9, ""))
    assert sum(passes(limits) for _ in range(5)) == 2
    assert sum(passes(limits, who=AUTH) for _ in range(5)) == 1
    assert sum(passes(limits, "/b") for _ in range(5)) == 3


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    limits = limiter(("/a", 1, 60, ""), ("/b", 1, 1, ""))
    assert passes(limits, "/b", ip="b")
    for number in range(WINDOWS_MAX * 3):
        assert passes(limits, ip=str(number), now_s=number / WINDOWS_MAX)
        assert len(limits._windows) <= WINDOWS_MAX
    assert not passes(limits, ip=str(WINDOWS_MAX * 3 - 1), now_s=3)
    assert passes(limits, ip="0", now_s=3)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/api/collections/x/records", ("x", "list")),
        ("HEAD", "/api/collections/x/records", ("x", "list")),
        ("POST", "/api/collections/x/records", ("x", "create")),
        ("PUT", "/api/collections/x/records", None),
        ("GET", "/api/collections/x/records/", None),
        ("GET", "/api/collections/x/records/y", ("x", "view")),
        ("PATCH", "/api/collections/x/records/y", ("x", "update")),
        ("DELETE", "/api/collections/x/records/y", ("x", "delete")),
        ("GET", "/api/collections/x/records/y/z", None),
        ("GET", "/api/collections/a%2Fb/records/y", ("a/b", "view")),
        ("GET", "/api%2Fcollections/x/records/y", None),
        ("POST", "/api/collections/x/auth-with-otp", ("x", "authWithOTP")),
        ("GET", "/api/collections/x/auth-with-otp", None),
        ("POST", "/api/collections/x/impersonate/y", None),
        ("GET", "/api/collections/x", None),
        ("GET", "/api/collections", None),
        ("GET", "/api/files/x/y/z", ("x", "file")),
        ("HEAD", "/api/files/x/y/z", ("x", "file")),
        ("POST", "/api/files/token", None),
        ("GET", "/", None),
    ],
)
def test_actions(method: str, path: str, found: tuple[str, str] | None) -> None:
    assert action_of(method, path.replace("%2F", "/"), path.encode()) == found


def test_logins_have_a_name_in_common() -> None:
    assert list(action_labels("u", "list")) == ["u:list", "*:list"]
    assert list(action_labels("u", "authWithOTP")) == ["u:authWithOTP", "u:auth", "*:authWithOTP", "*:auth"]
    assert list(action_labels("u", "authRefresh")) == ["u:authRefresh", "*:authRefresh"]
