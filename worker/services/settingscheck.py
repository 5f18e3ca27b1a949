"""What settings must satisfy to be saved, with the real one's codes and sentences."""

import re
from collections.abc import Callable
from typing import Any

from worker.errors import REQUIRED, ErrorTree, FieldError
from worker.fields.address import is_email, is_url
from worker.services.cron import CronError, parse_cron
from worker.services.networks import parse_network
from worker.services.settings import S3, Backups, Batch, LogsSettings, Meta, RateLimits, Smtp, TenantSettings

NAME_BYTES_MAX = 255
COLOR_BYTES = 7  # where there is one
HOST_CHARS_MAX = 255  # dots not counted
# the largest integer that a float holds with all smaller ones
NUMBER_MAX = 2**53 - 1
AUTH_METHODS = ("", "PLAIN", "LOGIN")
AUDIENCES = ("", "@guest", "@auth")

_COLOR = re.compile(r"#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_HOST = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}(?:\.[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})*[._]?")
# `METHOD /path`, `/path`, `/prefix/`, `collection:action`, `*:action`, `tag`
_LABEL = re.compile(r"(?:\w+ )?/[\w/-]*|\w+:\w+|\*:\w+|\w+", re.ASCII)

NAME_LENGTH = FieldError(
    "validation_length_out_of_range",
    f"the length must be between 1 and {NAME_BYTES_MAX}",
    {"max": NAME_BYTES_MAX, "min": 1},
)
COLOR_LENGTH = FieldError(
    "validation_length_invalid", f"the length must be exactly {COLOR_BYTES}", {"max": COLOR_BYTES, "min": COLOR_BYTES}
)
NO_COLOR = FieldError("validation_is_hex_color", "must be a valid hexadecimal color code")
NO_URL = FieldError("validation_is_url", "must be a valid URL")
NO_EMAIL = FieldError("validation_is_email", "must be a valid email address")
NO_HOST = FieldError("validation_is_host", "must be a valid IP address or DNS name")
NO_CHOICE = FieldError("validation_in_invalid", "must be a valid value")
NO_LABEL = FieldError("validation_match_invalid", "must be in a valid format")
NO_NETWORK = FieldError("validation_invlaid_ip_or_subnet", "Invalid IP or CIDR subnet")  # the real one's own spelling

Errors = dict[str, "FieldError | ErrorTree"]
# A name with the error of its value, if there is one.
Finding = tuple[str, FieldError | ErrorTree | None]


def check_settings(settings: TenantSettings) -> ErrorTree:
    """Everything that is wrong with `settings`, by path; empty if nothing is."""
    return _errors(
        ("superuserIPs", check_networks(settings.superuser_ips)),
        ("smtp", _smtp(settings.smtp)),
        ("backups", _backups(settings.backups)),
        ("s3", _s3(settings.s3)),
        ("meta", _meta(settings.meta)),
        ("rateLimits", _rate_limits(settings.rate_limits)),
        ("batch", _batch(settings.batch)),
        ("logs", _logs(settings.logs)),
    )


def check_networks(entries: tuple[str, ...]) -> ErrorTree:
    """What is wrong with a list of addresses and networks."""
    return _each(entries, lambda entry: REQUIRED if not entry else None if parse_network(entry) else NO_NETWORK)


def is_host(text: str) -> bool:
    """Whether `text` may be the name or the address of a host."""
    if len(text.replace(".", "")) <= HOST_CHARS_MAX and _HOST.fullmatch(text):
        return True
    return ":" in text and "/" not in text and "%" not in text and parse_network(text) is not None


def _meta(meta: Meta) -> ErrorTree:
    return _errors(
        ("appName", _name(meta.app_name)),
        ("appURL", _needed(meta.app_url) or _unless(is_url(meta.app_url), NO_URL)),
        ("senderName", _name(meta.sender_name)),
        ("senderAddress", _needed(meta.sender_address) or _unless(is_email(meta.sender_address), NO_EMAIL)),
        ("accentColor", _color(meta.accent_color)),
    )


def _color(text: str) -> FieldError | None:
    if not text:
        return None
    if len(text.encode()) != COLOR_BYTES:
        return COLOR_LENGTH
    return _unless(_COLOR.fullmatch(text) is not None, NO_COLOR)


def _smtp(smtp: Smtp) -> ErrorTree:
    return _errors(
        ("host", _needed(smtp.host, smtp.enabled) or _unless(not smtp.host or is_host(smtp.host), NO_HOST)),
        ("port", _needed(smtp.port, smtp.enabled) or _at_least(0, smtp.port)),
        ("authMethod", _unless(smtp.auth_method in AUTH_METHODS, NO_CHOICE)),
        ("localName", _unless(not smtp.local_name or is_host(smtp.local_name), NO_HOST)),
    )


