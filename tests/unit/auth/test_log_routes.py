"""The request log: our rows beside those a real PocketBase writes into the same file, and the routes that read them."""

import time
from typing import Any

import orjson
import pytest

from tests.unit.auth.conftest import ANN, PASSWORD
from tests.unit.http.asgi import ask

LOGIN = "/api/collections/users/auth-with-password"
GOOD = {"identity": ANN["email"], "password": PASSWORD}
ORDINARY = {"remoteIP", "userIP", "userAgent", "execTime"}
FLUSH_TIMEOUT_S = 15.0


def rows_by(both: Any, agent: str, count: int) -> list[dict[str, Any]]:
    """The rows of one user agent, once there are `count` of them (the real one writes about every three seconds)."""
    both.context.logs.flush()
    deadline = time.monotonic() + FLUSH_TIMEOUT_S
    while True:
        page = both.here("GET", f'/api/logs?perPage=1000&filter=data.userAgent="{agent}"', token=both.superuser).json()
        if len(page["items"]) >= count or time.monotonic() > deadline:
            return page["items"]
        time.sleep(0.1)


REQUESTS: list[tuple[str, str, str, Any]] = [
    # method, target, who, body
    ("GET", "/api/health", "", None),
    ("GET", "/api/health", "superuser", None),
    ("GET", "/api/health?a=%41+b&c=%zz", "", None),
    ("GET", "/api/health?a=%41+b%C3%A9", "", None),
    ("HEAD", "/api/health", "", None),
    ("OPTIONS", "/api/health", "", None),
    ("GET", "/api/nope", "", None),
    ("POST", "/api/nope", "", None),
    ("GET", "/api/logs", "", None),
    ("GET", "/api/logs", "superuser", None),
    ("GET", "/api/logs/stats", "superuser", None),
    ("GET", "/api/collections/nope/auth-methods", "", None),
    ("POST", LOGIN, "", GOOD),
    ("POST", LOGIN, "", {**GOOD, "password": "wrong"}),
    ("POST", LOGIN, "", {}),
    ("POST", "/api/collections/users/auth-refresh", "", None),
    ("POST", "/api/collections/users/auth-refresh", "superuser", None),
]


def test_the_same_requests_leave_the_same_rows(both: Any) -> None:
    for method, target, who, body in REQUESTS:
        headers = {"authorization": both.superuser} if who else {}
        headers["referer"] = "http://from.example/é"
        content = b"" if body is None else orjson.dumps(body)
        if content:
            headers["content-type"] = "application/json"
        there = both.real.request(
            method,
            target,
            content=content,
            headers={**headers, "referer": headers["referer"].encode(), "user-agent": "there"},
        )
        latin = headers["referer"].encode().decode("latin-1")
        here = ask(both.app, method, target, {**headers, "referer": latin, "user-agent": "here"}, content)
        assert here.status == there.status_code
    count = len(REQUESTS) - 3  # a preflight and successful reads of the log are not logged
    theirs, ours = rows_by(both, "there", count), rows_by(both, "here", count)
    assert len(theirs) == len(ours) == count
    for real, own in zip(theirs, ours, strict=True):
        assert (own["message"], own["level"]) == (real["message"], real["level"])
        assert list(own["data"]) == list(real["data"]), own["message"]
        assert isinstance(own["data"]["execTime"], float)
        assert 0 < own["data"]["execTime"] < 10_000
        for name in own["data"].keys() - {"execTime", "userAgent"} - {"details"}:
            assert own["data"][name] == real["data"][name], (own["message"], name)
        # the details say the same, in our words where they come from below
        assert (own["data"].get("details") is None) == (real["data"].get("details") is None), own["message"]


FILTERS = [
    "",
    "level=8",
    "level>=0 && data.status>=400",
    "data.url~'nope'",
    "message~'GET'",
    "data.auth=''",
    "data.nope=''",
    "data.nope=null",
    "data.nope!=null",
    "data='x'",
    "data.details.identity!=''",
    "created>'2020-01-01'",
    "created>@now",
    "id!=''",
    "(level=0||level=8)",
    "rowid>1",
    "foo=1",
    "level:lower=1",
    "@request.auth.id=''",
    "(level=0",
    "data.=1",
]


