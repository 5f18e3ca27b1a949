"""Events of a tenant in its scripts: each handler is told of one, and what it has changed is taken over.

The script gets, as what is to be run under the name "event",

    {"h": the handler's number, "n": the frame's, "t": name of the event, "a": its app,
     "p": {part: value}, "q"?: the request (`worker.hooks.requests`),
     "l"?: 1: its last word may be left to the host}

and answers its changes, 0 or {part: changed value}; [changes] if its last word was `e.next()`, which the host then does
when the script is done. Elsewhere `e.next()` is the operation "next" of the frame's number and what the script has
changed so far; its answer is 0 or {"p"?: what the host has changed since, "w"?: status of the request's answer}.
"""

import logging
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import apsw

from worker.db.faults import to_api_error
from worker.errors import ApiError, HookError, ValidationErrors
from worker.events import Event
from worker.hooks.calls import GoError
from worker.hooks.errors import UNEXPECTED, Rethrown
from worker.hooks.eventparts import REQUESTS, Part, parts_of, understood
from worker.hooks.ops.transactions import bounded
from worker.hooks.requests import wire_of_event
from worker.records.record import Record
from worker.schema.events import CollectionsImportEvent
from worker.unit import follow

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.hooks import Bound
    from worker.hooks.session import Session

log = logging.getLogger("pocker.hooks")

FRAMES = "frames"
NUMBERS = "frame numbers"
OVER = "the event is over"


class Frame:
    """One handler at work on one event: what it has been told, and what it has borrowed."""

    __slots__ = ("_answered", "_lent", "_parts", "_told", "event", "leaves", "name", "number", "raised", "session")

    def __init__(self, session: "Session", number: int, name: str, event: Event) -> None:
        self.session = session
        self.number = number
        self.name = name
        self.event = event
        self._parts: tuple[Part, ...] = parts_of(name, event)
        self._told: list[Any] = [None] * len(self._parts)
        self._lent: list[Record] = []
        self._answered = event.answered
        # whether the rest of the chain may be left to the host: not in a transaction, where the process is kept for
        # what follows, since who waits for another one keeps the tenant's writer
        self.leaves = not (isinstance(event, REQUESTS) or event.context.is_inner)
        # what the rest of the chain has raised
        self.raised: Exception | None = None

    def describe(self, handler: int) -> dict[str, Any]:
        """What the script is told when it begins."""
        session, event = self.session, self.event
        session.shared.settle()
        told: dict[str, Any] = {
            "h": handler,
            "n": self.number,
            "t": self.name,
            "a": session.app_of(event.context),
            "p": {part.name: self._tell(at, part) for at, part in enumerate(self._parts)},
        }
        if isinstance(event, REQUESTS):
            told["q"] = wire_of_event(session, event)
        elif self.leaves:
            told["l"] = 1
        return told

    def changes(self) -> dict[str, Any] | int:
        """What the host has changed of the event since the script was told."""
        answer: dict[str, Any] = {}
        told, event = self._told, self.event
        changed = [at for at, part in enumerate(self._parts) if getattr(event, part.attribute) is not told[at]]
        if changed:
            self.session.shared.settle()
            answer["p"] = {self._parts[at].name: self._tell(at, self._parts[at]) for at in changed}
        if self.event.answered and not self._answered:
            self._answered = True
            answer["w"] = 204 if isinstance(self.event, CollectionsImportEvent) or "Delete" in self.name else 200
        return answer or 0

    def absorb(self, changes: object) -> None:
        """Take over what the script has changed. GoError for nonsense."""
        if not changes:
            return
        if not isinstance(changes, dict):
            raise GoError("changes of an event are an object")
        for at, part in enumerate(self._parts):
            if part.codec.take is not None and part.name in changes:
                value = part.codec.take(self, changes[part.name])
                setattr(self.event, part.attribute, value)
                self._told[at] = value

    def _tell(self, at: int, part: Part) -> Any:
        value = self._told[at] = getattr(self.event, part.attribute)
        return part.codec.out(self, value)

    def lend(self, record: Record) -> Any:
        """A record that both sides hold as long as the handler runs."""
        wire = self.session.shared.share(record)
        self._lent.append(record)
        return wire

    def take(self, wire: object) -> Record:
        """The record that a script means; one of its own is held by both sides from now on."""
        shared = self.session.shared
        record = shared.record(wire, self.event.context)
        if isinstance(wire, dict) and shared.holds(record):
            self._lent.append(record)
        return record

    def release(self) -> None:
        """The handler is done."""
        for record in self._lent:
            self.session.shared.release(record)

    def failure(self, error: Exception) -> Exception:
        """What the handler's exception is for those outside.

        What comes out of the rest of the chain is theirs. What an operation has raised is an error of the script's:
        nobody outside expects it.
        """
        if error is self.raised or isinstance(error, (ApiError, HookError)):
            return error
        if isinstance(error, ValidationErrors):
            return Rethrown(error) if isinstance(self.event, REQUESTS) else error
        if isinstance(error, apsw.Error) and to_api_error(error).status >= 500:
            return error
        known = understood(error)
        if known is not error:
            return known
        log.error("a handler has failed", exc_info=error, extra={"tenant": self.session.hooks.name})
        return GoError(UNEXPECTED)


async def handle(session: "Session", bound: "Bound", event: Event) -> bool:
    """Run one handler of the tenant's scripts for an event. Raises what it has thrown.

    True: the rest of the chain is to be run now, and is all that the handler has left to do.
    """
    extras = session.extras
    frames: list[Frame] = extras.setdefault(FRAMES, [])
    numbers = extras.setdefault(NUMBERS, count(1))
    frame = Frame(session, next(numbers), bound.handler.event, event)
    frames.append(frame)
    session.events.append(event)
    try:
        if event.context.is_inner:
            with bounded(session, event.context):
                changes = await session.run("event", frame.describe(bound.number))
        else:
            changes = await session.run("event", frame.describe(bound.number))
        goes_on = frame.leaves and type(changes) is list and len(changes) == 1
        frame.absorb(changes[0] if goes_on else changes)
    except Exception as error:
        failure = frame.failure(error)
        if failure is error:
            raise
        raise failure from error
    finally:
        session.events.pop()
        frames.pop()
        frame.release()
    return goes_on


async def _stands(ctx: "Context") -> None:
    pass


async def _undo(event: Event, ctx: "Context", error: Exception) -> None:  # noqa: ARG001
    """What the event's answer tells of was rolled back."""
    event.answered = False


async def advance(session: "Session", number: object, changes: object, app: object) -> dict[str, Any] | int:
    """The operation "next": run the rest of the chain of the handler that is at work. GoError for another one's.

    Where the script has opened a transaction meanwhile, `app` is its; the event's answer then stands if it commits.
    """
    frames: list[Frame] = session.extras.get(FRAMES, [])
    if not frames or frames[-1].number != number:
        raise GoError(OVER)
    frame = frames[-1]
    frame.absorb(changes)
    event = frame.event
    outer, event.context = event.context, session.context(app)
    try:
        await event.next()
        if event.answered and event.context is not outer:
            await follow(event.context, _stands, partial(_undo, event))
    except Exception as error:
        frame.raised = error
        raise
    finally:
        event.context = outer
    return frame.changes()
