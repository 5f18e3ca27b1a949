"""`pocker top` without a terminal: what it remembers, what keys change, and what is drawn in any size."""

import os
import pty
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.commandline.past import Past
from supervisor.commandline.picture import COLUMNS, Scene, mark, picture
from supervisor.commandline.terminal import Terminal
from supervisor.commandline.view import SORTS, View

NOT = {"requests_per_s": 0.0, "errors_per_s": 0.0, "refused_per_s": 0.0, "in_per_s": 0.0, "out_per_s": 0.0}


def window(seconds: float, cpu_percent: float, **more: float) -> dict[str, float]:
    cpu_ms = cpu_percent * seconds * 10
    return {"seconds": seconds, "cpu_percent": cpu_percent, "cpu_ms": cpu_ms, "sql_ms": 0.0} | NOT | more


def windows(one: float, ten: float = 0.0, sixty: float = 0.0, **more: float) -> dict[str, Any]:
    return {"1s": window(1.0, one, **more), "10s": window(10.0, ten), "60s": window(60.0, sixty)}


def tenant(name: str, cpu: float = 0.0, rows: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "state": "active",
        "reason": "",
        "shard": 0,
        "live": True,
        "verdict": None,
        "connections": 1,
        "queued": 0,
        "memory_kb": 150,
        "disk_kb": 2048,
        "windows": windows(cpu),
        "totals": {"rows": rows},
    } | more


def report(*tenants: dict[str, Any], shards: int = 2) -> dict[str, Any]:
    worker = {"state": "serving", "cpu_percent": 12.0, "rss_kb": 51_200, "lag_ms": 3.0, "live_tenants": 2}
    return {
        "at": "2026-07-01 12:30:00.000Z",
        "uptime_s": 3725.0,
        "supervisor": {"cpu_percent": 1.0, "rss_kb": 40_960, "tenants": {"active": 10, "suspended": 1}},
        "workers": [{"shard": shard} | worker for shard in range(shards)],
        "tenants": list(tenants),
        "rest": {"windows": windows(0.0, requests_per_s=5.0)},
    }


def drawn(told: dict[str, Any] | None, view: View | None = None, width: int = 80, height: int = 24, **more: Any) -> str:
    past = Past()
    if told is not None:
        past.note(told["tenants"], 100.0)
    scene = Scene(told, past, view or View(), 100.0, width, height, **more)
    return "\n".join(line.plain for line in picture(scene))


# What is remembered


def test_the_minute_before_the_first_report_is_what_the_windows_tell() -> None:
    past = Past()
    past.note([tenant("a", windows=windows(50.0, ten=20.0, sixty=10.0))], 1000.0)
    line = past.cpu("a", 1000.0, 12)
    assert None not in line
    assert line[0] == pytest.approx(8.0)  # 60 s at 10 % without 10 s at 20 % leave 50 s at 8 %
    assert line[-2] == pytest.approx(20.0)
    assert line[-1] == pytest.approx((4 * 20.0 + 50.0) / 5)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    past = Past()
    for second in range(200):
        past.note([tenant("a", cpu=float(second))], float(second))
    assert past.cpu("a", 199.0, 60)[0] == pytest.approx(140.0)
    assert past.cpu("a", 199.0, 60)[-1] == pytest.approx(199.0)
    past.note([], 300.0)
    assert past.cpu("a", 300.0, 3) == [None, None, None]
    assert past.rows_per_s("a") is None


def test_rows_a_second_are_the_difference_of_two_reports() -> None:
    past = Past()
    past.note([tenant("a", rows=100)], 10.0)
    assert past.rows_per_s("a") is None
    past.note([tenant("a", rows=300)], 12.0)
    assert past.rows_per_s("a") == 100.0
    past.note([tenant("a", rows=0)], 13.0)  # another server
    assert past.rows_per_s("a") == 0.0


# What keys change


def press(*keys: str) -> View:
    view = View(height=10)
    for key in keys:
        view.press(key)
    return view


