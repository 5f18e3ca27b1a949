"""E-mail and URL fields, both with lists of domains that are allowed or refused."""

import re
from typing import Any
from urllib.parse import urlsplit

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Field, Option
from worker.fields.casts import to_text

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\U0010ffff-]+)*"
    r"@(?P<domain>(?:[A-Za-z0-9\u00a0-\U0010ffff](?:[A-Za-z0-9\u00a0-\U0010ffff-]*[A-Za-z0-9\u00a0-\U0010ffff])?\.)+"
    r"[A-Za-z\u00a0-\U0010ffff](?:[A-Za-z0-9\u00a0-\U0010ffff-]*[A-Za-z0-9\u00a0-\U0010ffff])?)"
)
EMAIL_MAX = 255
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]")
INVALID_EMAIL = FieldError("validation_is_email", "Must be a valid email address")
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
        errors: Errors = {}
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
    """Whether `text` is an absolute URL, or one which lacks only its scheme."""
    return host_of(text) != "" or "@" in text


def host_of(url: str) -> str:
    """The host of a URL with its port, as the lists of domains name it."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
