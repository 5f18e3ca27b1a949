"""PocketBase's own settings of one tenant, as the `settings` row of `_params` holds them.

The types below are the whole of them, in the order and with the defaults that the real one writes. Tenants whose
stored settings are equal share one object, and those that differ share each group that is equal: a live tenant pays
for what it has changed. Only what was loaded is shared, so that nobody fills the memory with what he submits.
"""

from functools import lru_cache
from typing import Any, ClassVar, Protocol

import msgspec
import orjson

from worker.fields import MalformedError, jsontext
from worker.services import settingsform

Struct = msgspec.Struct

# Of the text that is stored. The real one has no bound; here settings stay in memory for as long as the tenant is live.
SETTINGS_BYTES_MAX = 32 << 10
# What somebody else has stored may be larger: then it is nobody's to share. Beyond this the tenant can't be opened.
READ_BYTES_MAX = 1 << 20


class Row(Protocol):
    """A database, as far as settings need it."""

    def one(self, sql: str, params: tuple[object, ...] = ()) -> tuple[object, ...] | None:
        """The first row, or None."""


class Smtp(Struct, frozen=True, rename="camel", gc=False):
    """The server that sends the tenant's mail."""

    enabled: bool = False
    port: int = 587
    host: str = "smtp.example.com"
    username: str = ""
    password: str = ""
    auth_method: str = ""  # PLAIN (also if empty) or LOGIN
    tls: bool = False
    local_name: str = ""


class S3(Struct, frozen=True, rename="camel", gc=False):
    """A bucket for files or backups."""

    enabled: bool = False
    bucket: str = ""
    region: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret: str = ""
    force_path_style: bool = False


class Backups(Struct, frozen=True, rename="camel", gc=False):
    """When backups are made (an expression, or empty), how many of those are kept, and where."""

    cron: str = ""
    cron_max_keep: int = 3
    s3: S3 = S3()


class Meta(Struct, frozen=True, rename="camel", gc=False):
    """How the application presents itself."""

    accent_color: str = "#1055c9"
    app_name: str = "Acme"
    app_url: str = msgspec.field(name="appURL", default="http://localhost:8090")
    sender_name: str = "Support"
    sender_address: str = "support@example.com"
    hide_controls: bool = False


class RateLimitRule(Struct, frozen=True, rename="camel", gc=False):
    """At most `max_requests` in `duration` seconds, per address."""

    label: str = ""
    audience: str = ""
    duration: int = 0
    max_requests: int = 0


class RateLimits(Struct, frozen=True, rename="camel", gc=False):
    """Who may ask how often."""

    rules: tuple[RateLimitRule, ...] = (
        RateLimitRule("*:auth", "", 3, 2),
        RateLimitRule("*:create", "", 5, 20),
        RateLimitRule("/api/batch", "", 1, 3),
        RateLimitRule("/api/", "", 10, 300),
    )
    excluded_ips: tuple[str, ...] = msgspec.field(name="excludedIPs", default=())
    enabled: bool = False


class TrustedProxy(Struct, frozen=True, rename="camel", gc=False):
    """Which proxy headers to believe for the client's address."""

    headers: tuple[str, ...] = ()
    use_leftmost_ip: bool = msgspec.field(name="useLeftmostIP", default=False)


class Batch(Struct, frozen=True, rename="camel", gc=False):
    """Limits of a batch request."""

    enabled: bool = False
    max_requests: int = 50
    timeout: int = 3  # seconds
    max_body_size: int = 0  # bytes; 0 stands for 128 MiB


class LogsSettings(Struct, frozen=True, rename="camel", gc=False):
    """What of a request is written into the log, and for how long."""

    max_data_size: int = 0  # bytes of an entry's data; 0 stands for 16 KiB
    max_days: int = 5  # days; 0 switches the log off
    min_level: int = 0  # -4 debug, 0 info, 4 warning, 8 error
    log_ip: bool = msgspec.field(name="logIP", default=True)
    log_auth_id: bool = False


class TenantSettings(Struct, frozen=True, rename="camel", gc=False):
    """The settings of one tenant."""

    superuser_ips: tuple[str, ...] = msgspec.field(name="superuserIPs", default=())
    smtp: Smtp = Smtp()
    backups: Backups = Backups()
    s3: S3 = S3()
    meta: Meta = Meta()
    rate_limits: RateLimits = RateLimits()
    trusted_proxy: TrustedProxy = TrustedProxy()
    batch: Batch = Batch()
    logs: LogsSettings = LogsSettings()

    QUERY: ClassVar[str] = (
        f"SELECT CASE WHEN octet_length(`value`) <= {READ_BYTES_MAX} THEN `value` ELSE octet_length(`value`) END "
        "FROM `_params` WHERE `id` = 'settings'"
    )

    @classmethod
    def load(cls, db: Row) -> "TenantSettings":
        """The stored settings, or the defaults where there is no row. Raises ValueError where they cannot be read."""
        row = db.one(cls.QUERY)
        if row is None:
            return _DEFAULTS
        stored = row[0]
        if isinstance(stored, str):
            stored = stored.encode()
        if isinstance(stored, int) and stored > READ_BYTES_MAX:
            raise ValueError(f"the settings in _params cannot be read: more than {READ_BYTES_MAX} bytes")
        if not isinstance(stored, bytes):
            stored = b""
        return _remembered(stored) if len(stored) <= SETTINGS_BYTES_MAX else _parsed(stored)

    @classmethod
    def of(cls, tree: settingsform.Tree) -> "TenantSettings":
        """The settings that a whole tree of values (see `tree`) stands for."""
        return msgspec.convert(tree, cls)

    def tree(self) -> settingsform.Tree:
        """All values, secrets included, in objects and tuples by their names in JSON."""
        tree: settingsform.Tree = msgspec.to_builtins(self)
        return tree

    def shown(self) -> settingsform.Tree:
        """As `tree`, without secrets and with lists for tuples."""
        tree: settingsform.Tree = orjson.loads(orjson.dumps(self.tree()))
        del tree["smtp"]["password"], tree["s3"]["secret"], tree["backups"]["s3"]["secret"]
        return tree

    def stored(self) -> bytes:
        """The JSON text that the row has for these settings."""
        tree = self.tree()
        for bucket in (tree["s3"], tree["backups"]["s3"]):
            if not bucket["secret"]:
                del bucket["secret"]
        return orjson.dumps(tree)


_DEFAULTS = TenantSettings()


# tenants made from one template have the same settings byte for byte; the few that differ cost a parse when they open
@lru_cache(maxsize=64)
def _remembered(stored: bytes) -> TenantSettings:
    return _interned(_parsed(stored))


def _parsed(stored: bytes) -> TenantSettings:
    try:
        value = jsontext.loads(stored)
        if type(value) is not dict:
            raise MalformedError("expected an object")
        return TenantSettings.of(settingsform.merge(_DEFAULTS.tree(), value, exact=True))
    except ValueError as exc:
        reason = str(exc)
        if not stored:
            reason = "there are none"
        elif not stored.lstrip().startswith(b"{"):
            reason = "they are encrypted"
        raise ValueError(f"the settings in _params cannot be read: {reason}") from exc


def _interned(settings: TenantSettings) -> TenantSettings:
    groups = {name: _shared(getattr(settings, name)) for name in settings.__struct_fields__}
    return TenantSettings(**groups)


# a group by its contents: the first object that had them
@lru_cache(maxsize=512)
def _shared(group: Any) -> Any:
    return group
