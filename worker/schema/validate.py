"""What is wrong with a collection that somebody wants to store: the real one's codes, messages and nesting.

Nothing here writes. `validate` looks at the whole collection as it would be, next to what is stored under its id.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from worker.db.connection import Database
from worker.errors import REQUIRED, FieldError, ValidationErrors
from worker.fields import DefinitionCheck, Field, TextField
from worker.fields.base import HELP_MAX, RESERVED_NAMES
from worker.fields.base import NAME_MAX as FIELD_NAME_MAX
from worker.schema.authcheck import check_auth, pruned
from worker.schema.catalog import Catalog
from worker.schema.collection import AUTH, BASE, VIEW, Collection
from worker.schema.indexes import parse_index
from worker.schema.scaffolds import new_fields
from worker.schema.tables import BAD_INDEX

# Says in a sentence what is wrong with the text of a rule on a collection, or None.
RuleCheck = Callable[[Catalog, Collection, str], str | None]
Tree = dict[str, Any]

NAME_MAX = 255
ID_MAX = 100
_WORD = re.compile(r"\w+", re.ASCII)
# Names that a login's form needs for itself.
AUTH_RESERVED = frozenset({"passwordConfirm", "oldPassword"})

# SQLite's own tables after an ANALYZE, which the real one runs at its first start.
STATISTICS = frozenset({"sqlite_stat1", "sqlite_stat4"})

MALFORMED = FieldError("validation_match_invalid", "must be in a valid format")
FOUND_VIA = FieldError("validation_found_via", 'The value cannot contain "_via_".')
NOT_IN_LIST = FieldError("validation_not_in_invalid", "must not be in list")
INVALID_TYPE = FieldError("validation_in_invalid", "must be a valid value")
TYPE_CHANGE = FieldError("validation_collection_type_change", "Collection type cannot be changed.")
SYSTEM_CHANGE = FieldError("validation_collection_system_flag_change", "System collection state cannot be changed.")
SYSTEM_NAME = FieldError("validation_collection_system_name_change", "System collection name cannot be changed.")
SYSTEM_RULE = FieldError("validation_collection_system_rule_change", "System collection API rule cannot be changed.")
ID_TAKEN = FieldError("validation_invalid_or_existing_id", "The model id is invalid or already exists.")
NAME_TAKEN = FieldError("validation_collection_name_exists", "Collection name must be unique (case insensitive).")
NAME_IS_ID = FieldError("validation_collection_name_id_duplicate", "The name must not match an existing collection id.")
NAME_IS_TABLE = FieldError(
    "validation_collection_name_invalid", "The name shouldn't match with an existing internal table."
)
MISSING_PK = FieldError("validation_missing_primary_key", 'Missing or invalid "id" PK field.')
FIELD_TYPE_CHANGE = FieldError("validation_field_type_change", "Field type cannot be changed.")
SYSTEM_FIELD_CHANGE = FieldError("validation_system_field_change", "System fields cannot be deleted or renamed.")
RESERVED_FIELD = FieldError("validation_reserved_field_name", "The field name is reserved and cannot be used.")
NOT_NIL = FieldError("validation_nil", "must be blank")
NIL_OR_TEXT = FieldError("validation_nil_or_not_empty_required", "cannot be blank")
NO_INDEXES = FieldError("validation_indexes_not_supported", "View collections don't support indexes.")
SAME_INDEX_NAME = FieldError("validation_duplicated_index_name", "The index name already exists.")
SAME_INDEX = FieldError("validation_duplicated_index_definition", "The index definition already exists.")


class Subject(NamedTuple):
    """The collection to check, what is stored of it (None: new), and what to ask."""

    db: Database
    catalog: Catalog
    collection: Collection
    old: Collection | None
    check_rule: RuleCheck
    # whether the collection is in the database already, as it is after an import's first half
    stored: bool = False
    # what is wrong with a view's query, which can't be found out here without waiting
    query_error: FieldError | None = None


def validate(subject: Subject) -> None:
    """Raise ValidationErrors unless the collection may be stored. Indexes are tried out only when they are made."""
    errors: Tree = {}
    collection = subject.collection
    errors["id"] = _check_id(subject)
    errors["name"] = _check_name(subject)
    errors["type"] = _check_type(subject)
    if subject.old is not None and subject.old.system != collection.system:
        errors["system"] = SYSTEM_CHANGE
    errors["fields"] = check_fields(subject)
    errors["indexes"] = _check_indexes(subject)
    errors.update(_check_rules(subject))
    if collection.type == VIEW:
        errors["viewQuery"] = subject.query_error if collection.view_query else REQUIRED
    if collection.type == AUTH and collection.auth is not None:
        errors.update(check_auth(collection, _check_auth_rules(subject), lambda rule: _rule_error(subject, rule)))
    found = pruned(errors)
    if found:
        raise ValidationErrors(found)


def length_error(low: int, high: int) -> FieldError:
    """A text outside the allowed lengths."""
    return FieldError(
        "validation_length_out_of_range",
        f"the length must be between {low} and {high}",
        {"max": high, "min": low},
    )


def _check_id(subject: Subject) -> FieldError | None:
    identifier = subject.collection.id
    if subject.old is not None:
        return None
    if len(identifier) > ID_MAX:
        return length_error(1, ID_MAX)
    if not _WORD.fullmatch(identifier):
        return MALFORMED
    return ID_TAKEN if subject.catalog.by_id(identifier) is not None else None


def _check_name(subject: Subject) -> FieldError | None:
    name, old = subject.collection.name, subject.old
    if old is not None and old.system and old.name != name:
        return SYSTEM_NAME
    if not name:
        return REQUIRED
    if len(name) > NAME_MAX:
        return length_error(1, NAME_MAX)
    if not _WORD.fullmatch(name):
        return MALFORMED
    if "_via_" in name.lower():
        return FOUND_VIA
    others = [other for other in subject.catalog.all() if old is None or other.id != old.id]
    if any(other.name.lower() == name.lower() for other in others):
        return NAME_TAKEN
    if subject.catalog.by_id(name) is not None:  # its own id as well, once it is stored
        return NAME_IS_ID
    if not subject.stored and (old is None or old.name.lower() != name.lower()):
        sql = "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = lower(?)"
        if name.lower() in STATISTICS or subject.db.once(sql, (name,)):
            return NAME_IS_TABLE
    return None


def _check_type(subject: Subject) -> FieldError | None:
    kind, old = subject.collection.type, subject.old
    if kind not in (BASE, AUTH, VIEW):
        return INVALID_TYPE
    return TYPE_CHANGE if old is not None and old.type != kind else None


def check_fields(subject: Subject) -> FieldError | Tree | None:
    """The first kind of failure among the fields.

    Duplicates, the primary key, changes, names that logins need, then each field's options.
    """
    collection, old = subject.collection, subject.old
    fields = collection.fields
    if collection.type == VIEW and not fields:
        return REQUIRED
    return (
        _check_duplicates(fields)
        or _check_primary_key(collection)
        or _check_changes(collection, old)
        or _check_reserved(collection)
        or _check_each(subject)
    )


def _check_duplicates(fields: tuple[Field, ...]) -> Tree | None:
    names: set[str] = set()
    ids: set[str] = set()
    for place, field in enumerate(fields):
        if field.id in ids:
            message = f"Duplicated or invalid field id {field.id}"
            return {str(place): {"id": FieldError("validation_duplicated_field_id", message, {"fieldId": field.id})}}
        if field.name.lower() in names:
            message = f"Duplicated or invalid field name {field.name}"
            error = FieldError("validation_duplicated_field_name", message, {"fieldName": field.name})
            return {str(place): {"name": error}}
        ids.add(field.id)
        names.add(field.name.lower())
    return None


def _check_primary_key(collection: Collection) -> FieldError | None:
    field = collection.by_name.get("id")
    return None if isinstance(field, TextField) and field.primary_key else MISSING_PK


def _check_changes(collection: Collection, old: Collection | None) -> FieldError | Tree | None:
    """System fields stay; and no field changes its type, those of a new collection of the type included."""
    if collection.type == VIEW or (old is not None and old.type == VIEW):
        return None
    by_id = {field.id: field for field in collection.fields}
    for known in old.fields if old is not None else ():
        now = by_id.get(known.id)
        if known.system and (now is None or now.name != known.name):
            return SYSTEM_FIELD_CHANGE
    stored = old.fields if old is not None else new_fields(collection.type)
    before = {field.id: field.type for field in stored}
    for place, field in enumerate(collection.fields):
        if before.get(field.id, field.type) != field.type:
            return {str(place): FIELD_TYPE_CHANGE}
    return None


def _check_reserved(collection: Collection) -> Tree:
    reserved = AUTH_RESERVED if collection.type == AUTH else frozenset()
    return {
        str(place): {"name": RESERVED_FIELD} for place, field in enumerate(collection.fields) if field.name in reserved
    }


def _check_each(subject: Subject) -> Tree:
    collection, old = subject.collection, subject.old
    before = {field.id: field for field in old.fields} if old is not None else {}
    errors: Tree = {}
    for place, field in enumerate(collection.fields):
        check = DefinitionCheck(subject.catalog, collection, collection.fields, before.get(field.id))
        own: Tree = dict(field.check_options(check))
        name = field_name_error(field.name)
        if name is not None:
            own["name"] = name
        if len(field.help) > HELP_MAX:
            own["help"] = length_error(1, HELP_MAX)
        if len(field.id) > ID_MAX:
            own["id"] = length_error(1, ID_MAX)
        errors[str(place)] = own
    return errors


def field_name_error(name: str) -> FieldError | None:
    """What is wrong with the name of a field in any collection."""
    if not name:
        return REQUIRED
    if len(name) > FIELD_NAME_MAX:
        return length_error(1, FIELD_NAME_MAX)
    if not _WORD.fullmatch(name):
        return MALFORMED
    if name in RESERVED_NAMES:
        return NOT_IN_LIST
    return FOUND_VIA if "_via_" in name.lower() else None


def _check_indexes(subject: Subject) -> FieldError | Tree | None:
    collection = subject.collection
    if collection.type == VIEW:
        return NO_INDEXES if collection.indexes else None
    names: set[str] = set()
    bodies: set[str] = set()
    used = _index_tables(subject)
    for place, statement in enumerate(collection.indexes):
        index = parse_index(statement)
        if not index.valid:
            return {str(place): BAD_INDEX}
        name = index.name.lower()
        body = index._replace(name="", schema="").build()
        if name in names:
            return {str(place): SAME_INDEX_NAME}
        table = used.get(name)
        if table is not None:
            message = f"The index name is already used in {table} collection."
            return {str(place): FieldError("validation_existing_index_name", message, {"usedTableName": table})}
        if body in bodies:
            return {str(place): SAME_INDEX}
        names.add(name)
        bodies.add(body)
    return _check_system_indexes(collection, subject.old)


def _check_system_indexes(collection: Collection, old: Collection | None) -> FieldError | None:
    """Unique indexes with a system field among their columns stay, under whatever name."""
    if old is None:
        return None
    kept = {index.column_names for index in map(parse_index, collection.indexes) if index.unique}
    for index in map(parse_index, old.indexes):
        system = [name for name in index.column_names if name in old.by_name and old.by_name[name].system]
        if index.unique and system and index.column_names not in kept:
            message = f"Unique index definition on system fields ({system[0]}) is invalid or missing."
            return FieldError("validation_invalid_unique_system_field_index", message, {"fieldName": system[0]})
    return None


def _index_tables(subject: Subject) -> dict[str, str]:
    """Names of the other tables' indexes, in lower case, and the tables."""
    own = subject.collection.name if subject.old is None or subject.stored else subject.old.name
    sql = "SELECT lower(name), tbl_name FROM sqlite_schema WHERE type = 'index' AND lower(tbl_name) != lower(?)"
    return dict(subject.db.once(sql, (own,)))