def _s3(bucket: S3) -> ErrorTree:
    needed, url = bucket.enabled, bucket.endpoint
    return _errors(
        ("endpoint", _needed(url, needed) or _unless(not url or is_url(url), NO_URL)),
        ("bucket", _needed(bucket.bucket, needed)),
        ("region", _needed(bucket.region, needed)),
        ("accessKey", _needed(bucket.access_key, needed)),
        ("secret", _needed(bucket.secret, needed)),
    )


def _backups(backups: Backups) -> ErrorTree:
    keep = backups.cron_max_keep
    return _errors(
        ("s3", _s3(backups.s3)),
        ("cron", _cron(backups.cron)),
        ("cronMaxKeep", _needed(keep, bool(backups.cron)) or (_at_least(1, keep) if keep else None)),
    )


def _cron(text: str) -> FieldError | None:
    if not text:
        return None
    try:
        parse_cron(text)
    except CronError as error:
        return FieldError("validation_invalid_cron", str(error))
    return None


def _batch(batch: Batch) -> ErrorTree:
    return _errors(
        ("maxRequests", _needed(batch.max_requests, batch.enabled) or _at_least(0, batch.max_requests)),
        ("timeout", _needed(batch.timeout, batch.enabled) or _at_least(0, batch.timeout)),
        ("maxBodySize", _at_least(0, batch.max_body_size)),
    )


def _logs(logs: LogsSettings) -> ErrorTree:
    return _errors(
        ("maxDays", _at_least(0, logs.max_days) or _at_most(NUMBER_MAX, logs.max_days)),
        ("minLevel", _at_most(NUMBER_MAX, logs.min_level)),
        ("maxDataSize", _at_least(0, logs.max_data_size) or _at_most(NUMBER_MAX, logs.max_data_size)),
    )


def _rate_limits(limits: RateLimits) -> ErrorTree:
    return _errors(
        ("rules", REQUIRED if limits.enabled and not limits.rules else _rules(limits)),
        ("excludedIPs", check_networks(limits.excluded_ips)),
    )


def _rules(limits: RateLimits) -> ErrorTree:
    errors = _each(
        limits.rules,
        lambda rule: _errors(
            ("label", _needed(rule.label) or _unless(_LABEL.fullmatch(rule.label) is not None, NO_LABEL)),
            ("audience", _unless(rule.audience in AUDIENCES, NO_CHOICE)),
            ("duration", _needed(rule.duration) or _at_least(1, rule.duration)),
            ("maxRequests", _needed(rule.max_requests) or _at_least(1, rule.max_requests)),
        ),
    )
    return errors or _conflict(limits)


def _conflict(limits: RateLimits) -> ErrorTree:
    """The first rule which is for somebody that an earlier one of the same label is for already."""
    audiences: dict[str, set[str]] = {}
    for place, rule in enumerate(limits.rules):
        taken = audiences.setdefault(rule.label, set())
        if taken and (not rule.audience or taken & {"", rule.audience}):
            message = (
                f"Rate limit rule configuration with label {rule.label} already exists or conflicts with another rule"
            )
            error = FieldError("validation_conflicting_rate_limit_rule", message, {"label": rule.label})
            return {str(place): {"label": error}}
        taken.add(rule.audience)
    return {}


def _errors(*findings: Finding) -> ErrorTree:
    """The findings that are errors."""
    return {name: error for name, error in findings if error}


def _each(items: tuple[Any, ...], check: Callable[[Any], FieldError | ErrorTree | None]) -> ErrorTree:
    return _errors(*((str(place), check(item)) for place, item in enumerate(items)))


def _unless(fine: bool, error: FieldError) -> FieldError | None:
    return None if fine else error


def _needed(value: str | int, needed: bool = True) -> FieldError | None:
    return REQUIRED if needed and not value else None


def _name(text: str) -> FieldError | None:
    return _needed(text) or _unless(len(text.encode()) <= NAME_BYTES_MAX, NAME_LENGTH)


def _at_least(least: int, value: int) -> FieldError | None:
    error = FieldError(
        "validation_min_greater_equal_than_required", f"must be no less than {least}", {"threshold": least}
    )
    return _unless(value >= least, error)


def _at_most(most: int, value: int) -> FieldError | None:
    error = FieldError(
        "validation_max_less_equal_than_required", f"must be no greater than {most}", {"threshold": most}
    )
    return _unless(value <= most, error)
