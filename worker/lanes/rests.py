"""Rests between work that can't be divided and is felt by others: who does such work then leaves the others alone."""

import asyncio
from collections.abc import Callable
from time import monotonic

from worker.fair.account import Account

# Bytes a second of bulk that one tenant may bring while others are there. Each megabyte costs 5 ms of CPU, half of
# it within calls that hold the interpreter's lock for up to 50 ms, so this keeps what others feel of it near 1 %.
BULK_BYTES_PER_S = 3 << 20
# Between two looks at whether others are there still.
LOOK_EVERY_S = 1.0


async def rest(account: Account, owed_s: float, in_company: Callable[[Account], bool]) -> None:
    """Before such work: wait for what the last one owes, while others are there (`in_company`).

    Paid for afterwards: this one will owe `owed_s`, which the next one waits. What nobody felt is owed to nobody, and
    who is cancelled while it waits owes nothing: neither must keep a tenant waiting for hours later on.
    """
    now = monotonic()
    due = max(now, account.rests_until)
    account.rests_until = due + owed_s
    try:
        while due > now:
            if not in_company(account):
                account.rests_until = now + owed_s
                return
            await asyncio.sleep(min(due - now, LOOK_EVERY_S))
            now = monotonic()
    except asyncio.CancelledError:
        account.rests_until -= owed_s
        raise
