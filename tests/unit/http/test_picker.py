"""The `fields` parameter: every row was asked of the real PocketBase 0.40.6."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ApiError
from worker.http.excerpt import excerpt
from worker.http.picker import parse_fields, pick

HTML = "<p>Hello   <b>World</b> &amp; all &lt;x&gt;</p><script>a()</script> more\n text éèà end"
NESTED = {"a": {"b": 1, "c": [{"x": 1, "y": 2}, {"x": 3}]}, "d": None}
RECORD: dict[str, Any] = {"id": "abc", "j": NESTED, "n": 5, "s": HTML, "sel": ["a", "b"]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("id", {"id": "abc"}),
        (" id , n ", {"id": "abc", "n": 5}),
        ("*", RECORD),
        (",", RECORD),
        ("id,,n", {"id": "abc", "n": 5}),
        ("ID", {}),
        ("zzz", {}),
        ("zzz.a", {}),
        ("j", {"j": NESTED}),
        ("j.a.b", {"j": {"a": {"b": 1}}}),
        ("j.*", {"j": NESTED}),
        ("j.a.c.x", {"j": {"a": {"c": [{"x": 1}, {"x": 3}]}}}),
        ("j,j.a.b", {"j": NESTED}),
        ("j.a.b,j", {"j": NESTED}),
        ("*,j.a.b", {**RECORD, "j": {"a": {"b": 1}}}),
        ("j.d.z", {"j": {"d": None}}),
        ("n.x", {"n": 5}),
        ("sel.x", {"sel": ["a", "b"]}),
        ("*.a", {}),
        ("j.*.b", {"j": {}}),
        ("s:excerpt(5)", {"s": "Hello"}),
        ("s:excerpt(5,true)", {"s": "Hello..."}),
        ("s:excerpt(12, true)", {"s": "Hello World..."}),
        ("s:excerpt(500,true)", {"s": "Hello World & all <x> more text éèà end"}),
        ("s:excerpt(5,x)", {"s": "Hello"}),
        ("s:excerpt(5,1)", {"s": "Hello..."}),
        ("s: excerpt( 5 , true )", {"s": "Hello..."}),
        ("n:excerpt(5)", {"n": 5}),
        ("j:excerpt(5)", {"j": NESTED}),
        ("sel:excerpt(1)", {"sel": ["a", "b"]}),
        ("*:excerpt(2)", {"id": "ab", "j": NESTED, "n": 5, "s": "He", "sel": ["a", "b"]}),
        ("*,s:excerpt(5)", {**RECORD, "s": "Hello"}),
        ("s:excerpt(5),s", {"s": HTML}),
        ("s,s:excerpt(5)", {"s": "Hello"}),
    ],
)
def test_pick(fields: str, expected: Any) -> None:
    assert pick(RECORD, fields) == expected


@pytest.mark.parametrize(
    "fields",
    [
        "s:",
        "s:foo(1)",
        "zzz:foo",
        "s:excerpt",
        "s:excerpt()",
        "s:excerpt(0)",
        "s:excerpt(-1)",
        "s:excerpt(a)",
        "s:excerpt('5')",
        "s:excerpt(5,true,1)",
        "s:EXCERPT(5)",
        "s:excerpt(5):excerpt(2)",
        "id(",
        "s:excerpt(5",
        ")(",
    ],
)
def test_nonsense_is_refused_even_for_members_that_are_not_there(fields: str) -> None:
    for value in (RECORD, {}, []):
        with pytest.raises(ApiError) as caught:
            pick(value, fields)
        assert caught.value.status == 400


@pytest.mark.parametrize(
    ("value", "fields", "expected"),
    [
        ([{"a": 1, "b": 2}, {"b": 3}], "j.a", [{"a": 1}, {}]),
        ([{}, {"a": 1, "b": 2}], "j.a", [{}, {"a": 1}]),
        ([1, {"a": 1, "b": 2}], "j.a", [1, {"a": 1, "b": 2}]),
        ([None, {"a": 1, "b": 2}], "j.c", [None, {"a": 1, "b": 2}]),
        ([[{"a": 1, "b": 2}], {"b": 1}], "j.a", [[{"a": 1, "b": 2}], {"b": 1}]),
        ({"a": [1, {"b": 1, "c": 2}]}, "j.a.b", {"a": [1, {"b": 1, "c": 2}]}),
        ([], "j.a", []),
    ],
)
def test_a_list_is_picked_from_if_it_begins_with_an_object(value: Any, fields: str, expected: Any) -> None:
    assert pick({"j": value}, fields) == {"j": expected}


def test_a_page_is_looked_through() -> None:
    page = {"items": [{"id": "a", "n": 1}], "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1}
    assert pick(page, "id") == {**page, "items": [{"id": "a"}]}
    assert pick(page, "page") == {**page, "items": [{}]}
    assert pick([{"id": "a", "n": 1}], "n") == [{"n": 1}]
    # an object that merely has some of these members is no page
    assert pick({"items": [1], "page": 1}, "page") == {"page": 1}


def test_the_value_itself_is_left_alone() -> None:
    before = repr(RECORD)
    pick(RECORD, "*,j.a.b,s:excerpt(3)")
    assert repr(RECORD) == before


# markup → its text, as the real one answered `s:excerpt(300,true)`
TEXTS = {
    "<p>a</p><p>b</p>": "a b",
    "<p>a</p>\n<p>b</p>": "a b",
    "a<b>b</b>c": "abc",
    "a<br>b<br/>c": "abc",
    "<div>a</div>b": "a b",
    "<style>x{}</style>b": "b",
    "a<!-- c -->b": "ab",
    "a < b > c": "a < b > c",
    "a <b c": "a",
    "<ul><li>1</li><li>2</li></ul>x": "1 2 x",
    "&nbsp;a&nbsp;b &copy; &#65; &bogus; &amp": "a\xa0b © A &bogus; &",
    "<h1>T</h1>x<img src=1>y<hr>z": "T xy z",
    "<td>a</td><td>b</td>": "ab",
    "<table><tr><td>a</td><td>b</td></tr></table>d": "a b d",
    "<iframe>q</iframe><noscript>n</noscript><textarea>t</textarea><svg><text>s</text></svg>w": "n w",
    "<script>if (a<b) x()</script>y": "y",
    "a</p>b": "a b",
    "a</div>b": "ab",
    "<a": "",
    "a<": "a<",
    "a<!--b": "a",
    "<?php x ?>y": "y",
    "&amp;lt;": "&lt;",
    "a\x0bb": "a\x0bb",
}


@pytest.mark.parametrize(("markup", "text"), TEXTS.items())
def test_excerpt(markup: str, text: str) -> None:
    assert excerpt(markup, 300, ellipsis=True) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [(1, "a..."), (2, "ab..."), (3, "ab..."), (4, "ab c..."), (6, "ab cd..."), (7, "ab cd e..."), (8, "ab cd ef")],
)
def test_excerpts_are_cut_at_the_character(length: int, text: str) -> None:
    assert excerpt("<p>ab cd</p><p>ef</p>", length, ellipsis=True) == text
    assert excerpt("<p>ab cd</p><p>ef</p>", length) == text.removesuffix("...")


@given(st.text("<>/!-&;abp =\"'", max_size=60), st.integers(1, 20))
def test_excerpt_takes_anything(markup: str, length: int) -> None:
    assert len(excerpt(markup, length)) <= length


@given(st.text("ab.,*:() excerpt1", max_size=40))
def test_the_parser_answers_or_refuses(fields: str) -> None:
    names: list[str] = []
    with contextlib.suppress(ApiError):
        names = list(parse_fields(fields).children)
    assert all("," not in name for name in names if "(" not in name)


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.integers() | st.none() | st.text("xyz", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, VALUES), st.lists(st.lists(NAMES, min_size=1, max_size=3).map(".".join), min_size=1))
def test_picking_twice_is_picking_once_and_never_adds(value: dict[str, Any], paths: list[str]) -> None:
    fields = ",".join(paths)
    picked = pick(value, fields)
    assert pick(picked, fields) == picked
    assert picked.keys() <= value.keys()
    assert picked.keys() == {path.split(".")[0] for path in paths} & value.keys()
