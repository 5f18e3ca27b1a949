"""Expanding relations: `expand=author,comments_via_post.author` puts related records into `record.expand`.

The paths become a tree, and each node of it is one SELECT for all records at that place, under the view rule of the
related collection (evaluated with the request context `expand`). Paths that lead nowhere are ignored without a word:
a node whose children all fail is not set itself, because a path holds as a whole.

Forms of a node's name::

    field               a relation field: a Record, or a list of them in the order of the ids
    coll_via_field      records of `coll` whose relation `field` has this record: a list, or a Record where a
    coll(field)         unique index allows only one (the second form is the old one)
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from worker.db.connection import Database
from worker.errors import bad_request
from worker.fields import RelationField
from worker.records import rules, store
from worker.records.plan import plan_of
from worker.records.record import Record
from worker.records.request import RequestInfo
from worker.records.resolver import as_array
from worker.schema.indexes import parse_index
from worker.sql import quote

if TYPE_CHECKING:
    from worker.records.compiled import Where
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

LEVELS_MAX = 6
# Records of one back relation under one parent.
BACK_RELATED_MAX = 1000
# Records that one request may expand: a thousand parents with a thousand back relations each would take gigabytes.
EXPANDED_MAX = 50_000

_BACK = re.compile(r"^(\w+)_via_(\w+)$|^(\w+)\((\w+)\)$")

# Names to expand, each with what to expand on the records found: {"author": {}, "comments_via_post": {"author": {}}}
Tree = dict[str, "Tree"]


def parse(text: str) -> Tree:
    """The tree of an `expand` parameter; levels beyond the sixth are dropped."""
    tree: Tree = {}
    for path in text.split(","):
        node = tree
        for name in [name for name in path.strip().split(".") if name][:LEVELS_MAX]:
            node = node.setdefault(name, {})
    return tree


def expand(db: Database, catalog: "Catalog", records: Sequence[Record], tree: Tree, info: RequestInfo) -> None:
    """Expand `tree` on records of one collection, as far as the requester of `info` may view what it leads to."""
    if records and tree:
        Expansion(db, catalog, info.within("expand")).all_of(records, tree)


class Expansion:
    """One request's expanding: the database it reads and the requester whose view rules count."""

    __slots__ = ("_left", "catalog", "db", "info")

    def __init__(self, db: Database, catalog: "Catalog", info: RequestInfo) -> None:
        self.db = db
        self.catalog = catalog
        self.info = info
        self._left = EXPANDED_MAX

    def _spend(self) -> None:
        """Count one more record. ApiError 400 beyond what a request may expand."""
        self._left -= 1
        if self._left < 0:
            raise bad_request(f"Too many records to expand, at most {EXPANDED_MAX} are allowed in a request.")

    def all_of(self, records: Sequence[Record], tree: Tree) -> bool:
        """Expand every name of `tree` on `records`; whether at least one path held."""
        held = [self._one(records, name, children) for name, children in tree.items()]
        return any(held)

    def _one(self, records: Sequence[Record], name: str, children: Tree) -> bool:
        collection = records[0].collection
        field = collection.by_name.get(name)
        if field is not None:
            return isinstance(field, RelationField) and self._forward(records, field, children)
        match = _BACK.match(name)
        if match is None:
            return False
        other = self.catalog.get(match[1] or match[3])
        back = other.by_name.get(match[2] or match[4]) if other is not None else None
        if other is None or not isinstance(back, RelationField) or back.collection_id != collection.id:
            return False
        return self._backward(records, name, (other, back), children)

    def _forward(self, records: Sequence[Record], field: RelationField, children: Tree) -> bool:
        target = self.catalog.get(field.collection_id)
        if target is None:
            return False
        allowed, where = self._view(target)
        if not allowed:
            return False
        ids = [value for record in records for value in field.values_of(record.data[field.name])]
        found = store.find_many(self.db, target, ids, where) if ids else {}
        if found and children and not self.all_of(list(found.values()), children):
            return False
        for record in records:
            expanded = _place(record)
            related = [found[value] for value in field.values_of(record.data[field.name]) if value in found]
            if related:
                expanded[field.name] = related if field.multiple else related[0]
        return True

    def _backward(
        self, records: Sequence[Record], name: str, source: "tuple[Collection, RelationField]", children: Tree
    ) -> bool:
        other, field = source
        allowed, where = self._view(other)
        if not allowed:
            return False
        by_parent: dict[str, list[Record]] = {}
        # a record that refers to two parents is one object, so that it is expanded further once
        found: dict[str, Record] = {}
        pairs = list(_referring(self.db, source, [record.id for record in records], whole=where is None))
        if where is not None:
            found = store.find_many(self.db, other, [ident for _, ident, _ in pairs], where)
        for parent, ident, record in pairs:
            shown = found.get(ident) if record is None else found.setdefault(ident, record)
            if shown is not None:
                self._spend()
                by_parent.setdefault(parent, []).append(shown)
        if found and children and not self.all_of(list(found.values()), children):
            return False
        single = other.unique_column(field.name)
        for record in records:
            expanded = _place(record)
            related = by_parent.get(record.id)
            if related:
                expanded[name] = related[0] if single else related
        return True

    def _view(self, collection: "Collection") -> "tuple[bool, Where | None]":
        """Whether records of `collection` may be seen at all, and under which condition (None: all of them)."""
        rule = collection.view_rule
        if self.info.is_superuser or rule == "":
            return True, None
        if rule is None:
            return False, None
        where = rules.rule_where(self.catalog, collection, rule, self.info)
        return where is not rules.NOBODY, where


