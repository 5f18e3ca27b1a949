"""What a tenant's own schema adds to reads and writes: triggers, and expressions that search texts.

A superuser can make both by SQL, and an imported database may have them. Nothing looks at the clock inside of one LIKE,
so the writes of such a tenant are not for the event loop, and its reads are watched more closely there.
"""

import re
from typing import Any, NamedTuple

# A view's expressions are part of what reads it, a column's of reads and writes, an index' and a trigger's of writes.
SUSPECTS = "SELECT type, sql FROM sqlite_schema WHERE type = 'trigger' OR sql LIKE '%like%' OR sql LIKE '%glob%'"
READ = frozenset({"table", "view"})
WRITTEN = frozenset({"table", "index"})
# Texts and names in quotes; what a bracket follows may be the name of a function.
_QUOTED = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*"(?!\s*\() | `[^`]*`(?!\s*\() | \[[^\]]*\](?!\s*\()""", re.VERBOSE
)
_SEARCH = re.compile(r"\b(?:like|glob)\b", re.IGNORECASE)


class Burden(NamedTuple):
    """Whether what reads, and what writes, may take long for what the schema does."""

    reads: bool = False
    writes: bool = False


NONE = Burden()


def burden_of(db: Any) -> Burden:
    """What the schema of `db` (a `Database`) adds. To be asked again whenever it has changed; some 20 µs."""
    reads = writes = False
    for kind, sql in db.once(SUSPECTS):
        if kind == "trigger":
            writes = True
        elif _SEARCH.search(_QUOTED.sub("", sql)):
            reads = reads or kind in READ
            writes = writes or kind in WRITTEN
    return Burden(reads, writes) if reads or writes else NONE
