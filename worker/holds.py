"""Why requests of a tenant wait at the gate: every reason by its name, so that they may overlap.

A tenant may be closed for want of room while its hand-over begins; its requests go on when the last reason is gone.
"""

from enum import Enum, auto

from worker.fair.gate import Gate


class Why(Enum):
    """What requests of a tenant wait for."""

    CLOSING = auto()  # its files are being closed; the next request opens them again
    EXPECTED = auto()  # another worker has not let go of it yet
    RELEASED = auto()  # this worker is letting go of it


class Holds:
    """The reasons by tenant. Without a gate, before there is a wire, nobody waits."""

    __slots__ = ("_reasons", "gate")

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate
        self._reasons: dict[str, set[Why]] = {}

    def hold(self, name: str, why: Why) -> None:
        """Have requests of `name` wait; once more for the same reason changes nothing."""
        reasons = self._reasons.get(name)
        if reasons is not None:
            reasons.add(why)
            return
        self._reasons[name] = {why}
        if self.gate is not None:
            self.gate.hold(name)

    def free(self, name: str, why: Why) -> None:
        """One reason less; when none is left the requests go on."""
        reasons = self._reasons.get(name)
        if reasons is None:
            return
        reasons.discard(why)
        if not reasons:
            del self._reasons[name]
            if self.gate is not None:
                self.gate.free(name)
