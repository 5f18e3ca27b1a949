"""What a worker does with the orders of a handover, and nothing else: the owner's side of the protocol as a model.

`Owning` answers the orders by its own directory; "open" tenants stand for open databases. `opened` is called before a
tenant is opened and may object (AssertionError) when somebody else still has it.
"""

from collections.abc import Callable
from typing import Any

from supervisor.contract.messages import (
    Expect,
    Gain,
    Lose,
    Own,
    Release,
    Settle,
    TenantDrop,
    TenantPut,
)
from supervisor.contract.shardmap import Directory


class Owning:
    """One worker at a berth. `directory` is its own."""

    def __init__(
        self,
        berth: int,
        directory: Directory,
        opened: Callable[[str], None] = lambda name: None,
        closed: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.berth = berth
        self.directory = directory
        self.open: set[str] = set()
        self.parked: set[str] = set()
        self._opened = opened
        self._closed = closed

    def owns(self, name: str) -> bool:
        """Whether a request of the tenant is served here now."""
        tenant = self.directory.get(name)
        return tenant is not None and name not in self.parked and self.directory.owner(tenant) == self.berth

    def use(self, name: str) -> bool:
        """A request of the tenant: it is opened if this worker owns it."""
        if not self.owns(name):
            return False
        if name not in self.open:
            self._opened(name)
            self.open.add(name)
        return True

    def close(self, name: str) -> bool:
        """Whether it was open."""
        if name not in self.open:
            return False
        self._closed(name)
        self.open.discard(name)
        return True

    def answer(self, message: Any) -> Any:
        """The value of the reply."""
        directory = self.directory
        match message:
            case TenantPut():
                directory.put(message.tenant)
            case TenantDrop():
                self.close(message.name)
                directory.drop(message.name)
            case Gain():
                directory.coming = message.routes
            case Lose():
                mine = [name for name in self.open if self.owns(name)]
                before = directory.kept
                directory.settle(message.routes, before)
                kept = [name for name in mine if not self.owns(name)]
                directory.settle(message.routes, {**before, **dict.fromkeys(kept, self.berth)})
                return sorted(kept)
            case Settle():
                directory.settle(message.routes, message.kept)
                self.parked.clear()
                for name in list(self.open):
                    assert self.owns(name), f"{name} is open at {self.berth}, which owns it no more"
            case Expect():
                self.parked.add(message.name)
            case Release():
                was_open = self.close(message.name)
                directory.kept[message.name] = message.berth
                return was_open
            case Own():
                self.parked.discard(message.name)
                directory.kept[message.name] = self.berth
                if message.warm:
                    self.use(message.name)
        return None
