"""Events run their handlers in order around the default action."""

from types import SimpleNamespace

import pytest

from worker.events import Bus, Event, quiet


def handler(name: str, calls: list[str], *, goes_on: bool = True):
    async def handle(event: Event) -> None:
        calls.append(f"{name} before")
        if goes_on:
            await event.next()
            calls.append(f"{name} after")

    return handle


def action(calls: list[str]):
    async def act(event: Event) -> None:
        calls.append("action")

    return act


@pytest.mark.parametrize(
    ("handlers", "expected"),
    [
        ([], ["action"]),
        ([("a", True)], ["a before", "action", "a after"]),
        ([("a", True), ("b", True)], ["a before", "b before", "action", "b after", "a after"]),
        ([("a", False), ("b", True)], ["a before"]),
        ([("a", True), ("b", False)], ["a before", "b before", "a after"]),
    ],
)
def test_order(handlers, expected, run):
    bus, calls = Bus(), []
    for name, goes_on in handlers:
        bus.on("x", handler(name, calls, goes_on=goes_on))
    bus.on("y", handler("never", calls))
    assert bus.has("x") is bool(handlers)
    run(bus.trigger("x", Event(SimpleNamespace()), action(calls)))
    assert calls == expected


@pytest.mark.parametrize(("tag", "called"), [("posts", True), ("pbc_1", True), ("users", False)])
def test_tags_choose_collections(tag, called, run):
    bus, calls = Bus(), []
    bus.on("x", handler("a", calls), frozenset({tag}))
    collection = SimpleNamespace(name="posts", id="pbc_1")
    run(bus.trigger("x", Event(SimpleNamespace(), collection), action(calls)))
    assert ("a before" in calls) is called
    assert "action" in calls


def test_handlers_of_others_are_picked_once(run):
    bus, calls = Bus(), []
    posts, users = SimpleNamespace(name="posts", id="pbc_1"), SimpleNamespace(name="users", id="pbc_2")
    late = handler("late", calls)
    bus.on("x", handler("posts", calls), frozenset({"posts"}))
    assert [quiet(bus, ("w", "x"), each) for each in (None, posts, users)] == [False, False, True]
    run(bus.trigger("x", Event(SimpleNamespace(), users), action(calls)))
    bus.on("x", late)
    assert not quiet(bus, ("x",), users)
    run(bus.trigger("x", Event(SimpleNamespace(), users), action(calls)))
    bus.off([late])
    assert quiet(bus, ("x",), users)
    run(bus.trigger("x", Event(SimpleNamespace(), users), action(calls)))
    assert calls == ["action", "late before", "action", "late after", "action"]


def test_an_event_run_inside_itself_keeps_its_place(run):
    bus, calls = Bus(), []
    bus.on("outer", handler("outer", calls))
    bus.on("inner", handler("inner", calls))

    async def act(event: Event) -> None:
        await bus.trigger("inner", event, action(calls))

    run(bus.trigger("outer", Event(SimpleNamespace()), act))
    assert calls == ["outer before", "inner before", "action", "inner after", "outer after"]


def test_an_error_passes_through_every_handler(run):
    bus, calls = Bus(), []
    bus.on("x", handler("a", calls))

    async def fail(event: Event) -> None:
        raise ZeroDivisionError

    event = Event(SimpleNamespace())
    with pytest.raises(ZeroDivisionError):
        run(bus.trigger("x", event, fail))
    assert calls == ["a before"]
