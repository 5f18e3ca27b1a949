"""Stored definitions of fields, read at the speed of C where they are as PocketBase writes them.

Each kind of field has a frozen type made of its options, which msgspec decodes and compares; a `Field` is filled from
one. Whatever is not quite so (an option that is null, a fraction, an unknown kind, damaged JSON) is left to
`load_field`, which alone decides what it means: `stored_definitions` says None then.
"""

from collections.abc import Callable
from sys import intern
from typing import Annotated, Any, NamedTuple, Union

import msgspec

from worker.fields import TYPES
from worker.fields.base import Field, Option, default_id
from worker.fields.dates import parse_date
from worker.fields.numbers import SAFE_INT_MAX

# What `read_option` takes as it is. Fractions and numbers beyond these bounds are for it: two that are equal here may
# be spelled differently.
KINDS: dict[str, Any] = {
    "bool": bool,
    "str": str,
    "date": str,
    "int": Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)],
    "number": Annotated[int, msgspec.Meta(ge=-SAFE_INT_MAX, le=SAFE_INT_MAX)] | None,
    "texts": tuple[str, ...],
}

Definition = msgspec.Struct


def _texts(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(intern, value))


# What becomes of a decoded value, as in `read_option`.
READERS: dict[str, Callable[[Any], Any]] = {"str": intern, "date": parse_date, "texts": _texts}


class Kind(NamedTuple):
    """One kind of field: its class, and for each option what puts the value there, and what reads it (if anything)."""

    field: type[Field]
    options: tuple[tuple[Callable[[Any, Any], None], Callable[[Any], Any] | None], ...]


def _definition(name: str, options: dict[str, Option]) -> type[Definition]:
    return msgspec.defstruct(
        f"{name}Definition",
        [(option.attribute, KINDS[option.kind], option.default) for option in options.values()],
        rename={option.attribute: key for key, option in options.items()},
        tag=name,
        tag_field="type",
        frozen=True,
        gc=False,
    )


def _kind(field: type[Field]) -> Kind:
    options = field.OPTIONS.values()
    return Kind(
        field, tuple((getattr(field, option.attribute).__set__, READERS.get(option.kind)) for option in options)
    )


_KINDS = {_definition(name, dict(field.OPTIONS)): _kind(field) for name, field in TYPES.items()}
_decode: Callable[[str], list[Definition]] = msgspec.json.Decoder(list[Union[*_KINDS]]).decode  # type: ignore[valid-type]


def stored_definitions(text: str) -> list[Definition] | None:
    """The definitions of a JSON list, to be compared and hashed; None where `load_field` has to look at them."""
    try:
        return _decode(text)
    except (ValueError, TypeError):  # of whatever kind: it is read again
        return None


def stored_field(definition: Definition) -> Field:
    """The field of a definition, as `load_field` makes it."""
    kind, options = _KINDS[type(definition)]
    field = kind.__new__(kind)
    for (put, read), value in zip(options, msgspec.structs.astuple(definition), strict=True):
        put(field, value if read is None else read(value))
    if not field.id and field.name:
        field.id = default_id(kind.type, field.name)
    return field
