"""A run of the benchmark: what becomes of parts that fail, or that it has no time for."""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench import __main__ as bench
from tests.bench.machine import SHORT
from tests.bench.report import Section, Table

PLAN = dataclasses.replace(SHORT, residents={})
FOUND = Table("Figures", ["", "µs"], [["view", "1.0"]])


def found(section: Section) -> None:
    section.tables.append(FOUND)


def broken(section: Section) -> None:
    with section.attempt("a piece"):
        raise ValueError("of no use")
    section.tables.append(FOUND)
    raise OSError("no space")


def useless(_: Section) -> None:
    raise OSError("no space")


def late(section: Section) -> None:
    section.tables.append(FOUND)
    raise bench.OverError("2 minutes were over")


def ended(_: Section) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("measure", "raised", "there", "missing"),
    [
        ({"launch": found, "ending": found}, None, ["## Launch", "## Start and stop", "Took: "], ["Failed"]),
        (
            {"launch": broken, "ending": found},
            None,
            ["`launch`: a piece: ValueError: of no use", "`launch`: it ended early: OSError: no space", "## Launch"],
            ["Failed: the part"],
        ),
        (
            {"launch": useless, "ending": found},
            None,
            ["the part `launch`, which is not here: it ended early: OSError: no space", "## Start and stop"],
            ["## Launch"],
        ),
        (
            {"launch": late, "ending": found},
            bench.OverError,
            ["`launch`: cut short: OverError: 2 minutes", "the part `ending`, which is not here: it had", "## Launch"],
            ["## Start"],
        ),
        (
            {"launch": found, "ending": ended},
            KeyboardInterrupt,
            ["## Launch", "the part `ending`, which is not here: cut short: KeyboardInterrupt"],
            ["## Start", "it had not begun"],
        ),
    ],
    ids=["both", "a piece failed", "nothing was found", "over", "interrupted"],
)
def test_run(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    measure: dict[str, Callable[[Section], None]],
    *,
    raised: type[BaseException] | None,
    there: list[str],
    missing: list[str],
) -> None:
    def imported(name: str) -> Any:
        part = measure[name.removeprefix("tests.bench.")]
        return SimpleNamespace(measure=lambda section, *_: part(section))

    monkeypatch.setattr(bench.machine, "facts", dict)
    run = bench.Run(PLAN, list(measure), tmp_path)
    monkeypatch.setattr(importlib, "import_module", imported)
    if raised:
        with pytest.raises(raised):
            run.measure()
    else:
        run.measure()
    text = (tmp_path / "report.md").read_text()  # it is there without any further step
    assert [part for part in there if part not in text] == []
    assert [part for part in missing if part in text] == []


def test_how_long_it_takes() -> None:
    assert 0 < PLAN.minutes(["launch"]) < PLAN.minutes(bench.PARTS.keys() - bench.FULL_ONLY) < 5
