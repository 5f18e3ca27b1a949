"""The sort parameter of a list: `-created,+title,@random`."""

from dataclasses import dataclass

from worker.filters.nodes import FilterError

KEYS_MAX = 8
KEY_CHARS_MAX = 255

RANDOM, ROWID = "@random", "@rowid"


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key: a field path, `@random` or `@rowid`."""

    path: str
    descending: bool


def parse_sort(text: str) -> tuple[Key, ...]:
    """The keys of a comma-separated list, blanks around them ignored; none for an empty text.

    Raises FilterError for too many or too long keys. What a path names is for the caller to find out.
    """
    if not text:
        return ()
    parts = text.split(",", KEYS_MAX)
    if len(parts) > KEYS_MAX:
        raise FilterError("max sort expressions limit reached")
    return tuple(map(_key, parts))


def _key(part: str) -> Key:
    part = part.strip()
    if len(part) > KEY_CHARS_MAX:
        raise FilterError("max sort field length limit reached")
    if part[:1] in ("-", "+"):
        return Key(part[1:], part[0] == "-")
    return Key(part, descending=False)
