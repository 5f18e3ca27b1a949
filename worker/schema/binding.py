"""From a submitted body to a collection: a draft over the stored (or a new) one, with the real one's ways of merging.

Keys of the body match exactly; what is not there stays, `null` empties. `fields` and `indexes` are replaced as a
whole. A value of the wrong type is a MalformedError: nothing of the body is looked at then.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import msgspec

from worker.fields import Field, MalformedError, load_field
from worker.fields.dates import parse_date
from worker.fields.text import ID_PATTERN
from worker.schema import scaffolds
from worker.schema.collection import AUTH, BASE, VIEW, Collection, FieldSet
from worker.schema.fieldlist import FieldList, with_free_id, with_options
from worker.schema.indexes import parse_index
from worker.schema.misfit import misfit_of
from worker.schema.options import AuthOptions, Provider, fresh_secrets
from worker.sql import rand_secret

RULES = ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")
AUTH_KEYS = AuthOptions.__struct_encode_fields__
OPTIONS = frozenset((*AUTH_KEYS, "viewQuery"))
SUPERUSERS = "_superusers"
BLANK_PROVIDER = Provider()

# What is larger is not even looked at: reading it would hold the loop for seconds. The texts of all indexes together
# are bounded, and each rule, in characters; SQLite's tables have no more columns.
NAME_CHARS_MAX = 1_000
RULE_CHARS_MAX = 50_000
INDEXES_CHARS_MAX = 200_000
FIELDS_MAX = 2_000
TEXT_SIZES = dict.fromkeys(("id", "name", "type"), NAME_CHARS_MAX) | dict.fromkeys(
    (*RULES, "authRule", "manageRule"), RULE_CHARS_MAX
)


@dataclass(slots=True)
class Draft:
    """A collection while it is put together."""

    id: str
    name: str
    type: str
    system: bool
    fields: tuple[Field, ...]
    indexes: tuple[str, ...]
    rules: dict[str, str | None]
    auth: AuthOptions
    view_query: str
    created: str
    updated: str

    def build(self) -> Collection:
        """The collection as it stands now."""
        rules = self.rules
        return Collection(
            id=self.id,
            name=self.name,
            type=self.type,
            system=self.system,
            fields=FieldSet(self.fields),
            indexes=self.indexes,
            rules=(rules["listRule"], rules["viewRule"], rules["createRule"], rules["updateRule"], rules["deleteRule"]),
            auth=self.auth if self.type == AUTH else None,
            view_query=self.view_query if self.type == VIEW else "",
            created=self.created,
            updated=self.updated,
        )


def new_draft(kind: str, name: str) -> Draft:
    """A new collection of a type, with a fresh secret for each token."""
    return Draft(
        id="",
        name=name,
        type=kind,
        system=False,
        fields=scaffolds.new_fields(kind),
        indexes=(),
        rules=dict.fromkeys(RULES),
        auth=fresh_secrets(scaffolds.DEFAULT_AUTH) if kind == AUTH else AuthOptions(),
        view_query="",
        created="",
        updated="",
    )


def draft_of(collection: Collection) -> Draft:
    """A stored collection, to be changed."""
    return Draft(
        id=collection.id,
        name=collection.name,
        type=collection.type,
        system=collection.system,
        fields=collection.fields,
        indexes=collection.indexes,
        rules={
            "listRule": collection.list_rule,
            "viewRule": collection.view_rule,
            "createRule": collection.create_rule,
            "updateRule": collection.update_rule,
            "deleteRule": collection.delete_rule,
        },
        auth=collection.auth or AuthOptions(),
        view_query=collection.view_query,
        created=collection.created,
        updated=collection.updated,
    )


def bind(draft: Draft, body: Mapping[str, Any]) -> None:
    """Write what `body` says into `draft`. MalformedError for what is too large or no such type, half of it written."""
    _check_sizes(body)
    for key, value in body.items():
        if key in ("id", "name", "type"):
            setattr(draft, key, _text(key, value))
        elif key in RULES:
            draft.rules[key] = None if value is None else _text(key, value)
        elif key == "system":
            draft.system = _flag(key, value)
        elif key == "fields":
            draft.fields = _fields(value)
        elif key == "indexes":
            draft.indexes = _indexes(value)
        elif key in ("created", "updated"):
            setattr(draft, key, parse_date(_text(key, value)))
    draft.type = draft.type or "base"
    if draft.type == AUTH:
        draft.auth = _auth(draft.auth, body)
    elif draft.type == VIEW and "viewQuery" in body:
        draft.view_query = _text("viewQuery", body["viewQuery"])
    _check_strangers(draft.type, body)


def _check_sizes(body: Mapping[str, Any]) -> None:
    for key, most in TEXT_SIZES.items():
        _check_size(key, body.get(key), most)
    fields, indexes, mfa = body.get("fields"), body.get("indexes"), body.get("mfa")
    if isinstance(mfa, Mapping):
        _check_size("mfa: rule", mfa.get("rule"), RULE_CHARS_MAX)
    if isinstance(fields, list):
        _check_size("fields", fields, FIELDS_MAX)
        for raw in fields:
            for key in ("id", "name") if isinstance(raw, Mapping) else ():
                _check_size(f"fields: {key}", raw.get(key), NAME_CHARS_MAX)
    if isinstance(indexes, list) and sum(len(each) for each in indexes if isinstance(each, str)) > INDEXES_CHARS_MAX:
        raise MalformedError("indexes: too large")


def _check_size(key: str, value: Any, most: int) -> None:
    if isinstance(value, str | list) and len(value) > most:
        raise MalformedError(f"{key}: too large")


def _check_strangers(kind: str, body: Mapping[str, Any]) -> None:
    """MalformedError for an option of another type of collection that is not even readable."""
    known = frozenset(AUTH_KEYS) if kind == AUTH else frozenset({"viewQuery"}) if kind == VIEW else frozenset()
    strange = {key: value for key, value in body.items() if key in OPTIONS and key not in known}
    reason = misfit_of(strange) if strange else None
    if reason:
        raise MalformedError(reason)


def complete(draft: Draft, taken: Container[str], *, scaffolded: bool = False) -> None:
    """Give the draft what a collection of its type always has: an id, system fields, indexes that name its table.

    `taken` are the ids of the stored collections: a default id that is one of them gets a number. A new collection is
    `scaffolded` where nobody said what its indexes are: its own ones are named by its default id then, whatever its id.
    """
    owner = _default_id(draft) if draft.id and scaffolded else draft.id
    draft.id = draft.id or _free_id(_default_id(draft), taken)
    if draft.type in (BASE, AUTH):
        draft.fields = _with_system_fields(draft.type, draft.fields)
    draft.indexes = tuple(_on_table(statement, draft.name) for statement in draft.indexes)
    if draft.type == AUTH:
        covered = {
            index.columns[0].name.lower()
            for index in map(parse_index, draft.indexes)
            if index.unique and len(index.columns) == 1
        }
        own = zip(("tokenkey", "email"), scaffolds.auth_indexes(draft.name, owner or draft.id), strict=True)
        draft.indexes += tuple(statement for column, statement in own if column not in covered)
        draft.auth = _without_strangers(draft.auth, draft.fields)
        if draft.name == SUPERUSERS:
            draft.auth = _for_superusers(draft.auth)


def _default_id(draft: Draft) -> str:
    return f"pbc_{crc32((draft.type + draft.name).encode())}"


def _free_id(wanted: str, taken: Container[str]) -> str:
    found, number = wanted, 2
    while found in taken:
        found = f"{wanted}{number}"
        number += 1
    return found


def with_logins_ended(collection: Collection, old: Collection) -> Collection:
    """`collection`, with a new secret for login tokens if its auth rule changed: who got in by the old one must ask."""
    if collection.auth is None or old.auth is None or (old.auth.auth_rule or "") == (collection.auth.auth_rule or ""):
        return collection
    token = msgspec.structs.replace(collection.auth.auth_token, secret=rand_secret())
    draft = draft_of(collection)
    draft.auth = msgspec.structs.replace(collection.auth, auth_token=token)
    return draft.build()


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedError(f"{key}: expected a text")
    return value


def _flag(key: str, value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise MalformedError(f"{key}: expected true or false")
    return value


def _indexes(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedError("indexes: expected a list")
    return tuple(_text("indexes", statement) for statement in value)


def _fields(value: Any) -> tuple[Field, ...]:
    """The fields of a submitted list. A field whose id, or name where it has no id, was there already replaces it."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MalformedError("fields: expected a list")
    found = FieldList()
    for raw in value:
        if not isinstance(raw, Mapping):
            raise MalformedError("fields: expected objects")
        found.add(load_field(raw), known=bool(raw.get("id")))
    return tuple(found.fields)


