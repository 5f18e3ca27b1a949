"""The routes and middlewares of a tenant's scripts: checked when they are loaded, and which of them a request is for.

The server's own routes belong to the same table, as they do in the real one: a script's route may be more specific than
one of them, or more general, but not conflict with one. Before a route go the middlewares of all routes (`routerUse`)
and its own, by priority and then in the order of registration; one
that has the name of an earlier one replaces it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson

from worker.fields.jsontext import spelled
from worker.hooks.manifest import Manifest, Route, Step
from worker.hooks.patterns import (
    EQUAL,
    SLASH,
    Known,
    Match,
    Pattern,
    PatternError,
    Tree,
    exact,
    joined,
    more_specific,
    parse,
    relation,
)

# What the real one answers itself. Not all of it is there yet; scripts may not take its place nevertheless.
NATIVE = """
GET /api/health
GET /api/logs
GET /api/logs/stats
GET /api/logs/{id}
DELETE /api/logs
GET /api/crons
POST /api/crons/{id}
POST /api/sql
GET /api/settings
PATCH /api/settings
POST /api/settings/test/s3
POST /api/settings/test/email
POST /api/settings/apple/generate-client-secret
GET /api/collections
POST /api/collections
GET /api/collections/{collection}
PATCH /api/collections/{collection}
DELETE /api/collections/{collection}
DELETE /api/collections/{collection}/truncate
PUT /api/collections/import
GET /api/collections/meta/scaffolds
GET /api/collections/meta/oauth2-providers
POST /api/collections/meta/dry-run-view
GET /api/collections/{collection}/records
GET /api/collections/{collection}/records/{id}
POST /api/collections/{collection}/records
PATCH /api/collections/{collection}/records/{id}
DELETE /api/collections/{collection}/records/{id}
GET /api/collections/{collection}/auth-methods
POST /api/collections/{collection}/auth-with-password
POST /api/collections/{collection}/auth-with-oauth2
POST /api/collections/{collection}/request-otp
POST /api/collections/{collection}/auth-with-otp
POST /api/collections/{collection}/auth-refresh
POST /api/collections/{collection}/request-password-reset
POST /api/collections/{collection}/confirm-password-reset
POST /api/collections/{collection}/request-verification
POST /api/collections/{collection}/confirm-verification
POST /api/collections/{collection}/request-email-change
POST /api/collections/{collection}/confirm-email-change
POST /api/collections/{collection}/impersonate/{id}
GET /api/oauth2-redirect
POST /api/oauth2-redirect
POST /api/files/token
GET /api/files/{collection}/{recordId}/{filename}
GET /api/backups
POST /api/backups
POST /api/backups/upload
GET /api/backups/{key}
DELETE /api/backups/{key}
POST /api/backups/{key}/restore
POST /api/batch
GET /api/realtime
POST /api/realtime
GET /_/{path...}
GET /_/extensions.js
"""
# What answers for paths that are nobody's: files of the tenant's, and 404. A script may have the very same pattern.
FALLBACKS = (("GET", "/{path...}"), ("", "/"))

# The token of a request is read at this priority, its size checked at that one: what goes before may still change them.
AUTH_PRIORITY = -1020
LIMIT_PRIORITY = -990

# The middlewares of `$apis`, by the names under which they may be replaced.
NATIVE_STEPS = frozenset(
    {
        "bodyLimit",
        "gzip",
        "requireAuth",
        "requireGuestOnly",
        "requireSuperuserAuth",
        "requireSuperuserOrOwnerAuth",
        "skipSuccessActivityLog",
        "static",
    }
)


class RouteError(ValueError):
    """A route that can't be: its pattern is none, or conflicts with another. Says where it was registered."""

    def __init__(self, route: Route, why: str) -> None:
        super().__init__(f"routerAdd({route.method!r}, {route.path!r}): {why}")
        self.file = route.file
        self.line = route.line


class Chain(NamedTuple):
    """What is run for a request, in its order; the action of a script's route is the last one."""

    steps: tuple[Step, ...]
    # how many of them come before the request's token is read
    early: int
    # the largest body, or None for the usual one; 0 for any
    body_bytes_max: int | None
    is_native: bool
    # steps, early and is_native, as the script that runs them is told of them: behind each other, in JSON
    told: bytes


class Found(NamedTuple):
    """The route of a request: its pattern as the real one spells it, the values in it, and what is to be run."""

    pattern: str
    values: dict[str, str]
    chain: Chain
    # all of it, as the chain's
    told: bytes

    @classmethod
    def of(cls, pattern: str, values: dict[str, str], chain: Chain) -> "Found":
        """What was found, ready to be told."""
        return cls(pattern, values, chain, b"%b,%b" % (orjson.dumps([pattern, values])[1:-1], chain.told))


@cache
def _native() -> tuple[Tree[None], tuple[Pattern, ...]]:
    patterns = tuple(parse(*line.split(" ", 1)) for line in NATIVE.split("\n") if line)
    return Tree((pattern, None) for pattern in patterns), patterns


@cache
def _native_starts() -> frozenset[str]:
    """What the paths of the server's own routes begin with."""
    return frozenset(pattern.segments[0].text for pattern in _native()[1])


@cache
def _fallbacks() -> tuple[Pattern, ...]:
    return tuple(parse(*each) for each in FALLBACKS)


