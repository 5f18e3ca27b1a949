"""Patterns of routes against what they mean: the set of requests that each of them matches."""

import re
from itertools import combinations, product
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.hooks.manifest import Manifest, Route, Step
from worker.hooks.patterns import SLASH, Known, Pattern, PatternError, Tree, conflict, exact, more_specific, parse
from worker.hooks.routes import NATIVE, Found, RouteError, Routes, check

METHODS = ("GET", "HEAD", "POST")
# All paths of so many segments, some of which no pattern spells; those that end in a slash have one as their last part.
NAMES = ("a", "b", "z")
DEPTH = 4
PATHS = [parts for depth in range(1, DEPTH + 1) for parts in product(NAMES, repeat=depth)]
PATHS += [(*parts, SLASH) for parts in PATHS] + [(SLASH,)]
REQUESTS = [(method, parts) for method in METHODS for parts in PATHS]

segment = st.sampled_from(["a", "b", "{x}", "{y}", "{z}"])
ending = st.sampled_from(["", "/", "/{$}", "/{rest...}"])


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """A pattern of at most three segments and an ending."""
    parts = draw(st.lists(segment, max_size=3))
    path = "".join(f"/{part}" for part in parts) + draw(ending) or "/"
    try:
        return parse(draw(st.sampled_from(["", *METHODS])), path)
    except PatternError:  # a name that comes twice
        return parse("GET", "/")


def matched(pattern: Pattern) -> set[tuple[str, tuple[str, ...]]]:
    """The requests that a pattern is for, by the plainest reading of it."""
    path = "/" + "/".join(
        r"(?s:.*)" if part.multi else r"[^/]+" if part.wild else "" if part.text == SLASH else re.escape(part.text)
        for part in pattern.segments
    )
    own = re.compile(path)
    methods = [m for m in METHODS if pattern.method in ("", m) or (pattern.method == "GET" and m == "HEAD")]
    return {(method, parts) for method, parts in REQUESTS if method in methods and own.fullmatch(_path(parts))}


def _path(parts: tuple[str, ...]) -> str:
    return "/" + "/".join("" if part == SLASH else part for part in parts)


@settings(max_examples=80, deadline=None)
@given(patterns(), patterns())
def test_conflicts(one: Pattern, other: Pattern) -> None:
    mine, its = matched(one), matched(other)
    wrong = bool(mine & its) and (mine == its or not (mine <= its or its <= mine))
    assert (conflict(one, other) is not None) == wrong
    if mine & its and not wrong:
        assert more_specific(one, other) == (mine < its)


@settings(max_examples=80, deadline=None)
@given(st.lists(patterns(), min_size=1, max_size=6), st.sampled_from(REQUESTS))
def test_finds_the_most_specific(given_: list[Pattern], request_: tuple[str, tuple[str, ...]]) -> None:
    known: list[Pattern] = []
    index = Known()
    for pattern in given_:
        fits = all(conflict(pattern, each) is None for each in known)
        assert (index.conflict(pattern) is None) == fits
        if fits:
            known.append(pattern)
            index.add(pattern)
    method, parts = request_
    found = Tree((each, each.text) for each in known).find(method, "", parts)
    fitting = [each for each in known if request_ in matched(each)]
    if not fitting:
        assert found is None
        return
    assert found is not None
    assert found.value == min(fitting, key=lambda each: len(matched(each))).text
    assert set(found.values) == set(found.pattern.names)


