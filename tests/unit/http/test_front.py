"""The front's answers, compared with what the real PocketBase 0.40.6 sends for the same requests."""

import gc
import logging
from typing import Any

import msgspec
import pytest

from worker.errors import ApiError
from worker.http.headers import combined
from worker.http.ruleheaders import RuleHeaders
from worker.services.settings import TenantSettings, TrustedProxy

NOT_FOUND = b'{"data":{},"message":"The requested resource wasn\'t found.","status":404}'
NO_FILE = b'{"data":{},"message":"File not found.","status":404}'
TOO_LARGE = b'{"data":{},"message":"Request entity too large.","status":413}'

FORWARDED = TrustedProxy(("X-Forwarded-For",))
SECURITY = {
    "cross-origin-opener-policy": "same-origin",
    "vary": "Origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "1; mode=block",
}


@pytest.mark.parametrize("origin", [None, "http://app.example"])
def test_every_answer_carries_the_security_headers(call: Any, origin: str | None) -> None:
    answer = call("GET", "/api/items/x", {"origin": origin} if origin else {})
    expected = {**SECURITY, "content-type": "application/json"}  # the wire says the length of a body
    if origin:
        expected["access-control-allow-origin"] = "*"
    assert answer.headers == expected


def test_error_answers_carry_them_too(call: Any) -> None:
    answer = call("GET", "/api/nope", {"origin": "http://app.example"})
    assert answer.headers.items() >= SECURITY.items()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/api/nope", NO_FILE),
        ("GET", "/api/items/x/", NO_FILE),
        ("GET", "/api", NO_FILE),
        ("GET", "/", NO_FILE),
        ("GET", "/foo/bar", NO_FILE),
        ("GET", "/API/items/x", NO_FILE),
        ("GET", "/api/map", NO_FILE),  # there is a POST only: GET falls through to the files
        ("POST", "/api/nope", NOT_FOUND),
        ("POST", "/api/items/x", NOT_FOUND),
        ("DELETE", "/", NOT_FOUND),
        ("PATCH", "/api/map", NOT_FOUND),
        ("FOO", "/api/items/x", NOT_FOUND),
        ("TRACE", "/api/items/x", NOT_FOUND),
        ("WEBSOCKET", "/api/items/x", NOT_FOUND),
    ],
)
def test_unknown_routes_and_methods_are_404(call: Any, method: str, target: str, body: bytes) -> None:
    answer = call(method, target)
    assert (answer.status, answer.body) == (404, body)
    assert "allow" not in answer.headers


def test_head_answers_as_get_without_a_body(call: Any) -> None:
    get, head = call("GET", "/api/items/x"), call("HEAD", "/api/items/x")
    length = {"content-length": str(len(get.body))}  # which is not sent, so the wire could not know
    assert (head.status, head.headers, head.body) == (get.status, {**get.headers, **length}, b"")


def test_an_answer_without_content_has_no_content_type(call: Any) -> None:
    answer = call("DELETE", "/api/items/x")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers == SECURITY


