"""Functions that turn a row into a dict, written for one list of columns and compiled.

A page of thirty records of twenty fields is six hundred values, so what is done for each of them decides what a list
costs. A loop over decoders took 7.5 µs a row; the compiled dict display with the usual cases inline takes a third.

Collections of one form, such as one of three texts and a number, share what is compiled: its text has column numbers
only, and a copy of the code has the names in the place of marks. To compile takes 200 µs, and a tenant whose schema
nobody else has needs a dozen of them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
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
# What the compiled code may name. One for all: a reader that had its own would keep all that was compiled with it.
NAMES: dict[str, Any] = {"__builtins__": {"type": type, "int": int}}
# Forms whose code is kept in a process.
FORMS_MAX = 64


def compile_reader(
    columns: Sequence["Field"], constants: Mapping[str, str], *, exact: bool, keys: Sequence[str] | None = None
) -> Reader:
    """A function from a row of `columns` to a dict of the columns' names and the constants, in the order of `keys`.

    `keys` is by default the columns' own order, without constants. With `exact` each value goes through its field's
    decoder: the columns of a view may be NULL, or of another type than their field says.
    """
    forms: dict[str, str] = {}
    decoders = []
    for number, field in enumerate(columns):
        form = "{1}({0})" if exact else _form(field)
        if "{1}" in form:
            decoders.append((f"d{number}", field.from_db))
        forms[field.name] = form.format(f"c{number}", f"d{number}")
    keys = keys or [field.name for field in columns]
    marks: dict[object, str] = {}
    values = []
    for place, key in enumerate(keys):
        marks[_mark("key", place)] = key
        if key in constants:
            marks[_mark("value", place)] = constants[key]
            values.append(repr(_mark("value", place)))
        else:
            values.append(forms[key])
    template = _compiled(len(columns), tuple(values), tuple(name for name, _ in decoders))
    read: FunctionType = template(*[decode for _, decode in decoders])
    read.__code__ = _named(read.__code__, marks)
    return read


def _mark(kind: str, place: int) -> str:
    """What stands in compiled code for a text that comes later. No field has such a name."""
    return f"\0{kind} {place}"


@lru_cache(maxsize=FORMS_MAX)
def _compiled(width: int, values: tuple[str, ...], decoders: tuple[str, ...]) -> Callable[..., FunctionType]:
    """A function that makes the reader from its decoders; its keys are marks."""
    # a line each: where a long line's parts stand takes more memory than what they do
    body = ",\n".join(f"{_mark('key', place)!r}: {value}" for place, value in enumerate(values))
    unpacked = "".join(f"c{number}, " for number in range(width))
    text = (
        f"def make({', '.join(decoders)}):\n"
        f"    def read(row):\n        {unpacked}= row\n        return {{{body}}}\n"
        "    return read\n"
    )
    made: dict[str, Any] = {}
    exec(text, NAMES, made)  # noqa: S102 - see above
    make: Callable[..., FunctionType] = made["make"]
    return make


def _named(code: CodeType, marks: Mapping[object, str]) -> CodeType:
    """`code` with texts in the place of the marks."""
    consts = [
        tuple([marks.get(each, each) for each in constant])
        if type(constant) is tuple
        else marks.get(constant, constant)
        for constant in code.co_consts
    ]
    return code.replace(co_consts=tuple(consts))


def _form(field: "Field") -> str:
    if field.multiple:
        return LIST_SHORT_CUT
    if field.type in PLAIN_TYPES:
        return "{0}"
    return SHORT_CUTS.get(field.type, "{1}({0})")