@pytest.mark.parametrize(
    ("path", "parts", "values"),
    [
        ("/{a}/{b}", ("x", "y"), {"a": "x", "b": "y"}),
        ("/{a}/{b...}", ("x", "y", "z"), {"a": "x", "b": "y/z"}),
        ("/{a}/{b...}", ("x", "y", SLASH), {"a": "x", "b": "y/"}),
        ("/{a}/{b...}", ("x", SLASH), {"a": "x", "b": ""}),
        ("/{b...}", ("x",), {"b": "x"}),
        ("/{b...}", (SLASH,), {"b": ""}),
        ("/{a}/", ("x", "y"), {"a": "x"}),
        ("/{a}/{$}", ("x", SLASH), {"a": "x"}),
        ("/a%20b/{a}", ("a b", "x"), {"a": "x"}),
        ("/{a}", ("x/y",), {"a": "x/y"}),
    ],
)
def test_values(path: str, parts: tuple[str, ...], values: dict[str, str]) -> None:
    found = Tree([(parse("GET", path), 1)]).find("GET", "", parts)
    assert found is not None
    assert found.values == values


@pytest.mark.parametrize(
    ("path", "parts", "is_exact"),
    [
        ("/a/", ("a", SLASH), True),
        ("/a/", ("a", "b"), False),
        ("/a/", ("a", "b", SLASH), False),
        ("/a/{b...}", ("a", SLASH), True),
        ("/a/{$}", ("a", SLASH), True),
        ("/a", ("a",), True),
        ("/{a}", ("x",), True),
    ],
)
def test_exact(path: str, parts: tuple[str, ...], is_exact: bool) -> None:
    assert exact(parse("", path), parts) is is_exact


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("GET", "a"), ("GET", "/{"), ("GET", "/{a"), ("GET", "/a{b}"), ("GET", "/{b}c"), ("GET", "/{}"),
        ("GET", "/{a}/{a}"), ("GET", "/{a...}/b"), ("GET", "/{$}/b"), ("GET", "/{1}"), ("GET", "/{a-b}"),
        ("GET", "/a//b"), ("GET", "/../a"), ("GET", "/./a"), ("G\0T", "/a"), ("GET", "/" + "a/" * 200 + "b"),
        ("GET", "{a}.com/"),
    ],
)  # fmt: skip
def test_refused(method: str, path: str) -> None:
    with pytest.raises(PatternError):
        parse(method, path)


def _manifest(*routes: tuple[str, str], native: str = "static") -> Manifest:
    step = Step(native=native)
    return Manifest(
        routes=tuple(Route(method=method, path=path, action=step, file="/x", line=3) for method, path in routes)
    )


@pytest.mark.parametrize("line", [line for line in NATIVE.split("\n") if line])
def test_no_route_in_place_of_the_servers_own(line: str) -> None:
    method, path = line.split(" ")
    renamed = re.sub(r"\{(\w+)", r"{other\1", path)
    with pytest.raises(RouteError, match="conflicts") as raised:
        check(_manifest((method, renamed)))
    assert (raised.value.file, raised.value.line) == ("/x", 3)


@pytest.mark.parametrize(
    "routes",
    [
        [("GET", "/{path...}"), ("", "/")],
        [("GET", "/")],
        [("GET", "/api/collections/x/records"), ("GET", "/api/{a}/{b}"), ("POST", "/api/health")],
        [("GET", "a.com/x"), ("GET", "b.com/x"), ("GET", "/x")],
    ],
)
def test_routes_beside_the_servers_own(routes: list[tuple[str, str]]) -> None:
    check(_manifest(*routes))


@pytest.mark.parametrize(
    "paths",
    [
        [f"/{'a/' * 20}r{number}/{{name}}" for number in range(1000)],
        [f"/q/r{number}/{{rest...}}" for number in range(1000)],
        ["/q/" + "/".join("ab"[number >> bit & 1] for bit in range(10)) for number in range(1000)],
    ],
)
def test_many_routes(paths: list[str]) -> None:
    # each against each would be half a million comparisons
    check(_manifest(*(("GET", path) for path in paths)))


def test_unknown_middlewares_are_refused() -> None:
    with pytest.raises(ValueError, match="no middleware"):
        check(_manifest(("GET", "/a"), native="eval"))


