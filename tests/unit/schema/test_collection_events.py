"""The events of collections: which are heard, in which order (the real one's), and what handlers can do."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from worker.context import Context
from worker.errors import ApiError, forbidden
from worker.events import Bus, Event
from worker.records.rules import check_rule
from worker.schema import binding, events, sync
from worker.schema.collection import Collection
from worker.schema.events import CollectionEvent
from worker.schema.importing import import_collections

from .conftest import Ours

STAGES = {"Create": events.CREATE, "Update": events.UPDATE, "Delete": events.DELETE}
EVERY = (*(name for stages in STAGES.values() for name in stages.every), *events.VALIDATE)


@pytest.fixture
def heard(tenant: Context) -> list[str]:
    """What happens to collections from now on: `Create a` … `/Create a`, with `M` for the models' own."""
    heard: list[str] = []

    def note(name: str) -> Callable[[CollectionEvent], Awaitable[None]]:
        short = name.removeprefix("onCollection").replace("onModel", "M")

        async def handler(event: CollectionEvent) -> None:
            assert event.collection is not None
            inside = event.context is not tenant
            assert inside == ("After" not in name), f"{name} belongs {'outside' if inside else 'inside'}"
            heard.append(f"{short} {event.collection.name}")
            await event.next()
            heard.append(f"/{short} {event.collection.name}")

        return handler

    for name in EVERY:
        tenant.bus.on(name, note(name))
    return heard


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def nested(kind: str, name: str, *inside: str, validated: bool = True) -> list[str]:
    """One collection's change until its transaction ends; `inside` is what happens once its row is written."""
    check = [f"Validate {name}", f"MValidate {name}", f"/MValidate {name}", f"/Validate {name}"] if validated else []
    return [
        *(f"{kind} {name}", f"M{kind} {name}", *check),
        *(f"{kind}Execute {name}", f"M{kind}Execute {name}", f"/M{kind}Execute {name}"),
        *inside,
        *(f"/{kind}Execute {name}", f"/M{kind} {name}", f"/{kind} {name}"),
    ]


def after(kind: str, name: str, outcome: str = "Success") -> list[str]:
    step = f"After{kind}{outcome} {name}"
    return [step, f"M{step}", f"/M{step}", f"/{step}"]


def test_the_order_of_create_update_delete(ours: Ours, heard: list[str]) -> None:
    assert ours("POST", "", {"name": "a", "fields": [{"name": "t", "type": "text"}]})[0] == 200
    assert heard == [*nested("Create", "a"), *after("Create", "a")]
    heard.clear()
    assert ours("PATCH", "a", {"listRule": ""})[0] == 200
    assert heard == [*nested("Update", "a"), *after("Update", "a")]
    heard.clear()
    assert ours("DELETE", "a")[0] == 204
    assert heard == [*nested("Delete", "a", validated=False), *after("Delete", "a")]


def test_a_view_is_stored_anew_inside_of_the_change(ours: Ours, heard: list[str]) -> None:
    fields = [{"name": "t", "type": "text", "id": "it"}]
    ours("POST", "", {"name": "a", "fields": fields})
    ours("POST", "", {"name": "v", "type": "view", "viewQuery": "select id, t from a"})
    heard.clear()
    assert ours("PATCH", "a", {"fields": [{**fields[0], "max": 9}]})[0] == 200
    assert heard == [*nested("Update", "a", *nested("Update", "v")), *after("Update", "v"), *after("Update", "a")]


def test_what_may_not_be_stored(ours: Ours, heard: list[str]) -> None:
    assert ours("POST", "", {"name": "a!"})[0] == 400
    assert heard == [*lines("Create a!\nMCreate a!\nValidate a!"), *after("Create", "a!", "Error")]
    heard.clear()
    assert ours("POST", "", {"name": "b", "indexes": ["create index i on b (nope)"]})[0] == 400
    assert heard[-7:] == [
        *lines("CreateExecute b\nMCreateExecute b\n/MCreateExecute b"),
        *after("Create", "b", "Error"),
    ]
    heard.clear()
    assert ours("POST", "", {"name": "c", "fields": 5})[0] == 400
    assert heard == [], "a body that can't be read is no change"


def test_an_import_validates_at_its_end(ours: Ours, tenant: Context, heard: list[str], run: Any) -> None:
    ours("POST", "", {"name": "rel"})
    heard.clear()
    items = [{"name": "new"}, {"name": "rel", "listRule": ""}]
    run(import_collections(tenant, items, check_rule, delete_missing=True))
    assert heard == [
        *nested("Delete", "users", validated=False),
        *nested("Create", "new", validated=False),
        *nested("Update", "rel", validated=False),
        *after("Delete", "users"),
        *after("Create", "new"),
        *after("Update", "rel"),
    ]
    heard.clear()
    with pytest.raises(ApiError):
        run(import_collections(tenant, [{"name": "ok"}, {"name": "b!"}], check_rule, delete_missing=False))
    assert heard[-8:] == [*after("Create", "ok", "Error"), *after("Create", "b!", "Error")]
    assert tenant.catalog.get("ok") is None


