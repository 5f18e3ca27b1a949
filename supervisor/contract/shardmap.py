"""Which tenant a request means, and which shard owns that tenant.

Every process holds one `Directory` of all registered tenants: inherited by fork, then kept up to date over the channel.
Looking up a host costs one dict access once it has been seen.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import msgspec

from supervisor.contract.tenant import NAME_BYTES_MAX, Tenant

HOSTS_REMEMBERED_MAX = 4096
HOST_BYTES_MAX = 255 + 6  # the longest DNS name, and ":65535"
PREFIX = b"/t/"


def owner_of(name: str, shards: int) -> int:
    """Shard that owns the tenant `name` among `shards`, by rendezvous hashing.

    Every shard draws a number for the name and the highest wins, so a change from n to n + 1 shards moves only the
    tenants which the new shard wins: one in n + 1. blake2b, because the answer must be the same in every process and
    release, and because a CRC is linear: its draws for two shards differ by a constant, which skews the choice.
    """
    key = name.encode()
    return max(range(shards), key=lambda shard: blake2b(key, digest_size=8, salt=b"%d" % shard).digest())


def _place(tenant: Tenant, shards: int) -> int:
    pinned = tenant.shard
    return pinned if pinned is not None and 0 <= pinned < shards else owner_of(tenant.name, shards)


class Routes(msgspec.Struct, frozen=True):
    """Which worker serves which shard: `berths[shard]` is the berth of its worker.

    A berth is one worker process's own place: its link, its slot. The successor of a worker has another berth while
    both live; their shard is the same.
    """

    berths: tuple[int, ...]

    @property
    def shards(self) -> int:
        """Number of shards the tenants are spread over."""
        return len(self.berths)


def first_routes(shards: int) -> Routes:
    """The routes a server starts with: shard i at berth i."""
    return Routes(tuple(range(shards)))


class Directory:
    """Every registered tenant by name and by custom domain, and who owns it. One per process; used on one thread only.

    `routes` say who owns what, but for tenants in `kept`, which are still (or already) at another berth while tenants
    change owners. `coming` are the routes that are being prepared, if any.
    """

    __slots__ = (
        *("_base", "_domains", "_hosts", "_path_prefix", "_scheduled", "_shards", "_tenants"),
        *("coming", "kept", "routes"),
    )

    def __init__(self, routes: Routes, base_domain: str, path_prefix: bool) -> None:
        self.routes = routes
        self.kept: dict[str, int] = {}
        self.coming: Routes | None = None
        self._shards: dict[str, int] = {}  # shard of a name by hash or pin, for the present number; filled on demand
        self._base = b"." + base_domain.strip(".").lower().encode()
        self._path_prefix = path_prefix
        self._tenants: dict[str, Tenant] = {}
        self._domains: dict[str, str] = {}
        self._scheduled: dict[str, Tenant] = {}  # those with jobs
        self._hosts: dict[bytes, Tenant] = {}  # Host values as sent → tenant, forgotten at every change

    def put(self, tenant: Tenant) -> None:
        """Adds the tenant or replaces what is known about it, its domains included."""
        known = self._tenants.get(tenant.name)
        if known is not None:
            self._forget_domains(known)
        self._tenants[tenant.name] = tenant
        self._shards.pop(tenant.name, None)
        if tenant.crons:
            self._scheduled[tenant.name] = tenant
        else:
            self._scheduled.pop(tenant.name, None)
        for domain in tenant.domains:
            self._domains[domain.lower()] = tenant.name
        self._hosts.clear()

    def drop(self, name: str) -> None:
        """Removes the tenant; an unknown name is nothing to do."""
        known = self._tenants.pop(name, None)
        if known is not None:
            self._forget_domains(known)
            self._scheduled.pop(name, None)
            self._shards.pop(name, None)
            self.kept.pop(name, None)
            self._hosts.clear()

    def _forget_domains(self, tenant: Tenant) -> None:
        for domain in tenant.domains:
            if self._domains.get(domain.lower()) == tenant.name:
                del self._domains[domain.lower()]

    def get(self, name: str) -> Tenant | None:
        """The tenant of that name."""
        return self._tenants.get(name)

    def __len__(self) -> int:
        return len(self._tenants)

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self._tenants.values())

    def scheduled(self) -> list[Tenant]:
        """The tenants with jobs. To look at all of them would give a worker a copy of what it shares with the others:
        Python counts references where its objects stand."""
        return list(self._scheduled.values())

    def settle(self, routes: Routes, kept: Mapping[str, int]) -> None:
        """These routes are in force, but for what is kept: name → berth. Nothing is being prepared any more."""
        if routes.shards != self.routes.shards:
            self._shards.clear()
        self.routes = routes
        self.kept = dict(kept)
        self.coming = None

    def shard(self, tenant: Tenant) -> int:
        """Shard of the tenant: the pinned one if it exists, else the one its name hashes to."""
        shard = self._shards.get(tenant.name)
        if shard is None:
            shard = self._shards[tenant.name] = _place(tenant, self.routes.shards)
        return shard

    def place(self, tenant: Tenant) -> int:
        """Shard that would serve a tenant as it is given, registered so or not."""
        return _place(tenant, self.routes.shards)

    def owner(self, tenant: Tenant) -> int:
        """Berth of the worker that serves the tenant."""
        if self.kept and (berth := self.kept.get(tenant.name)) is not None:
            return berth
        shard = self._shards.get(tenant.name)
        return self.routes.berths[self.shard(tenant) if shard is None else shard]

    def next_owner(self, tenant: Tenant) -> int:
        """Berth that will serve the tenant by the routes that are being prepared, if any; else that of `owner`."""
        coming = self.coming
        return self.owner(tenant) if coming is None else coming.berths[_place(tenant, coming.shards)]

    def by_domain(self, domain: str) -> Tenant | None:
        """The tenant that registered this custom domain."""
        name = self._domains.get(domain.lower())
        return None if name is None else self._tenants[name]

    def by_host(self, host: bytes) -> Tenant | None:
        """The tenant a `Host` value means, as sent: any case, with or without port and trailing dot."""
        found = self._hosts.get(host)
        if found is None and (found := self._resolve(host)) is not None:
            if len(self._hosts) >= HOSTS_REMEMBERED_MAX:
                self._hosts.clear()
            self._hosts[host] = found
        return found

    def _resolve(self, host: bytes) -> Tenant | None:
        if len(host) > HOST_BYTES_MAX or not host.isascii():
            return None
        name, colon, port = host.partition(b":")
        if colon and port and not port.isdigit():
            return None
        name = name.lower().removesuffix(b".")
        if name.endswith(self._base):
            found = self._tenants.get(name[: -len(self._base)].decode("ascii"))
            if found is not None:
                return found
        domain = self._domains.get(name.decode("ascii"))
        return None if domain is None else self._tenants[domain]

    def route(self, host: bytes, target: bytes) -> tuple[Tenant, int] | None:
        """The tenant of a request and how many bytes of its path only named the tenant.

        `target` is the request target in origin form. The host decides; only when it means nobody, and the path prefix
        is switched on, does `/t/NAME` at the start of the path decide. None: nobody is meant (404).
        """
        found = self.by_host(host)
        if found is not None:
            return found, 0
        if not self._path_prefix or not target.startswith(PREFIX):
            return None
        label = target[len(PREFIX) : len(PREFIX) + NAME_BYTES_MAX + 1].partition(b"/")[0].partition(b"?")[0]
        found = self._tenants.get(label.decode("latin-1"))
        return None if found is None else (found, len(PREFIX) + len(label))