@pytest.mark.parametrize(
    ("method", "parts", "pattern"),
    [
        ("GET", ("api", "collections", "x", "records"), "GET /api/collections/x/records"),
        ("GET", ("api", "collections", "y", "records"), None),
        ("GET", ("api", "health"), None),
        ("POST", ("api", "health"), "POST /api/health"),
        ("GET", ("api", "nothing"), "GET /{path...}"),
        ("POST", ("api", "nothing"), None),
        ("GET", (SLASH,), "GET /{path...}"),
        ("GET", ("tree",), "GET /tree/"),  # sent on
    ],
)
def test_among_the_servers_own(method: str, parts: tuple[str, ...], pattern: str | None) -> None:
    routes = Routes(
        _manifest(
            ("GET", "/api/collections/x/records"), ("POST", "/api/health"), ("GET", "/{path...}"), ("GET", "/tree/")
        )
    )
    found = routes.find(method, "", parts)
    assert (found.pattern if isinstance(found, Found) else found) == pattern
    assert found is None or routes.takes(method, _raw(parts))


@pytest.mark.parametrize(
    ("added", "taken"),
    [("GET", {"GET", "HEAD"}), ("POST", {"POST"}), ("", {"GET", "HEAD", "POST", "PATCH"}), (None, set())],
)
def test_methods_that_are_nobodys(added: str | None, taken: set[str]) -> None:
    routes = Routes(_manifest(*(() if added is None else ((added, "/a"),))))
    for method in ("GET", "HEAD", "POST", "PATCH"):
        assert routes.takes(method, b"/a") == (method in taken), method
        assert (routes.find(method, "", ("a",)) is not None) <= routes.takes(method, b"/a"), method


@pytest.mark.parametrize(
    ("path", "taken", "others"),
    [
        ("/a/{x}", (b"/a", b"/a/", b"/a/1", b"/%61/1", b"/\xc3\xa9"), (b"/", b"/ab", b"/api/a")),
        ("/{$}", (b"/",), (b"/a", b"/api/health")),
        ("/é", ("/é".encode(), b"/%C3%A9"), (b"/e",)),
        ("/{x}/b", (b"/a/b", b"/c"), ()),
        ("/", (b"/", b"/a/b"), ()),
    ],
)
def test_paths_that_begin_otherwise_are_nobodys(path: str, taken: tuple[bytes, ...], others: tuple[bytes, ...]) -> None:
    routes = Routes(_manifest(("GET", path)))
    assert all(routes.takes("GET", raw) for raw in taken)
    assert not any(routes.takes("GET", raw) for raw in others)


def _raw(parts: tuple[str, ...]) -> bytes:
    """The path of these parts, as it is sent."""
    text = "/".join("" if part == SLASH else quote(part) for part in parts)
    return b"/" + text.encode()


def test_order_of_middlewares() -> None:
    def step(name: str, priority: int = 0, id_: str = "") -> Step:
        return Step(native=name, priority=priority, id=id_)

    manifest = Manifest(
        routes=(
            Route(method="GET", path="/a", action=step("action"), middlewares=(step("r"), step("again", 0, "id"))),
        ),
        uses=(step("u"), step("late", 5), step("early", -2000), step("first", 3, "id")),
    )
    found = Routes(manifest).find("GET", "", ("a",))
    assert isinstance(found, Found)
    assert [each.native for each in found.chain.steps] == ["early", "u", "r", "again", "late", "action"]
    assert found.chain.early == 1
    own = Routes(manifest).find("POST", "", ("nope",))
    assert isinstance(own, Found)
    assert [each.native for each in own.chain.steps] == ["early", "u", "first", "late"]
    assert own.chain.is_native


def test_names_of_all_paths_are_told_apart() -> None:
    # the reference itself: the sets are not all alike
    kinds = [parse("GET", path) for path in ("/a", "/{x}", "/a/", "/{x...}", "/{$}")]
    assert all(matched(one) != matched(other) for one, other in combinations(kinds, 2))