def back_pairs(
    db: Database, collection: "Collection", field: RelationField, parents: Sequence[str]
) -> list[tuple[str, str]]:
    """Each parent's id with the id of a record whose `field` refers to it, at most `BACK_RELATED_MAX` a parent."""
    pairs = _referring(db, (collection, field), parents, whole=False) if parents else ()
    return [(parent, ident) for parent, ident, _ in pairs]


def _referring(
    db: Database, source: "tuple[Collection, RelationField]", parents: Sequence[str], *, whole: bool
) -> Iterator[tuple[str, str, Record | None]]:
    """Each parent's id with the id of a record that refers to it, at most `BACK_RELATED_MAX` a parent, and the record.

    Without `whole` the record is None. The order is that in which SQLite finds the ids: a rule, which may lead it to
    other indexes, has to be asked later, and the bound counts records that the rule hides.
    """
    other, field = source
    plan = plan_of(other)
    column = f"{plan.table}.{quote(field.name)}"
    parent, source_sql, limit = column, plan.table, EXPANDED_MAX + 1
    if field.multiple:
        parent, source_sql = "`@parent`.`value`", f"{plan.table} JOIN json_each({as_array(column)}) AS `@parent`"
    if len(parents) == 1:
        condition, wanted, limit = f"{parent} = ?", parents[0], BACK_RELATED_MAX
    elif not field.multiple and _has_index(other, field.name):
        # one look into the index for each parent, as the real one has it; IN is a scan where the table is small
        source_sql = f"json_each(?) AS `@parent` CROSS JOIN {plan.table}"
        condition, wanted = f"{column} = `@parent`.`value`", store.json_list(parents)
    else:
        condition, wanted = f"{parent} IN (SELECT value FROM json_each(?))", store.json_list(parents)
    columns = f", {plan.columns}" if whole else ""
    sql = f"SELECT {parent}, {plan.table}.`id`{columns} FROM {source_sql} WHERE {condition} LIMIT {limit}"
    counts: dict[str, int] = {}
    values = plan.values
    for row in db.all(sql, (wanted,)):
        count = counts[row[0]] = counts.get(row[0], 0) + 1
        if count <= BACK_RELATED_MAX:
            yield row[0], row[1], Record.stored(other, values(row[2:])) if whole else None


def _has_index(collection: "Collection", name: str) -> bool:
    """Whether an index of all records begins with this column."""
    indexes = map(parse_index, collection.indexes)
    return any(not index.where and index.columns[:1] and index.columns[0].name == name for index in indexes)


def _place(record: Record) -> "dict[str, Record | list[Record]]":
    if record.expand is None:
        record.expand = {}
    return record.expand
