"""The server's answers as plain text for an operator. Standard library only, like the client."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Column = tuple[str, str, Callable[[Any], str]]

UNITS = ("KB", "MB", "GB", "TB")
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.:-=+*#"


def size(kb: float) -> str:
    """Kilobytes in the largest unit that leaves a number of at least one."""
    for unit in UNITS[:-1]:
        if kb < 1024:
            return f"{kb:.0f} {unit}" if unit == "KB" else f"{kb:.1f} {unit}"
        kb /= 1024
    return f"{kb:.1f} {UNITS[-1]}"


def duration(seconds: float) -> str:
    """Seconds as the two largest units, for example "3h 12m"."""
    whole = int(seconds)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= length:
            return f"{whole // length}{unit} {whole % length // part}{smaller}"
    return f"{whole}s"


def rate(value: float) -> str:
    """Something a second: with a decimal place where that says something."""
    return f"{value:,.1f}" if value < 99.95 else f"{value:,.0f}"


def plain(text: str) -> str:
    """The text without what a terminal would obey: reasons may quote anybody."""
    return text if text.isprintable() else "".join(mark if mark.isprintable() else "?" for mark in text)


def sparkline(values: Iterable[float | None], top: float, levels: str = BLOCKS) -> str:
    """One character a value, as high as its share of `top`; a space where there is none."""
    highest = len(levels) - 1
    return "".join(
        " " if value is None else levels[max(0, min(highest, math.ceil(value / top * highest)))] for value in values
    )


def _milliseconds(value: float) -> str:
    return f"{value:,.1f}"


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:,.1f}"


def _bytes(value: float) -> str:
    return size(value / 1024)


def _count(value: int) -> str:
    return f"{value:,}"


def _percent(value: float) -> str:
    return f"{value:.1f}"


def _yes(value: bool) -> str:
    return "yes" if value else "-"


def _names(value: Iterable[str]) -> str:
    return " ".join(value) or "-"


def _verdict(verdict: Row | None) -> str:
    if not verdict:
        return "-"
    if verdict["blocked_s"] > 0:
        return f"blocked for {duration(verdict['blocked_s'])}: {verdict['reason']}"
    return f"slowed down to {verdict['cpu_percent']:g} % of a core: {verdict['reason']}"


TENANTS: tuple[Column, ...] = (
    ("NAME", "name", str),
    ("STATE", "state", str),
    ("SHARD", "shard", str),
    ("PLAN", "plan", str),
    ("LIVE", "live", _yes),
    ("CREATED", "created", lambda value: str(value)[:19]),
    ("URL", "url", str),
    ("DOMAINS", "domains", _names),
    ("REASON", "reason", str),
    ("VERDICT", "verdict", _verdict),
)
USAGE: tuple[Column, ...] = (
    ("NAME", "name", str),
    ("SHARD", "shard", str),
    ("LIVE", "live", _yes),
    ("REQUESTS", "requests", _count),
    ("FAILED", "failed", _count),
    ("ERRORS", "errors", _count),
    ("REFUSED", "refused", _count),
    ("CPU MS", "cpu_ms", _milliseconds),
    ("IN", "bytes_in", _bytes),
    ("OUT", "bytes_out", _bytes),
    ("MEMORY", "memory_kb", size),
    ("DISK", "disk_kb", size),
    ("HANGS", "hangs", _count),
)
SHARDS: tuple[Column, ...] = (
    ("SHARD", "shard", str),
    ("STATE", "state", str),
    ("PID", "pid", str),
    ("UP", "uptime_s", duration),
    ("RESTARTS", "restarts", _count),
    ("CPU %", "cpu_percent", _percent),
    ("RSS", "rss_kb", size),
    ("LIVE TENANTS", "live_tenants", _count),
    ("CONNECTIONS", "connections", _count),
)
DAYS: tuple[Column, ...] = (
    ("DAY", "day", str),
    ("REQUESTS", "requests", _count),
    ("FAILED", "failed", _count),
    ("ERRORS", "errors", _count),
    ("REFUSED", "refused", _count),
    ("CPU S", "cpu_ms", _seconds),
    ("SQL S", "sql_ms", _seconds),
    ("ROWS", "rows", _count),
    ("CUT", "cut", _count),
    ("IN", "bytes_in", _bytes),
    ("OUT", "bytes_out", _bytes),
    ("MOST MEMORY", "memory_peak_kb", size),
    ("DISK", "disk_kb", size),
    ("HANGS", "hangs", _count),
)
WINDOWS: tuple[Column, ...] = (
    ("LAST", "window", str),
    ("REQUESTS/S", "requests_per_s", rate),
    ("ERRORS/S", "errors_per_s", rate),
    ("REFUSED/S", "refused_per_s", rate),
    ("CPU %", "cpu_percent", rate),
    ("IN/S", "in_per_s", _bytes),
    ("OUT/S", "out_per_s", _bytes),
)
LIVE: tuple[Column, ...] = (
    ("NAME", "name", str),
    ("STATE", "state", str),
    ("SHARD", "shard", str),
    ("LIVE", "live", _yes),
    ("REQ/S", "requests_per_s", rate),
    ("CPU %", "cpu_percent", rate),
    ("CPU % 1M", "cpu_percent_60s", rate),
    ("SQL MS/S", "sql_ms_per_s", rate),
    ("REF/S", "refused_per_s", rate),
    ("IN/S", "in_per_s", _bytes),
    ("OUT/S", "out_per_s", _bytes),
    ("CONN", "connections", _count),
    ("QUEUE", "queued", _count),
    ("MEMORY", "memory_kb", size),
    ("DISK", "disk_kb", size),
    ("NOTE", "note", str),
)
WORKERS: tuple[Column, ...] = (
    *SHARDS,
    ("LAG MS", "lag_ms", rate),
    ("QUEUE", "queued", _count),
)
EVENTS: tuple[Column, ...] = (
    ("AT (UTC)", "at", str),
    ("KIND", "kind", str),
    ("TENANT", "tenant", lambda value: value or "-"),
    ("SHARD", "shard", lambda value: "-" if value < 0 else str(value)),
    ("REASON", "said", str),
)
BOUND: tuple[Column, ...] = (
    ("WHAT", "what", str),
    ("OF", "of", lambda value: value or "-"),
    ("PLACE", "place", str),
)
OPTIONAL = frozenset({"DOMAINS", "REASON", "VERDICT", "HANGS", "NOTE", "CUT"})
NOTHING = frozenset({"", "-", "0"})


def table(columns: Iterable[Column], rows: Sequence[Row]) -> str:
    """Aligned columns under their titles; what a row lacks is a dash, and a column that says nothing is left out."""
    shown = []
    for title, key, form in columns:
        cells = [plain(form(row[key])) if key in row else "-" for row in rows]
        if title not in OPTIONAL or any(cell not in NOTHING for cell in cells):
            width = max(len(title), *map(len, cells))
            shown.append([cell.ljust(width) for cell in (title, *cells)])
    return "\n".join("  ".join(line).rstrip() for line in zip(*shown, strict=True))


def tenants(value: list[Row]) -> str:
    """`tenant list`."""
    return table(TENANTS, value) if value else "no tenants yet"


def usage(value: list[Row]) -> str:
    """`usage`."""
    return table(USAGE, value) if value else "no tenants yet"


def used_since(value: Row) -> str:
    """`usage TENANT --since`: its days with their sum, and what it does now."""
    days = list(value["days"])
    if len(days) > 1:
        summed = [key for _, key, _ in DAYS if key not in {"day", "memory_peak_kb", "disk_kb"}]
        total = {key: sum(day[key] for day in days) for key in summed}
        days.append({"day": "together", **total, "memory_peak_kb": max(day["memory_peak_kb"] for day in days)})
    windows = [{"window": name, **window} for name, window in value["windows"].items()]
    return "\n".join(
        (
            f"{value['name']} since {value['since']}; days are UTC",
            "",
            table(DAYS, days) if days else "nothing used",
            "",
            table(WINDOWS, windows),
        )
    )


def live(value: Row) -> str:
    """`top --once`."""
    supervisor = value["supervisor"]
    rows = []
    for tenant in value["tenants"]:
        window, minute = tenant["windows"]["1s"], tenant["windows"]["60s"]
        row = {**tenant, **window, "cpu_percent_60s": minute["cpu_percent"], "note": note(tenant)}
        rows.append({**row, "sql_ms_per_s": window["sql_ms"] / window["seconds"]})
    return "\n".join(
        (
            f"{value['at'][:19]} UTC, supervisor {supervisor['pid']}, up {duration(value['uptime_s'])}, "
            f"CPU {supervisor['cpu_percent']:.1f} %, RSS {size(supervisor['rss_kb'])}",
            "",
            table(WORKERS, value["workers"]),
            "",
            table(LIVE, rows) if rows else "no tenants yet",
        )
    )


def note(tenant: Row) -> str:
    """How a tenant of `usage.live` stands, with the reason; empty while it is as it should be."""
    verdict = tenant["verdict"]
    if tenant["state"] != "active":
        how, reason = str(tenant["state"]), tenant["reason"]
    elif verdict:
        seconds = verdict["blocked_s"]
        how, reason = f"blocked {duration(seconds)}" if seconds > 0 else "slowed down", verdict["reason"]
    else:
        return ""
    return plain(f"{how}: {reason}" if reason else how)


def events(value: list[Row]) -> str:
    """`events`."""
    return table(EVENTS, [{**row, "said": _said(row)} for row in value]) if value else "no events"


def event(value: Row) -> str:
    """One line of `events --follow`."""
    about = [str(value["tenant"])] if value["tenant"] else []
    if value["shard"] >= 0:
        about.append(f"shard {value['shard']}")
    return f"{value['at']}  {value['kind']:<16}  {' '.join(about) or '-':<24}  {plain(_said(value))}".rstrip()


def _said(value: Row) -> str:
    detail = " ".join(f"{key}={found}" for key, found in value["detail"].items())
    return " ".join(part for part in (str(value["reason"]), detail and f"({detail})") if part)


def status(value: Row) -> str:
    """`status`."""
    counted = ", ".join(f"{count:,} {state}" for state, count in value["tenants"].items()) or "none yet"
    return "\n".join(
        (
            f"listening on {value['listen']}, data in {value['data']}",
            f"supervisor {value['pid']}, up {duration(value['uptime_s'])}, "
            f"CPU {value['cpu_percent']:.1f} %, RSS {size(value['rss_kb'])}",
            f"tenants: {counted}",
            "",
            table(SHARDS, value["shards"]),
        )
    )


def sheet(value: Row) -> str:
    """`tenant show`: one line a property."""
    lines = []
    for columns, row in ((TENANTS, value), (USAGE, value["usage"])):
        for title, key, form in columns:
            if row is value or key not in value:
                lines.append((title.lower(), form(row[key]) or "-"))
    if value.get("scripts"):
        lines.append(("scripts", value["scripts"]))
    return "\n".join(f"{title:<10}  {plain(cell)}" for title, cell in lines)


def serves(value: Row) -> str:
    """A new tenant."""
    return f"{value['name']} serves at {value['url']} (shard {value['shard']})"


def state(value: Row) -> str:
    """A tenant after a step of its life cycle."""
    return f"{value['name']} is {value['state']}"


def domains(value: Row) -> str:
    """A tenant after a change of its domains."""
    return f"{value['name']} serves at {', '.join([value['url'], *value['domains']])}"


def checked(value: Row) -> str:
    """Whether a tenant's scripts can be loaded; where not, why."""
    name, error = value["name"], value["error"]
    if error is None:
        counts = ", ".join(f"{what} {value[what]}" for what in ("hooks", "routes", "middlewares", "jobs"))
        told = [f"{name}: its scripts can be loaded: {counts}"]
    else:
        told = [
            f"{name}: {place(error)}: {plain(error['message'])}"
            if error["file"]
            else f"{name}: {plain(error['message'])}"
        ]
        told += [plain(line) for line in error["stack"].splitlines()]
    serving = {"previous": "its previous scripts go on", "nothing": "it does not serve"}
    return "\n".join([*told, *([serving[value["serving"]]] if value["serving"] in serving else [])])


