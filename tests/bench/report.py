"""What a run of the benchmark has found, and the one document made of it.

Each part (`requests`, `density`, `launch`, `growth`, `ending`) fills a `Section`; `written` makes of all of them
`report.md`, `report.json` (all samples, for who wants to count again) and an SVG for each chart.

Every figure that has one stands beside the real PocketBase's, measured in the same run, in turn with Pocker's.
"""

import contextlib
import json
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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


@dataclass(frozen=True)
class Bars:
    """One bar for each name, from above; `marks` are bounds that are drawn as lines, by what they mean."""

    name: str
    title: str
    x: str
    bars: dict[str, float]
    marks: dict[str, float] = field(default_factory=dict)


@dataclass
class Section:
    """One part of the report. `method` says how it was measured, so that a stranger could do it again.

    `data` is plain JSON: samples by operation, server and unit (in the key's name: `cpu_us`, `open_ms`, `pss_kb`).
    `failures` say what of it could not be measured."""

    key: str
    title: str
    method: str
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart | Bars] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def attempt(self, piece: str) -> Iterator[None]:
        """What goes wrong inside is a failure of this piece, and does not keep the others from being measured."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.failures.append(f"{piece}: {reason(error)}")


@dataclass
class Report:
    """A run: the plan's name, facts about the machine by what they are, what is there of each part, and what failed.

    `failures` are the parts of which there is nothing, with the reason; the document says so at its top.
    """

    plan: str
    facts: dict[str, str]
    sections: list[Section] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def markdown(report: Report, pictures: Sequence[str] = (), *, without: str = "") -> str:
    """The document. `pictures` are the names of the charts that stand beside it; `without` says why none do."""
    lines = [f"# Benchmark ({report.plan})", "", *_targets(report)]
    lines += [line for failure in failed(report) for line in (f"**Failed: {failure}**", "")]
    lines += ["## Where", "", *(f"* {what}: {fact}" for what, fact in report.facts.items()), ""]
    if without:
        lines += [f"There are no pictures: {without}", ""]
    for section in report.sections:
        lines += _section(section, pictures)
    return "\n".join(lines)


def reason(error: BaseException) -> str:
    """In one line."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(": ")


def failed(report: Report) -> list[str]:
    """What could not be measured: whole parts, and pieces of others."""
    parts = [f"the part `{part}`, which is not here: {reason}" for part, reason in report.failures.items()]
    return parts + [f"`{section.key}`: {failure}" for section in report.sections for failure in section.failures]


def document(report: Report) -> dict[str, Any]:
    """The same as plain JSON, with all samples."""
    return {
        "plan": report.plan,
        "facts": report.facts,
        "failures": failed(report),
        "sections": {
            section.key: {
                "title": section.title,
                "method": section.method,
                "targets": [vars(target) for target in section.targets],
                "data": _rounded(section.data),
            }
            for section in report.sections
        },
    }


def written(report: Report, directory: Path, *, draft: bool = False) -> str:
    """Write `report.md`, `report.json` and the pictures into the directory, over those of another run; the document.
    A draft has no pictures: to draw them takes seconds."""
    from tests.bench import charts

    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.svg"):
        old.unlink()
    wanted = [chart for section in report.sections for chart in section.charts]
    pictures, without = ([], "they are drawn at the end of a run.") if draft else charts.drawn(wanted, directory)
    text = markdown(report, pictures, without=without)
    (directory / "report.md").write_text(text)
    (directory / "report.json").write_text(json.dumps(document(report), separators=(",", ":")) + "\n")
    return text


def rows(head: list[str], cells: list[list[str]]) -> Iterator[str]:
    """A table's lines in Markdown."""
    for line in [head, ["---", *["---:"] * (len(head) - 1)], *cells]:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |"


def _targets(report: Report) -> Iterator[str]:
    targets = [target for section in report.sections for target in section.targets]
    if not targets:
        return
    met = sum(target.met for target in targets)
    yield from ("## Targets", "", f"{met} of {len(targets)} are met.", "")
    yield from rows(
        ["to be reached", "bound", "measured", ""],
        [[target.what, target.bound, target.value, "met" if target.met else "**not met**"] for target in targets],
    )
    yield ""


def _section(section: Section, pictures: Sequence[str]) -> Iterator[str]:
    yield from (f"## {section.title}", "", section.method.strip(), "")
    for chart in section.charts:
        if chart.name in pictures:
            yield from (f"![{chart.title}]({chart.name}.svg)", "")
    for table in section.tables:
        yield from (f"### {table.title}", "")
        if table.note:
            yield from (table.note.strip(), "")
        yield from (*rows(table.head, table.rows), "")


def _rounded(value: Any) -> Any:
    """Floats to five digits: no sample is known better, and the file stays small."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {str(key): _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
