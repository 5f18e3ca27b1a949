"""Lists of addresses and networks (`10.1.2.3`, `10.0.0.0/8`, `2001:db8::/32`), as settings have them."""

import re
from collections.abc import Iterable
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

_PREFIX_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)


class Network(NamedTuple):
    """The addresses of `bits` bits (32 or 128) whose first `length` ones are `prefix`."""

    bits: int
    length: int
    prefix: int


def parse_network(text: str) -> Network | None:
    """The network that `text` stands for, an address being one of its own; None if it is neither.

    The zone of an address is taken as given, and means nothing.
    """
    address, slash, length = text.partition("/")
    address, percent, zone = address.partition("%")
    if percent and not (zone and ":" in address):
        return None
    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):
        return None
    bits = wanted = len(packed) * 8
    if slash:
        if _PREFIX_LENGTH.fullmatch(length) is None or int(length) > bits:
            return None
        wanted = int(length)
    return Network(bits, wanted, int.from_bytes(packed, "big") >> (bits - wanted))


def listed(address: str, entries: tuple[str, ...]) -> bool:
    """Whether `address` is one of `entries` or in one of the networks among them; one with a zone is in none."""
    if "%" in address or "/" in address:
        return False
    ip = parse_network(address)
    if ip is None:
        return False
    prefixes = _prefixes(entries)
    return any(ip.prefix >> (bits - length) in known for (bits, length), known in prefixes.items() if bits == ip.bits)


# a tenant's list is looked through for each of its requests: by the lengths of its prefixes, of which there are few
@lru_cache(maxsize=64)
def _prefixes(entries: Iterable[str]) -> dict[tuple[int, int], set[int]]:
    prefixes: dict[tuple[int, int], set[int]] = {}
    for entry in entries:
        network = parse_network(entry) if "%" not in entry else None
        if network is not None:
            prefixes.setdefault((network.bits, network.length), set()).add(network.prefix)
    return prefixes
