"""Records as the JSON a requester may see: hidden fields, secrets, e-mail visibility, expanded relations.

The e-mail of an auth record is shown if the record says so, to superusers, to the record itself, and to whom the
collection's manage rule allows; that rule is asked once a collection for all records that depend on it.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from worker.db.connection import Database
from worker.records import rules, store
from worker.records.plan import Row, Shape, plan_of
from worker.records.record import Record
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

Item = dict[str, Any]


def present(ctx: "Context", record: Record, info: RequestInfo) -> Item:
    """The JSON object of one record for the requester of `info`."""
    return present_many(ctx.data, ctx.catalog, [record], info)[0]


def present_many(db: Database, catalog: "Catalog", records: Iterable[Record], info: RequestInfo) -> list[Item]:
    """The JSON objects of records and of what they expand to, for the requester of `info`."""
    superuser = info.is_superuser
    guarded: dict[Collection, list[Item]] = {}
    items = [_item(record, superuser, guarded) for record in records]
    for collection, undecided in guarded.items():
        hide_emails(db, catalog, collection, undecided, info)
    return items


def present_rows(
    ctx: "Context", db: Database, collection: "Collection", shape: Shape, rows: Sequence[Row], *, info: RequestInfo
) -> list[Item]:
    """The JSON objects of rows read with the columns of `shape` (see `shape_for`), without a `Record` between."""
    items = list(map(shape.of_row, rows))
    if shape.email and items:
        hide_emails(db, ctx.catalog, collection, items, info)
    return items


def shape_for(collection: "Collection", info: RequestInfo) -> Shape:
    """How the requester of `info` sees the records of `collection`."""
    return plan_of(collection).shape(info.is_superuser)


def _item(record: Record, superuser: bool, guarded: "dict[Collection, list[Item]]") -> Item:
    collection = record.collection
    shape = plan_of(collection).shape(superuser)
    item = shape.of_data(record.data)
    if record.expand is not None:
        item["expand"] = {
            name: [_item(each, superuser, guarded) for each in related]
            if isinstance(related, list)
            else _item(related, superuser, guarded)
            for name, related in sorted(record.expand.items())
        }
        item = dict(sorted(item.items()))
    if shape.email:
        if not record.email_shown:
            guarded.setdefault(collection, []).append(item)
        elif shape.hides_visibility:
            del item["emailVisibility"]
    return item


def hide_emails(
    db: Database, catalog: "Catalog", collection: "Collection", items: Iterable[Item], info: RequestInfo
) -> None:
    """Take the e-mail out of each item whose requester, not a superuser, may not see it."""
    auth = info.auth
    own = auth.id if auth is not None and auth.collection.id == collection.id else ""
    items = list(items)
    hidden = [item for item in items if not item["emailVisibility"] and item["id"] != own]
    options = collection.auth
    if hidden and options is not None and options.manage_rule is not None:
        managed = managed_ids(db, catalog, collection, [item["id"] for item in hidden], info)
        hidden = [item for item in hidden if item["id"] not in managed]
    for item in hidden:
        item.pop("email", None)  # one record may be expanded twice
    if plan_of(collection).public.hides_visibility:
        for item in items:
            item.pop("emailVisibility", None)


def managed_ids(
    db: Database, catalog: "Catalog", collection: "Collection", ids: Sequence[str], info: RequestInfo
) -> set[str]:
    """Those of the ids whose records the requester may manage by the collection's manage rule."""
    options = collection.auth
    if options is None or options.manage_rule is None or not ids:
        return set()
    where = rules.rule_where(catalog, collection, options.manage_rule, info)
    table = plan_of(collection).table
    return {row[0] for row in db.execute(*store.among(f"{table}.`id`", table, ids, where))}
