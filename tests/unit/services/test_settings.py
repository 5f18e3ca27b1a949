"""The settings row of `_params`: read, written, shared."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from worker.db.connection import Database
from worker.db.migrations import write_template
from worker.services import settings as settings_module
from worker.services.settings import READ_BYTES_MAX, SETTINGS_BYTES_MAX, LogsSettings, Meta, Smtp, TenantSettings

# what a group that is no tenant's own may weigh, in bytes
OWN_BYTES_MAX = 1024


class Stored:
    def __init__(self, value: object) -> None:
        self.value = value

    def one(self, sql: str, params: tuple[object, ...] = ()) -> tuple[object, ...] | None:
        return None if self.value is ... else (self.value,)


def load(value: object) -> TenantSettings:
    return TenantSettings.load(Stored(value))


def test_a_new_tenant_has_the_defaults(tmp_path: Path) -> None:
    write_template(tmp_path)
    db = Database(tmp_path / "data.db")
    settings = TenantSettings.load(db)
    assert settings == TenantSettings()
    assert settings.stored() == db.value(TenantSettings.QUERY)  # as the real one wrote it, byte for byte
    db.close()


@pytest.mark.parametrize("value", [..., b"{}", "{}", b'{"unknown":{"a":[1]}}', b'{"META":{"appName":"x"}}'])
def test_what_is_not_stored_is_as_by_default(value: object) -> None:
    assert load(value) == TenantSettings()


STORED = b"""{"meta":{"appName":"Shop","stranger":1},"logs":{"maxDays":7,"minLevel":4,"logIP":false,"logAuthId":true,
"maxDataSize":100},"trustedProxy":{"headers":["X-Real-IP"],"useLeftmostIP":true},"superuserIPs":["10.0.0.0/8"],
"rateLimits":{"enabled":true,"rules":[{"label":"/api/","audience":"@guest","duration":10,"maxRequests":3}],
"excludedIPs":["1.1.1.1"]},"batch":{"enabled":true,"maxRequests":5,"timeout":9,"maxBodySize":10},"unknown":{"a":[1]},
"smtp":{"password":"p","port":null},"s3":null}"""


@pytest.mark.parametrize("value", [STORED, STORED.decode()])
def test_stored_settings_are_read_and_strangers_ignored(value: object) -> None:
    settings = load(value)
    assert settings.meta.app_name == "Shop"
    assert settings.meta.sender_name == "Support"
    assert settings.logs == LogsSettings(100, 7, 4, False, True)
    assert settings.trusted_proxy.use_leftmost_ip
    assert settings.superuser_ips == ("10.0.0.0/8",)
    assert settings.rate_limits.rules[0].max_requests == 3
    assert settings.batch.max_body_size == 10
    assert settings.smtp == Smtp(port=0, password="p")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"c29tZSBjaXBoZXI=", "encrypted"),
        (b'{"logs":5}', "logs"),
        (b'{"meta":{"appName":5}}', "appName"),
        (b'{"logs":', "cannot be read"),
        (b'{"s3":{},"s3":{}}', "duplicate"),
        (b"", "there are none"),
        (None, "there are none"),
        (b"[]", "encrypted"),
    ],
)
def test_unreadable_settings_say_why(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load(value)


def test_equal_settings_are_one_object() -> None:
    assert load(bytes(STORED)) is load(STORED.decode())
    assert load(STORED) is not load(b"{}")


def test_a_tenant_pays_for_what_it_has_changed() -> None:
    one, other = (load(orjson.dumps({"meta": {"appName": name}})) for name in ("One", "Other"))
    groups = [name for name in TenantSettings.__struct_fields__ if getattr(one, name) is not getattr(other, name)]
    assert groups == ["meta"]
    assert sys.getsizeof(one) + sys.getsizeof(one.meta) < OWN_BYTES_MAX


FULL = msgspec.structs.replace(
    load(STORED), meta=Meta(app_name="<b>&\u2028"), smtp=Smtp(password="p"), superuser_ips=("::1",)
)


def test_what_is_stored_is_read_as_it_was() -> None:
    assert load(FULL.stored()) == FULL
    assert b'"password":"p"' in FULL.stored()
    assert b'"secret"' not in FULL.stored()
    secret = load(b'{"s3":{"secret":"x"},"backups":{"s3":{"secret":"y"}}}')
    assert secret.stored().count(b'"secret"') == 2
    assert load(secret.stored()) == secret


def test_no_secret_is_shown() -> None:
    settings = load(b'{"smtp":{"password":"x1"},"s3":{"secret":"x2"},"backups":{"s3":{"secret":"x3"}}}')
    assert settings.stored().count(b'"x') == 3
    shown = orjson.dumps(settings.shown())
    assert b'"x' not in shown
    assert b"password" not in shown
    assert b"secret" not in shown
    assert list(settings.shown()) == list(orjson.loads(settings.stored()))


def test_what_is_submitted_is_not_remembered() -> None:
    """Nor what somebody else stored beyond the usual size: both would fill the memory of all tenants."""
    before = settings_module._shared.cache_info().currsize
    tree = TenantSettings(superuser_ips=("10.0.0.1",) * 50).tree()
    assert TenantSettings.of(tree).superuser_ips
    stored = TenantSettings(superuser_ips=("10.0.0.2",) * (SETTINGS_BYTES_MAX // 10)).stored()
    assert load(stored).stored() == stored
    assert settings_module._shared.cache_info().currsize == before


@pytest.mark.parametrize("too_large", [False, True])
def test_settings_beyond_any_size_are_not_read(tmp_path: Path, too_large: bool) -> None:
    write_template(tmp_path)
    with contextlib.closing(Database(tmp_path / "data.db")) as db:
        stored = b'{"meta":{"appName":"x"}}'.ljust(READ_BYTES_MAX + too_large)
        db.once("UPDATE `_params` SET `value` = ? WHERE `id` = 'settings'", (stored,))
        if too_large:
            with pytest.raises(ValueError, match=f"more than {READ_BYTES_MAX} bytes"):
                TenantSettings.load(db)
        else:
            assert TenantSettings.load(db).meta.app_name == "x"
