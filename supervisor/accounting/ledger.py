"""What every tenant has used since the supervisor started: the sum of its workers' reports."""

from collections.abc import Iterator

import msgspec

from supervisor.contract.usage import TenantUsage, WorkerUsage


class Account(msgspec.Struct, gc=False):
    """One tenant: totals, then gauges as last reported (from `memory_kb` on)."""

    name: str
    requests: int = 0
    errors: int = 0
    cpu_ms: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    hangs: int = 0
    memory_kb: int = 0
    live: bool = False
    shard: int = -1


class Ledger:
    """The accounts. Tenants that were never heard of have none."""

    __slots__ = ("_accounts",)

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def book(self, usage: WorkerUsage) -> None:
        """Adds one worker's report."""
        for tenant in usage.tenants:
            self._book(tenant, usage.shard)

    def _book(self, usage: TenantUsage, shard: int) -> None:
        account = self._open(usage.name)
        account.requests += usage.requests
        account.errors += usage.errors
        account.cpu_ms += usage.cpu_ms
        account.bytes_in += usage.bytes_in
        account.bytes_out += usage.bytes_out
        account.live = usage.live
        account.memory_kb = usage.memory_kb if usage.live else 0
        account.shard = shard

    def hang(self, name: str) -> int:
        """Notes that the tenant hung its worker; how often it has done so."""
        account = self._open(name)
        account.hangs += 1
        return account.hangs

    def shard_lost(self, shard: int) -> None:
        """The worker of the shard is gone, and with it everything that was live there."""
        for account in self._accounts.values():
            if account.shard == shard and account.live:
                account.live = False
                account.memory_kb = 0

    def close(self, name: str) -> None:
        """Forgets a tenant that was deleted."""
        self._accounts.pop(name, None)

    def get(self, name: str) -> Account | None:
        """The tenant's account, if it was ever heard of."""
        return self._accounts.get(name)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def _open(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name)
        return account
