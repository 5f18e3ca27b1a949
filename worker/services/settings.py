"""PocketBase's own settings of one tenant, as the `settings` row of `_params` holds them.

Only the parts that are served stand here. Whoever changes settings merges into the stored JSON, so that keys unknown
here stay as they are. Tenants whose stored settings are equal share one object.
"""

from functools import lru_cache
from typing import ClassVar, Protocol

import msgspec


class Row(Protocol):
    """A database, as far as settings need it."""

    def one(self, sql: str, params: tuple[object, ...] = ()) -> tuple[object, ...] | None:
        """The first row, or None."""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """How the application presents itself."""

    app_name: str = "Acme"
    app_url: str = msgspec.field(name="appURL", default="http://localhost:8090")
    sender_name: str = "Support"
    sender_address: str = "support@example.com"
    hide_controls: bool = False
    accent_color: str = "#1055c9"


class LogsSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What of a request is written into the log, and for how long."""

    max_days: int = 5  # days; 0 switches the log off
    min_level: int = 0  # -4 debug, 0 info, 4 warning, 8 error
    log_ip: bool = msgspec.field(name="logIP", default=True)
    log_auth_id: bool = False
    max_data_size: int = 0  # bytes of an entry's data; 0 stands for 16 KiB


class TrustedProxy(msgspec.Struct, frozen=True, rename="camel"):
    """Which proxy headers to believe for the client's address."""

    headers: tuple[str, ...] = ()
    use_leftmost_ip: bool = msgspec.field(name="useLeftmostIP", default=False)


class RateLimitRule(msgspec.Struct, frozen=True, rename="camel"):
    """At most `max_requests` in `duration` seconds, per address."""

    label: str = ""
    audience: str = ""
    duration: int = 0
    max_requests: int = 0


class RateLimits(msgspec.Struct, frozen=True, rename="camel"):
    """Who may ask how often."""

    enabled: bool = False
    rules: tuple[RateLimitRule, ...] = ()
    excluded_ips: tuple[str, ...] = msgspec.field(name="excludedIPs", default=())


class Batch(msgspec.Struct, frozen=True, rename="camel"):
    """Limits of a batch request."""

    enabled: bool = False
    max_requests: int = 50
    timeout: int = 3  # seconds
    max_body_size: int = 0  # bytes; 0 stands for 128 MiB


class TenantSettings(msgspec.Struct, frozen=True, rename="camel"):
    """The settings of one tenant."""

    meta: Meta = Meta()
    logs: LogsSettings = LogsSettings()
    trusted_proxy: TrustedProxy = TrustedProxy()
    superuser_ips: tuple[str, ...] = msgspec.field(name="superuserIPs", default=())
    batch: Batch = Batch()
    rate_limits: RateLimits = RateLimits()

    QUERY: ClassVar[str] = "SELECT `value` FROM `_params` WHERE `id` = 'settings'"

    @classmethod
    def load(cls, db: Row) -> "TenantSettings":
        """The stored settings, or the defaults where there are none. Raises ValueError where they cannot be read."""
        row = db.one(cls.QUERY)
        if row is None or not row[0]:
            return _parse(b"{}")
        stored = row[0]
        return _parse(stored.encode() if isinstance(stored, str) else stored)


# tenants made from one template have the same settings byte for byte; the few that differ cost a parse when they open
@lru_cache(maxsize=64)
def _parse(stored: bytes) -> TenantSettings:
    try:
        return _DECODER.decode(stored)
    except msgspec.MsgspecError as exc:
        reason = "they are encrypted" if not stored.lstrip().startswith(b"{") else str(exc)
        raise ValueError(f"the settings in _params cannot be read: {reason}") from exc


_DECODER = msgspec.json.Decoder(TenantSettings, strict=False)
