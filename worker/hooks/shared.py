"""Records that a script and the host both hold, and the form in which records cross the line between them.

Values cross as rows have them (`Field.to_db`), in the order of the collection's fields from the host, by name from the
script; a password that is not stored yet is `{"p": plain}`. The script's collections follow the tenant's catalog, so an
order is enough.

    host → script   [collection id, row]                a record as it was read; the script's own from then on
                    {"c", "r": row, "o"?: {name: value} | null, "t"?: row | null | 1, "h"?: handle,
                     "x"?: {name: record | [record]}, "v"?: view}
                                                        `o`: what it was loaded with where that differs, null for one
                                                        that was new; `t`: what is stored if that differs from `o`,
                                                        null for nothing, 1 for the row itself
                    {"h": handle}                       one that the script holds already
    script → host   handle | {"c", "t": {name: value} | null, "d": {name: changed value}, "j"?: handle, "x"?, "v"?}
    changes, both   [[handle, {"d"?: {name: value}, "t"?: 1 | null | row, "x"?, "v"?}], …]
                                                        `t`: 1: what it holds is stored now, null: nothing of it is
    view            {"shown"?: {name: bool}, "custom"?: bool, "email"?: bool, "extra"?: {name: JSON}}: how it is shown

From the host, changes go with every answer as `{"z"?: 1, "r"?: changes, "u"?: [handles that are over]}`; `z` begins a
run: a child that has served another one forgets what it held for that. The script chooses the handle (`j`, negative) of
a record that it has saved: while the host works on it, its events' handlers find the script's very object.

Nothing from a script is trusted: values go through their field's own casts, unknown names are dropped, and a handle
that is over is ignored where it comes with changes, for the script may not know yet.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from worker.fields import Field, JsonField, PasswordField, PasswordValue
from worker.fields.json import Refused
from worker.hooks.calls import GoError
from worker.records.record import Record, View

if TYPE_CHECKING:
    from worker.context import Context
    from worker.hooks.hooks import Hooks
    from worker.schema.collection import Collection

Wire = dict[str, Any]
Out = Callable[[Record], Wire]
# Records that one run may hold together with its host.
HANDLES_MAX = 20_000
EXPAND_DEPTH_MAX = 8
# Types of values that rows have as they are, but in JSON fields: most values.
AS_THEY_ARE = frozenset({str, bool})
NO_COLLECTION = "sql: no rows in result set"


class Held:
    """A record that both sides hold, and what the script knows of it."""

    __slots__ = ("copy", "count", "data", "expand", "original", "record", "related", "view")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.count = 0
        # what is expanded on it, which is held as long as it
        self.related: list[Record] = []
        self.seen()

    def seen(self) -> None:
        """The script knows the record as it is."""
        record = self.record
        self.data, self.original = record.data, record.original
        # a copy: the host adds to it
        self.expand, self.view = record.expand and dict(record.expand), record.view
        # a record's values are changed in place only while they are not the stored ones
        self.copy = self.data if self.data is self.original else self.data.copy()

    def change(self, out: Out) -> dict[str, Any] | None:
        """What the host has changed since; the script knows it then. `out` makes the form of related records."""
        record = self.record
        data, original = record.data, record.original
        if (
            data is self.data
            and original is self.original
            and (data is original or data == self.copy)
            and record.expand == self.expand
            and record.view is self.view
        ):
            return None
        change: dict[str, Any] = {}
        known = self.copy
        by_name = record.collection.by_name
        names = [name for name in data if name in by_name and (name not in known or data[name] != known[name])]
        if names:
            change["d"] = {name: value_out(by_name[name], data[name]) for name in names}
        if original is not self.original:
            change["t"] = None if original is None else 1 if original is data else row_of(record.collection, original)
        if record.expand is not None and record.expand != self.expand:
            change["x"] = expand_out(record.expand, out)
        if record.view is not self.view and record.view is not None:
            change["v"] = record.view.dump()
        self.seen()
        return change or None


class Shared:
    """The records that the script of one run and its host both hold."""

    __slots__ = ("_begun", "_depth", "_early", "_ending", "_gone", "_handles", "_held", "_hooks", "_last")

    def __init__(self, hooks: "Hooks") -> None:
        self._hooks = hooks
        self._held: dict[int, Held] = {}
        self._handles: dict[int, int] = {}
        self._last = 0
        self._gone: list[int] = []
        # records of the script's own that are given back with the next answer
        self._ending: list[Record] = []
        self._begun = False
        # how many records are being shared, one expanded on the other
        self._depth = 0
        # changes that were found already and go with the next answer
        self._early: dict[str, Any] = {}

    # -- to the script ------------------------------------------------------------------------------------------------

    def share(self, record: Record) -> Wire:
        """A record for the script, which both sides hold until `release` has been called as often as this."""
        handle = self._handles.get(id(record))
        if handle is not None:
            self._held[handle].count += 1
            return {"h": handle}
        self._last = handle = self._last + 1
        self._hold(handle, record)
        self._depth += 1
        try:
            wire = wire_of(record, self.share, self._depth)
        finally:
            self._depth -= 1
        wire["h"] = handle
        if "x" in wire:
            self._held[handle].related = list(related_of(record))
        return wire

    def release(self, record: Record) -> None:
        """The host works on it no more: the script's object is its own again."""
        ending = [record]
        while ending:
            record = ending.pop()
            handle = self._handles.get(id(record))
            if handle is None:
                continue
            held = self._held[handle]
            held.count -= 1
            if held.count <= 0:
                del self._held[handle], self._handles[id(record)]
                if handle > 0:
                    self._gone.append(handle)
                ending += held.related

    def holds(self, record: Record) -> bool:
        """Whether the script holds it, too."""
        return id(record) in self._handles

    def change_of(self, record: Record) -> dict[str, Any] | None:
        """What the host has changed on a shared record and the script does not know, as in `changes`."""
        return self._change(self._held[self._handles[id(record)]])

    def _change(self, held: Held) -> dict[str, Any] | None:
        change = held.change(self.share)
        if change is not None and "x" in change:
            before, held.related = held.related, list(related_of(held.record))
            for related in before:
                self.release(related)
        return change

    def give_back(self, record: Record) -> None:
        """As `release`, once the next answer has told what the host has changed."""
        self._ending.append(record)

    def settle(self) -> None:
        """Find what has changed so far: the script hears of it before it is told of records shared from now on."""
        self._early = self.changes() or {}

    def changes(self) -> dict[str, Any] | None:
        """What goes with an answer: everything that the host has changed since the last one."""
        out, self._early = self._early, {}
        if not self._begun:
            self._begun = True
            out["z"] = 1
        if self._held:
            # what is found may have others held
            held = list(self._held.items())
            changed = [[handle, change] for handle, each in held if (change := self._change(each)) is not None]
            if changed:
                out["r"] = [*out.get("r", ()), *changed]
        if self._ending:
            ending, self._ending = self._ending, []
            for record in ending:
                self.release(record)
        if self._gone:
            out["u"], self._gone = [*out.get("u", ()), *self._gone], []
        return out or None

    # -- from the script ----------------------------------------------------------------------------------------------

    def record(self, wire: object, ctx: "Context") -> Record:
        """The record that a script means: the shared one, or one of its own. GoError for what is none."""
        if type(wire) is int:
            held = self._held.get(wire)
            if held is None:
                raise GoError("there is no such record in this run")
            return held.record
        if not isinstance(wire, dict):
            raise GoError("a record is missing")
        record = record_in(wire, ctx, self)
        handle = wire.get("j")
        if type(handle) is int and handle < 0 and handle not in self._held:
            self._hold(handle, record)
        return record

    def absorb(self, changes: object) -> None:
        """Take over what the script has changed on shared records. GoError for nonsense."""
        for handle, change in _changes(changes):
            held = self._held.get(handle)
            if held is None:
                continue
            apply(held.record, change, self._hooks.ctx, self)
            held.seen()

    def _hold(self, handle: int, record: Record) -> None:
        if len(self._held) >= HANDLES_MAX:
            raise GoError("the script holds too many records")
        held = self._held[handle] = Held(record)
        held.count = 1
        self._handles[id(record)] = handle


