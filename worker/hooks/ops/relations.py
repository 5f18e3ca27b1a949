"""What `$app.expandRecord` asks: what a name of its paths stands for, and which records refer to some."""

import re
from typing import Any

from worker.fields import RelationField
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.ops.finding import collection_of, text, texts
from worker.records.expand import EXPANDED_MAX, back_pairs

_BACK = re.compile(r"(\w+)_via_(\w+)|(\w+)\((\w+)\)")


async def relation(call: Call, app: object, collection_id: object, name: object) -> dict[str, Any]:
    """The collection that a name leads to, whether it leads to several records, and by which field if it leads back."""
    ctx = call.context(app)
    collection = collection_of(ctx, collection_id)
    wanted = text(name)
    match = _BACK.fullmatch(wanted)
    if match is not None:
        return _back(ctx.catalog, collection, match[1] or match[3], match[2] or match[4])
    field = collection.by_name.get(wanted)
    if not isinstance(field, RelationField):
        return {"error": f'couldn\'t find relation field "{wanted}" in collection "{collection.name}"'}
    target = ctx.catalog.by_id(field.collection_id)
    if target is None:
        return {"error": f'couldn\'t find related collection "{field.collection_id}"'}
    return {"collection": target.id, "multiple": field.multiple}


def _back(catalog: Any, collection: Any, name: str, field_name: str) -> dict[str, Any]:
    other = catalog.get(name)
    if other is None:
        return {"error": f'couldn\'t find back-related collection "{name}"'}
    field = other.by_name.get(field_name)
    if not isinstance(field, RelationField) or field.collection_id != collection.id:
        return {"error": f'couldn\'t find back-relation field "{field_name}" in collection "{other.name}"'}
    return {"collection": other.id, "multiple": not other.unique_column(field.name), "back": field.name}


async def referring(call: Call, app: object, collection_id: object, field_name: object, ids: object) -> list[Any]:
    """Pairs of an id and the id of a record whose field has it."""
    ctx = call.context(app)
    collection = collection_of(ctx, collection_id)
    field = collection.by_name.get(text(field_name))
    if not isinstance(field, RelationField):
        raise GoError("there is no such relation")
    parents = texts(ids)
    if len(parents) > EXPANDED_MAX:
        raise GoError(f"more than {EXPANDED_MAX} records to expand")
    return await ctx.lanes.read(ctx.data, lambda db: back_pairs(db, collection, field, parents))


OPS: dict[str, Operation] = {"records.relation": relation, "records.referring": referring}
