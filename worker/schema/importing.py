"""The import of many collections at once: all of them, or nothing.

Each item is matched with a stored collection by its id, or by its name where it has none; what it does not say stays.
The order is the real one's: everything is read, what is missing is dropped, everything is stored without a look at
whether it may be (the new ones, then the stored ones by age, views at last), and only then everything is validated.
So an item may refer to one that comes later.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.errors import ApiError, ErrorTree, FieldError, ValidationErrors, bad_request
from worker.fields import Field, MalformedError
from worker.schema import binding, storing, tables
from worker.schema.collection import BASE, VIEW, Collection
from worker.schema.misfit import WHOLE_BELOW, misfit_of
from worker.schema.validate import RuleCheck
from worker.schema.viewtext import go_quoted
from worker.sql import now
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context

FAILED = "Failed to import collections."
CODE = "validation_collections_import_failure"
RAW_ERROR = "Failed to import the collections configuration. Raw error:\n"
ID_CHANGED = "primary key change is not allowed"
ID_EMPTIED = "failed to retrieve old cached collection: sql: no rows in result set"

# Names under which the real one can make a view or rename a table, and what it says of others.
NAMEABLE = re.compile(r"[\w\-. ]+", re.ASCII)
UNNAMEABLE = 'SQL logic error: unrecognized token: "{" (1)'

Item = Mapping[str, Any]


class Wanted(NamedTuple):
    """One item of an import: the draft it leads to, and what is stored of it (None: it is new)."""

    draft: binding.Draft
    old: Collection | None
    # an id that the item does not state, or that it takes away
    id_emptied: bool


class UnsavedError(Exception):
    """A collection that could not be stored, and why, in the words of the real one."""

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(f"failed to save collection {go_quoted(name)}: {reason}")


async def import_collections(
    ctx: "Context", items: Sequence[Item | None], check_rule: RuleCheck, *, delete_missing: bool
) -> None:
    """Store all of `items`; with `delete_missing`, drop the collections and fields that they don't name.

    What is marked as system is never dropped. ApiError 400 with nothing changed where one of them can't be stored.
    """
    try:
        async with transaction(ctx) as inner:
            wanted = await _read(inner, items, delete_missing)
            if delete_missing:
                kept = {each.old.id for each in wanted if each.old is not None and not each.id_emptied}
                for collection in inner.catalog.all():
                    if not collection.system and collection.id not in kept:
                        await storing.remove(inner, collection, None)
            await _store(inner, wanted, check_rule)
            await _validate(inner, wanted, check_rule)
    except MalformedError as error:
        raise _failure(RAW_ERROR + str(error)) from None
    except UnsavedError as error:
        raise _failure(RAW_ERROR + str(error)) from error
    except ValidationErrors as error:  # of an index that can't be made
        raise bad_request(FAILED, error.data(), cause=error) from None


def _failure(message: str) -> ApiError:
    error = FieldError(CODE, message)
    return bad_request(FAILED, {"collections": error.body()}, cause=ValidationErrors({"collections": error}))


async def _read(ctx: "Context", items: Sequence[Item | None], delete_missing: bool) -> list[Wanted]:
    """The items as drafts, in the order in which they are stored. MalformedError in the real one's words."""
    taken = set(ctx.catalog.ids())
    wanted = []
    for item in items:
        each = _draft(ctx, plain(item or {}), delete_missing)
        binding.complete(each.draft, taken)
        taken.add(each.draft.id)
        wanted.append(each)
        await ctx.breathe()  # a hundred collections in a row would be felt by others, here and below
    rank = {identifier: place for place, identifier in enumerate(ctx.catalog.ids())}

    def turn(each: Wanted) -> tuple[bool, str, int]:
        return each.draft.type == VIEW, each.draft.created, -1 if each.old is None else rank[each.old.id]

    return sorted(wanted, key=turn)


def _draft(ctx: "Context", item: Item, delete_missing: bool) -> Wanted:
    old = ctx.catalog.get(_text(item, "id") or _text(item, "name"))
    draft = binding.new_draft(_text(item, "type") or BASE, _text(item, "name"))
    if old is not None:
        draft = binding.draft_of(old)
        # what is not submitted is taken from the stored fields below, in the order of those
        draft.fields = ()
    try:
        binding.bind(draft, item)
    except MalformedError as error:
        raise MalformedError(misfit_of(item) or str(error)) from None
    if old is not None:
        draft.fields = merged(draft.fields, old.fields, system_only=delete_missing)
    return Wanted(draft, old, not draft.id)


def plain(value: Any) -> Any:
    """A submitted value as it is after a way through Go's `any`: what is a whole number in any spelling is one."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < WHOLE_BELOW
    return int(value) if whole else value


def _text(item: Item, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def merged(submitted: Sequence[Field], stored: Sequence[Field], *, system_only: bool) -> tuple[Field, ...]:
    """The submitted fields with those stored ones that they don't name by id: all of them, or the system ones.

    A stored one takes the place of a submitted one that has its name and type but another id.
    """
    fields = list(submitted)
    for known in stored:
        if (system_only and not known.system) or any(field.id == known.id for field in fields):
            continue
        place = next(
            (at for at, field in enumerate(fields) if (field.name, field.type) == (known.name, known.type)), -1
        )
        if place < 0:
            fields.append(known)
        else:
            fields[place] = known
    return tuple(fields)


async def _store(ctx: "Context", wanted: Sequence[Wanted], check_rule: RuleCheck) -> None:
    """Store the drafts as they are. UnsavedError; ValidationErrors for an index that can't be made."""
    for draft, old, id_emptied in wanted:
        if old is not None and draft.id != old.id:
            raise UnsavedError(draft.name, ID_EMPTIED if id_emptied else ID_CHANGED)
        draft.updated = now()
        if old is None:
            draft.created = draft.updated
        try:
            # one that stands twice in the list is stored twice
            before = None if old is None else ctx.catalog.by_id(old.id)
            await storing.save(ctx, draft.build(), before, check_rule, validated=False)
        except storing.RefusedError as error:
            raise UnsavedError(draft.name, error) from error
        except tables.FAILURES as error:
            raise UnsavedError(draft.name, tables.explain(error)) from error
        made = draft.type == VIEW if old is None else draft.name != old.name
        if made and not NAMEABLE.fullmatch(draft.name):
            raise UnsavedError(draft.name, UNNAMEABLE)
        await ctx.breathe()


async def _validate(ctx: "Context", wanted: Sequence[Wanted], check_rule: RuleCheck) -> None:
    for draft, old, _ in wanted:
        collection = ctx.catalog.by_id(draft.id) or draft.build()  # a handler may have kept it from being stored
        try:
            await storing.validate_fully(ctx, collection, old or collection, check_rule, stored=True)
        except ValidationErrors as error:
            tree = json.dumps(messages_of(error.errors), indent=2, sort_keys=True, ensure_ascii=False)
            message = f"Data validations failed for collection {go_quoted(draft.name)} ({draft.id}):\n{tree}"
            raise _failure(message) from error
        await ctx.breathe()


def messages_of(errors: ErrorTree) -> dict[str, Any]:
    """The sentences of field errors alone, nested by path."""
    return {
        path: error.message if isinstance(error, FieldError) else messages_of(error) for path, error in errors.items()
    }
