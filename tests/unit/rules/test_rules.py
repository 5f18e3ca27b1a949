"""Rules and filters of a schema as SQL: lean text, late values, sharing, and who may look at what."""

import pytest

from tests.unit.rules.conftest import FakeCatalog
from worker.errors import ApiError
from worker.records import rules


def where(catalog, text, info, collection="posts"):
    return rules.rule_where(catalog, catalog.get(collection), text, info)


def select(catalog, info, filter="", sort="", *, rule="", collection="posts"):  # noqa: A002 - the API's name
    found = [rule] if rule else []
    return rules.select(catalog, catalog.get(collection), rules=found, filter=filter, sort=sort, info=info)


@pytest.mark.parametrize(
    ("text", "sql", "params"),
    [
        ("id = @request.auth.id", "`posts`.`id` = ?", ("ann",)),
        ("@request.auth.id != ''", "? IS NOT ?", ("ann", "")),
        ("title = 'x'", "`posts`.`title` = ?", ("x",)),
        ("title != ''", "`posts`.`title` IS NOT ?", ("",)),
        ("n > 5", "`posts`.`n` > ?", (5.0,)),
        ("public = true && owner = @request.auth.id", "`posts`.`public` = ? AND `posts`.`owner` = ?", (1, "ann")),
        ("title = alt", "`posts`.`title` = `posts`.`alt`", ()),
        ("title = @request.auth.name", "`posts`.`title` = CAST(? AS TEXT)", ("Ann",)),
        ("n = @request.auth.level", "`posts`.`n` = CAST(? AS NUMERIC)", (5,)),
        ("team.id = 't'", "`posts`.`team` = ?", ("t",)),
        ("@request.auth.verified = true", "? = ?", (1, 1)),
        ("@request.auth.nosuch = ''", "? = ?", ("", "")),
    ],
)
def test_common_rules_are_lean(catalog, who, text, sql, params):
    found = where(catalog, text, who["ann"])
    assert (found.joins, found.sql, found.params, found.distinct) == ("", sql, params, False)


def test_a_column_is_served_by_its_index(catalog, db, who):
    found = where(catalog, "owner = @request.auth.id && title != ''", who["ann"])
    plan = "".join(
        str(row) for row in db.execute(f"EXPLAIN QUERY PLAN SELECT * FROM posts WHERE {found.sql}", found.params)
    )
    assert "idx_owner" in plan
    found = where(catalog, "owner = @request.auth.teams.owner.id", who["ann"])
    assert "COALESCE" in found.sql


@pytest.mark.parametrize(
    ("text", "joins", "exists", "distinct"),
    [
        ("team.name = 'x'", 1, 0, False),
        ("team.owner.name = 'x' && team.name = 'y'", 2, 0, False),
        ("tags.name ?= 'x'", 0, 1, False),
        # one row of the two conditions, so one EXISTS
        ("tags.name ?= 'x' && tags.secret ?= 'y'", 0, 1, False),
        # two unrelated paths are no cross product
        ("tags.name ?= 'x' && kinds:each ?= 'a'", 0, 2, False),
        ("tags.name ?= 'x' || kinds:each ?= 'a'", 0, 1, False),
        # "all": one that matches and none that does not
        ("tags.name = 'x'", 0, 2, False),
        ("comments_via_post.text ?= 'x'", 1, 0, True),
        ("extras_via_post.text = 'x'", 1, 0, False),
        ("@collection.tags.name ?= title", 1, 0, True),
        ("@collection.tags.name ?= @collection.tags:other.name", 2, 0, True),
        ("@request.auth.teams.name ?= title", 0, 1, False),
    ],
)
def test_joins_are_placed_where_they_cost_least(catalog, db, who, *, text, joins, exists, distinct):
    found = where(catalog, text, who["ann"])
    assert (found.joins.count("LEFT JOIN"), found.sql.count("EXISTS"), found.distinct) == (joins, exists, distinct)
    assert list(db.execute(f"SELECT 1 FROM posts{found.joins} WHERE {found.sql}", found.params)) == []