def _with_system_fields(kind: str, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    result = list(fields)
    _settle_id(result)
    if kind == AUTH:
        for default in scaffolds.AUTH_FIELDS:
            place = next((place for place, field in enumerate(result) if field.name == default.name), None)
            if place is None:
                result.append(with_free_id({field.id for field in result}, default))
            elif result[place].type != default.type:
                result[place] = with_options(default, id=result[place].id)
            else:
                result[place] = _settled(result[place])
    return tuple(result)


def _settle_id(fields: list[Field]) -> None:
    default = scaffolds.ID_FIELD
    place = next((place for place, field in enumerate(fields) if field.name == default.name), None)
    if place is None or fields[place].type != default.type:
        # where another field has the default id, that one takes its place: the primary key is missing then
        other = next((place for place, field in enumerate(fields) if field.id == default.id), None)
        fields.insert(0, default if other is None else fields.pop(other))
        return
    field = _settled(fields[place])
    fields[place] = field if field.dump()["pattern"] else with_options(field, pattern=ID_PATTERN)


def _settled(field: Field) -> Field:
    fixed = scaffolds.FIXED[field.name]
    dumped = field.dump()
    return field if all(dumped[key] == value for key, value in fixed.items()) else with_options(field, **fixed)


def _on_table(statement: str, table: str) -> str:
    index = parse_index(statement)
    if index.table == table or not index.name or not index.columns:
        return statement
    return index._replace(table=table).build()


def _auth(options: AuthOptions, body: Mapping[str, Any]) -> AuthOptions:
    current = msgspec.to_builtins(options)
    changed = {}
    for key in AUTH_KEYS:
        if key in body:
            changed[key] = _merge(key, current[key], body[key])
    if not changed:
        return options
    try:
        return msgspec.convert(current | changed, AuthOptions)
    except msgspec.ValidationError as error:
        raise MalformedError(str(error)) from None


def _merge(key: str, current: Any, given: Any) -> Any:
    if key == "providers":
        if not isinstance(given, list):
            return [] if given is None else given
        return [_provider(current, item) for item in given]
    if isinstance(current, Mapping) and key != "extra":
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise MalformedError(f"{key}: expected an object")
        return {name: _merge(name, value, given[name]) if name in given else value for name, value in current.items()}
    if given is None:
        return _emptied(key, current)
    if isinstance(given, list):  # of texts
        return ["" if each is None else each for each in given]
    return given


def _emptied(key: str, current: Any) -> Any:
    if key in ("authRule", "manageRule", "pkce", "extra"):
        return None
    return type(current)()


def _provider(current: list[dict[str, Any]], given: Any) -> dict[str, Any]:
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise MalformedError("providers: expected objects")
    name = given.get("name")
    known = next((provider for provider in current if provider["name"] == name), None) or msgspec.to_builtins(
        BLANK_PROVIDER
    )
    return {key: _merge(key, value, given[key]) if key in given else value for key, value in known.items()}


def _for_superusers(options: AuthOptions) -> AuthOptions:
    # superusers log in with a password, and with a one-time password on top of it where that is switched on
    change = msgspec.structs.replace
    return change(
        options,
        password_auth=change(options.password_auth, enabled=True),
        oauth2=change(options.oauth2, enabled=False, providers=()),
        mfa=change(options.mfa, enabled=options.mfa.enabled or options.otp.enabled),
    )


def _without_strangers(options: AuthOptions, fields: tuple[Field, ...]) -> AuthOptions:
    # a mapped field that does not exist (any more) is forgotten
    names = {field.name for field in fields}
    mapped = options.oauth2.mapped_fields
    kept = {key: name if name in names else "" for key, name in msgspec.structs.asdict(mapped).items()}
    if msgspec.structs.asdict(mapped) == kept:
        return options
    oauth2 = msgspec.structs.replace(options.oauth2, mapped_fields=msgspec.structs.replace(mapped, **kept))
    return msgspec.structs.replace(options, oauth2=oauth2)