@pytest.mark.parametrize(("key", "order"), [(key, order) for key, (order, _) in SORTS.items()])
def test_sorting(key: str, order: str) -> None:
    view = press("down", key)
    assert (view.order, view.reverse, view.offset) == (order, False, 0)
    assert press(key, "v").wanted() == {"by": order, "reverse": True, "match": "", "limit": 10}


@pytest.mark.parametrize(
    ("keys", "match", "typed"),
    [
        (("/", "a", "B", "c"), "", "abc"),
        (("/", "a", "b", "backspace", "enter"), "a", None),
        (("/", "q", "enter"), "q", None),
        (("/", "a", "escape"), "", None),
        (("/", "a", "enter", "escape"), "", None),
        (("/", "a", "enter", "/", "b"), "a", "ab"),
        (("/", "page up", "a"), "", "a"),
        (("/", *["x"] * 100), "", "x" * 63),
    ],
)
def test_filtering(keys: tuple[str, ...], match: str, typed: str | None) -> None:
    view = press(*keys)
    assert (view.match, view.typed, view.ends) == (match, typed, False)
    assert view.wanted()["match"] == (match if typed is None else typed)


def test_scrolling_stays_within_what_there_is() -> None:
    view = press("page down", "page down", "down", "up", "k", "j")
    assert view.offset == 20
    assert view.wanted()["limit"] == 30
    assert view.scrolled(15) == 5
    assert view.scrolled(3) == 0
    assert press("page up").offset == 0
    assert press("page down", "home").offset == 0


@pytest.mark.parametrize(
    ("keys", "ends"),
    [(("q",), True), (("interrupt",), True), (("/", "interrupt"), True), (("?", "q"), False), (("z",), False)],
)
def test_leaving(keys: tuple[str, ...], ends: bool) -> None:
    assert press(*keys).ends is ends


def test_pause_and_help() -> None:
    assert press(" ").paused
    assert not press(" ", "p").paused
    assert press("?").helping
    assert not press("?", "x").helping
    assert press("?", "x").order == "cpu", "the key that ends the help does nothing else"


# What is drawn


def test_eighty_columns() -> None:
    told = report(
        tenant("blog", cpu=61.5),
        tenant("shop", verdict={"blocked_s": 61.0, "reason": "too much CPU"}),
        tenant("wiki", verdict={"blocked_s": 0.0, "reason": "busy"}),
        tenant("gone", state="suspended", reason="unpaid\x1b[31m"),
        tenant("idle", live=False),
    )
    lines = drawn(told).split("\n")
    assert len(lines) == 24
    assert lines[0] == "pocker top  12:30:00 UTC, up 1h 2m"
    assert lines[1] == "CPU 25 %  memory 140.0 MB  tenants 4 live of 11, 1 suspended"
    assert lines[2] == "requests 5.0/s  refused 0.0/s  errors 0.0/s"
    assert lines[3] == "shard 0 CPU 12 % RSS 50.0 MB lag 3 ms | shard 1 CPU 12 % RSS 50.0 MB lag 3 ms"
    assert lines[5].split() == ["NAME", "REQ/S", "CPU", "%▼", "LAST", "MINUTE", "REF/S", "MEMORY"]
    assert lines[6].startswith("  blog ")
    assert "61.5" in lines[6]
    assert lines[7].startswith("! shop ")
    assert lines[7].endswith(" blocked 1m 1s: too m")  # cut where the terminal ends
    assert lines[8].startswith("~ wiki ")
    assert "slowed down" in lines[8]
    assert lines[9].startswith("x gone ")
    assert lines[10].startswith(". idle ")
    assert lines[-1].startswith("c r m d x n sort")


def test_a_wide_terminal_has_every_column_and_every_reason() -> None:
    told = report(
        tenant("shop", verdict={"blocked_s": 61.0, "reason": "too much CPU"}),
        tenant("gone", state="suspended", reason="unpaid\x1b[31m"),
    )
    text = drawn(told, width=200)
    titles = text.split("\n")[5]
    assert all(column.title in titles for column in COLUMNS)
    assert "blocked 1m 1s: too much CPU" in text
    assert "suspended: unpaid?[31m" in text


