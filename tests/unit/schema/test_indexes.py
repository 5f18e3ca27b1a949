"""Index statements: what is read, what is refused, how they are written."""

import pytest

from worker.schema.indexes import parse_index

GOOD = {
    "CREATE INDEX i ON t (a)": "CREATE INDEX `i` ON `t` (`a`)",
    "create  unique index if not exists `i` on [t]( a COLLATE nocase desc , b ASC ) where a != '';": (
        "CREATE UNIQUE INDEX IF NOT EXISTS `i` ON `t` (\n  `a` COLLATE nocase DESC,\n  `b` ASC\n) WHERE a != '';"
    ),
    "CREATE INDEX main.i ON x.t (lower(a), coalesce(a, b))": (
        "CREATE INDEX `main`.`i` ON `t` (\n  lower(a),\n  coalesce(a, b)\n)"
    ),
    "-- a comment\nCREATE INDEXi ON t (a || b)": "CREATE INDEX `i` ON `t` (a || b)",
    "CREATE INDEX i ON t (a,,b)  ": "CREATE INDEX `i` ON `t` (\n  `a`,\n  `b`\n)",
    "CREATE INDEX 'i' ON t (\"a\") WHERE ": "CREATE INDEX `i` ON `t` (`a`)",
    "CREATE INDEX i ON t (a) WHERE (a > 'x')": "CREATE INDEX `i` ON `t` (`a`) WHERE (a > 'x')",
}
BAD = (
    "",
    "index",
    "DROP TABLE users",
    "CREATE INDEX i ON t ()",
    "CREATE INDEX ON t (a)",
    "CREATE INDEX i ON t (a);",
    "CREATE INDEX i ON t (a); DROP TABLE users",
    "CREATE INDEX i ON t (a), (b)",
    "CREATE INDEX a.b.c ON t (a)",
    "CREATE INDEX `i 1` ON t (a)",
    "CREATE INDEX i ON t (a) garbage",
)


@pytest.mark.parametrize("statement", GOOD)
def test_good(statement: str) -> None:
    index = parse_index(statement)
    assert index.valid
    assert index.build() == GOOD[statement]
    assert parse_index(index.build()) == index, "the written form is read as the same"


@pytest.mark.parametrize("statement", BAD)
def test_bad(statement: str) -> None:
    assert not parse_index(statement).valid