def test_the_text_does_not_depend_on_the_request(catalog, who):
    texts = "owner = @request.auth.id && title ~ @request.query.q && @request.body.n:isset = false"
    first = who["ann"]
    first.query, first.body = {"q": "a%"}, {"n": 1}
    one = where(catalog, texts, first)
    first.query, first.body = {}, {}
    two = where(catalog, texts, first)
    assert one.sql == two.sql
    assert (one.params, two.params) == (("ann", "a%", 1, 0), ("ann", None, 0, 0))


def test_a_value_never_enters_the_text(catalog, who):
    mark = "mark'`\"]"
    first = who["ann"]
    first.query, first.body, first.headers = {"q": mark}, {"title": mark, "tags": [mark]}, {"h": mark}
    quoted = mark.replace("'", "\\'")
    found = where(
        catalog,
        f"title = '{quoted}' || title ~ @request.query.q || title = @request.body.title || alt = @request.headers.h"
        f" || @request.body.tags.name ?= '{quoted}' || strftime('{quoted}', alt) = ''",
        first,
    )
    assert "mark" not in found.sql + found.joins
    assert sum("mark" in str(param) for param in found.params) >= 6


def test_guests_have_nothing(catalog, who):
    for text in ("@request.auth.id", "@request.auth.name", "@request.auth.teams.name"):
        found = where(catalog, f"{text} = ''", who["guest"])
        assert (found.sql, found.params) == ("? = ?", ("", ""))


def test_equal_schemas_share_what_is_compiled(catalog, other_catalog, who):
    posts = catalog.get("posts")
    assert other_catalog.get("posts") is posts
    simple = "title = 'shared' && owner = @request.auth.id"
    assert where(catalog, simple, who["ann"]).sql is where(other_catalog, simple, who["ann"]).sql
    # but not where it looked at a collection that differs
    assert where(catalog, "team.name = 'x'", who["guest"]).joins
    assert where(other_catalog, "team.name = 'x'", who["guest"]) is rules.NOBODY
    with pytest.raises(ApiError) as caught:
        rules.rule_where(other_catalog, posts, "team.name = 'x'", who["guest"], required=True)
    assert caught.value.status == 400
    assert where(catalog, "team.name = 'x'", who["guest"]).joins


@pytest.mark.parametrize(
    ("filter", "sort", "status", "message"),
    [
        ("secret = 1", "", 400, "Something went wrong while processing your request."),
        ("title", "", 400, "Something went wrong while processing your request."),
        ("tags.secret = ''", "", 400, "Something went wrong while processing your request."),
        ("locked.name = ''", "", 400, "Something went wrong while processing your request."),
        ("owner.tokenKey = ''", "", 400, "Something went wrong while processing your request."),
        ("", "tags.secret", 400, "Something went wrong while processing your request."),
        ("", "@now", 400, "Something went wrong while processing your request."),
        ("", "null", 400, "Something went wrong while processing your request."),
        ("", "data.-1", 400, "Something went wrong while processing your request."),
        ("", "data.é", 400, "Something went wrong while processing your request."),
        ("", "data.a b", 400, "Something went wrong while processing your request."),
        ("@request.auth.id = ''", "", 403, "Only superusers can filter by @request."),
        ("title = '@collection.x'", "", 403, "Only superusers can filter by @collection."),
        ("nosuch = 1", "@request.auth.id", 403, "Only superusers can filter by @request."),
    ],
)
def test_refused_filters(catalog, who, *, filter, sort, status, message):  # noqa: A002 - the API's name
    with pytest.raises(ApiError) as caught:
        select(catalog, who["ann"], filter, sort)
    assert (caught.value.status, caught.value.message, caught.value.data) == (status, message, {})


def test_superusers_may_look_at_everything(catalog, who):
    assert select(catalog, who["root"], "tags.secret = '' && locked.name = '' && @request.auth.id != ''").where
    with pytest.raises(ApiError):
        select(catalog, who["root"], "", "@request.auth.id")
    # and rules may, whoever asks
    assert where(catalog, "tags.secret = '' && locked.name = '' && @collection.locked.name ?= ''", who["guest"]).sql


