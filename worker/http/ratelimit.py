"""A tenant's rate limits: so many requests in a window of time, by rule and address of the client.

A request has labels, from `collection:action` over `METHOD /path` to `/path`; the first one that a rule has decides,
its own spelling before a prefix (a rule that ends with a slash). Collections and actions are counted apart, even by the
same rule; all other paths together. Superusers are never limited. A window begins with its first request and is
counted in whole seconds; whoever is refused does not prolong it.
"""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from worker.errors import ApiError
from worker.http.exchange import Request
from worker.http.paths import segments
from worker.services.networks import listed
from worker.services.settings import RateLimits
from worker.services.settingschange import RATES

if TYPE_CHECKING:
    from worker.schema.collection import Collection

# Counts one request of a batch: its collection, its method, its path without the query. ApiError 429 for too many.
ItemLimit = Callable[["Collection", str, str], None]

# Windows remembered a tenant (about 300 bytes each); beyond it those that are over go, and then the oldest.
WINDOWS_MAX = 4096

GUEST, AUTH = "@guest", "@auth"
# What a request of a collection is called, by its method (GET answers HEAD) and what its path ends with.
ACTIONS = {
    ("GET", "records"): "list",
    ("POST", "records"): "create",
    ("GET", "records/"): "view",
    ("PATCH", "records/"): "update",
    ("DELETE", "records/"): "delete",
    ("GET", "auth-methods"): "listAuthMethods",
    ("POST", "auth-refresh"): "authRefresh",
    ("POST", "auth-with-password"): "authWithPassword",
    ("POST", "auth-with-oauth2"): "authWithOAuth2",
    ("POST", "auth-with-otp"): "authWithOTP",
    ("POST", "request-otp"): "requestOTP",
    ("POST", "request-password-reset"): "requestPasswordReset",
    ("POST", "confirm-password-reset"): "confirmPasswordReset",
    ("POST", "request-verification"): "requestVerification",
    ("POST", "confirm-verification"): "confirmVerification",
    ("POST", "request-email-change"): "requestEmailChange",
    ("POST", "confirm-email-change"): "confirmEmailChange",
}
# Actions that also go by the name of `auth`.
LOGINS = frozenset({"authWithPassword", "authWithOAuth2", "authWithOTP"})


class Limiter:
    """The rules of one tenant, and who has asked how often."""

    __slots__ = ("_exact", "_prefixes", "_windows", "limits")

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._exact: dict[str, list[int]] = {}
        self._prefixes = []
        for number, rule in enumerate(limits.rules):
            self._exact.setdefault(rule.label, []).append(number)
            if rule.label.endswith("/"):
                self._prefixes.append(number)
        # rule, what is counted apart, address → second of the window's begin, requests in it; the oldest first
        self._windows: dict[tuple[int, str, str], list[int]] = {}

    def check(self, labels: Iterable[str], scope: str, audience: str, address: str, now_s: float) -> None:
        """Count a request by the rule that is first in `labels`. ApiError 429 where there were too many."""
        number = self._find(labels, audience)
        if number is not None and not self._take(number, scope, address, int(now_s)):
            rule = msgspec.json.encode(self.limits.rules[number]).decode()
            raise ApiError(429, cause=f"triggered rate limit rule: {rule}")

    def _find(self, labels: Iterable[str], audience: str) -> int | None:
        rules = self.limits.rules
        for label in labels:
            for number in self._exact.get(label, ()):
                if rules[number].audience in ("", audience):
                    return number
            if "/" not in label:
                continue
            slashed = label + "/"
            for number in self._prefixes:
                if slashed.startswith(rules[number].label) and rules[number].audience in ("", audience):
                    return number
        return None

    def _take(self, number: int, scope: str, address: str, now_s: int) -> bool:
        rule = self.limits.rules[number]
        key = (number, scope, address)
        window = self._windows.get(key)
        if window is not None and now_s - window[0] < rule.duration:
            if window[1] >= rule.max_requests:
                return False
            window[1] += 1
            return True
        if rule.max_requests <= 0:
            return False
        if window is not None:
            del self._windows[key]
        elif len(self._windows) >= WINDOWS_MAX:
            self._forget(now_s)
        self._windows[key] = [now_s, 1]
        return True

    def _forget(self, now_s: int) -> None:
        """Make room: let go what is over, or the oldest where that is too little."""
        rules = self.limits.rules
        live = [(key, window) for key, window in self._windows.items() if now_s - window[0] < rules[key[0]].duration]
        self._windows = dict(live[-(WINDOWS_MAX * 3 // 4) :])


def limit_request(req: Request) -> None:
    """Count a request to a tenant whose limits are on. ApiError 429 where there were too many."""
    limits = req.context.tenant.settings.rate_limits
    audience = _audience(req, limits)
    if audience is None:
        return
    path = req.path
    labels = [f"{req.method} {path}", path]
    scope = ""
    wanted = action_of(req.method, path, req.scope["raw_path"])
    if wanted is not None:
        name, action = wanted
        collection = req.context.tenant.catalog.get(name)
        if collection is None:
            return  # its route has no limits of a path either
        labels = [*action_labels(collection.name, action), *labels]
        scope = f"{collection.id} {action}"
    _limiter(req, limits).check(labels, scope, audience, req.context.real_ip, monotonic())


def item_limit(req: Request) -> ItemLimit | None:
    """What counts the requests of a batch, where the tenant's limits are on and for who asks."""
    limits = req.context.tenant.settings.rate_limits
    audience = _audience(req, limits) if limits.enabled else None
    if audience is None:
        return None
    limiter, address = _limiter(req, limits), req.context.real_ip

    def check(collection: "Collection", method: str, path: str) -> None:
        action = ACTIONS[method, "records" if method == "POST" else "records/"]
        labels = (*action_labels(collection.name, action), f"{method} {path}", path)
        limiter.check(labels, f"batch {collection.id} {action}", audience, address, monotonic())

    return check


def action_of(method: str, path: str, raw_path: bytes) -> tuple[str, str] | None:
    """The collection (as the path names it) and the action of a request that is one of a collection's."""
    if method == "HEAD":
        method = "GET"
    parts = segments(raw_path) if b"%" in raw_path else path[1:].split("/")
    match parts:
        case ["api", "collections", name, group]:
            tail = group
        case ["api", "collections", name, group, item] if item:
            tail = f"{group}/"
        case ["api", "files", name, _, _] if method == "GET":
            return name, "file"
        case _:
            return None
    action = ACTIONS.get((method, tail))
    return None if action is None else (name, action)


def action_labels(collection: str, action: str) -> Iterator[str]:
    """The labels of an action, in the order in which rules are looked for."""
    for owner in (collection, "*"):
        yield f"{owner}:{action}"
        if action in LOGINS:
            yield f"{owner}:auth"


def _audience(req: Request, limits: RateLimits) -> str | None:
    """Which rules are for who asks; None for those who are never limited."""
    auth = req.context.auth
    if auth is None:
        audience = GUEST
    elif auth.is_superuser:
        return None
    else:
        audience = AUTH
    return None if limits.excluded_ips and listed(req.context.real_ip, limits.excluded_ips) else audience


def _limiter(req: Request, limits: RateLimits) -> Limiter:
    caches = req.context.tenant.caches
    limiter: Limiter | None = caches.get(RATES)
    if limiter is None or limiter.limits is not limits:
        limiter = caches[RATES] = Limiter(limits)
    return limiter
