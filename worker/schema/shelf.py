"""Schema objects by content: what tenants with equal schemas share, and rows that nobody has asked for yet.

Most of what a tenant's `_collections` has is never used while it is live, so a row is only checked when it is read
(what is damaged is found then, not at some request), kept as it is, and made a `Collection` of when it is wanted.
"""

from hashlib import sha256
from threading import RLock
from weakref import WeakValueDictionary

import orjson

from worker.fields import Field, load_field
from worker.fields.stored import Definition, stored_definitions, stored_field
from worker.schema import options as option_types
from worker.schema.collection import AUTH, VIEW, Collection, FieldSet, Row
from worker.schema.options import AuthOptions

# Single fields that are kept for collections to come, some 0.5 KB each.
FIELDS_MAX = 512


class Stored:
    """A collection that is not made yet. Never changed, and shared by tenants whose rows are equal."""

    __slots__ = ("__weakref__", "row")

    def __init__(self, row: Row) -> None:
        """`row` is one of `_collections` that was checked."""
        self.row = row

    @property
    def type(self) -> str:
        """As a collection's."""
        kind: str = self.row[2]
        return kind

    def may_point_to(self, identifier: str) -> bool:
        """Whether one of its fields may be a relation to the collection with this id."""
        text = self.row[4]
        # in JSON any character may be spelled by its number
        return not isinstance(text, str) or identifier in text or "\\u" in text


Entry = Stored | Collection


class Shelf:
    """What is kept of schemas as long as some tenant uses it. One a process, for all of its threads."""

    __slots__ = ("_entries", "_field_sets", "_former", "_latest", "lock")

    def __init__(self) -> None:
        # held by whoever makes something, which takes microseconds
        self.lock = RLock()
        # by the hash of the row, of an auth collection by that of what is not secret in it
        self._entries: WeakValueDictionary[int, Entry] = WeakValueDictionary()
        self._field_sets: WeakValueDictionary[bytes, FieldSet] = WeakValueDictionary()
        # single fields: those used lately, and before that
        self._latest: dict[Definition, Field] = {}
        self._former: dict[Definition, Field] = {}

    def entry(self, row: Row) -> Entry:
        """The collection of a row where another tenant uses it, else what `collection` makes one of.

        Raises as that does.
        """
        with self.lock:
            if row[1]:  # everybody has the system's
                return self.collection(row)
            if row[2] == AUTH:
                return self._known_auth(row) or Stored(_checked(row))
            stamp = hash(row)
            found = self._entries.get(stamp)
            if found is None or not _is_of(found, row):
                found = self._entries[stamp] = Stored(_checked(row))
            return found

    def collection(self, row: Row) -> Collection:
        """The collection of a row of `_collections` in the order of COLUMNS.

        Raises MalformedError, msgspec.ValidationError or orjson.JSONDecodeError for a damaged row.
        """
        with self.lock:
            if row[2] != AUTH:
                return self._shared(row, row, None)
            return self._known_auth(row) or self._auth(row)

    def _known_auth(self, row: Row) -> Collection | None:
        """An auth collection that differs from one in use by nothing but its secrets."""
        parts = option_types.parts_of(row[11])
        if parts is None:
            return None
        content = (*row[:11], *parts.around, *row[12:])
        shared = self._entries.get(hash(content))
        if not isinstance(shared, Collection) or shared.auth is None or not _is_of(shared, content):
            return None
        return _own(shared, option_types.with_secrets(shared.auth, parts.secrets), row)

    def _auth(self, row: Row) -> Collection:
        auth = option_types.decode_auth(row[11])
        parts = option_types.parts_of(row[11])
        blank = option_types.without_secrets(auth)
        around = parts.around if parts is not None and parts.fit(auth) else (option_types.encode(blank),)
        shared = self._shared(row, (*row[:11], *around, *row[12:]), blank)
        assert shared.auth is not None
        return _own(shared, option_types.with_secrets_of(shared.auth, auth), row)

    def _shared(self, row: Row, content: Row, auth: AuthOptions | None) -> Collection:
        """What all tenants share whose row has this content; `auth` are its options without secrets."""
        stamp = hash(content)
        found = self._entries.get(stamp)
        if isinstance(found, Collection) and _is_of(found, content):
            return found
        fields_key = digest(row[4:5])
        made = Collection(
            id=row[0],
            system=bool(row[1]),
            type=row[2],
            name=row[3],
            fields=self._field_set(fields_key, row[4]),
            indexes=tuple(orjson.loads(row[5]) or ()),
            rules=row[6:11],
            auth=auth,
            view_query=option_types.decode_view(row[11]).view_query if row[2] == VIEW else "",
            created=row[12],
            updated=row[13],
        )
        made.stamp, made.key = stamp, _key(fields_key, content)
        self._entries[stamp] = made
        return made

    def field_set(self, text: str) -> FieldSet:
        """The fields of a JSON list of definitions."""
        return self._field_set(digest((text,)), text)

    def _field_set(self, key: bytes, text: str) -> FieldSet:
        fields = self._field_sets.get(key)
        if fields is None:
            definitions = stored_definitions(text)
            if definitions is None:
                fields = FieldSet(tuple([load_field(raw) for raw in orjson.loads(text) or ()]))
            else:
                fields = FieldSet(tuple([self._latest.get(one) or self._field(one) for one in definitions]))
            self._field_sets[key] = fields
        return fields

    def _field(self, definition: Definition) -> Field:
        """The field of one definition. Collections differ, but most have an id, a moment and a title like others."""
        field = self._former.get(definition) or stored_field(definition)
        if len(self._latest) >= FIELDS_MAX // 2:
            self._former, self._latest = self._latest, {}
        self._latest[definition] = field
        return field


def _own(shared: Collection, auth: AuthOptions, row: Row) -> Collection:
    own = shared.with_auth(auth)
    own.stamp = hash(row)
    return own


def _is_of(entry: Entry, content: Row) -> bool:
    """Whether what has the hash of some content is really of that content."""
    if isinstance(entry, Stored):
        return entry.row == content
    if not isinstance(entry.key, bytes):
        return bool(entry.key == content)
    if entry.key != _key(digest(content[4:5]), content):
        return False
    # more of the kind will come, and to compare texts is quicker; it is kept once for all of them
    entry.key = content
    return True


def _checked(row: Row) -> Row:
    """The row, of which `Shelf.collection` can make a collection. Raises as that would."""
    if row[2] == AUTH:
        option_types.decode_auth(row[11])
    if stored_definitions(row[4]) is None:
        for raw in orjson.loads(row[4]) or ():
            load_field(raw)
    tuple(orjson.loads(row[5]) or ())
    if row[2] == VIEW:
        option_types.decode_view(row[11])
    return row


def _key(fields_key: bytes, content: Row) -> bytes:
    return digest((fields_key.hex(), *content[:4], *content[5:]))


def digest(parts: Row) -> bytes:
    """A short key for a row's content."""
    try:
        text = orjson.dumps(parts)
    except TypeError:  # there is something in it that JSON has no words for, as a text with a lone surrogate
        text = repr(parts).encode("utf-8", "surrogatepass")
    return sha256(text, usedforsecurity=False).digest()
