"""Records as the JSON a requester may see: hidden fields, secrets, e-mail visibility, expanded relations.

The e-mail of an auth record is shown if the record says so, to superusers, to the record itself, and to whom the
collection's manage rule allows; that rule is asked once a collection for all records that depend on it.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from worker.db.connection import Database
from worker.errors import internal
from worker.records import rules, store
from worker.records.plan import SECRETS, Row, Shape, plan_of
from worker.records.record import EXPANDED_DEPTH_MAX, TOO_DEEP, Record, View
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
    presenter = Presenter(info.is_superuser)
    items = list(map(presenter.item, records))
    for collection, undecided in presenter.guarded.items():
        hide_emails(db, catalog, collection, undecided, info)
    for item, record, view in presenter.viewed:
        _show(item, record, view)
    return items


def is_plain(record: Record) -> bool:
    """Whether nothing has to be read to show a record."""
    return record.expand is None and (record.email_shown or not record.collection.is_auth)


class Presenter:
    """Makes the items of one answer, and collects those whose e-mail's visibility is still to be decided."""

    __slots__ = ("_depth", "_shapes", "_superuser", "guarded", "viewed")

    def __init__(self, superuser: bool) -> None:
        self._superuser = superuser
        self._depth = 0
        self._shapes: dict[Collection, Shape] = {}
        self.guarded: dict[Collection, list[Item]] = {}
        # those that a script wants to be shown differently, once it is known what they are
        self.viewed: list[tuple[Item, Record, View]] = []

    def item(self, record: Record) -> Item:
        """The JSON object of one record and of what it expands to."""
        collection = record.collection
        view = record.view
        if view is not None and view.bare:
            return self._bare_item(record, view)
        shape = self._shapes.get(collection)
        if shape is None:
            shape = self._shapes[collection] = plan_of(collection).shape(self._superuser)
        item = self._item(record, shape)
        if view is not None:
            self.viewed.append((item, record, view))
        if shape.email:
            if not record.email_shown and (view is None or not view.email):
                self.guarded.setdefault(collection, []).append(item)
            elif shape.hides_visibility:
                del item["emailVisibility"]
        return item

    def _item(self, record: Record, shape: Shape) -> Item:
        expand = record.expand
        if expand is None:
            return shape.of_data(record.data)
        self._depth += 1
        if self._depth > EXPANDED_DEPTH_MAX:  # a script may have put a record on itself
            raise internal(cause=TOO_DEEP)
        item = shape.of_data(record.data, {name: self._related(expand[name]) for name in sorted(expand)})
        self._depth -= 1
        return item

    def _bare_item(self, record: Record, view: View) -> Item:
        shape = plan_of(record.collection).public
        item = self._item(record, shape)
        if shape.email:
            if not (item["emailVisibility"] or view.email):
                del item["email"]
            if shape.hides_visibility:
                del item["emailVisibility"]
        self.viewed.append((item, record, view))
        return item

    def _related(self, related: Any) -> Any:
        if isinstance(related, list):
            return list(map(self._related, related))
        # a script may have put anything there
        return self.item(related) if isinstance(related, Record) else related


def _show(item: Item, record: Record, view: View) -> None:
    """Make an item what a script wants it to be: less what is hidden, with what is shown, with what is no field's."""
    by_name = record.collection.by_name
    members = item.copy()
    if view.custom:
        # the ids of what a back relation was expanded to are no field's value either
        back = {name: _ids(related) for name, related in (record.expand or {}).items() if name not in by_name}
        members = {**back, **view.extra, **item}
    for name, shown in view.shown.items():
        field = by_name.get(name)
        if not shown:
            members.pop(name, None)
        elif field is not None and field.hidden and not (record.collection.is_auth and name in SECRETS):
            members[name] = "" if field.type == "password" else record.data[name]
    item.clear()
    item.update(sorted(members.items()))


def _ids(related: Any) -> list[str]:
    return [each.id for each in (related if isinstance(related, list) else [related]) if isinstance(each, Record)]


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