@pytest.mark.parametrize(
    ("view", "title"),
    [
        (View(order="name"), "NAME▲"),
        (View(order="name", reverse=True), "NAME▼"),
        (View(order="requests"), "REQ/S▼"),
        (View(order="disk", reverse=True), "DISK▲"),
    ],
)
def test_the_order_is_shown(view: View, title: str) -> None:
    assert title in drawn(report(tenant("a")), view, width=120)


def test_without_unicode_everything_is_ascii() -> None:
    assert drawn(report(tenant("a", cpu=90.0), shards=40), ascii_only=True).isascii()


def test_before_the_first_report_and_without_a_server() -> None:
    text = drawn(None, problem="no server runs here; trying again")
    assert text.startswith("pocker top\nno server runs here; trying again\n")
    told = drawn(report(tenant("blog")), problem="the server stopped; trying again")
    assert "the server stopped; trying again" in told
    assert "blog" in told, "the last picture stays"


def test_the_states_of_the_view_are_shown() -> None:
    told = report(tenant("a"))
    assert "[paused]" in drawn(told, View(paused=True))
    assert "show names with: bl_" in drawn(told, View(typed="bl"))
    assert "only *bl*" in drawn(told, View(match="bl"))
    assert "Ctrl-C" in drawn(told, View(helping=True))


def test_many_shards_leave_room_for_tenants() -> None:
    lines = drawn(report(*(tenant(f"t{number}") for number in range(100)), shards=256)).split("\n")
    assert len([line for line in lines if line.startswith("  t")]) >= 10
    assert "…" in lines


def test_scrolled() -> None:
    told = report(*(tenant(f"t{number:03}") for number in range(100)))
    assert "t000" in drawn(told)
    text = drawn(told, View(offset=50))
    assert "t049" not in text
    assert "t050" in text


@given(
    width=st.integers(1, 250),
    height=st.integers(1, 60),
    names=st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True), max_size=30),
    shards=st.integers(1, 64),
    reason=st.text(max_size=100),
    problem=st.sampled_from(["", "no server"]),
)
@settings(max_examples=80, deadline=None)
def test_it_never_exceeds_the_terminal(*, width: int, height: int, names: list[str], shards: int, **said: str) -> None:
    reason, problem = said["reason"], said["problem"]
    told = report(*(tenant(name, verdict={"blocked_s": 5.0, "reason": reason}) for name in names), shards=shards)
    past = Past()
    past.note(told["tenants"], 1.0)
    lines = picture(Scene(told, past, View(), 1.0, width, height, problem))
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    assert all(line.plain.isprintable() for line in lines)


def test_marks() -> None:
    assert [mark(tenant("a", state=state)) for state in ("active", "suspended", "failed")] == [" ", "x", "x"]


# The terminal


@pytest.fixture
def keyboard(monkeypatch: Any) -> Iterator[int]:
    """A pseudo-terminal as standard input; the other end, to press keys on."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "rb", buffering=0) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield ours
    os.close(ours)


@pytest.mark.parametrize(
    ("pressed", "keys"),
    [
        (b"q", ["q"]),
        (b"cr/", ["c", "r", "/"]),
        (b"\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]),
        (b"\x1b[5~\x1b[6~\x1b[H", ["page up", "page down", "home"]),
        (b"\x1b", ["escape"]),
        (b"\r\x7f", ["enter", "backspace"]),
        (b"\x1b[1;5Cq", ["q"]),  # a sequence that means nothing here
        ("é".encode(), ["é"]),
    ],
)
def test_keys(keyboard: int, pressed: bytes, keys: list[str]) -> None:
    with Terminal(lambda: None, lambda: None) as terminal:
        os.write(keyboard, pressed)
        got: list[str] = []
        deadline = time.monotonic() + 10
        while got != keys and time.monotonic() < deadline:
            got += terminal.wait(0.1, None)[0]
    assert got == keys


def test_told_to_end(keyboard: int) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Terminal(lambda: None, lambda: None) as terminal:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(SystemExit):
            terminal.wait(10.0, None)
    assert signal.getsignal(signal.SIGTERM) == before