def check(manifest: Manifest) -> None:
    """RouteError for the first route that can't be."""
    known = Known(_native()[1])
    fallbacks = list(_fallbacks())
    added: list[tuple[Route, Pattern]] = []
    for route in manifest.routes:
        try:
            pattern = parse(route.method, route.path)
        except PatternError as error:
            raise RouteError(route, str(error)) from None
        _refuse_conflict(route, pattern, known)
        known.add(pattern)
        added.append((route, pattern))
        fallbacks = [each for each in fallbacks if relation(each, pattern) != EQUAL]
    left = Known(fallbacks)
    for route, pattern in added:
        _refuse_conflict(route, pattern, left)
    for step in _steps_of(manifest):
        if step.native and step.native not in NATIVE_STEPS:
            raise ValueError(f"there is no middleware {step.native}")


def _refuse_conflict(route: Route, pattern: Pattern, others: Known) -> None:
    found = others.conflict(pattern)
    if found is not None:
        other, why = found
        raise RouteError(route, f"pattern {pattern.text!r} conflicts with pattern {other.text!r}: {why}")


def _steps_of(manifest: Manifest) -> list[Step]:
    steps = list(manifest.uses)
    for route in manifest.routes:
        steps += [*route.middlewares, route.action]
    return steps


class Routes:
    """A tenant's, ready to be looked up. `is_empty`: there are neither routes nor middlewares."""

    __slots__ = ("_every", "_methods", "_starts", "_tree", "has_hosts", "hears_requests", "is_empty", "known")

    def __init__(self, manifest: Manifest) -> None:
        entries = []
        for route in manifest.routes:
            try:
                pattern = parse(route.method, route.path)
            except PatternError:  # one that was kept before it was refused
                continue
            entries.append((pattern, _chain((*manifest.uses, *route.middlewares), route.action)))
        self._tree: Tree[Chain] | None = Tree(entries) if entries else None
        self._every = _chain(manifest.uses, None)
        self.is_empty = not entries and not manifest.uses
        self._methods = {pattern.method for pattern, _ in entries}
        if "GET" in self._methods:
            self._methods.add("HEAD")
        # what their paths begin with; None where some may begin with anything
        starts = [pattern.segments[0] for pattern, _ in entries]
        literal = all(start.text and not start.wild and not start.multi for start in starts)
        self._starts = frozenset(start.text.encode() for start in starts) if literal else None
        self.has_hosts = any(pattern.host for pattern, _ in entries)
        # what was found for the last requests (method, path, host if it matters), for who asks
        self.known: dict[tuple[str, bytes, bytes | None], Found | str | None] = {}
        # whether events of the server's own routes have handlers
        self.hears_requests = any(handler.event.endswith("Request") for handler in manifest.handlers)

    def takes(self, method: str, raw: bytes) -> bool:
        """Whether a request, by method and path as it was sent, may be for one of them at all: a first look."""
        if self._every.steps:
            return True
        if method not in self._methods and "" not in self._methods:
            return False
        if self._starts is None or b"%" in raw or not raw.isascii():
            return True
        return (raw[1:].partition(b"/")[0] or b"/") in self._starts

    def find(self, method: str, host: str, parts: Sequence[str]) -> Found | str | None:
        """What is to be run around or for a request. None: nothing. A text: it is sent on to its path with a slash.

        `parts` are those of its path between slashes, decoded, `SLASH` for the one at its end.
        """
        own = None if self._tree is None else self._tree.find(method, host, parts)
        if (own is None or not exact(own.pattern, parts)) and parts[-1] != SLASH and self._tree is not None:
            slashed = (*parts, SLASH)
            below = self._tree.find(method, host, slashed)
            if below is not None and exact(below.pattern, slashed) and not self._is_native(method, parts):
                return below.pattern.text
        if (own is None and not self._every.steps) or parts[0] not in _native_starts():
            native = None
        else:
            native = _native()[0].find(method, "", parts)
        if own is not None and (native is None or more_specific(own.pattern, native.pattern)):
            return Found.of(own.pattern.text, own.values, own.value)
        if not self._every.steps:
            return None
        return Found.of(*_spelled(native, method, parts), self._every)

    def _is_native(self, method: str, parts: Sequence[str]) -> bool:
        native = _native()[0].find(method, "", parts)
        return native is not None and exact(native.pattern, parts)


def _spelled(native: Match[None] | None, method: str, parts: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Pattern and values of a route of the server's own."""
    if native is not None:
        return native.pattern.text, native.values
    if method in {"GET", "HEAD"}:
        return "GET /{path...}", {"path": joined(parts)}
    return "/", {}


def _chain(middlewares: Sequence[Step], action: Step | None) -> Chain:
    by_name: dict[object, Step] = {}
    for number, step in enumerate(middlewares):
        by_name.pop(step.id or number, None)
        by_name[step.id or number] = step
    chosen = list(by_name.values())
    chosen.sort(key=lambda step: step.priority)
    limit: Any = None
    for step in chosen:
        if step.native == "bodyLimit":
            limit = step.args[0] if step.args and isinstance(step.args[0], int) else 0
    early = sum(step.priority < AUTH_PRIORITY for step in chosen)
    steps = tuple(chosen) if action is None else (*chosen, action)
    told = orjson.dumps([[_told(step) for step in steps], early, action is None], spelled)[1:-1]
    return Chain(steps, early, None if limit is None else max(0, limit), action is None, told)


def _told(step: Step) -> Any:
    return {"native": step.native, "args": list(step.args)} if step.native else step.handler
