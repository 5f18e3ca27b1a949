"""The server's answers as plain text for an operator. Standard library only, like the client."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
Column = tuple[str, str, Callable[[Any], str]]

UNITS = ("KB", "MB", "GB", "TB")


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


def _milliseconds(value: float) -> str:
    return f"{value:,.1f}"


def _count(value: int) -> str:
    return f"{value:,}"


def _percent(value: float) -> str:
    return f"{value:.1f}"


def _yes(value: bool) -> str:
    return "yes" if value else "-"


def _names(value: Iterable[str]) -> str:
    return " ".join(value) or "-"


TENANTS: tuple[Column, ...] = (
    ("NAME", "name", str),
    ("STATE", "state", str),
    ("SHARD", "shard", str),
    ("LIVE", "live", _yes),
    ("CREATED", "created", lambda value: str(value)[:19]),
    ("URL", "url", str),
    ("DOMAINS", "domains", _names),
    ("REASON", "reason", str),
)
USAGE: tuple[Column, ...] = (
    ("NAME", "name", str),
    ("SHARD", "shard", str),
    ("LIVE", "live", _yes),
    ("REQUESTS", "requests", _count),
    ("ERRORS", "errors", _count),
    ("CPU MS", "cpu_ms", _milliseconds),
    ("IN", "bytes_in", lambda value: size(value / 1024)),
    ("OUT", "bytes_out", lambda value: size(value / 1024)),
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
OPTIONAL = frozenset({"DOMAINS", "REASON", "HANGS"})
NOTHING = frozenset({"", "-", "0"})


def table(columns: Iterable[Column], rows: list[Row]) -> str:
    """Aligned columns under their titles; what a row lacks is a dash, and a column that says nothing is left out."""
    shown = []
    for title, key, form in columns:
        cells = [form(row[key]) if key in row else "-" for row in rows]
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
    return "\n".join(f"{title:<10}  {cell}" for title, cell in lines)


def serves(value: Row) -> str:
    """A new tenant."""
    return f"{value['name']} serves at {value['url']} (shard {value['shard']})"


def state(value: Row) -> str:
    """A tenant after a step of its life cycle."""
    return f"{value['name']} is {value['state']}"


def domains(value: Row) -> str:
    """A tenant after a change of its domains."""
    return f"{value['name']} serves at {', '.join([value['url'], *value['domains']])}"


def superusers(value: list[Row]) -> str:
    """`superuser list`."""
    return "\n".join(str(row["email"]) for row in value) or "no superusers yet"