@pytest.mark.parametrize(
    ("filter", "joined"),
    [
        ("", False),
        ("title = 'x' && data.a = 1 && team.id = 't'", False),
        ("@request.auth.id != '' && @request.auth.verified = true", False),
        ("team.name = 'x'", True),
        ("tags.name ?= 'x'", True),
        ("kinds:each ?= 'a'", True),
        # read apart here
        ("@request.auth.name != ''", True),
        ("@request.auth.teams.name ?= ''", True),
        ("@request.auth.comments_via_title.nosuch = ''", True),
        ("@request.body.kinds:each ?= 'a'", True),
        # of submitted relations only those that are there are joined
        ("@request.body.team.name = ''", False),
    ],
)
def test_it_is_known_what_the_real_one_joins(catalog, who, *, filter, joined):  # noqa: A002 - the API's name
    assert select(catalog, who["ann"], rule=filter).joined is joined


def test_list_rules_of_reached_collections_share_no_rows(shelf, who):
    rule = "@collection.tags.name ?= 'b' && @request.auth.teams.name ?= 'b'"
    catalog = FakeCatalog(shelf, list_rules={"guarded": rule})
    found = select(catalog, who["ann"], "guarded.name = 'x'", rule=rule)
    text = found.joins + found.where
    for alias in ("`@collection.tags`", "`@request.auth.teams`"):
        assert f" {alias}" in text
        assert f" `@guarded!{alias[1:]}" in text


def test_broken_rules_hold_for_nobody(catalog, who):
    rule = "@request.auth.name.first = '' || title = title"
    # nothing is wrong with it as long as nobody asks
    assert rules.check_rule(catalog, catalog.get("posts"), rule) is None
    assert where(catalog, rule, who["guest"]) is not rules.NOBODY
    assert where(catalog, rule, who["ann"]) is rules.NOBODY
    for path in ("nosuch", "nosuch.x", "teams.nosuch", "posts_via_title.n", "nosuch_via_owner.n"):
        found = where(catalog, f"@request.auth.{path} = null", who["ann"])
        assert (found.sql, found.params) == ("? = ?", ("", ""))
    with pytest.raises(ApiError) as caught:
        select(catalog, who["ann"], rule=rule)
    assert caught.value.status == 400


def test_list_rules_of_reached_collections_hold(catalog, who):
    found = select(catalog, who["ann"], "guarded.name = 'x'")
    kept = "(`@guarded`.`owner` = ? OR (? = '' AND `@guarded`.`owner` IS NULL))"
    assert found.where == f"`@guarded`.`name` = ? AND (`@guarded`.`id` IS NULL OR {kept})"
    assert found.params == ("x", "ann", "ann")
    # a bare id looks at nobody's record, and a superuser needs no rule
    assert select(catalog, who["ann"], "guarded.id = 'x'").where == "`posts`.`guarded` = ?"
    assert "IS NULL" not in select(catalog, who["root"], "guarded.name = 'x'").where
    assert "`@guarded`.`id` IS NULL" in select(catalog, who["ann"], "", "guarded.name").where


def test_emails_count_where_they_are_visible(catalog, who):
    assert "`users`.`emailVisibility` = TRUE" in select(catalog, who["ann"], "email ~ 'x'", collection="users").where
    assert "`@owner`.`emailVisibility` = TRUE" in select(catalog, who["ann"], "owner.email ~ 'x'").where
    assert "emailVisibility" not in select(catalog, who["root"], "email ~ 'x'", collection="users").where
    assert "emailVisibility" not in where(catalog, "email ~ 'x'", who["ann"], "users").sql


def test_rules_filter_and_sort_share_rows(catalog, who):
    found = select(catalog, who["ann"], "tags.name ?= 'b'", "title", rule="tags.name ?= 'a'")
    assert found.where.count("EXISTS") == 1
    assert not found.distinct
    found = select(catalog, who["ann"], "tags.name ?= 'b'", "-tags.name,n", rule="tags.name ?= 'a'")
    assert found.joins.count("`@tags`.`id`") == 1
    assert (found.where.count("EXISTS"), found.distinct) == (0, True)
    assert found.order == "`@tags`.`name` DESC, `posts`.`n` ASC"


