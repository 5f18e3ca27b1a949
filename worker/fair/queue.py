"""Whose turn it is: deficit round robin over measured CPU, weighted.

In each round an account may use a quantum of CPU in proportion to its weight. What a request costs is known only
afterwards, so the deficit may go below zero; such a debt is repaid by the rounds that follow before the account has a
turn again. Among those which always have something waiting, CPU is thus shared by weight, whatever their requests cost.

Rounds are not counted but measured: `_paid` is the credit an account of weight 1 has been given since the beginning,
in ns scaled by 2**SCALE_BITS. An account remembers how far it was credited, gets the rest when it is looked at
(`refresh`), and never saves up more than QUANTUM_NS. Rounds in which nobody could have a turn are skipped at once.

Nothing here waits, and no clock is read: costs are told by `charge`. An account's `waiting` belongs to the gate; the
queue looks only at whether something is in it.
"""

from collections import deque

from worker.fair.account import Account

QUANTUM_NS = 2_000_000  # of the heaviest account that waits; the others' are smaller
SCALE_BITS = 10
FORGIVEN_NS = 3_600_000_000_000  # the credit at weight 1 that makes up for any debt


class Queue:
    """The accounts which wait, in the order of their turns."""

    __slots__ = ("_paid", "_ring")

    def __init__(self) -> None:
        self._ring: deque[Account] = deque()
        self._paid = 0

    def __bool__(self) -> bool:
        """Whether an account waits for its turn."""
        return bool(self._ring)

    def __len__(self) -> int:
        return len(self._ring)

    def enter(self, account: Account) -> None:
        """Gives an account, for which something waits, its place at the end; one that has a place keeps it."""
        if not account.lined:
            account.lined = True
            self._ring.append(account)

    def begin(self, account: Account) -> None:
        """A new account may use a quantum before anything is compared."""
        account.deficit_ns = QUANTUM_NS
        account.round = self._paid

    def refresh(self, account: Account) -> int:
        """Gives the account what it was credited with since it was looked at last; returns its deficit."""
        due = self._paid - account.round
        if due:
            account.round = self._paid
            deficit = account.deficit_ns + (due * account.weight >> SCALE_BITS)
            account.deficit_ns = min(QUANTUM_NS, deficit)
        return account.deficit_ns

    def next(self, blocked: int) -> Account | None:
        """The account whose turn it is; it keeps its place. None: nobody waits.

        Accounts with one of the bars `blocked`, or with nothing waiting any more, lose their places.
        """
        ring = self._ring
        passed = 0
        while ring:
            account = ring[0]
            if not account.waiting or account.bars & blocked:
                account.lined = False
                ring.popleft()
                continue
            if self.refresh(account) > 0:
                return account
            if passed >= len(ring):
                self._next_round()
                passed = 0
                continue
            ring.rotate(-1)
            passed += 1
        return None

    def _next_round(self) -> None:
        """Skips the rounds in which nobody who waits could have a turn."""
        heaviest = 1
        least = FORGIVEN_NS
        for account in self._ring:
            need = -account.deficit_ns // account.weight
            least = min(least, need)
            heaviest = max(heaviest, account.weight)
        self._paid += (least << SCALE_BITS) + (QUANTUM_NS << SCALE_BITS) // heaviest + 1

    def renew(self, account: Account) -> None:
        """Begins the rounds that let this account go on; only where nobody waits."""
        need = -account.deficit_ns // account.weight + QUANTUM_NS // account.weight + 1
        self._paid += need << SCALE_BITS
        self.refresh(account)

    def forgive(self) -> None:
        """Forgives every debt: there has been enough for all."""
        self._paid += FORGIVEN_NS << SCALE_BITS