def _changes(changes: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not isinstance(changes, list):
        raise GoError("changes of records are a list")
    for item in changes:
        if type(item) is not list or len(item) != 2 or type(item[0]) is not int or type(item[1]) is not dict:
            raise GoError("a change of a record is a handle and what has changed")
        yield item[0], item[1]


# -- the form of records, without handles -----------------------------------------------------------------------------


def wire_of(record: Record, out: Out | None = None, depth: int = 1) -> dict[str, Any]:
    """A record with all that belongs to it, for the script: what is expanded on it as deep as may be.

    Scripts may have put records on each other in a row without an end.
    """
    wire: dict[str, Any] = {"c": record.collection.id, "r": row_of(record.collection, record.data)}
    data, loaded, stored = record.data, record.loaded, record.original
    if loaded is not data:
        wire["o"] = None if loaded is None else _differing(record.collection, loaded, data)
    if stored is not loaded:
        wire["t"] = 1 if stored is data else None if stored is None else row_of(record.collection, stored)
    if record.expand and depth <= EXPAND_DEPTH_MAX:
        wire["x"] = expand_out(record.expand, out or (lambda related: wire_of(related, None, depth + 1)))
    if record.view is not None:
        wire["v"] = record.view.dump()
    return wire


def row_of(collection: "Collection", data: Mapping[str, Any]) -> list[Any]:
    """Values in the order of the collection's fields."""
    return [
        value if type(value := data[field.name]) in AS_THEY_ARE and field.type != "json" else value_out(field, value)
        for field in collection.fields
    ]


def _differing(collection: "Collection", data: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The values of fields that are others than those of `known`, by name."""
    return {
        field.name: value_out(field, value)
        for field in collection.fields
        if (value := data[field.name]) is not known[field.name]
    }


def value_out(field: Field, value: Any) -> Any:
    """One value for the script."""
    return {"p": value.plain} if type(value) is PasswordValue else field.to_db(value)


def expand_out(expand: Mapping[str, Any], out: Out) -> dict[str, Any]:
    """Related records for the script, by name."""
    return {name: _related_out(related, out) for name, related in expand.items()}


def _related_out(related: Any, out: Out) -> Any:
    if isinstance(related, list):
        return [_related_out(each, out) for each in related]
    return out(related) if isinstance(related, Record) else {"j": related}


def related_of(record: Record) -> Iterator[Record]:
    """The records that are expanded on one."""
    for related in (record.expand or {}).values():
        for each in related if isinstance(related, list) else (related,):
            if isinstance(each, Record):
                yield each


def record_in(wire: Mapping[str, Any], ctx: "Context", shared: Shared, depth: int = 0) -> Record:
    """A record of a script's own. GoError for one of no collection."""
    name = wire.get("c")
    collection = ctx.catalog.by_id(name) if isinstance(name, str) else None
    if collection is None:
        raise GoError(NO_COLLECTION)
    stored = wire.get("t")
    if isinstance(stored, dict):
        record = Record.stored(collection, _values(collection, stored))
    else:
        record = Record.new(collection)
    apply(record, {key: wire[key] for key in ("d", "x", "v") if key in wire}, ctx, shared, depth)
    return record


def _values(collection: "Collection", given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        field.name: value_in(field, given[field.name]) if field.name in given else field.zero()
        for field in collection.fields
    }


def value_in(field: Field, raw: Any) -> Any:
    """One value of a script's, in its internal form."""
    if isinstance(field, PasswordField):
        if isinstance(raw, dict):
            return field.cast(raw.get("p"))
        return raw if isinstance(raw, str) else ""
    if isinstance(field, JsonField):
        value = field.cast(raw)
        # what a script sends is JSON text already: a text that is none was none
        return Refused(raw) if type(value) is str and value is raw else value
    return field.cast(raw)


def apply(record: Record, change: Mapping[str, Any], ctx: "Context", shared: Shared, depth: int = 0) -> None:
    """Change a record as a script has changed its own."""
    values = change.get("d")
    if isinstance(values, dict):
        by_name = record.collection.by_name
        for name, raw in values.items():
            field = by_name.get(name)
            if field is not None:
                record.set(name, value_in(field, raw))
    if "t" in change:
        _rebase(record, change["t"])
    expand = change.get("x")
    if isinstance(expand, dict):
        if depth >= EXPAND_DEPTH_MAX:
            raise GoError("records are expanded too deep")
        record.expand = {name: _related_in(each, ctx, shared, depth + 1) for name, each in expand.items()}
    view = change.get("v")
    if isinstance(view, dict):
        record.view = View.load(view)


def _rebase(record: Record, stored: object) -> None:
    """Take a record for a new one (None), or for one that is stored as it is (1)."""
    if stored is None:
        record.data = record.data.copy()
        record.original = None
    else:
        record.original = record.data


def _related_in(related: Any, ctx: "Context", shared: Shared, depth: int) -> Any:
    if isinstance(related, list):
        if depth > EXPAND_DEPTH_MAX:
            raise GoError("records are expanded too deep")
        return [_related_in(each, ctx, shared, depth + 1) for each in related]
    if type(related) is int:
        return shared.record(related, ctx)
    if isinstance(related, dict) and "c" in related:
        record = record_in(related, ctx, shared, depth)
        view = record.view or View({}, {}, custom=False, email=False)
        view.bare = True
        record.view = view
        return record
    return related.get("j") if isinstance(related, dict) else None
