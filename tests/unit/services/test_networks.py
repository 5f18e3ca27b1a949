"""Lists of addresses and networks, compared with Python's own idea of them."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.services.networks import listed, parse_network

ADDRESSES = st.ip_addresses() | st.integers(0, 2**8).map(ipaddress.IPv4Address) | st.just(ipaddress.ip_address("::"))
ENTRIES = st.tuples(ADDRESSES, st.none() | st.integers(0, 140))


def spelled(entry: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int | None]) -> str:
    address, length = entry
    return str(address) if length is None else f"{address}/{length}"


@settings(deadline=None)
@given(ADDRESSES, st.lists(ENTRIES, max_size=4))
def test_listed_is_what_python_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    entries: list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int | None]],
) -> None:
    expected = False
    for entry, length in entries:
        assert (parse_network(spelled((entry, length))) is None) == ((length or 0) > entry.max_prefixlen)
        if (length or 0) <= entry.max_prefixlen:
            expected = expected or address in ipaddress.ip_network(spelled((entry, length)), strict=False)
    assert listed(str(address), tuple(map(spelled, entries))) == expected
    assert listed(address.exploded, tuple(map(spelled, entries))) == expected


@pytest.mark.parametrize("text", ["1.2.3.4", "1.2.3.4/24", "::", "::/0", "fe80::1%eth0", "::1%a/64", "::ffff:1.2.3.4"])
def test_networks(text: str) -> None:
    assert parse_network(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "/",
            "/8",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/024",
            "1.2.3.4/-1",
            "1.2.3.4/8/8",
            "1.2.3/24",
            "1.2.3",
        ),
        *("01.2.3.4", "1.2.3.256", "1.2.3.4/255.0.0.0", "1.2.3.4%eth0", "fe80::1%", "::1/129", "::1/00", "::1/١"),
        *(" 1.2.3.4", "1.2.3.4\n", "[::1]", "1:2:3:4:5:6:7:8:9", "1.2.3.4\0", "é", "0x1.2.3.4", "1.2.3.4:80"),
    ],
)
def test_what_is_no_network(text: str) -> None:
    assert parse_network(text) is None
    assert not listed("1.2.3.4", (text,))


@pytest.mark.parametrize("address", ["invalid IP", "", "10.0.0.1/8", "fe80::1%eth0"])
def test_what_is_no_address_is_in_no_network(address: str) -> None:
    assert not listed(address, ("0.0.0.0/0", "::/0", address))
