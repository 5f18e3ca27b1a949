"""What the scripts of one tenant keep between their runs: values as JSON texts by key, bounded in bytes.

It is the tenant's own, whichever of its processes asks, and lost when the tenant is closed or its scripts change.
"""

from worker.hooks.calls import GoError

# Of all keys and values, in UTF-8, and what each entry takes beside them.
BYTES_MAX = 1 << 20
ENTRY_BYTES = 200
FULL = f"the store is full: it holds {BYTES_MAX >> 10} KB in all"


class Store:
    """One tenant's."""

    __slots__ = ("_bytes", "_entries")

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def weight_bytes(self) -> int:
        """What it takes of `BYTES_MAX`."""
        return self._bytes

    def get(self, key: str) -> str | None:
        """The JSON text under a key."""
        value = self._entries.get(key)
        return None if value is None else value.decode()

    def items(self) -> list[tuple[str, str]]:
        """Every key with its JSON text, the oldest first."""
        return [(key, value.decode()) for key, value in self._entries.items()]

    def set(self, key: str, value: str) -> None:
        """Keep a JSON text. GoError where there is no room for it."""
        data = value.encode()
        former = self._entries.get(key)
        weight = self._bytes + _weight(key, data) - (0 if former is None else _weight(key, former))
        if weight > BYTES_MAX:
            raise GoError(FULL)
        self._entries[key] = data
        self._bytes = weight

    def remove(self, key: str) -> None:
        """Forget what is under a key."""
        value = self._entries.pop(key, None)
        if value is not None:
            self._bytes -= _weight(key, value)

    def replace(self, entries: list[tuple[str, str]]) -> None:
        """Keep these and nothing else. GoError where there is no room, with everything as it was."""
        former = self._entries, self._bytes
        self._entries, self._bytes = {}, 0
        try:
            for key, value in entries:
                self.set(key, value)
        except GoError:
            self._entries, self._bytes = former
            raise


def _weight(key: str, value: bytes) -> int:
    return len(key.encode()) + len(value) + ENTRY_BYTES
