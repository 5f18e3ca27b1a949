"""Relation fields: ids of records of another collection."""

from typing import Any

import orjson

from worker.errors import REQUIRED, FieldError
from worker.fields.base import COMMON_OPTIONS, Check, DefinitionCheck, Errors, Option, out_of
from worker.fields.lists import ListField
from worker.fields.numbers import INT64
from worker.fields.select import too_many
from worker.sql import quote

MISSING = FieldError("validation_missing_rel_records", "Failed to find all relation records with the provided ids")
TARGET_CHANGE = FieldError("validation_field_relation_change", "The relation collection cannot be changed.")
TARGET_MISSING = FieldError("validation_field_relation_missing_collection", "The relation collection doesn't exist.")
TARGET_VIEW = FieldError(
    "validation_relation_field_non_view_base_collection",
    "Only view collections are allowed to have relations to other views.",
)


class RelationField(ListField):
    """One or several ids of records of the collection `collectionId`."""

    __slots__ = ("cascade_delete", "collection_id", "min_select")

    type = "relation"
    OPTIONS = COMMON_OPTIONS | {
        "collectionId": Option("collection_id", "str", ""),
        "cascadeDelete": Option("cascade_delete", "bool", False),
        "minSelect": Option("min_select", "int", 0),
        "maxSelect": Option("max_select", "int", 0),
    }

    collection_id: str
    cascade_delete: bool
    min_select: int

    def validate(self, value: Any, check: Check) -> FieldError | None:
        ids = self.values_of(value)
        if not ids:
            return REQUIRED if self.required else None
        if self.min_select and len(ids) < self.min_select:
            return FieldError(
                "validation_not_enough_values", f"Select at least {self.min_select}", {"minSelect": self.min_select}
            )
        if self.multiple and len(ids) > self.max_select:
            return too_many(self.max_select)
        target = check.catalog.get(self.collection_id)
        if target is None:
            return FieldError(
                "validation_missing_rel_collection", "Relation connection is missing or cannot be accessed"
            )
        found = check.db.value(
            f"SELECT COUNT(*) FROM {quote(target.name)} WHERE `id` IN (SELECT value FROM json_each(?))",
            (orjson.dumps(ids).decode(),),
        )
        return None if found == len(ids) else MISSING

    def check_options(self, check: DefinitionCheck) -> Errors:
        errors = {
            "collectionId": self._check_target(check),
            "minSelect": out_of(self.min_select, 0, INT64 - 1),
            "maxSelect": out_of(self.max_select, max(self.min_select, 0), INT64 - 1),
        }
        if self.min_select > 0 and not self.max_select:
            errors["maxSelect"] = REQUIRED
        return {key: error for key, error in errors.items() if error is not None}

    def _check_target(self, check: DefinitionCheck) -> FieldError | None:
        if not self.collection_id:
            return REQUIRED
        if isinstance(check.old, RelationField) and check.old.collection_id != self.collection_id:
            return TARGET_CHANGE
        target = check.catalog.get(self.collection_id)
        if target is None or target.id != self.collection_id:
            return TARGET_MISSING
        if target.is_view and not check.collection.is_view:
            return TARGET_VIEW
        return None
