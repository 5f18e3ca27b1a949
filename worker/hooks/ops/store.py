"""`$app.store()`: the tenant's values between runs (`worker.hooks.store`). Values cross as JSON texts."""

from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.store import Store
from worker.hooks.wire import as_text

# Among what the hooks keep while the tenant is open.
STORE = "store"


async def get(call: Call, key: object) -> str | None:
    """The value of a key."""
    return _store(call).get(as_text(key))


async def items(call: Call) -> list[tuple[str, str]]:
    """Every key with its value."""
    return _store(call).items()


async def length(call: Call) -> int:
    """How many there are."""
    return len(_store(call))


async def put(call: Call, key: object, value: object) -> None:
    """Set a value."""
    _store(call).set(as_text(key), as_text(value))


async def add(call: Call, key: object, value: object) -> str:
    """Set a value unless there is one; the one there is then."""
    store, name, text = _store(call), as_text(key), as_text(value)
    known = store.get(name)
    if known is None:
        store.set(name, text)
    return text if known is None else known


async def swap(call: Call, key: object, known: object, value: object) -> bool:
    """Set a value if the one of before is still there; whether it was."""
    store, name = _store(call), as_text(key)
    if store.get(name) != known:
        return False
    store.set(name, as_text(value))
    return True


async def limited(call: Call, key: object, value: object, most: object) -> bool:
    """Set a value; a new key only where there are fewer than `most`. Whether it was set."""
    store, name = _store(call), as_text(key)
    if not isinstance(most, int):
        raise GoError("a limit is missing")
    if name not in store and len(store) >= most:
        return False
    store.set(name, as_text(value))
    return True


async def remove(call: Call, key: object) -> None:
    """Forget a key."""
    _store(call).remove(as_text(key))


async def reset(call: Call, entries: object) -> None:
    """Keep these entries alone."""
    if not isinstance(entries, list) or not all(isinstance(each, list) and len(each) == 2 for each in entries):
        raise GoError("these are no entries")
    _store(call).replace([(as_text(key), as_text(value)) for key, value in entries])


def _store(call: Call) -> Store:
    store = call.hooks.extras.get(STORE)
    if store is None:
        store = call.hooks.extras[STORE] = Store()
    assert isinstance(store, Store)
    return store


OPS: dict[str, Operation] = {
    "store.get": get,
    "store.all": items,
    "store.length": length,
    "store.set": put,
    "store.add": add,
    "store.swap": swap,
    "store.limited": limited,
    "store.remove": remove,
    "store.reset": reset,
}
