"""The events of a tenant and the handlers bound to them.

Every action of a tenant is an event whose last handler is the default action. A handler gets the event and calls
`await event.next()` to let the rest of the chain run, or does not, and so prevents it. Handlers are bound to one
tenant's bus; there is no global one.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection as Definition

log = logging.getLogger("pocker.events")

CHAINS_MAX = 512  # kept by a tenant with handlers: an entry for each event and collection


class Event:
    """What happened, to which collection of which tenant. Use cases derive their own with what they carry."""

    __slots__ = ("_chain", "_position", "answered", "collection", "context")

    def __init__(self, context: "Context", collection: "Definition | None" = None) -> None:
        self.context = context
        self.collection = collection
        # of a request's event: whether its answer has been made, which no later failure of a handler changes
        self.answered = False
        self._chain: Sequence[Callable[[Any], Awaitable[None]]] = ()
        self._position = 0

    async def next(self) -> None:
        """Run the rest of the chain: the next handler, or the default action. A no-op after the last one."""
        position = self._position
        if position < len(self._chain):
            self._position = position + 1
            await self._chain[position](self)

    async def run(self, chain: Sequence[Callable[[Any], Awaitable[None]]]) -> None:
        """Run `chain` for this event. Nested runs of one event (a model event inside a request's) are kept apart."""
        outer = self._chain, self._position
        self._chain, self._position = chain, 0
        try:
            await self.next()
        finally:
            self._chain, self._position = outer

    def tags(self, name: str) -> tuple[str, ...]:
        """What handlers of the event `name` are bound by: the collection's id and name."""
        del name
        collection = self.collection
        return () if collection is None else tags_of(collection)


EventT = TypeVar("EventT", bound=Event)
Handler = Callable[[EventT], Awaitable[None]]


class Bus:
    """The handlers of one tenant, by event name, in the order in which they were bound."""

    __slots__ = ("_chains", "_handlers")

    def __init__(self) -> None:
        self._handlers: dict[str, list[tuple[Callable[[Any], Awaitable[None]], frozenset[str]]]] = {}
        # those of an event with such tags, as picked before: a tenant may have a hundred for other collections
        self._chains: dict[tuple[str, tuple[str, ...]], tuple[Callable[[Any], Awaitable[None]], ...]] = {}

    def on(self, name: str, handler: Handler[Any], tags: frozenset[str] = frozenset()) -> None:
        """Bind `handler` to the event `name`; with `tags`, only for these collections (names or ids)."""
        self._handlers.setdefault(name, []).append((handler, tags))
        self._chains.clear()

    def off(self, handlers: Collection[Handler[Any]]) -> None:
        """Unbind `handlers`. An event under way still runs those it began with."""
        left = {
            name: [(handler, tags) for handler, tags in bound if handler not in handlers]
            for name, bound in self._handlers.items()
        }
        self._handlers = {name: bound for name, bound in left.items() if bound}
        self._chains.clear()

    def has(self, name: str) -> bool:
        """Whether anything is bound to `name`: use cases skip making an event that nobody wants."""
        return name in self._handlers

    def has_any(self, names: Iterable[str], tags: tuple[str, ...] | None = None) -> bool:
        """Whether anything is bound to one of `names`; with `tags`, for an event that has these."""
        handlers = self._handlers
        if not handlers or handlers.keys().isdisjoint(names):
            return False
        return tags is None or any(name in handlers and self._chain(name, tags) for name in names)

    def wanted(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that something is bound to."""
        handlers = self._handlers
        return [name for name in names if name in handlers] if handlers else []

    async def trigger(self, name: str, event: EventT, action: Handler[EventT]) -> None:
        """Run the handlers of `name` around `action`, the default."""
        chain = self._chain(name, event.tags(name)) if name in self._handlers else ()
        if not chain:
            await action(event)
            return
        await event.run((*chain, action))

    def _chain(self, name: str, tags: tuple[str, ...]) -> tuple[Callable[[Any], Awaitable[None]], ...]:
        """The handlers of an event with `tags`, in their order. Something is bound to `name`."""
        key = name, tags
        chain = self._chains.get(key)
        if chain is None:
            bound = self._handlers[name]
            chain = tuple([handler for handler, theirs in bound if not theirs or not theirs.isdisjoint(tags)])
            if len(self._chains) >= CHAINS_MAX:
                self._chains.clear()
            self._chains[key] = chain
        return chain


class Stages:
    """The names of the model events of one kind of change (Create, Update, Delete) to one kind of thing.

    Each is mirrored: the thing's own name is around `onModel…`, which is around the action. What has no noun of its own
    has only the latter.
    """

    __slots__ = ("around", "every", "execute", "failure", "success")

    def __init__(self, kind: str, noun: str) -> None:
        nouns = (noun, "Model") if noun else ("Model",)
        self.around = tuple(f"on{each}{kind}" for each in nouns)
        self.execute = tuple(f"on{each}{kind}Execute" for each in nouns)
        self.success = tuple(f"on{each}After{kind}Success" for each in nouns)
        self.failure = tuple(f"on{each}After{kind}Error" for each in nouns)
        self.every = (*self.around, *self.execute, *self.success, *self.failure)


def quiet(bus: Bus, names: Sequence[str], collection: "Definition | None" = None) -> bool:
    """Whether nothing is bound to any of `names`; with `collection`, for events of this one."""
    return not bus.has_any(names, None if collection is None else tags_of(collection))


def tags_of(collection: "Definition") -> tuple[str, ...]:
    """What handlers of a collection's events are bound by: its id and name."""
    return collection.id, collection.name


async def answered(bus: Bus, names: Sequence[str], event: Any, action: Callable[[Any], Awaitable[None]]) -> None:
    """As `around`, for a request: once it is answered, what a handler does wrong afterwards changes nothing."""
    try:
        await around(bus, names, event, action)
    except Exception as error:
        if not event.answered:
            raise
        log.info("a handler has failed after the answer: %s", error, extra={"tenant": event.context.name})


async def around(bus: Bus, names: Sequence[str], event: Any, action: Callable[[Any], Awaitable[None]]) -> None:
    """Trigger `names`, the first one outermost, with `action` in the middle. Names that nobody wants cost a lookup."""
    wanted = bus.wanted(names)
    if not wanted:
        await action(event)
        return
    first, *others = wanted
    for name in reversed(others):
        action = _triggering(bus, name, action)
    await bus.trigger(first, event, action)


def _triggering(bus: Bus, name: str, action: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def trigger(event: Any) -> None:
        await bus.trigger(name, event, action)

    return trigger