def _rules_of(collection: Collection) -> dict[str, str | None]:
    return {
        "listRule": collection.list_rule,
        "viewRule": collection.view_rule,
        "createRule": collection.create_rule,
        "updateRule": collection.update_rule,
        "deleteRule": collection.delete_rule,
    }


def _check_rules(subject: Subject) -> Tree:
    collection, old = subject.collection, subject.old
    before = _rules_of(old) if old is not None else {}
    errors: Tree = {}
    for key, rule in _rules_of(collection).items():
        if collection.type == VIEW and key not in ("listRule", "viewRule"):
            errors[key] = NOT_NIL if rule is not None else None
        else:
            errors[key] = _rule_error(subject, rule)
        if errors[key] is None and old is not None and old.system and before[key] != rule:
            errors[key] = SYSTEM_RULE
    return errors


def _check_auth_rules(subject: Subject) -> Tree:
    collection, old = subject.collection, subject.old
    options = collection.auth
    assert options is not None
    errors: Tree = {"authRule": _rule_error(subject, options.auth_rule)}
    errors["manageRule"] = NIL_OR_TEXT if options.manage_rule == "" else _rule_error(subject, options.manage_rule)
    if old is not None and old.system and old.auth is not None:
        if old.auth.auth_rule != options.auth_rule:
            errors["authRule"] = errors["authRule"] or SYSTEM_RULE
        if old.auth.manage_rule != options.manage_rule:
            errors["manageRule"] = errors["manageRule"] or SYSTEM_RULE
    return errors


def _rule_error(subject: Subject, rule: str | None) -> FieldError | None:
    if not rule:
        return None
    error = subject.check_rule(subject.catalog, subject.collection, rule)
    return None if error is None else FieldError("validation_invalid_rule", error)
