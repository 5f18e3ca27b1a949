"""`pocker top` as lines of styled text: a head with the server and its shards, a row a tenant, a line of keys.

A report (`usage.live`), what is remembered, what is chosen and the size of the terminal in, lines out; the view learns
how many rows there is room for. As many columns are shown as fit, the most telling ones first; nothing is told by
colour alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.text import Text

from supervisor.commandline.past import Past
from supervisor.commandline.view import HELP, View
from supervisor.ops import tables

SPARK_COLUMNS = 12
SPARK_TOP_MIN_PERCENT = 5.0
NAME_COLUMNS = (12, 32)
NOTE_COLUMNS_MIN = 14
SHARD_LINES_MAX = 4
KEYS = "c CPU  r requests  m memory  d disk  x refused  n name  v reverse  / filter  space pause  ? help  q quit"
KEYS_SHORT = "c r m d x n sort  v reverse  / filter  space pause  ? help  q quit"
HOT = ((80.0, "bold red"), (40.0, "yellow"))
NOT_SERVING = "x"

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Scene:
    """Everything that one frame shows."""

    report: Report | None
    past: Past
    view: View
    now: float
    width: int
    height: int
    problem: str = ""
    ascii_only: bool = False


class Column(NamedTuple):
    """One column: how wide, how important (0 most), which order it belongs to, and its cell."""

    title: str
    width: int
    rank: int
    order: str
    cell: Callable[[Report, Scene], str]


def _window(key: str, form: Callable[[float], str]) -> Callable[[Report, Scene], str]:
    return lambda tenant, scene: form(tenant["windows"]["1s"][key])  # noqa: ARG005


def _gauge(key: str, form: Callable[[Any], str]) -> Callable[[Report, Scene], str]:
    return lambda tenant, scene: form(tenant[key])  # noqa: ARG005


def _bytes(value: float) -> str:
    return tables.size(value / 1024)


def _spark(tenant: Report, scene: Scene) -> str:
    parts = scene.past.cpu(tenant["name"], scene.now, SPARK_COLUMNS)
    levels = tables.ASCII_BLOCKS if scene.ascii_only else tables.BLOCKS
    return tables.sparkline(parts, _top(scene), levels)


def _rows(tenant: Report, scene: Scene) -> str:
    rows = scene.past.rows_per_s(tenant["name"])
    return "-" if rows is None else tables.rate(rows)


COLUMNS: tuple[Column, ...] = (
    Column("REQ/S", 7, 1, "requests", _window("requests_per_s", tables.rate)),
    Column("CPU %", 6, 0, "cpu", _window("cpu_percent", tables.rate)),
    Column("LAST MINUTE", SPARK_COLUMNS, 3, "", _spark),
    Column("SQL MS/S", 8, 9, "", lambda tenant, _: tables.rate(_a_second(tenant, "sql_ms"))),
    Column("ROWS/S", 9, 10, "", _rows),
    Column("REF/S", 7, 2, "refused", _window("refused_per_s", tables.rate)),
    Column("IN/S", 8, 11, "", _window("in_per_s", _bytes)),
    Column("OUT/S", 8, 12, "", _window("out_per_s", _bytes)),
    Column("CONN", 6, 7, "", _gauge("connections", "{:,}".format)),
    Column("QUEUE", 6, 8, "", _gauge("queued", "{:,}".format)),
    Column("MEMORY", 8, 4, "memory", _gauge("memory_kb", tables.size)),
    Column("DISK", 8, 5, "disk", _gauge("disk_kb", tables.size)),
    Column("SHARD", 5, 6, "", _gauge("shard", str)),
)


def picture(scene: Scene) -> list[Text]:
    """The lines of one frame, `height` of them at most."""
    if scene.view.helping:
        return _fitted([Text(line) for line in HELP.splitlines()], scene)
    head = [*_server(scene), *_shards(scene)]
    room = max(1, scene.height - len(head) - 3)  # an empty line, the titles, the keys
    scene.view.height = room
    lines = [*head, Text(), *_table(scene, room)]
    lines += [Text()] * (scene.height - 1 - len(lines))
    return _fitted([*lines[: scene.height - 1], _foot(scene)], scene)


def mark(tenant: Report) -> str:
    """One character for how it stands."""
    if tenant["state"] != "active":
        return NOT_SERVING
    if verdict := tenant["verdict"]:
        return "!" if verdict["blocked_s"] > 0 else "~"
    return " " if tenant["live"] else "."


def _a_second(row: Report, key: str) -> float:
    window = row["windows"]["1s"]
    return float(window[key] / window["seconds"])


def _top(scene: Scene) -> float:
    """What a full block means: the same for all rows, so that they can be compared."""
    assert scene.report is not None
    tenants = scene.report["tenants"]
    shown = tenants[scene.view.offset : scene.view.offset + scene.view.height]
    parts = [scene.past.cpu(tenant["name"], scene.now, SPARK_COLUMNS) for tenant in shown]
    return max([SPARK_TOP_MIN_PERCENT, *(value for line in parts for value in line if value is not None)])


def _server(scene: Scene) -> Iterable[Text]:
    report = scene.report
    title = Text("pocker top", style="bold")
    if report is not None:
        title.append(f"  {report['at'][11:19]} UTC, up {tables.duration(report['uptime_s'])}", style="not bold")
    if scene.view.paused:
        title.append("  [paused]", style="bold reverse")
    yield title
    if scene.problem:
        yield Text(tables.plain(scene.problem), style="bold red")
    if report is None:
        return
    processes = [report["supervisor"], *report["workers"]]
    windows = [row["windows"]["1s"] for row in (*report["tenants"], report["rest"])]
    requests, refused, errors = (
        sum(window[key] for window in windows) for key in ("requests_per_s", "refused_per_s", "errors_per_s")
    )
    states = report["supervisor"]["tenants"]
    live = sum(row.get("live_tenants", 0) for row in report["workers"])
    odd = "".join(f", {count:,} {state}" for state, count in states.items() if state != "active")
    yield Text(
        f"CPU {sum(row.get('cpu_percent', 0.0) for row in processes):.0f} %  "
        f"memory {tables.size(sum(row.get('rss_kb', 0) for row in processes))}  "
        f"tenants {live:,} live of {sum(states.values()):,}{odd}"
    )
    yield Text(f"requests {tables.rate(requests)}/s  refused {tables.rate(refused)}/s  errors {tables.rate(errors)}/s")


def _shards(scene: Scene) -> list[Text]:
    """The workers, as many a line as fit."""
    if scene.report is None:
        return []
    lines, line = [], Text()
    for worker in scene.report["workers"]:
        cell = _worker(worker)
        if line and len(line) + 3 + len(cell) > scene.width:
            lines.append(line)
            line = Text()
        if line:
            line.append(" | ")
        line.append_text(cell)
    lines.append(line)
    most = max(1, min(SHARD_LINES_MAX, scene.height // 4))
    if len(lines) > most:
        lines[most - 1 :] = [Text("…" if not scene.ascii_only else "...")]
    return lines


def _worker(worker: Report) -> Text:
    if worker["state"] != "serving":
        return Text(f"shard {worker['shard']} {worker['state']}", style="bold red")
    cpu = worker["cpu_percent"]
    return Text(
        f"shard {worker['shard']} CPU {cpu:.0f} % RSS {tables.size(worker['rss_kb'])} lag {worker['lag_ms']:.0f} ms",
        style=_heat(cpu),
    )


def _heat(percent: float) -> str:
    return next((style for least, style in HOT if percent >= least), "")


def _table(scene: Scene, room: int) -> list[Text]:
    if scene.report is None:
        return []
    tenants = scene.report["tenants"]
    offset = scene.view.scrolled(len(tenants))
    shown = tenants[offset : offset + room]
    name_width = max([len("NAME") + 2, *(len(tenant["name"]) for tenant in shown)])
    name_width = max(NAME_COLUMNS[0], min(NAME_COLUMNS[1], name_width, scene.width // 3))
    notes = [tables.note(tenant) for tenant in shown]
    columns = _columns(scene.width - 2 - name_width - (NOTE_COLUMNS_MIN if any(notes) else 0))
    titles = Text("  ", style="bold")
    titles.append(_title("NAME", "name", scene).ljust(name_width))
    for column in columns:
        titles.append(" " + _title(column.title, column.order, scene).rjust(column.width))
    lines = [titles]
    for tenant, said in zip(shown, notes, strict=True):
        line = Text(f"{mark(tenant)} {tenant['name'][:name_width]:<{name_width}}", style=_style(tenant))
        for column in columns:
            line.append(" " + column.cell(tenant, scene).rjust(column.width))
        if said:
            line.append(f" {said}")
        lines.append(line)
    return lines


def _columns(width: int) -> list[Column]:
    """Those that fit beside the name, in their order."""
    kept = []
    for column in sorted(COLUMNS, key=lambda column: column.rank):
        if column.width + 1 <= width:
            width -= column.width + 1
            kept.append(column)
        else:
            break
    return [column for column in COLUMNS if column in kept]


def _title(title: str, order: str, scene: Scene) -> str:
    if not order or order != scene.view.order:
        return title
    down = (order == "name") == scene.view.reverse
    return title + (("v" if down else "^") if scene.ascii_only else ("▼" if down else "▲"))


def _style(tenant: Report) -> str:
    styles = {"!": "red", "~": "yellow", NOT_SERVING: "dim", ".": "dim"}
    return styles.get(mark(tenant)) or _heat(tenant["windows"]["1s"]["cpu_percent"])


def _foot(scene: Scene) -> Text:
    view = scene.view
    if view.typed is not None:
        return Text(f"show names with: {view.typed}_", style="bold")
    keys = KEYS if len(KEYS) <= scene.width else KEYS_SHORT
    return Text(f"only *{view.match}* (Esc: all)  {keys}" if view.match else keys, style="dim")


def _fitted(lines: list[Text], scene: Scene) -> list[Text]:
    for line in lines:
        line.no_wrap = True
        line.truncate(scene.width)
    return lines[: scene.height]
