"""What is read out of the text of a view's query, and that no text of any kind takes long or gets through."""

import contextlib
import time

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.schema.viewfields import WRITTEN
from worker.schema.viewtext import (
    SEVERAL,
    WILDCARD,
    QueryError,
    bare,
    check_enclosed,
    check_single,
    expanded,
    go_quoted,
    read_names,
    trimmed,
)

NAMES = (
    ("select id, title from posts", "id title", "posts"),
    ("SELECT p.id, p.title t, count(*) AS 'c' FROM posts AS p", "id t c", "p"),
    ('select [p].[id] from `posts` "p"', "id", "p"),
    ("select distinct a, b from t where c in (select d from e) order by a, b", "a b", "t"),
    ("select a from t left outer join u v on u.x = t.x, w cross join z", "a", "t v z"),
    ("with x as (select 1 as a) select a, b from x", "a b", "x"),
    ("select iif(a, 'x, y', 2) as b, 'from' c from t -- d\n, u", "b c", "t u"),
    ("select a/* , z */, b --, from x\nfrom t", "a b", "t"),
    ("values (1)", "", ""),
    ("", "", ""),
)


@pytest.mark.parametrize(("query", "columns", "tables"), NAMES)
def test_names(query: str, columns: str, tables: str) -> None:
    names = read_names(query)
    assert [name.alias for name in names.columns] == columns.split()
    assert [name.alias for name in names.tables] == tables.split()


REFUSED = (
    ("select * from t", WILDCARD),
    ("select t.* from t", WILDCARD),
    ("select a b c from t", 'invalid identifier part - expected "as", got b'),
    ("select a + b as c from t", "invalid identifier parts [a + b as c]"),
    ("select a from t using (x) y", "invalid identifier parts [t using (x) y]"),
    ("select (a from t", 'unbalanced parenthesis or quoted expression: "(a from t"'),
    ("select 'a from t", 'unbalanced parenthesis or quoted expression: "\'a from t"'),
)


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_what_cannot_be_read(query: str, message: str) -> None:
    with pytest.raises(QueryError) as error:
        read_names(query)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("query", "ends"),
    [(" ;; select 1 ; ", "select 1 "), ("select 1;;", "select 1"), ("\xa0select 1\n;\n", "select 1\n"), (";", "")],
)
def test_ends(query: str, ends: str) -> None:
    # what stands between blanks and semicolons is taken off by turns, once each
    assert trimmed(query).lstrip() == ends


@pytest.mark.parametrize("query", ["select 1; select 2", "select 1 /* ; */ x", "select 1 -- ; x", "select\0 1"])
def test_several_statements(query: str) -> None:
    with pytest.raises(QueryError, match=SEVERAL):
        check_single(query)


@pytest.mark.parametrize(
    "query",
    [
        "select 1); drop table posts; select (1",
        "select 1 /* ( */ ) ; select (1 /* ) */",
        "select 1 -- (\n ) ; select (1 -- )\n",
        "select '(') ; select ('",
        "select [(]) ; select ([)]",
        "select `a``)`, ``); drop table posts; select (``",
        "select 1\0",
    ],
)
def test_a_statement_that_would_stand_alone(query: str) -> None:
    with pytest.raises(QueryError, match=SEVERAL):
        check_enclosed(query)


def test_a_semicolon_in_quotes_is_none() -> None:
    for query in ("select ';'", 'select ";"', "select [;]", "select `;`", "select 1 /* ; */", "select 1 -- ;\n", "(;)"):
        check_enclosed(query)


def test_marks() -> None:
    assert expanded("select [[a.b]], {{c}}, '[[d e]]', [[1,2]], {{é}}") == (
        "select `a`.`b`, `c`, '`d e`', [[1,2]], {{é}}"
    )
    with pytest.raises(QueryError, match="Named parameter not found: x"):
        expanded("select {:x}")


def test_quoting() -> None:
    assert go_quoted('a"b\\c\n\x00é\u2028😀') == '"a\\"b\\\\c\\n\\x00é\\u2028😀"'
    assert bare('"a".[b].`c`') == ["a", "b", "c"]


WORDS = r"select from where join left outer on as distinct union ( ) ' ` [ ] [[ ]] {{ }} ; , . * \ -- /* */ a b 1 {:x}"
PIECES = st.sampled_from([*WORDS.split(), '"', "\n"])
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES).map("".join))


@given(TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    for step in (check_single, check_enclosed, expanded, read_names):
        with contextlib.suppress(QueryError):
            step(text)


@given(TEXTS)
def test_what_passes_is_one_statement(text: str) -> None:
    try:
        text = expanded(trimmed(text))
        check_enclosed(text)
    except QueryError:
        return
    begun: list[str] = []
    connection = apsw.Connection(":memory:")
    connection.exec_trace = lambda _, sql, __: not begun.append(sql)
    sql = f"CREATE VIEW v AS SELECT * FROM ({text})"
    try:
        connection.execute(sql)
    except (apsw.Error, UnicodeEncodeError):
        pass
    finally:
        connection.close()
    assert len(begun) <= 1


LONG = 50_000
# Each takes a tenth of a second on an idle machine, and minutes if the time grew with the square of the length.
LONGEST_S = 10.0


@pytest.mark.parametrize(
    "query",
    [
        "select" + " " * LONG,
        "select a" + " join" * (LONG // 5),
        "select a" + " left  outer" * (LONG // 12),
        "select " + "/*" * (LONG // 2),
        "select " + "--" * (LONG // 2),
        "select " + "/**/" * (LONG // 4),
        "(" * LONG,
        "'" * LONG,
        "[[a" * (LONG // 3),
        "{{" * (LONG // 2),
        "select cast(" + " " * LONG + "as int) a",
        "select cast(" + " as int" * (LONG // 7) + ") a",
        "select " + "a," * (LONG // 2),
        "\\'" * (LONG // 2),
    ],
    ids=lambda query: query[:14].strip(),
)
def test_no_text_takes_long(query: str) -> None:
    start = time.process_time()
    for step in (trimmed, check_single, check_enclosed, expanded, read_names):
        with contextlib.suppress(QueryError):
            step(query)
    for pattern, _, _ in WRITTEN:
        pattern.match(query.removeprefix("select ").removesuffix(" a"))
    assert time.process_time() - start < LONGEST_S
