"""Random reads of a world: lists and views by everybody, with every parameter, right and wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from tests.differential.filters import HEADERS, QUERY_NAMES, Texts
from tests.differential.worlds import Collection, World

NUMBERS = ("0", "-1", "1", "2", "3", "abc", "", "1.5", "1001", "99999999999999999999")
FLAGS = ("1", "true", "0", "False", "yes", "")
# How often a good text is made a bad one.
BROKEN_SHARE = 0.08


@dataclass(frozen=True)
class Read:
    """One GET. `query` in order; `ties`: the order of items is nobody's to say, the items are compared as a set."""

    actor: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    ties: bool = False

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        return f"{self.path}?{urlencode(self.query, quote_via=quote)}" if self.query else self.path

    def get(self, name: str) -> str:
        """A parameter; empty without."""
        return dict(self.query).get(name, "")

    def having(self, name: str, text: str) -> "Read":
        """The same with another value for a parameter; an empty one leaves it out."""
        kept = [(key, text if key == name else old) for key, old in self.query if key != name or text]
        return replace(self, query=tuple(kept))

    def __str__(self) -> str:
        parts = [f"{self.actor or 'guest'} GET {self.path}", *(f"  {name} = {text}" for name, text in self.query)]
        return "\n".join([*parts, *(f"  {name}: {text}" for name, text in self.headers)])


class Reads:
    """Random reads of one world."""

    def __init__(self, seed: int, world: World) -> None:
        self.rng = Random(f"reads {seed}")
        self.world = world
        self.texts = Texts(self.rng, world)

    def __iter__(self) -> Iterator[Read]:
        """Without end."""
        while True:
            collection = self.rng.choice(list(self.world.collections.values()))
            yield self._view(collection) if self.rng.random() < 0.1 else self._list(collection)

    def _list(self, collection: Collection) -> Read:
        rng, texts = self.rng, self.texts
        query: dict[str, str] = {}
        actor = self._actor()
        if rng.random() < 0.8:
            query["filter"] = self._maybe_broken(texts.filter(collection, rule=actor == "super" or rng.random() < 0.05))
        if rng.random() < 0.4:
            query["sort"] = self._maybe_broken(texts.sort(collection))
        if rng.random() < 0.25:
            query["expand"] = texts.expand(collection)
        if rng.random() < 0.12:
            query["fields"] = texts.fields(collection, query.get("expand", ""))
        ties = False
        if rng.random() < 0.03 and "fields" not in query:
            query["sort"], ties = rng.choice(("@random", self.texts.path(collection).text)), True
        if rng.random() < 0.2 and not ties:
            query["page"] = rng.choice(NUMBERS)
        query["perPage"] = rng.choice(NUMBERS) if rng.random() < 0.1 and not ties else rng.choice(("200", "7"))
        if ties:
            query["perPage"] = "1000"
        if rng.random() < 0.15:
            query["skipTotal"] = rng.choice(FLAGS)
        return Read(actor, self._path(collection), *self._surroundings(query), ties)

    def _view(self, collection: Collection) -> Read:
        rng = self.rng
        query: dict[str, str] = {}
        if rng.random() < 0.6:
            query["expand"] = self.texts.expand(collection)
        if rng.random() < 0.3:
            query["fields"] = self.texts.fields(collection, query.get("expand", ""))
        records = self.world.records[collection["name"]]
        ident = rng.choice(records)["id"] if records and rng.random() < 0.9 else "missing00000000"
        return Read(self._actor(), f"{self._path(collection)}/{ident}", *self._surroundings(query))

    def _surroundings(self, query: dict[str, str]) -> tuple[Any, Any]:
        """The query with what rules ask for, and headers."""
        rng = self.rng
        if rng.random() < 0.2:
            query[rng.choice(QUERY_NAMES)] = rng.choice(("red", "1", "", "Foo", "true"))
        headers = {rng.choice(HEADERS).strip("_").replace("_", "-"): rng.choice(("red", "bar", "null", "Foo"))}
        return tuple(query.items()), tuple(headers.items()) if rng.random() < 0.2 else ()

    @staticmethod
    def _path(collection: Collection) -> str:
        return f"/api/collections/{collection['name']}/records"

    def _actor(self) -> str:
        return self.rng.choice(["super", "super", "", *self.world.tokens])

    def _maybe_broken(self, text: str) -> str:
        return self.texts.broken(text) if self.rng.random() < BROKEN_SHARE else text
