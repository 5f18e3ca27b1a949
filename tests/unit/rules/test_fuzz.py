"""Any text is a filter, a rule or a sort, or is refused cleanly: hypothesis over parsing, compiling and preparing."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.differential.target import WORDS, Target
from worker.errors import ApiError
from worker.filters.parser import COMPARISONS_MAX
from worker.records import rules

# Who asks, and whether the text is a filter, a sort, a rule or the rule of a new record.
KINDS = st.integers(0, 63)
PATHS = [
    *("title", "n", "data", "data.a.0.b", "kinds", "at", "at.lon", "owner", "owner.teams.owner.name", "tags.name"),
    *(
        "team.members.teams.members.name",
        "comments_via_post.text",
        "extras_via_post.text",
        "locked.name",
        "tags.secret",
    ),
    *("guarded.owner.name", "guarded.name", "owner.email", "owner.tokenKey", "@collection.tags.name", "@now", "@nope"),
    *("@collection.users:x.teams.name", "@request.auth.id", "@request.auth.teams.name", "@request.auth.nope.x"),
    *("@request.body.title", "@request.body.tags.name", "@request.body.data.a", "@request.query.a", "@request.method"),
]
MODIFIERS = ["", "", "", ":lower", ":each", ":length", ":isset", ":changed", ":nope"]


@pytest.fixture(scope="module")
def target():
    return Target()


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


paths = st.builds(str.__add__, st.sampled_from(PATHS), st.sampled_from(MODIFIERS))
literals = st.text(max_size=8).map(quoted) | st.integers(-(2**70), 2**70).map(str)
literals |= st.sampled_from(["null", "true", "False", "1.50", "-0", "''"])
calls = st.builds(
    lambda name, arguments: f"{name}({', '.join(arguments)})",
    st.sampled_from(["geoDistance", "strftime", "nope"]),
    st.lists(paths | literals, max_size=5),
)
operands = paths | literals | calls
signs = st.sampled_from(["=", "!=", ">", "<=", "~", "!~", "?=", "?!=", "?<", "?~", "?!~"])
comparisons = st.builds(lambda left, sign, right: f"{left} {sign} {right}", operands, signs, operands)
joins = st.sampled_from([" && ", " || ", " "])
filters = st.recursive(
    comparisons,
    lambda inner: st.builds(
        lambda parts, join: f"({join.join(parts)})", st.lists(inner, min_size=2, max_size=4), joins
    ),
    max_leaves=10,
)


@settings(max_examples=120, deadline=None)
@given(kind=KINDS, text=filters)
def test_what_is_well_formed(target, kind, text):
    target(bytes([kind]) + text.encode("utf-8", "surrogatepass"))


@settings(max_examples=120, deadline=None)
@given(kind=KINDS, words=st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=20))
def test_what_is_not(target, kind, words):
    target(bytes([kind]) + " ".join(words).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("superuser", [True, False])
def test_the_most_that_is_allowed_compiles_in_steps_that_grow_with_it(target, superuser):
    """As many comparisons as a filter may have, each over six relations."""
    info = target.infos[0 if superuser else 1]
    path = "team.owner.teams.owner.teams.owner.name"

    def steps(comparisons):
        count = 0

        def step(frame, event, argument):
            nonlocal count
            count += 1

        text = " && ".join([f"{path} = 1"] * comparisons)
        sys.setprofile(step)
        try:
            rules.select(target.catalog, target.posts, rules=[text], filter="", sort="", info=info)
        finally:
            sys.setprofile(None)
        return count

    assert steps(COMPARISONS_MAX) < 11 * steps(COMPARISONS_MAX // 10) + 1000


@pytest.mark.parametrize("hops", [5, 6, 7, 50, 400])
def test_relations_are_followed_so_far(target, hops):
    path = ".".join(["team", *["owner", "teams"] * 200][:hops]) + ".id:lower"
    filter_ = f"{path} = 1"
    if hops <= 6:
        assert rules.select(target.catalog, target.posts, rules=[], filter=filter_, sort=path, info=target.infos[0])
        return
    for query in ({"filter": filter_, "sort": ""}, {"filter": "", "sort": path}):
        with pytest.raises(ApiError) as caught:
            rules.select(target.catalog, target.posts, rules=[], **query, info=target.infos[0])
        assert caught.value.status == 400


def test_so_many_joins_are_too_many(target):
    """SQLite's bound, which the real one runs into with everything in one FROM."""
    guarded = [f"comments_via_post.post.comments_via_post.post.extras_via_post.post.{end}" for end in ("title", "n")]
    wide = " || ".join(f"@collection.tags:a{number}.name = 1" for number in range(64))
    info = target.infos[0]
    assert rules.select(
        target.catalog, target.posts, rules=[], filter=f"{guarded[0]} = {guarded[1]}", sort="", info=info
    )
    with pytest.raises(ApiError) as caught:
        rules.select(target.catalog, target.posts, rules=[], filter=wide, sort="", info=info)
    assert (caught.value.status, str(caught.value.cause)) == (400, "at most 64 tables in a join")
