"""Which addresses scripts may connect to: those of the public internet, whatever the spelling, and what is allowed.

An IPv6 address that stands for an IPv4 one (mapped, translated, tunnelled) is judged by that.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What no public host has; the registries' lists, and what Python calls global all the same.
CLOSED: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's services for its own machines, at a public address
        "::/96",  # unspecified, loopback, and IPv4 by its old spelling
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_TRANSLATED = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
_SIIT = IPv6Network("::ffff:0:0:0/96")
_6TO4 = IPv6Network("2002::/16")


class Reach:
    """What scripts may reach: everything public, and these networks."""

    __slots__ = ("_allowed",)

    def __init__(self, allowed: Iterable[str]) -> None:
        """Networks in CIDR notation. ValueError for what is none."""
        self._allowed = tuple(ip_network(network, strict=False) for network in allowed)

    def has(self, address: str) -> bool:
        """Whether a numeric address, as `getaddrinfo` gives it, may be connected to."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.scope_id is not None:
            found = IPv6Address(int(found))
        return self._has(found)

    def _has(self, address: Address) -> bool:
        if self._is_allowed(address):
            return True
        inner = embedded(address)
        if inner is not None:
            return self._has(inner)
        return address.is_global and not any(address in network for network in CLOSED)

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in (_MAPPED, _TRANSLATED, _SIIT)):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return None