@pytest.mark.parametrize("name", [*events.CREATE.around, *events.CREATE.execute, *events.VALIDATE])
def test_a_handler_refuses(ours: Ours, tenant: Context, name: str) -> None:
    async def refuse(_event: Event) -> None:
        raise forbidden("Not today")

    tenant.bus.on(name, refuse)
    assert ours("POST", "", {"name": "a"}) == (
        400,
        {"data": {}, "message": "Failed to create collection. Raw error: \nNot today.", "status": 400},
    )
    assert tenant.catalog.get("a") is None
    assert tenant.data.value("SELECT count(*) FROM sqlite_schema WHERE name = 'a'") == 0


def test_a_handler_refuses_an_import(tenant: Context, run: Any) -> None:
    async def refuse(_event: Event) -> None:
        raise forbidden("Not today")

    tenant.bus.on("onCollectionCreateExecute", refuse, frozenset({"b"}))
    with pytest.raises(ApiError) as caught:
        run(import_collections(tenant, [{"name": "a"}, {"name": "b"}], check_rule, delete_missing=False))
    message = 'Failed to import the collections configuration. Raw error:\nfailed to save collection "b": Not today.'
    assert caught.value.data == {"collections": {"code": "validation_collections_import_failure", "message": message}}
    assert tenant.catalog.get("a") is None


def test_a_handler_that_does_not_go_on_prevents(tenant: Context, run: Any) -> None:
    async def stop(_event: Event) -> None:
        return

    tenant.bus.on("onCollectionCreate", stop)
    collection = run(sync.create_collection(tenant, {"name": "a"}, check_rule))
    assert collection.name == "a", "the answer shows what was wanted"
    assert tenant.catalog.get("a") is None
    run(import_collections(tenant, [{"name": "b"}], check_rule, delete_missing=False))
    assert tenant.catalog.get("b") is None


def opened(collection: Collection) -> Collection:
    draft = binding.draft_of(collection)
    draft.rules["listRule"] = ""
    return draft.build()


@pytest.mark.parametrize("name", ["onCollectionCreateRequest", "onCollectionCreate", "onModelCreate"])
def test_a_handler_changes_what_is_stored(ours: Ours, tenant: Context, name: str) -> None:
    async def change(event: CollectionEvent) -> None:
        assert event.collection is not None
        event.collection = opened(event.collection)
        await event.next()

    # those of models are bound by the table, not by what is stored in it
    model = name.startswith("onModel")
    tenant.bus.on(name, change, frozenset({"_collections" if model else "a"}))
    assert ours("POST", "", {"name": "a"})[1]["listRule"] == ""
    assert ours("POST", "", {"name": "b"})[1]["listRule"] == ("" if model else None), "tags keep others away"
    stored = {collection.name: collection.list_rule for collection in tenant.catalog.all()}
    assert (stored["a"], stored["b"]) == ("", "" if model else None)


@pytest.mark.parametrize(
    ("name", "request_", "answer"),
    [
        ("onCollectionCreateRequest", ("POST", "", {"name": "b"}), (403, "Not today.")),
        ("onCollectionUpdateRequest", ("PATCH", "a", {"listRule": ""}), (403, "Not today.")),
        ("onCollectionDeleteRequest", ("DELETE", "a", None), (403, "Not today.")),
        (
            "onCollectionUpdate",
            ("PATCH", "a", {"listRule": ""}),
            (400, "Failed to update collection. Raw error: \nNot today."),
        ),
        ("onModelDeleteExecute", ("DELETE", "a", None), (400, "Failed to delete collection.")),
    ],
)
def test_what_a_refusal_says(ours: Ours, tenant: Context, name: str, request_: Any, answer: tuple[int, str]) -> None:
    assert ours("POST", "", {"name": "a"})[0] == 200

    async def refuse(_event: Event) -> None:
        raise forbidden("Not today")

    tenant.bus.on(name, refuse)
    status, body = ours(*request_)
    assert (status, body["message"]) == answer
    kept = tenant.catalog.get("a")
    assert kept is not None
    assert kept.list_rule is None
    assert tenant.data.value("SELECT count(*) FROM a") == 0, "the table is there"


def test_a_request_that_somebody_else_overtakes(ours: Ours, tenant: Context, run: Any) -> None:
    assert ours("POST", "", {"name": "a"})[0] == 200
    known = tenant.catalog.get("a")
    assert known is not None

    async def overtaken(event: CollectionEvent) -> None:
        tenant.bus = Bus()
        await sync.update_collection(tenant, known, {"viewRule": ""}, check_rule)
        await event.next()

    tenant.bus.on("onCollectionUpdateRequest", overtaken)
    run(sync.update_collection(tenant, known, {"listRule": ""}, check_rule))
    stored = tenant.catalog.get("a")
    assert stored is not None
    assert (stored.list_rule, stored.view_rule) == ("", ""), "both changes last"
