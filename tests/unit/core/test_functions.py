"""The functions that replace SQLite's: the same values, in the time of their arguments' length."""

import time

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.db.functions import TRIMMED_MAX, replace_functions

TEXTS = st.text(st.sampled_from("ab \0ä😀"), max_size=8)
VALUES = st.one_of(
    st.none(),
    TEXTS,
    st.integers(-20, 20),
    st.sampled_from([2**62, 1.5, 1e20, 1e-7, -0.0, float("inf"), b"", b"a", b"ab\0b"]),
)


def connected(*, replaced: bool) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    if replaced:
        replace_functions(connection)
    return connection


OWN, SQLITES = connected(replaced=True), connected(replaced=False)


@pytest.mark.parametrize(("name", "count"), [("instr", 2), ("replace", 3), ("trim", 2), ("ltrim", 2), ("rtrim", 2)])
@given(values=st.tuples(VALUES, VALUES, VALUES))
def test_they_are_sqlites(name, count, values):
    call = f"{name}({', '.join('?' * count)})"
    sql = f"SELECT {call}, typeof({call})"
    params = values[:count] * 2
    assert list(OWN.execute(sql, params)) == list(SQLITES.execute(sql, params))


def test_many_characters_are_trimmed():
    characters = "".join(map(chr, range(200, 300)))
    for name in ("trim", "ltrim", "rtrim"):
        for text in (characters * 3 + "mid" + characters, characters, "mid", ""):
            sql = f"SELECT {name}(?, ?)"
            assert list(OWN.execute(sql, (text, characters))) == list(SQLITES.execute(sql, (text, characters)))


LONG, HALF = "a" * 4_000_000, "a" * 2_000_000 + "b"
MANY = "".join(map(chr, range(200, 40_000)))


@pytest.mark.parametrize(
    ("call", "params", "result"),
    [
        ("instr(?, ?)", (LONG, HALF), 0),
        ("instr(?, ?)", (LONG.encode(), HALF.encode()), 0),
        ("length(replace(?, ?, 'c'))", (LONG, HALF), len(LONG)),
        ("length(trim(?, ?))", (MANY * 10 + "a", MANY[::-1]), 1),
    ],
)
def test_they_end(call, params, result):
    """SQLite's take minutes for each of these."""
    before = time.process_time()
    assert list(OWN.execute(f"SELECT {call}", params)) == [(result,)]
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000)))", apsw.TooBigError),
        (f"trim(replace(hex(zeroblob({TRIMMED_MAX})), '0', 'ä'), 'abcdefghiä')", apsw.TooBigError),
        ("json_patch('{}', '{}')", apsw.SQLError),
        ("jsonb_patch('{}', '{}')", apsw.SQLError),
    ],
)
def test_what_is_refused(call, error):
    with pytest.raises(error):
        list(OWN.execute(f"SELECT {call}"))


def test_they_may_stand_in_a_schema():
    connection = connected(replaced=True)
    connection.execute("CREATE TABLE t (a, b AS (replace(a, 'x', 'y')), CHECK (instr(a, '!') = 0))")
    connection.execute("CREATE INDEX i ON t (trim(a, '-')) WHERE instr(a, 'x') > 0")
    connection.execute("INSERT INTO t (a) VALUES ('-x-')")
    assert list(connection.execute("SELECT b FROM t WHERE trim(a, '-') = 'x'")) == [("-y-",)]
    with pytest.raises(apsw.ConstraintError):
        connection.execute("INSERT INTO t (a) VALUES ('!')")