@pytest.mark.parametrize(
    ("sort", "order", "params"),
    [
        ("-title,+n", "`posts`.`title` DESC, `posts`.`n` ASC", ()),
        ("@random", "RANDOM()", ()),
        ("-@rowid", "`posts`.`_rowid_` DESC", ()),
        ("title:lower", "LOWER(`posts`.`title`) ASC", ()),
        (
            "data.a.0.b",
            "(CASE WHEN json_valid(`posts`.`data`) THEN json_extract(`posts`.`data`, ?) END) ASC",
            ("$.a[0].b",),
        ),
    ],
)
def test_sort_keys(catalog, db, who, *, sort, order, params):
    found = select(catalog, who["ann"], sort=sort)
    assert (found.order, found.order_params, found.where) == (order, params, "")
    assert list(db.execute(f"SELECT 1 FROM posts{found.joins} ORDER BY {found.order}", found.order_params)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ''", None),
        ("@request.auth.nosuch.x.y = ''", None),
        ("@request.body.team.nosuch = ''", None),
        ("nosuch = 1", 'invalid left operand "nosuch" - unknown field "nosuch"'),
        ("1 = a.b", 'invalid right operand "a.b" - failed to resolve field "a"'),
        ("title.x = 1", 'invalid left operand "title.x" - field "title" is not a valid relation'),
        ("title:nope = 1", 'invalid left operand "title:nope" - unknown modifier in "title:nope"'),
        ("title:lower:lower = 1", 'invalid left operand "title:lower:lower" - unknown field "title:lower:lower"'),
        ("@now:lower = 1", 'invalid left operand "@now:lower" - failed to resolve field "@now:lower"'),
        (
            "@collection.nosuch.id = 1",
            'invalid left operand "@collection.nosuch.id" - failed to load collection "nosuch"'
            ' from field path "@collection.nosuch.id"',
        ),
        (
            "comments_via_text.id = 1",
            'invalid left operand "comments_via_text.id" - invalid back relation field "text"',
        ),
        (
            "@request.query.a:each = 1",
            'invalid left operand "@request.query.a:each" - invalid modifier sequence a:each',
        ),
        (
            "@request.body.title:length = 1",
            'invalid left operand "@request.body.title:length" - field "title" doesn\'t support multivalue operations',
        ),
        ("title = 1 &&", "invalid or incomplete filter expression"),
    ],
)
def test_checked_rules(catalog, text, message):
    expected = None if message is None else f"Invalid rule. Raw error: {message}"
    assert rules.check_rule(catalog, catalog.get("posts"), text) == expected


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("title = 'x'", True),
        ("title = 'y'", False),
        ("owner = @request.auth.id && n > 1", True),
        ("tags:length = 2 && tags:each ?= 'a'", True),
        ("@request.body.title:changed = false", True),
        ("@request.body.n:changed = true", False),
        ("@request.body.title:isset = true && @request.body.alt:isset = false", True),
        ("@request.body.tags:each ?= 'b' && @request.body.tags:length = 2", True),
        ("@request.body.tags:each = 'b'", False),
        # a row that is not stored has no affinities: the real one compares like that
        ("title = 5", False),
        ("n = '7'", False),
        # neither is there a table of that name
        ("@collection.posts.id ?= id", False),
    ],
)
def test_rules_on_a_row_that_is_not_stored(catalog, db, who, text, holds):
    posts = catalog.get("posts")
    info = who["ann"]
    info.body = {"title": "x", "tags": ["a", "b"], "n": 7}
    row = {field.name: field.to_db(field.zero()) for field in posts.fields}
    row |= {"id": "new", "title": "x", "n": 7, "owner": "ann", "tags": '["a","b"]'}
    sql, params = rules.rule_on_row(catalog, posts, text, info, row)
    assert list(db.execute(sql, params)) == ([(1,)] if holds else [])


def test_back_relations_of_such_a_row_are_refused(catalog, who):
    posts = catalog.get("posts")
    with pytest.raises(ApiError) as caught:
        rules.rule_on_row(catalog, posts, "comments_via_post.id = ''", who["ann"], {})
    assert caught.value.status == 400
