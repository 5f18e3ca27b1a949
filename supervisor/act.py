"""Does what the policy decided: has it done through `Hands`, and writes it into the log and the table of events.

Everything asked of `Hands` returns at once: what takes longer (a handover, a suspension) goes on by itself on the loop,
and is noted as an event by who does it, since it may come to nothing.
"""

import logging
import signal
from collections.abc import Iterable
from typing import Any, Protocol

from supervisor.accounting.ledger import Ledger
from supervisor.contract.plan import Verdict
from supervisor.policy.actions import Abort, Action, Kill, Move, Recycle, Sentence, Suspend, Trim


class Hands(Protocol):
    """What the policy can have done. No method blocks or raises; what fails later is logged by who does it."""

    def send_signal(self, pid: int, number: int) -> None:
        """Sends a worker a signal; one that is already gone is nothing to do."""

    def judge(self, verdict: Verdict) -> None:
        """Puts the verdict in force: for every worker that is forked from now on at once, for those that live soon."""

    def suspend(self, name: str, reason: str) -> None:
        """Suspends the tenant, as an operator would; nothing to do for one that does not serve."""

    def move(self, name: str, shard: int, reason: str) -> None:
        """Moves the tenant to that shard for good; nothing to do where a handover is under way already."""

    def recycle(self, shard: int, reason: str) -> None:
        """Replaces the worker of the shard by a fresh one; nothing to do where a handover is under way already."""

    def trim(self, shard: int, idle_s: float, largest: int) -> None:
        """Has the worker of the shard close tenants and give memory back to the kernel: those without a request for
        `idle_s`, and as many of the largest as `largest` says, where nothing runs."""


def act(actions: Iterable[Action], hands: Hands, ledger: Ledger, log: logging.Logger) -> None:
    """Carries out the actions in order."""
    note = ledger.events.note
    for action in actions:
        match action:
            case Abort():
                hangs = ledger.hang(action.tenant)
                log.critical(
                    "shard %d (pid %d): tenant %s holds the worker for %.1f s (its hang no. %d); aborting the worker",
                    *(action.shard, action.pid, action.tenant, action.held_s, hangs),
                    extra={"tenant": action.tenant, "shard": action.shard},
                )
                hands.send_signal(action.pid, signal.SIGABRT)
                reason = f"a request held the worker's loop for {action.held_s:.1f} s; the worker is aborted"
                note("hang", action.tenant, action.shard, reason, {"pid": action.pid})
            case Kill():
                log.critical(
                    "shard %d (pid %d): still there after it was aborted for tenant %s; killing it",
                    *(action.shard, action.pid, action.tenant),
                    extra={"tenant": action.tenant, "shard": action.shard},
                )
                hands.send_signal(action.pid, signal.SIGKILL)
            case Sentence():
                name, extra = action.verdict.name, {"tenant": action.verdict.name, "shard": action.shard}
                hands.judge(action.verdict)
                log.warning("tenant %s is %s: %s", name, action.kind, _told(action), extra=extra)
                note(action.kind, name, action.shard, action.reason, _terms(action))
            case Suspend():
                log.error("tenant %s is to be suspended: %s", action.name, action.reason, extra={"tenant": action.name})
                hands.suspend(action.name, action.reason)
            case Move():
                log.warning(
                    "tenant %s is to move to shard %d: %s",
                    *(action.name, action.shard, action.reason),
                    extra={"tenant": action.name, "shard": action.source},
                )
                hands.move(action.name, action.shard, action.reason)
            case Trim():
                log.warning("shard %d is trimmed: %s", action.shard, action.reason, extra={"shard": action.shard})
                hands.trim(action.shard, action.idle_s, action.largest)
                detail = {"idle_s": action.idle_s, "largest": action.largest}
                note("trimmed", "", action.shard, action.reason, detail)
            case Recycle():
                log.warning(
                    "shard %d is to be recycled: %s", action.shard, action.reason, extra={"shard": action.shard}
                )
                hands.recycle(action.shard, action.reason)


def _told(sentence: Sentence) -> str:
    """The sentence's reason and terms, for the log."""
    verdict = sentence.verdict
    if sentence.for_s:
        return f"for {sentence.for_s:.0f} s: {sentence.reason}"
    if verdict.is_free:
        return sentence.reason
    return f"to {verdict.cpu_percent:g} % of a core, weight {verdict.weight_percent} %: {sentence.reason}"


def _terms(sentence: Sentence) -> dict[str, Any]:
    """The sentence's terms, for the table of events; lengths instead of times, since no clock outlives the server."""
    verdict = sentence.verdict
    return {
        "weight_percent": verdict.weight_percent,
        "cpu_percent": verdict.cpu_percent,
        "blocked_s": round(sentence.for_s, 1),
    }
