"""Whether this worker owns a tenant at this moment: the question whose wrong answer costs data.

The directory says to whom a request is routed. That is not the same while tenants change owners: a worker which expects
a tenant gets its requests already and must not open its files, since another one still has them open.
"""

from supervisor.contract.shardmap import Directory


class Ownership:
    """The tenants of the worker at `berth`, as the supervisor has settled it so far."""

    __slots__ = ("berth", "directory", "expected", "leaving")

    def __init__(self, directory: Directory, berth: int) -> None:
        self.directory = directory
        self.berth = berth
        # tenants that will be this worker's once their owner has let go of them
        self.expected: set[str] = set()
        # tenants whose files are being closed for the last time here
        self.leaving: set[str] = set()

    def routed_here(self, name: str) -> bool:
        """Whether requests of the registered tenant `name` end here."""
        tenant = self.directory.get(name)
        return tenant is not None and self.directory.owner(tenant) == self.berth

    def mine(self, name: str) -> bool:
        """Whether this worker, and it alone, may open the files of `name` now."""
        return name not in self.expected and name not in self.leaving and self.routed_here(name)
