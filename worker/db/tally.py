"""Where a thread counts: an account is written to on the event loop alone, which adds this to it."""


class Tally:
    """What statements took, counted in a thread: wall time inside of SQLite, and the rows they returned."""

    __slots__ = ("rows", "sql_ns")

    def __init__(self) -> None:
        self.rows = self.sql_ns = 0
