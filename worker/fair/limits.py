"""What one tenant may take of rates: its plan's limits and its verdict's, whichever is lower.

A tenant without such a limit has no `Limits` at all, so that its requests need not ask.
"""

from typing import NamedTuple

from supervisor.contract.plan import Plan, Verdict
from worker.fair.bucket import Bucket

CPU_BURST_S = 0.25  # of the limit on CPU: so much may be used at once
NS_PER_PERCENT = 10_000_000  # of one core, a second


class Denial(NamedTuple):
    """Why a request is refused: of `limit` units none is left, for the next `reset_s` seconds."""

    limit: int
    reset_s: int


class Limits:
    """The limits of one tenant. Times are monotonic seconds."""

    __slots__ = ("blocked_until", "cpu", "requests")

    def __init__(self) -> None:
        self.requests: Bucket | None = None
        self.cpu: Bucket | None = None
        self.blocked_until = 0.0

    def settle(self, plan: Plan, verdict: Verdict | None, now: float) -> bool:
        """Takes over what plan and verdict say; returns whether anything is limited. What was used stays used."""
        rate, burst = _lower(plan.requests_per_s, 0.0 if verdict is None else verdict.requests_per_s), 0.0
        if rate:
            # a verdict's rate is to be felt at once, whatever burst the plan allows
            own = rate == plan.requests_per_s
            burst = plan.requests_burst if own else max(1.0, min(plan.requests_burst, rate))
        self.requests = _settled(self.requests, rate, burst, now)
        percent = _lower(plan.cpu_percent, 0.0 if verdict is None else verdict.cpu_percent)
        self.cpu = _settled(self.cpu, percent * NS_PER_PERCENT, percent * NS_PER_PERCENT * CPU_BURST_S, now)
        self.blocked_until = 0.0 if verdict is None else verdict.blocked_until
        return self.requests is not None or self.cpu is not None or self.blocked_until > now

    def deny(self, now: float) -> Denial | None:
        """Takes a request's token; why there is none for it."""
        blocked_s = self.blocked_until - now
        if blocked_s > 0:
            return Denial(0, int(blocked_s) + 1)
        requests = self.requests
        if requests is None or requests.take(now):
            return None
        return Denial(max(1, int(requests.rate)), requests.reset_s(1))


def weight_of(plan: Plan, verdict: Verdict | None) -> int:
    """The tenant's share of the CPU, at least 1."""
    return plan.weight if verdict is None else max(1, plan.weight * verdict.weight_percent // 100)


def _lower(one: float, other: float) -> float:
    """The lower of two limits of which 0 is none."""
    return min(one, other) if one and other else one or other


def _settled(bucket: Bucket | None, rate: float, burst: float, now: float) -> Bucket | None:
    if not rate:
        return None
    if bucket is None:
        return Bucket(rate, burst, now)
    bucket.change(rate, burst, now)
    return bucket
