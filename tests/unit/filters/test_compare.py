"""One comparison as SQL."""

import pytest

from worker.filters.compare import compare, like_pattern
from worker.filters.operands import NUMERIC, TEXT, Late, Sql, Value, bind

COLUMN = Sql("t", nullable=False, affinity=TEXT)
OTHER = Sql("o", nullable=False, affinity=TEXT)
JOINED = Sql("j", affinity=TEXT)
NUMBER = Sql("n", nullable=False, affinity=NUMERIC)
JSON = Sql("x", strict=True)
ASKED = Value(Late(lambda info: info))


@pytest.mark.parametrize(
    ("left", "operator", "right", "sql", "params"),
    [
        # a column that is never NULL is compared bare, so that an index serves it
        (COLUMN, "=", Value("a"), "t = ?", ("a",)),
        (Value("a"), "=", COLUMN, "t = ?", ("a",)),
        (COLUMN, "=", Value(None), "t = ?", ("",)),
        (COLUMN, "!=", Value(""), "t IS NOT ?", ("",)),
        (COLUMN, "=", OTHER, "t = o", ()),
        (COLUMN, "=", NUMBER, "COALESCE(t, '') = COALESCE(n, '')", ()),
        (COLUMN, "=", JOINED, "t = COALESCE(j, '')", ()),
        (JOINED, "!=", COLUMN, "COALESCE(j, '') IS NOT t", ()),
        (JOINED, "=", Value("a"), "j = ?", ("a",)),
        (JOINED, "=", Value(""), "(j = '' OR j IS NULL)", ()),
        (JOINED, "!=", Value(None), "(j IS NOT '' AND j IS NOT NULL)", ()),
        (JSON, "=", Value(None), "x IS ?", (None,)),
        (Value(""), "!=", JSON, "? IS NOT x", ("",)),
        (JSON, "=", COLUMN, "x IS t", ()),
        (Value(None), "=", Value(""), "? = ?", ("", "")),
        (COLUMN, ">", Value(None), "t > ?", (None,)),
        (COLUMN, "~", Value("a_b"), "t LIKE ? ESCAPE '\\'", ("%a\\_b%",)),
        (COLUMN, "!~", Value(1, wraps=False), "t NOT LIKE ? ESCAPE '\\'", ("%1%",)),
        (COLUMN, "~", OTHER, "t LIKE ('%' || o || '%') ESCAPE '\\'", ()),
        (JSON, "=", Value(1, truth=True), "CASE WHEN ? THEN x IS TRUE ELSE x IS FALSE END", (1,)),
    ],
)
def test_forms(left, operator, right, sql, params):
    assert compare(operator, left, right) == (sql, params)


@pytest.mark.parametrize(
    ("operand", "operator", "asked", "sql", "params"),
    [
        (COLUMN, "=", None, "t = ?", ("",)),
        (COLUMN, "=", "a", "t = ?", ("a",)),
        (COLUMN, "=", True, "t = ?", (1,)),
        (JOINED, "=", None, "(j = ? OR (? = '' AND j IS NULL))", ("", "")),
        (JOINED, "!=", 0, "(j IS NOT ? AND (? <> '' OR j IS NOT NULL))", (0, 0)),
        (JSON, "=", None, "x IS ?", (None,)),
        (COLUMN, "~", "a%", "t LIKE ? ESCAPE '\\'", ("a%",)),
        (COLUMN, "~", True, "t LIKE ? ESCAPE '\\'", ("%true%",)),
        (COLUMN, "~", None, "t LIKE ? ESCAPE '\\'", (None,)),
    ],
)
def test_late_values_leave_the_text_alone(operand, operator, asked, sql, params):
    got, late = compare(operator, operand, ASKED)
    assert (got, bind(late, asked)) == (sql, params)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("", "%%"),
        ("a", "%a%"),
        ("a%", "a%"),
        ("a%b_", "a%b_"),
        ("%", "%"),
        ("\\%", "%\\%%"),
        ("\\%_%", "\\%_%"),
        ("\\\\%", "\\\\%"),
        ("a_", "%a\\_%"),
        ("a\\_b", "%a\\_b%"),
        ("x\\y", "%x\\\\y%"),
        ("\\", "%\\\\%"),
        ("\\\\", "%\\\\%"),
        (5.0, "%5%"),
        (1.5, "%1.5%"),
        (1e20, "%100000000000000000000%"),
        (1e21, "%1000000000000000000000%"),
        (1.5e300, f"%15{'0' * 299}%"),
        (1e-7, "%0.0000001%"),
        (-0.0, "%-0%"),
        (None, None),
    ],
)
def test_like_patterns(value, pattern):
    assert like_pattern(value) == pattern
