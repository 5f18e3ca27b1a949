"""Functions that turn a row into a dict, written for one list of columns and compiled.

A page of thirty records of twenty fields is six hundred values, so what is done for each of them decides what a list
costs. A loop over decoders took 7.5 µs a row; the compiled dict display with the usual cases inline takes a third.
The text that is compiled holds column numbers and `repr`s of names only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.fields import Field

Row = tuple[Any, ...]
Reader = Callable[[Row], dict[str, Any]]

# Types whose stored text is what is emitted, when they hold one value.
PLAIN_TYPES = frozenset(
    {"text", "email", "url", "editor", "date", "autodate", "password", "select", "relation", "file"}
)
# What stands before the field's own decoder: what SQLite nearly always holds, by type.
SHORT_CUTS = {
    "bool": "{0} != 0 if type({0}) is int else {1}({0})",
    "number": "{0} if type({0}) is int else {1}({0})",
    "json": "None if {0} is None or {0} == 'null' else {1}({0})",
    "geoPoint": "{{'lon': 0, 'lat': 0}} if {0} == '{{\"lon\":0,\"lat\":0}}' else {1}({0})",
}
LIST_SHORT_CUT = "[] if {0} == '[]' else {1}({0})"


def compile_reader(
    columns: Sequence["Field"], constants: Mapping[str, str], *, exact: bool, keys: Sequence[str] | None = None
) -> Reader:
    """A function from a row of `columns` to a dict of the columns' names and the constants, in the order of `keys`.

    `keys` is by default the columns' own order, without constants. With `exact` each value goes through its field's
    decoder: the columns of a view may be NULL, or of another type than their field says.
    """
    names: dict[str, Any] = {}
    expressions: dict[str, str] = {}
    for number, field in enumerate(columns):
        column, decoder = f"c{number}", f"d{number}"
        form = "{1}({0})" if exact else _form(field)
        if "{1}" in form:
            names[decoder] = field.from_db
        expressions[field.name] = form.format(column, decoder)
    expressions.update({key: repr(value) for key, value in constants.items()})
    body = ", ".join(f"{key!r}: {expressions[key]}" for key in keys or [field.name for field in columns])
    unpacked = "".join(f"c{number}, " for number in range(len(columns)))
    exec(f"def read(row):\n    {unpacked}= row\n    return {{{body}}}\n", names)  # noqa: S102 - see above
    reader: Reader = names["read"]
    return reader


def _form(field: "Field") -> str:
    if field.multiple:
        return LIST_SHORT_CUT
    if field.type in PLAIN_TYPES:
        return "{0}"
    return SHORT_CUTS.get(field.type, "{1}({0})")
