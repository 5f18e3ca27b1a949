# ruff: noqa: ARG002 - the signatures are the base class's
"""E-mail and URL fields, both with lists of domains that are allowed or refused."""

import re
from typing import Any
from urllib.parse import urlsplit

from worker.errors import REQUIRED, FieldError
from worker.fields import patterns
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option
from worker.fields.casts import to_text

# The shapes of addresses that the validators of the real one accept: wide Unicode ranges count as letters.
_WIDE = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
_ATOM = rf"[a-zA-Z0-9!#$%&'*+/=?^_`{{|}}~{_WIDE}-]+"
_EMAIL = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*"
    rf"@[a-zA-Z0-9{_WIDE}](?:[a-zA-Z0-9._~{_WIDE}-]*[a-zA-Z0-9{_WIDE}])?"
    rf"\.[a-zA-Z{_WIDE}](?:[a-zA-Z0-9_~{_WIDE}-]*[a-zA-Z{_WIDE}])?\.?"
)
EMAIL_MAX = 255
URL_MIN, URL_MAX = 3, 2083
_BAD_HOST_ESCAPE = re.compile(r"%|\s")
_OCTET = r"(?:\d{1,2}|1\d\d|2[0-4]\d|25[0-5])"
_LETTER = r"a-zA-Z\x{00a1}-\x{ffff}"
# In the syntax of `worker.fields.regexp`, since a backtracking engine would take its time with it.
_URL = (
    r"^(?:(?:ftp|tcp|udp|wss?|https?)://)?(?:\S+(?::\S*)?@)?(?:"
    rf"(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3]|24\d|25[0-5])(?:\.{_OCTET}){{2}}\.{_OCTET}"
    r"|\[[0-9a-fA-F:.]+\]"
    r"|(?:[a-zA-Z0-9](?:[a-zA-Z0-9_-]+)?[a-zA-Z0-9](?:[-.][a-zA-Z0-9]+)*"
    r"|(?:www\.|[a-zA-Z0-9]+(?:[-_.]?[a-zA-Z0-9])*[a-zA-Z0-9]\.[a-zA-Z0-9]+)?)?"
    rf"(?:(?:[{_LETTER}0-9]+-?-?)*[{_LETTER}0-9]+)(?:\.[{_LETTER}]+)?"
    r")\.?(?::\d{1,5})?(?:[/?#]\S*)?$"
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{1,63}|xn--[a-z0-9]{1,59})")
ONE_LIST = FieldError("validation_empty", "must be blank")
NO_DOMAIN = FieldError("validation_is_domain", "must be a valid domain")
INVALID_EMAIL = FieldError("validation_is_email", "must be a valid email address")
INVALID_URL = FieldError("validation_invalid_url", "Must be a valid url")

DOMAIN_OPTIONS = {
    "onlyDomains": Option("only_domains", "texts", ()),
    "exceptDomains": Option("except_domains", "texts", ()),
}


class DomainField(Field):
    """A text with a domain in it."""

    __slots__ = ("except_domains", "only_domains")

    OPTIONS = COMMON_OPTIONS | DOMAIN_OPTIONS

    only_domains: tuple[str, ...]
    except_domains: tuple[str, ...]

    def cast(self, raw: Any) -> str:
        return to_text(raw)

    def allows(self, domain: str) -> bool:
        """Whether the lists let this domain pass."""
        if self.only_domains:
            return domain in self.only_domains
        return domain not in self.except_domains

    def check_options(self, check: DefinitionCheck) -> Errors:
        if self.only_domains and self.except_domains:
            return {"onlyDomains": ONE_LIST, "exceptDomains": ONE_LIST}
        errors: Errors = {}
        for key, domains in (("onlyDomains", self.only_domains), ("exceptDomains", self.except_domains)):
            bad: dict[str, FieldError] = {
                str(place): NO_DOMAIN for place, name in enumerate(domains) if name and not _DOMAIN.fullmatch(name)
            }
            if bad:
                errors[key] = bad
        return errors


class EmailField(DomainField):
    """An e-mail address."""

    __slots__ = ()

    type = "email"

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if not value:
            return REQUIRED if self.required else None
        if not is_email(value):
            return INVALID_EMAIL
        if not self.allows(value[value.rindex("@") + 1 :]):
            return FieldError("validation_email_domain_not_allowed", "Email domain is not allowed")
        return None


class UrlField(DomainField):
    """A URL."""

    __slots__ = ()

    type = "url"

    def validate(self, value: Any, check: Check) -> FieldError | None:
        if not value:
            return REQUIRED if self.required else None
        if not is_url(value):
            return INVALID_URL
        if (self.only_domains or self.except_domains) and not self.allows(host_of(value)):
            return FieldError("validation_url_domain_not_allowed", "Url domain is not allowed")
        return None


def is_email(text: str) -> bool:
    """Whether `text` is an e-mail address with a domain that has a dot."""
    return len(text) <= EMAIL_MAX and _EMAIL.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Whether `text` is a URL with a scheme of the web, or a host with at least one dot and no scheme."""
    if not URL_MIN < len(text) < URL_MAX or text[0] == ".":
        return False
    try:
        parts = urlsplit(text if "://" in text or ":" not in text else f"http://{text}")
    except ValueError:
        return False
    if parts.netloc.startswith(".") or _BAD_HOST_ESCAPE.search(parts.netloc):
        return False
    if not parts.netloc and parts.path and "." not in parts.path:
        return False
    return patterns.matches(_URL, text)


def host_of(url: str) -> str:
    """The host of a URL with its port, as the lists of domains are compared with it."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
