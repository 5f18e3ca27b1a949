"""The client's address behind reverse proxies, and which header a proxy seems to set."""

import ipaddress
from functools import lru_cache
from typing import Any

from worker.services.settings import TrustedProxy

# headers which proxies are known to set; the first one present is reported to superusers as a candidate to trust
KNOWN_PROXY_HEADERS = ("CF-Connecting-IP", "Fly-Client-IP", "X-Forwarded-For")


def real_ip(scope: dict[str, Any], proxy: TrustedProxy) -> str:
    """The address of the client: of the last line of the first trusted header present, the right-most parsable one."""
    for wanted in proxy.headers:
        lines = _lines(scope, wanted)
        if not lines:
            continue
        addresses = lines[-1].split(",")
        for address in addresses if proxy.use_leftmost_ip else reversed(addresses):
            parsed = parse_ip(address.strip())
            if parsed:
                return parsed
    return peer_ip(scope)


def peer_ip(scope: dict[str, Any]) -> str:
    """The address of the connection's other end."""
    client = scope.get("client")
    return (parse_ip(client[0]) or "invalid IP") if client else "invalid IP"


# The longest spelling of an address: IPv6 with an IPv4 tail. Clients may send anything for one.
ADDRESS_CHARS_MAX = 45


def parse_ip(text: str) -> str:
    """`text` as an address, IPv6 in full length; empty if it is none."""
    return _parsed(text) if len(text) <= ADDRESS_CHARS_MAX else ""


@lru_cache(maxsize=1024)
def _parsed(text: str) -> str:
    if text.count(".") == 3 and ":" not in text:
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            return ""
    try:
        return ipaddress.ip_address(text).exploded
    except ValueError:
        return ""


def proxy_header(scope: dict[str, Any], proxy: TrustedProxy) -> str:
    """The name of the first header in the request that is trusted or else known to be a proxy's; empty without one."""
    for name in (*proxy.headers, *KNOWN_PROXY_HEADERS):
        lines = _lines(scope, name)
        if lines and lines[0]:
            return name
    return ""


def _lines(scope: dict[str, Any], name: str) -> list[str]:
    wanted = name.lower().encode("latin-1", "replace")
    return [value.decode("latin-1") for key, value in scope["headers"] if key == wanted]
