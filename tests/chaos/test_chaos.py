"""A short run of the chaos, and that its checker would notice what must not happen."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.book import Book, Value, invented
from tests.chaos.owners import Watch
from tests.chaos.run import run

SEED = 3
SECONDS = 12.0


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_nothing_acknowledged_is_lost_and_no_tenant_has_two_owners(tmp_path: Path) -> None:
    report = run(tmp_path, seed=SEED, seconds=SECONDS, tenants=4)
    assert report.faults == [], "\n".join([*report.did, *report.lines()])
    assert report.did
    assert report.done > 100
    assert report.looks > 10


def written(*values: Value) -> tuple[Book, dict[str, Value]]:
    """A book of acknowledged records, and the database that has them all."""
    book = Book("t")
    for number, value in enumerate(values):
        book.new(f"r{number}").certain = value
    return book, {record.id: record.certain for record in book.records.values() if record.certain}


def test_what_is_as_it_was_acknowledged_is_no_fault() -> None:
    book, stored = written(("a", 1), ("b", 2), None)
    assert book.faults(stored) == []
    assert invented("t", [book], stored) == []


@pytest.mark.parametrize(
    ("record", "found", "words"),
    [
        ("r0", None, "should be ('a', 1) and is None"),
        ("r0", ("a", 2), "should be ('a', 1) and is ('a', 2)"),
        ("r1", ("before", 2), "should be ('b', 2)"),
        ("r2", ("c", 0), "should be None and is ('c', 0)"),
    ],
)
def test_a_lost_doubled_or_undone_write_is_a_fault(record: str, found: Value, words: str) -> None:
    book, stored = written(("a", 1), ("b", 2), None)
    stored[record] = found
    (line,) = book.faults(stored)
    assert words in line


@pytest.mark.parametrize(
    ("found", "allowed"), [(("a", 1), True), (("a", 2), True), (("a", 3), False), (None, False), (("b", 1), False)]
)
def test_an_unanswered_write_may_be_there_or_not(found: Value, allowed: bool) -> None:
    book, _ = written(("a", 1))
    book.records["r0"].open, book.records["r0"].perhaps = True, ("a", 2)
    assert (book.faults({"r0": found}) == []) is allowed


def test_half_of_a_batch_is_a_fault() -> None:
    book = Book("t")
    for name in ("one", "other"):
        record = book.new(name)
        record.open, record.perhaps = True, (name, 0)
    book.pairs.append(("one", "other"))
    assert book.faults({}) == []
    assert book.faults({"one": ("one", 0), "other": ("other", 0)}) == []
    assert len(book.faults({"one": ("one", 0)})) == 1


def test_what_nobody_wrote_is_a_fault() -> None:
    book, stored = written(("a", 1))
    assert len(invented("t", [book], stored | {"stranger": ("x", 0)})) == 1
    assert len(invented("u", [book], {"r0": ("a", 1)})) == 1


HOLD = "import sys, time; f = open(sys.argv[1], sys.argv[2]); print(flush=True); time.sleep(60)"


@pytest.mark.parametrize(("modes", "faults"), [(("r+b", "r+b"), 1), (("r+b", "rb"), 0), (("r+b",), 0)])
def test_two_processes_with_one_database_open_are_seen(tmp_path: Path, modes: tuple[str, ...], faults: int) -> None:
    file = tmp_path / "tenants" / "t" / "pb_data" / "data.db"
    file.parent.mkdir(parents=True)
    file.touch()
    holders = [subprocess.Popen([sys.executable, "-c", HOLD, file, mode], stdout=subprocess.PIPE) for mode in modes]
    try:
        for holder in holders:
            assert holder.stdout is not None
            holder.stdout.readline()
        watch = Watch(tmp_path)
        watch.look()
        assert len(watch.faults) == faults
        if faults:
            assert all(str(holder.pid) in watch.faults[0] for holder in holders)
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
