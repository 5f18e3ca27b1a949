"""The settings row of `_params`."""

from pathlib import Path
from typing import Any

import pytest

from worker.db.connection import Database
from worker.db.migrations import write_template
from worker.services.settings import LogsSettings, TenantSettings


class Stored:
    def __init__(self, value: object) -> None:
        self.value = value

    def one(self, sql: str, params: tuple[object, ...] = ()) -> tuple[object, ...] | None:
        return None if self.value is ... else (self.value,)


def load(value: object) -> TenantSettings:
    return TenantSettings.load(Stored(value))


def test_a_new_tenant_has_the_defaults(tmp_path: Path) -> None:
    write_template(tmp_path)
    settings = TenantSettings.load(Database(tmp_path / "data.db"))
    assert settings.logs == LogsSettings()
    assert settings.meta.app_name == "Acme"
    assert settings.trusted_proxy.headers == ()
    assert settings.superuser_ips == ()
    assert not settings.batch.enabled
    assert not settings.rate_limits.enabled
    assert [rule.label for rule in settings.rate_limits.rules] == ["*:auth", "*:create", "/api/batch", "/api/"]


@pytest.mark.parametrize("value", [..., None, b"", "", b"{}", "{}"])
def test_nothing_stored_means_the_defaults(value: object) -> None:
    assert load(value) == TenantSettings()


STORED = b"""{"meta":{"appName":"Shop","stranger":1},"logs":{"maxDays":7,"minLevel":4,"logIP":false,"logAuthId":true,
"maxDataSize":100},"trustedProxy":{"headers":["X-Real-IP"],"useLeftmostIP":true},"superuserIPs":["10.0.0.0/8"],
"rateLimits":{"enabled":true,"rules":[{"label":"/api/","audience":"@guest","duration":10,"maxRequests":3}],
"excludedIPs":["1.1.1.1"]},"batch":{"enabled":true,"maxRequests":5,"timeout":9,"maxBodySize":10},"unknown":{"a":[1]}}"""


@pytest.mark.parametrize("value", [STORED, STORED.decode()])
def test_stored_settings_are_read_and_strangers_ignored(value: object) -> None:
    settings = load(value)
    assert settings.meta.app_name == "Shop"
    assert settings.meta.sender_name == "Support"
    assert settings.logs == LogsSettings(7, 4, False, True, 100)
    assert settings.trusted_proxy.use_leftmost_ip
    assert settings.superuser_ips == ("10.0.0.0/8",)
    assert settings.rate_limits.rules[0].max_requests == 3
    assert settings.batch.max_body_size == 10


def test_equal_settings_are_one_object() -> None:
    assert load(bytes(STORED)) is load(STORED.decode())
    assert load(STORED) is not load(b"{}")


@pytest.mark.parametrize(
    ("value", "reason"), [(b"c29tZSBjaXBoZXI=", "encrypted"), (b'{"logs":5}', "logs"), (b'{"logs":', "truncated")]
)
def test_unreadable_settings_say_why(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load(value)
