"""Checks of settings that no request of the oracle's can show: their cost, and addresses against Python's own idea."""

import ipaddress
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import FieldError
from worker.services.settings import Meta, RateLimitRule, RateLimits, TenantSettings
from worker.services.settingscheck import check_settings, is_host

# the longest that checking settings of the largest size may hold the loop
HELD_S = 3.0


def test_the_defaults_are_fine() -> None:
    assert check_settings(TenantSettings()) == {}


@settings(deadline=None)
@given(st.ip_addresses())
def test_addresses_are_hosts_and_networks_are_none(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert is_host(str(address))
    assert not is_host(f"{address}/8")


@settings(deadline=None)
@given(st.text(max_size=50))
def test_any_text_is_a_host_or_none(text: str) -> None:
    if is_host(text):
        assert not set(text) & set(" /%@[]")


@pytest.mark.parametrize(
    "text",
    ["a" * 60_000, "a." * 30_000, "a@" + "b" * 60_000, "a@" + "b." * 30_000, "http://" + "a-" * 30_000, "*" * 60_000],
)
def test_long_texts_take_no_time(text: str) -> None:
    settings = TenantSettings.of(
        TenantSettings().tree()
        | {"meta": TenantSettings().tree()["meta"] | {"senderAddress": text, "appURL": text, "appName": text}}
        | {"smtp": TenantSettings().tree()["smtp"] | {"host": text}}
        | {"backups": TenantSettings().tree()["backups"] | {"cron": text}}
        | {"superuserIPs": (text,)}
    )
    since = time.process_time()
    assert check_settings(settings)
    assert time.process_time() - since < HELD_S


def test_many_rules_take_no_time() -> None:
    rules = tuple(RateLimitRule(f"/{number}", "", 1, 1) for number in range(2000))
    since = time.process_time()
    assert check_settings(TenantSettings(rate_limits=RateLimits(rules))) == {}
    assert time.process_time() - since < HELD_S


def test_errors_name_their_path() -> None:
    errors = check_settings(TenantSettings(meta=Meta(app_name=""), superuser_ips=("1.1.1.1", "x")))
    assert set(errors) == {"meta", "superuserIPs"}
    assert isinstance(errors["superuserIPs"]["1"], FieldError)  # type: ignore[index]