@pytest.fixture(scope="module")
def logged(both: Any) -> Any:
    """Some rows, and nothing that adds to them."""
    both.here("DELETE", "/api/logs", token=both.superuser)
    for method, target, who, body in REQUESTS:
        both.here(method, target, body, both.superuser if who else "")
    both.context.logs.flush()
    return both


def compare(both: Any, target: str) -> int:
    """The same answer from both to a superuser."""
    there = both.there("GET", target, token=both.superuser)
    here = both.here("GET", target, token=both.superuser)
    assert (here.status, here.json()) == (there.status_code, there.json()), target
    return here.status


@pytest.mark.parametrize("text", FILTERS)
def test_filters(logged: Any, text: str) -> None:
    from urllib.parse import quote

    before = " && created<'2999' && data.userAgent!='python-httpx/x'"  # a second comparison, to see them joined
    logged.context.logs._entries.clear()
    for target in ("/api/logs", "/api/logs/stats"):
        for full in (text, text + before if text else ""):
            there = logged.there("GET", f"{target}?filter={quote(full)}&page=1&perPage=5", token=logged.superuser)
            here = logged.here("GET", f"{target}?filter={quote(full)}&page=1&perPage=5", token=logged.superuser)
            logged.context.logs._entries.clear()
            assert here.status == there.status_code, full
            if target == "/api/logs" and here.status == 200:
                assert here.json()["items"] == there.json()["items"], full
            elif here.status != 200:
                assert here.json() == there.json(), (target, full)


@pytest.mark.parametrize(
    ("sort", "status"),
    [
        ("created", 200),
        ("-level,id", 200),
        ("data.status,id", 200),
        ("-data.execTime", 200),
        ("@rowid", 200),
        ("-@rowid", 200),
        ("@random", 200),
        ("rowid", 400),
        ("foo", 400),
        ("level:lower", 400),
        ("a,b,c,d,e,f,g,h,i", 400),
    ],
)
def test_sort(logged: Any, sort: str, status: int) -> None:
    target = f"/api/logs?sort={sort}&perPage=5&filter=data.userAgent=''"
    here = logged.here("GET", target, token=logged.superuser)
    there = logged.there("GET", target, token=logged.superuser)
    assert here.status == there.status_code == status
    if status == 200 and sort != "@random":
        assert here.json() == there.json()


@pytest.mark.parametrize(
    "query",
    [
        "page=2&perPage=3",
        "page=0",
        "perPage=0",
        "perPage=-1",
        "perPage=2000",
        "page=1000",
        "skipTotal=1",
        "fields=id,data.url",
        "page=x",
        "perPage=x",
        "skipTotal=x",
        "page=99999999999999999999",
        "fields=id:x",
    ],
)
def test_pages(logged: Any, query: str) -> None:
    target = f"/api/logs?{query}&filter=data.userAgent=''"
    here = logged.here("GET", target, token=logged.superuser)
    there = logged.there("GET", target, token=logged.superuser)
    assert (here.status, here.json()) == (there.status_code, there.json())


def test_one_entry(logged: Any) -> None:
    item = logged.here("GET", "/api/logs?perPage=1", token=logged.superuser).json()["items"][0]
    assert compare(logged, f"/api/logs/{item['id']}") == 200
    assert compare(logged, "/api/logs/nope") == 404


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/api/logs"), ("GET", "/api/logs/stats"), ("GET", "/api/logs/x"), ("DELETE", "/api/logs")],
)
def test_superusers_only(both: Any, method: str, target: str) -> None:
    ann = both.here("POST", LOGIN, GOOD).json()["token"]
    for token, status in (("", 401), (ann, 403)):
        there, here = both.there(method, target, token=token), both.here(method, target, token=token)
        assert here.status == there.status_code == status
        assert here.body == there.content


def test_deleting_the_log(both: Any) -> None:
    both.here("GET", "/api/nope")
    answer = both.here("DELETE", "/api/logs", token=both.superuser)
    assert (answer.status, answer.body) == (204, b"")
    assert both.here("GET", "/api/logs?filter=data.userAgent=''", token=both.superuser).json()["totalItems"] == 0
