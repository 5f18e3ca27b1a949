"""What the connections of a worker may take: time, memory, and sizes that SQLite refuses."""

import apsw

# How many steps of SQLite's virtual machine pass between two looks at the clock: 10 to 30 µs of work, but 20 ms where
# each row has a text of 100 KB to search; more often would be felt in long scans (this costs them 3 %).
STEPS_PER_CHECK = 1_000
# Pages in the write-ahead log from which on they are taken back into the database. That waits for the disk, 10 ms and
# more, so it is done in a thread; only where nobody does it, or it does not keep up, by the commit that finds so many,
# and so many more: readers that never pause keep it from being taken back, however often that is tried.
WAL_PAGES = 1_000
WAL_PAGES_MAX = 16_000
# Prepared statements kept a connection. Each costs 2 to 6 KB: the largest part of a live tenant that is ours to choose.
# Where there are many tenants each keeps less: so many are shared out, when a connection is opened.
STATEMENTS_MAX, STATEMENTS_MIN = 24, 6
STATEMENTS_OF_ALL = 1_000
# Pages kept a connection, in KiB of memory; the file system's cache, shared by all tenants, stands behind it.
CACHE_KIB = 256
# On a busy machine a deadline passes while the process waits for a core. What has CPU time left may go on: to run it
# again elsewhere costs twice as much just when there is little (measured: counting 10,000 rows beside eight other
# processes 3.2 ms instead of 8.2). Waiting for the disk is cut short all the same.
PATIENCE_NS = 20_000_000
# Only somebody else's process can hold a lock on a tenant's file for long, and waiting for it holds the loop.
BUSY_TIMEOUT_MS = 200

# What SQLite refuses altogether: rows larger than any body could bring, patterns longer than the real one's SQLite
# takes, programs larger than any statement of ours.
ROW_BYTES_MAX = 150_000_000
# What each value of a row takes beside its text.
CELL_BYTES = 32
PATTERN_BYTES_MAX = 50_000
PROGRAM_STEPS_MAX = 1_000_000
# What it refuses where the event loop waits for it, so that a thread does it: nothing looks at the clock inside of a
# function, and LIKE compares the length of a text times that of its pattern, 4 ns each, before it gives up.
SPARED_ROW_BYTES_MAX = 100_000
SPARED_PATTERN_BYTES_MAX = 64
# The same for statements that search, which may do so many times a row: 0.5 ms at most for each LIKE, and the clock is
# looked at after ten of them.
WARY_ROW_BYTES_MAX = 10_000
WARY_PATTERN_BYTES_MAX = 32
WARY_STEPS_PER_CHECK = 50


def statements_for(live: int) -> int:
    """How many statements the next tenant keeps where so many are live."""
    return max(STATEMENTS_MIN, min(STATEMENTS_OF_ALL // (live + 1), STATEMENTS_MAX))


def too_dear(error: apsw.Error) -> bool:
    """Whether `error` says that a text or a pattern is longer than the connection's limits."""
    return isinstance(error, apsw.TooBigError) or (isinstance(error, apsw.SQLError) and "too complex" in str(error))
