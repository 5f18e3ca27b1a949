"""Paths before any route: every row was asked of the real PocketBase 0.40.6."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.http.paths import cleaned, detour_of, escaped, segments, suspect

LOCATIONS = {
    "/api//health": "/api/health",
    "//api/health": "/api/health",
    "/api/./health": "/api/health",
    "/api/../api/health/": "/api/health/",
    "/../..": "/",
    "/a/..": "/",
    "/..": "/",
    "/api/records/..": "/api",
    "/api/records/.": "/api/records",
    "/a//b%2Fc": "/a/b%2Fc",
    "/api//x%2Fy/../z": "/api/z",
    "/api//coll%20x": "/api/coll%20x",
    "/api//%C3%A9": "/api/%C3%A9",
    "/api/%e4%2fb//": "/api/%e4%2fb/",
    "/api/%3Fx//": "/api/%3Fx/",
    "/api//h<b>": "/api/h%3Cb%3E",
    "/api/h[]!'()*|^`{}\"\\x//": "/api/h%5B%5D%21%27%28%29%2A%7C%5E%60%7B%7D%22%5Cx/",
    "/api/a<%2Fb//": "/api/a%3C/b/",
    "/api//health;x": "/api/health;x",
}
CLEAN = [
    "/",
    "/api/health",
    "/api/health/",
    "/api/%2e%2e/x",
    "/api/%2Fhealth",
    "/a%2F..%2Fb",
    "/.x",
    "/a.b",
    "/...",
    "/a/.b/",
]


@pytest.mark.parametrize(("path", "location"), LOCATIONS.items())
def test_unclean_paths_are_sent_to_their_clean_form(call: Any, path: str, location: str) -> None:
    answer = call("GET", path)
    assert (answer.status, answer.body.decode()) == (307, f'<a href="{location}">Temporary Redirect</a>.\n\n')
    assert answer.headers == {"location": location, "content-type": "text/html; charset=utf-8"}
    assert call("HEAD", path) == answer._replace(body=b"")
    for method in ("POST", "PATCH", "OPTIONS", "BREW"):
        other = call(method, path)
        assert (other.status, other.headers, other.body) == (307, {"location": location}, b"")


@pytest.mark.parametrize("path", CLEAN)
def test_clean_paths_go_their_way(path: str) -> None:
    assert detour_of("GET", "", path.encode(), b"") is None


def test_the_query_and_what_names_the_tenant_are_kept() -> None:
    detour = detour_of("GET", "/t/demo", b"/api//x", b"""q="x'<>&%20""")
    assert detour is not None
    assert dict(detour.headers)[b"location"] == b"""/t/demo/api/x?q="x'<>&%20"""
    assert b'<a href="/t/demo/api/x?q=&#34;x&#39;&lt;&gt;&amp;%20">' in detour.body


@pytest.mark.parametrize("path", ["/api/%", "/api/%4", "/api/%ZZ/records", "/api//x%g0", "/%%20"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_bad_escapes_are_refused_in_plain_text(call: Any, method: str, path: str) -> None:
    answer = call(method, path)
    assert (answer.status, answer.body) == (400, b"400 Bad Request")
    assert answer.headers == {"content-type": "text/plain; charset=utf-8", "connection": "close"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/items/a%2Fb", "a/b"),
        ("/api/items/%2E%2E", ".."),
        ("/api/items/a%20b+c", "a b+c"),
        ("/%61pi/items/%C3%A9", "é"),
        ("/api/items/%25", "%"),
        ("/api/items/%2F", "/"),
        ("/api/items/%ff", "\ufffd"),
    ],
)
def test_an_escape_stays_inside_its_segment(call: Any, path: str, name: str) -> None:
    assert call("GET", path).json()["name"] == name


@pytest.mark.parametrize("path", ["/api%2Fitems/x", "/api/items/", "/api/items/x/", "/api/items/a<%2Fb", "/api/%2Fx"])
def test_other_paths_are_no_routes(call: Any, path: str) -> None:
    answer = call("GET", path)
    assert (answer.status, answer.json()["message"]) == (404, "File not found.")


@given(st.text("/.%2Faé", max_size=12).map(lambda text: "/" + text))
def test_what_is_clean_stays_clean(path: str) -> None:
    raw = path.encode()
    clean = cleaned(escaped(raw))
    assert cleaned(clean) == clean
    assert clean.startswith("/")
    assert "//" not in clean
    assert suspect(raw) or clean == escaped(raw)
    assert not {".", ".."} & set(clean.split("/"))


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4))
def test_segments_come_back(names: list[str]) -> None:
    raw = "".join("/" + "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "replace")) for name in names).encode()
    assert segments(raw) == [name.encode("utf-8", "replace").decode() for name in names]
