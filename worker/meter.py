"""What each tenant used since the last report: requests, CPU, bytes.

Counting is a list and five additions a request. Memory is a gauge, read only for tenants that were used
since the last report, since the others cannot have changed.
"""

from collections.abc import Iterator


class Counts:
    """The counters of one tenant since the last report. CPU is in nanoseconds of the event loop's thread."""

    __slots__ = ("bytes_in", "bytes_out", "cpu_ns", "errors", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.cpu_ns = 0
        self.bytes_in = 0
        self.bytes_out = 0


class Meter:
    """The counters of one worker's tenants."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, Counts] = {}

    def request(self, name: str, cpu_ns: int, status: int, bytes_in: int, bytes_out: int) -> None:
        """Book one answered request to the tenant `name`; statuses from 400 up count as errors."""
        counts = self._counts.get(name)
        if counts is None:
            counts = self._counts[name] = Counts()
        counts.requests += 1
        counts.cpu_ns += cpu_ns
        counts.bytes_in += bytes_in
        counts.bytes_out += bytes_out
        if status >= 400:
            counts.errors += 1

    def take(self) -> Iterator[tuple[str, Counts]]:
        """Hand over what was booked and start afresh."""
        counts, self._counts = self._counts, {}
        return iter(counts.items())