@pytest.mark.parametrize("target", ["/api/items/x", "/api/nope", "/foo", "/nobody"])
def test_preflight(call: Any, target: str) -> None:
    asked = {"origin": "http://x", "access-control-request-method": "POST"}
    answer = call("OPTIONS", target, {**asked, "access-control-request-headers": "authorization"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.lines("vary") == ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"]
    assert answer.headers == {
        "access-control-allow-headers": "authorization",
        "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "access-control-allow-origin": "*",
        "vary": "Access-Control-Request-Headers",
    }
    assert "access-control-allow-headers" not in call("OPTIONS", target, asked).headers
    assert call("OPTIONS", target).headers == {"vary": "Origin"}
    assert call("OPTIONS", target).lines("vary") == ["Origin"]


def test_an_unknown_host_is_404_in_the_real_ones_shape(call: Any) -> None:
    answer = call("GET", "/nobody")
    assert (answer.status, answer.body) == (404, NOT_FOUND)


@pytest.mark.parametrize(("status", "message"), [(503, "The tenant is suspended."), (404, "")])
def test_a_tenant_that_does_not_serve(call: Any, tenants: Any, tenant: Any, status: int, message: str) -> None:
    tenants.refusal = ApiError(status, message, cause="why")
    answer = call("GET", "/api/items/x")
    assert answer.status == status
    assert answer.json()["status"] == status
    assert b"why" not in answer.body
    assert tenant.logs.pending == 0


def test_an_unexpected_exception_is_a_500_without_its_reason(
    call: Any, tenant: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "pocker.http"):
        answer = call("GET", "/api/broken")
    assert answer.status == 500
    assert answer.json().keys() == {"data", "message", "status"}
    assert b"secret" not in answer.body
    assert "the secret reason" in caplog.text
    assert "Traceback" in caplog.text
    assert tenant.logs.pending == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_large_body_is_refused_by_its_declared_length(call: Any, method: str) -> None:
    for target in ("/api/items/x", "/api/nope"):
        answer = call(method, target, {"content-length": str((32 << 20) + 1)})
        assert (answer.status, answer.body) == (413, TOO_LARGE)
    assert call(method, "/api/nope", {"content-length": str(32 << 20)}).status == 404
    # a route of records has its own limit, which its handler checks
    assert call(method, "/api/collections/t/records", {"content-length": str((32 << 20) + 1)}).status == 404


@pytest.mark.parametrize(
    ("proxy", "sent", "ip"),
    [
        (TrustedProxy(), {"x-forwarded-for": "1.2.3.4"}, "127.0.0.1"),
        (FORWARDED, {"x-forwarded-for": "1.2.3.4, 5.6.7.8"}, "5.6.7.8"),
        (TrustedProxy(("X-Forwarded-For",), True), {"x-forwarded-for": "1.2.3.4, 5.6.7.8"}, "1.2.3.4"),
        (FORWARDED, {"x-forwarded-for": "1.2.3.4, junk"}, "1.2.3.4"),
        (FORWARDED, {"x-forwarded-for": "junk"}, "127.0.0.1"),
        (TrustedProxy(("CF-Connecting-IP", "X-Real-IP")), {"x-real-ip": "9.9.9.9"}, "9.9.9.9"),
        (FORWARDED, {"x-forwarded-for": "::1"}, "0000:0000:0000:0000:0000:0000:0000:0001"),
        (FORWARDED, {}, "127.0.0.1"),
    ],
)
def test_real_ip(call: Any, tenant: Any, proxy: TrustedProxy, sent: dict[str, str], ip: str) -> None:
    tenant.settings = msgspec.structs.replace(TenantSettings(), trusted_proxy=proxy)
    assert call("GET", "/api/items/x", sent).json()["ip"] == ip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a=1&a=2", {"a": "1"}),
        ("a", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a=%20+x&b=%C3%A9", {"a": "  x", "b": "é"}),
        ("a=%zz&b=1", {"b": "1"}),
        ("a=1;b=2&c=3", {"c": "3"}),
        ("&&a=1&", {"a": "1"}),
    ],
)
def test_query(call: Any, query: str, expected: dict[str, str]) -> None:
    assert call("GET", f"/api/items/x?{query}").json()["query"] == expected


def test_the_headers_that_rules_see() -> None:
    headers = RuleHeaders({b"x-token": b"a", b"accept": "é".encode(), b"odd_name": b"b"})
    assert dict(headers) == {"x_token": "a", "accept": "é", "odd_name": "b"}
    assert len(headers) == 3
    assert headers.get("x-token") is None
    assert headers.get("none", "") == ""


@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        ([(b"accept", b"a"), (b"accept", b"b")], b"a,b"),
        ([(b"host", b"a"), (b"host", b"b")], b"b"),
        ([(b"x-token", b""), (b"x-token", b"b")], b",b"),
    ],
)
def test_repeated_headers(pairs: list[tuple[bytes, bytes]], value: bytes) -> None:
    assert combined([*pairs, (b"other", b"1")]) == {pairs[0][0]: value, b"other": b"1"}


def test_a_failed_request_leaves_no_cycle(call: Any) -> None:
    call("GET", "/api/nope")
    gc.collect()
    # those that other tests keep, in the parameters of a case for one
    before = {id(thing) for thing in gc.get_objects() if isinstance(thing, ApiError)}
    gc.disable()
    try:
        call("GET", "/api/nope")
        left = [thing for thing in gc.get_objects() if isinstance(thing, ApiError) and id(thing) not in before]
    finally:
        gc.enable()
    assert left == []