def bound(value: Row) -> str:
    """What a tenant's scripts have bound."""
    kinds = (
        ("hooks", lambda row: row["event"], lambda row: " ".join(row["tags"])),
        ("routes", lambda _: "route", lambda row: f"{row['method']} {row['path']}"),
        ("middlewares", lambda _: "middleware", lambda row: row["name"]),
        ("jobs", lambda _: "job", lambda row: f"{row['id']} {row['expression']}"),
    )
    rows = [{"what": what(row), "of": of(row), "place": place(row)} for kind, what, of in kinds for row in value[kind]]
    return table(BOUND, rows) if rows else "no scripts"


MIGRATIONS: tuple[Column, ...] = (
    ("FILE", "file", lambda value: plain(str(value))),
    ("APPLIED", "applied", lambda value: value or "no"),
    ("NOTE", "there", lambda value: "" if value else "its file is gone"),
)


def migrations(value: Row) -> str:
    """A tenant's migrations."""
    return table(MIGRATIONS, value["files"]) if value["files"] else "no migrations"


def migrated(done: str, nothing: str) -> Callable[[Row], str]:
    """What was done with which files; `nothing` where it was none."""

    def told(value: Row) -> str:
        return "\n".join(f"{done} {plain(str(file))}" for file in value["files"]) or nothing

    return told


def place(value: Row) -> str:
    """Where something stands in a tenant's files."""
    return plain(f"{value['file'].lstrip('/')}:{value['line']}") if value["line"] else plain(value["file"].lstrip("/"))


def superusers(value: list[Row]) -> str:
    """`superuser list`."""
    return "\n".join(plain(str(row["email"])) for row in value) or "no superusers yet"
