"""Does what the policy decided, and says so in the log."""

import logging
import signal
from collections.abc import Callable

from supervisor.accounting.ledger import Ledger
from supervisor.policy.decide import Abort, Action, Kill

SendSignal = Callable[[int, int], None]


def act(actions: list[Action], send_signal: SendSignal, ledger: Ledger, log: logging.Logger) -> None:
    """Carries out the actions in order. `send_signal(pid, signal)` must bear a process that is already gone."""
    for action in actions:
        match action:
            case Abort():
                hangs = ledger.hang(action.tenant)
                log.critical(
                    "shard %d (pid %d): tenant %s holds the worker for %.1f s (its hang no. %d); aborting the worker",
                    action.shard,
                    action.pid,
                    action.tenant,
                    action.held_s,
                    hangs,
                )
                send_signal(action.pid, signal.SIGABRT)
            case Kill():
                log.critical(
                    "shard %d (pid %d): still there after it was aborted for tenant %s; killing it",
                    action.shard,
                    action.pid,
                    action.tenant,
                )
                send_signal(action.pid, signal.SIGKILL)
