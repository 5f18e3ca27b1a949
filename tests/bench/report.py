"""What a run of the benchmark has found, and the one document made of it.

Each part (`density`, `launch`, `requests`, `growth`, `ending`) gives a `Section`; `written` makes of all of them
`report.md`, `report.json` (all samples, for who wants to count again) and an SVG for each chart.

Every figure that has one stands beside the real PocketBase's, measured in the same run, in turn with Pocker's.
"""

from dataclasses import dataclass, field
from typing import Any

# How servers are called in tables, charts and data.
REAL, OURS = "PocketBase", "Pocker"


@dataclass(frozen=True)
class Target:
    """Something that is to be reached: what, the bound in words, the value in words, and whether it is."""

    what: str
    bound: str
    value: str
    met: bool


@dataclass(frozen=True)
class Table:
    """Cells as they are printed; the first column is a name, the others are figures."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """Lines over one axis: points by the line's name. `name` is that of its file, in lower case with dashes."""

    name: str
    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]
    log_x: bool = False
    log_y: bool = False


@dataclass
class Section:
    """One part of the report. `method` says how it was measured, so that a stranger could do it again.

    `data` is plain JSON: samples by operation, server and unit (in the key's name: `cpu_us`, `open_ms`, `pss_kb`)."""

    key: str
    title: str
    method: str
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
