"""What a tenant's scripts have registered when they were loaded: handlers, routes, jobs.

It comes from a process that runs foreign code, and is kept in a file of the tenant's, so it is checked like anything
foreign: types, numbers that point somewhere, bounds. `NONE` is that of a tenant without scripts.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

# Bumped whenever what is kept changes its form or its meaning: manifests kept before are made anew.
FORMAT = 1

HANDLERS_MAX = 2_000
ROUTES_MAX = 1_000
MIDDLEWARES_MAX = 2_000
# Of all routes together, those of `routerUse` counted for each.
STEPS_MAX = 100_000
JOBS_MAX = 200
BYTES_MAX = 16 << 20

Name = Annotated[str, Meta(max_length=300)]
Text = Annotated[str, Meta(max_length=2_000)]
Source = Annotated[str, Meta(max_length=1 << 20)]
Place = Annotated[int, Meta(ge=0, le=1 << 30)]
Priority = Annotated[int, Meta(ge=-(1 << 53), le=1 << 53)]
# Which handler: its place in `Manifest.handlers`.
Number = Annotated[int, Meta(ge=0, lt=HANDLERS_MAX)]


class ManifestError(ValueError):
    """What was told of scripts is no manifest, or one beyond the bounds; the message says what of it."""


class Handler(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A function of a script, as text, and where it stands. `event` is empty for those of routes and jobs."""

    source: Source
    file: Name
    line: Place
    column: Place = 1
    event: Name = ""
    tags: Annotated[tuple[Name, ...], Meta(max_length=500)] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What handles a route, or goes before: a `handler` of the scripts, or else a `native` one, with its arguments.

    Natives are the server's own (`$apis.requireAuth("users")`): `worker.hooks.routes` knows their names.
    """

    handler: Annotated[int, Meta(ge=-1, lt=HANDLERS_MAX)] = -1
    native: Name = ""
    args: Annotated[tuple[str | int | float | bool | list[str] | None, ...], Meta(max_length=20)] = ()
    id: Name = ""
    priority: Priority = 0


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`routerAdd`: an upper-case method (empty: any), a pattern as it was given, and its place in the files."""

    method: Name
    path: Text
    action: Step
    middlewares: tuple[Step, ...] = ()
    file: Name = ""
    line: Place = 0


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`cronAdd`: which handler is run when."""

    id: Name
    expression: Name
    handler: Number


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, in the order of registration."""

    handlers: Annotated[tuple[Handler, ...], Meta(max_length=HANDLERS_MAX)] = ()
    routes: Annotated[tuple[Route, ...], Meta(max_length=ROUTES_MAX)] = ()
    # middlewares of every route (`routerUse`)
    uses: Annotated[tuple[Step, ...], Meta(max_length=MIDDLEWARES_MAX)] = ()
    crons: Annotated[tuple[Job, ...], Meta(max_length=JOBS_MAX)] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is bound."""
        return not (self.handlers or self.routes or self.uses or self.crons)

    def binds(self, event: str) -> bool:
        """Whether one of the handlers is for `event`."""
        return any(handler.event == event for handler in self.handlers)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest as it is kept, with the state of the files that it was made from."""

    format: int
    signature: Annotated[str, Meta(max_length=128)]
    manifest: Manifest


NONE = Manifest()


def parse(told: object) -> Manifest:
    """The manifest that a child has told of. Raises ManifestError."""
    try:
        manifest = msgspec.convert(told, Manifest, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ManifestError(f"what the scripts have registered can't be taken: {error}") from None
    return checked(manifest)


def checked(manifest: Manifest) -> Manifest:
    """`manifest`, whose numbers all point to handlers. Raises ManifestError."""
    count = len(manifest.handlers)
    middlewares = [step for route in manifest.routes for step in route.middlewares] + list(manifest.uses)
    if len(middlewares) > MIDDLEWARES_MAX or len(manifest.uses) * len(manifest.routes) > STEPS_MAX:
        raise ManifestError(f"the scripts have more than {MIDDLEWARES_MAX} middlewares")
    for step in (*middlewares, *(route.action for route in manifest.routes)):
        if step.handler >= count or (step.handler < 0) != bool(step.native):
            raise ManifestError("a route of the scripts has no handler")
    if any(job.handler >= count for job in manifest.crons):
        raise ManifestError("a job of the scripts has no handler")
    if sum(len(handler.source) for handler in manifest.handlers) > BYTES_MAX // 4:
        raise ManifestError(f"the scripts' handlers have more than {BYTES_MAX // 4 >> 20} MB of source in all")
    return manifest


def written(manifest: Manifest, signature: str) -> bytes:
    """As it is kept."""
    return msgspec.json.encode(Kept(format=FORMAT, signature=signature, manifest=manifest))


def read(data: bytes, signature: str) -> Manifest | None:
    """The manifest kept in `data`, if it is one of these very files; else None: it is to be made anew."""
    if len(data) > BYTES_MAX:
        return None
    try:
        kept = msgspec.json.decode(data, type=Kept)
        if kept.format != FORMAT or kept.signature != signature:
            return None
        return checked(kept.manifest)
    except (msgspec.DecodeError, RecursionError, ManifestError):
        return None
