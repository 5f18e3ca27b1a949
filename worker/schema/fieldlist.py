"""Submitted fields as they become those of a collection: in their order, each with an id of its own.

A list of fields may have two thousand, so each is found by its id or its name without looking at the others.
"""

from bisect import insort
from collections.abc import Container
from typing import Any

from worker.fields import Field
from worker.fields.base import default_id


class FieldList:
    """Fields in the order of their places. Two may have one name, and then the first is found."""

    __slots__ = ("_by_id", "_by_name", "fields")

    def __init__(self) -> None:
        self.fields: list[Field] = []
        # the places, in their order
        self._by_id: dict[str, list[int]] = {}
        self._by_name: dict[str, list[int]] = {}

    def add(self, field: Field, *, known: bool) -> None:
        """Append `field`, or put it in the place of the one it replaces. `known`: its id was submitted with it."""
        if not known:
            place = self._by_name.get(field.name) if field.name else None
            if place:
                self._replace(place[0], with_options(field, id=self.fields[place[0]].id))
                return
            field = with_free_id(self._by_id, field)
        place = self._by_id.get(field.id)
        if place:
            self._replace(place[0], field)
        else:
            self.fields.append(field)
            self._note(len(self.fields) - 1)

    def _replace(self, place: int, field: Field) -> None:
        former = self.fields[place]
        for places, key in ((self._by_id, former.id), (self._by_name, former.name)):
            places[key].remove(place)
            if not places[key]:
                del places[key]
        self.fields[place] = field
        self._note(place)

    def _note(self, place: int) -> None:
        field = self.fields[place]
        insort(self._by_id.setdefault(field.id, []), place)
        insort(self._by_name.setdefault(field.name, []), place)


def with_free_id(taken: Container[str], field: Field) -> Field:
    """`field` with the default id of its name, numbered where that is taken."""
    wanted = candidate = default_id(field.type, field.name)
    number = 2
    while candidate in taken:
        candidate = f"{wanted}{number}"
        number += 1
    return field if field.id == candidate else with_options(field, id=candidate)


def with_options(field: Field, **options: Any) -> Field:
    """`field` with some options of its JSON changed."""
    return type(field)(field.dump() | options)
