"""How a report of the benchmark is written: the document, the data, and pictures where they can be drawn."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest

from tests.bench.report import OURS, REAL, Bars, Chart, Report, Section, Table, Target, document, markdown, written

FACTS = {"Machine": "two cores"}
CHART = Chart("growth-rows", "Rows", "rows", "µs", {REAL: [(10, 2.0), (1, 1.0)], OURS: [(1, 1.0)]}, log_x=True)
BARS = Bars("times", "Times", "times as many", {"view": 2.0}, {"bound": 1.2})
PLAIN = Section("plain", "Plain", "Measured with care.")
FULL = dataclasses.replace(
    PLAIN,
    tables=[Table("Figures", ["", "µs"], [["a | b", "1.0"]], "A note.")],
    charts=[CHART, BARS],
    targets=[Target("reads", "≥ 2", "2.1", met=True), Target("writes", "≥ 1.2", "1.1", met=False)],
    data={"view": {"cpu_us": [1.23456789, 2], 1000: (0.1,)}},
)
BROKEN = dataclasses.replace(PLAIN, failures=["list: 3 answers were no 2xx"])


def report(*sections: Section, **failures: str) -> Report:
    return Report("short", FACTS, list(sections), failures)


@pytest.mark.parametrize(
    ("told", "there", "missing"),
    [
        (report(), ["# Benchmark (short)", "* Machine: two cores"], ["## Targets", "Failed", "pictures"]),
        (report(PLAIN), ["## Plain", "Measured with care."], ["## Targets", "###", "!["]),
        (
            report(PLAIN, FULL),
            [
                "1 of 2 are met.",
                "| reads | ≥ 2 | 2.1 | met |",
                "| writes | ≥ 1.2 | 1.1 | **not met** |",
                "### Figures",
                "A note.",
                "| a &#124; b | 1.0 |",
                "| --- | ---: |",
            ],
            ["![", "Failed"],
        ),
        (report(PLAIN, growth="OSError: no space"), ["**Failed: the part `growth`", "OSError: no space"], ["Targets"]),
        (report(BROKEN), ["**Failed: `plain`: list: 3 answers were no 2xx**"], ["Targets"]),
    ],
    ids=["nothing", "a section", "all of it", "a part failed", "a piece failed"],
)
def test_document(told: Report, there: list[str], missing: list[str]) -> None:
    text = markdown(told)
    assert [part for part in there if part not in text] == []
    assert [part for part in missing if part in text] == []


def test_data_is_plain_and_short() -> None:
    told = document(report(FULL, ending="gone"))
    assert json.loads(json.dumps(told)) == told
    assert told["sections"]["plain"]["data"] == {"view": {"cpu_us": [1.2346, 2], "1000": [0.1]}}
    assert told["sections"]["plain"]["targets"][1] == {"what": "writes", "bound": "≥ 1.2", "value": "1.1", "met": False}
    assert len(told["failures"]) == 1


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (tmp_path / "old.svg").write_text("of another run")
    text = written(report(FULL), tmp_path)
    assert "There are no pictures: matplotlib is not installed" in text
    assert "![" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "report.md"]


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="`make bench` installs it")
    empty = Chart("empty", "Nothing", "x", "y", {REAL: []})
    told = report(dataclasses.replace(FULL, charts=[*FULL.charts, empty]))
    text = written(told, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")}
    assert sorted(first) == ["growth-rows.svg", "times.svg"]
    assert "![Rows](growth-rows.svg)" in text
    assert "empty" not in text
    assert b">Rows</text>" in first["growth-rows.svg"]
    written(told, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")} == first
