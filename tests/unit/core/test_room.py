"""Disk quotas and full disks, below HTTP: what is refused, what goes on, and that nothing is harmed."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.smalldisk import SmallDisk, mounted
from worker.db.connection import Database
from worker.db.faults import may_pass, to_api_error
from worker.db.room import LOG_SHARE, PAGES_MAX, NoRoomError, QuotaError, Room
from worker.fair.disk import MB, DiskUse, DiskWatch, measure
from worker.provision import ProvisionError, export_directory, fits, import_directory, provision
from worker.services.logrows import Entry
from worker.services.logs import RequestLog
from worker.services.settings import LogsSettings

TEXT = "x" * 1000
ENTRY = Entry(
    1_700_000_000_000, 1_000_000, "GET", b"/api/health", 200, "", "", "127.0.0.1", "127.0.0.1", b"", b"", None
)


class Files:
    """A tenant's files and connections that keep to its room."""

    def __init__(self, directory: Path, quota_mb: int = 0, reserve_mb: int = 0) -> None:
        self.directory = directory
        if not directory.exists():
            provision(directory.parent / "template", directory)
        self.path = directory / "pb_data" / "data.db"
        self.watch = DiskWatch(directory, reserve_mb)
        self.db = Database(self.path)
        (page_bytes,) = self.db.once("PRAGMA page_size")[0]
        self.room = Room(directory, self.watch, quota_mb, page_bytes)
        self.room.measured(measure(directory))
        self.db.room = self.room
        if not self.db.once("SELECT 1 FROM sqlite_schema WHERE name = 'notes'"):
            self.db.once("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")

    def write(self, count: int = 1, text: str = TEXT) -> None:
        """So many rows, each in a transaction of its own."""
        for _ in range(count):
            with self.db.transaction():
                self.db.execute("INSERT INTO notes (text) VALUES (?)", (text,))

    def write_many(self, count: int, first: str = "SELECT 1") -> None:
        """So many rows in one transaction, after another statement."""
        with self.db.transaction():
            self.db.execute(first)
            for _ in range(count):
                self.db.execute("INSERT INTO notes (text) VALUES (?)", (TEXT,))

    def write_nested(self, count: int, first: str) -> None:
        """As `write_many`, the rows inside of a savepoint."""
        with self.db.transaction():
            self.db.execute(first)
            self.write_many(count)

    def fill(self) -> int:
        """Write until there is no room; the number of rows then."""
        with pytest.raises(NoRoomError):
            self.write(1_000_000)
        assert not self.db.in_transaction
        assert self.db.connection.get_autocommit()
        return self.count()

    def count(self) -> int:
        return int(self.db.value("SELECT count(*) FROM notes"))

    def sound(self) -> bool:
        """Whether another connection, too, finds a database without faults."""
        with closing(apsw.Connection(str(self.path))) as other:
            return list(other.execute("PRAGMA integrity_check")) == [("ok",)]

    def size(self) -> int:
        (pages,), (page_bytes,) = (self.db.once(f"PRAGMA {name}")[0] for name in ("page_count", "page_size"))
        return int(pages) * int(page_bytes)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path / "tenant", quota_mb=1)
    yield made
    made.db.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", 8) as small:
        yield small


def test_a_write_beyond_the_quota_is_refused_as_a_whole_and_told(files: Files) -> None:
    before = files.fill()
    assert 300 < before < 1000, "most of a megabyte holds rows"
    assert files.size() <= MB
    with pytest.raises(QuotaError) as caught:
        files.write_many(50, first="UPDATE notes SET text = 'changed' WHERE id = 1")
    assert files.count() == before
    assert files.db.value("SELECT text FROM notes WHERE id = 1") == TEXT
    answer = to_api_error(caught.value)
    assert (answer.status, answer.data) == (507, {})
    assert "disk quota of 1 MB" in answer.message
    assert files.room.hit
    assert files.sound()


def test_what_needs_no_more_is_carried_out_at_the_quota(files: Files) -> None:
    before = files.fill()
    with files.db.transaction():
        files.db.execute("UPDATE notes SET text = upper(text)")
    with files.db.transaction():
        files.db.execute("UPDATE notes SET text = 'short' WHERE id < 10")
    with files.db.transaction():
        files.db.execute("DELETE FROM notes WHERE id > ?", (before // 2,))
    assert files.room.relieved(files.db)
    assert files.count() < before * 0.6
    files.write(20)  # in the place of what was deleted
    assert files.size() <= MB
    assert files.db.value("SELECT count(*) FROM notes WHERE text = 'short'") > 0


def test_reads_never_ask(files: Files) -> None:
    before = files.fill()
    assert len(files.db.all("SELECT * FROM notes ORDER BY text DESC")) == before
    with closing(Database(files.path, readonly=True)) as apart:
        assert apart.value("SELECT count(*) FROM notes") == before


def test_a_failure_inside_of_a_savepoint_ends_the_whole_and_is_told_once(files: Files) -> None:
    before = files.fill()
    with pytest.raises(QuotaError):
        files.write_nested(50, "UPDATE notes SET text = 'changed' WHERE id = 1")
    assert files.count() == before
    assert files.db.value("SELECT count(*) FROM notes WHERE text = 'changed'") == 0


def test_a_second_connection_keeps_to_the_same_room(files: Files) -> None:
    files.fill()
    own = files.db
    with closing(Database(files.path)) as second:
        second.room = files.room
        files.db = second
        with pytest.raises(QuotaError):
            files.write_many(50)
    files.db = own


@pytest.mark.parametrize(("quota_mb", "more"), [(2, True), (0, True), (1, False)])
def test_another_quota_is_in_force_for_the_next_write(files: Files, quota_mb: int, more: bool) -> None:
    files.fill()
    files.room.limit(quota_mb)
    if more:
        files.write(100)
        assert files.size() > MB
    else:
        with pytest.raises(QuotaError):
            files.write(100)
    files.room.limit(1)
    with pytest.raises(QuotaError):
        files.write(100)


def test_a_tenant_beyond_its_quota_from_the_start_may_shrink(tmp_path: Path) -> None:
    files = Files(tmp_path / "tenant")
    files.write(3000)
    assert files.room.pages_max == PAGES_MAX
    files.room.limit(1)
    with pytest.raises(QuotaError):
        files.write(100)
    with files.db.transaction():
        files.db.execute("DELETE FROM notes WHERE id > 100")
    files.write(100)
    files.db.close()


@pytest.mark.parametrize(
    ("use", "pages", "log"),
    [
        (DiskUse(), 4 * MB, MB),
        (DiskUse(data=MB, log=MB), 3 * MB, MB),
        (DiskUse(data=MB, log=MB, rest=MB), 2 * MB, MB),
        (DiskUse(data=3 * MB, log=MB, rest=MB // 2), 2 * MB + MB // 2, MB // 2),
        (DiskUse(data=5 * MB), 4 * MB, 1),
        (DiskUse(rest=9 * MB), 1, 1),
        (DiskUse(wal=8 * MB), 4 * MB, MB),
        (DiskUse(wal=9 * MB), 3 * MB, MB),
    ],
)
def test_what_else_there_is_counts(use: DiskUse, pages: int, log: int) -> None:
    room = Room(Path(), DiskWatch(Path("/nowhere"), 0), 4, 1)
    room.measured(use)
    assert (room.pages_max, room.log_bytes_max) == (pages, log)


def test_measuring_counts_every_file_once(files: Files) -> None:
    files.write(10)
    pb_data = files.directory / "pb_data"
    (pb_data / "storage" / "deep").mkdir(parents=True)
    (pb_data / "storage" / "deep" / "data.db").write_bytes(bytes(1000))
    (files.directory / "pb_hooks").mkdir()
    (files.directory / "pb_hooks" / "main.pb.js").write_bytes(bytes(100))
    use = measure(files.directory)
    assert use.data == (pb_data / "data.db").stat().st_size
    assert use.wal == (pb_data / "data.db-wal").stat().st_size > 0
    assert use.log == (pb_data / "auxiliary.db").stat().st_size
    assert use.rest == 1100
    assert use.total_kb == sum(use) // 1024
    assert measure(files.directory / "missing") == DiskUse()


def test_the_log_keeps_to_its_part_and_drops_the_rest(files: Files) -> None:
    log = RequestLog(files.directory / "pb_data" / "auxiliary.db", LogsSettings(), queue_max=1000)
    log.room = files.room
    while not log.dropped:
        for _ in range(500):
            log.add(ENTRY._replace(referer=b"r" * 1000))
        log.flush()
    assert log.path.stat().st_size <= MB // LOG_SHARE
    log.close()
    files.room.measured(measure(files.directory))
    files.fill()
    assert files.size() > MB // 2, "the rest is for records"
    before, log.dropped = log.path.stat().st_size, 0
    files.room.limit(0)
    log.add(ENTRY)
    assert log.close() == 1
    assert log.path.stat().st_size >= before
    assert log.dropped == 0


def test_below_the_reserve_nothing_is_written_and_above_it_everything_again(disk: SmallDisk) -> None:
    files = Files(disk.path / "tenant", reserve_mb=2)
    log = RequestLog(files.directory / "pb_data" / "auxiliary.db", LogsSettings())
    log.room = files.room
    files.write(5)
    disk.fill(leave_bytes=MB)
    assert files.watch.look()
    with pytest.raises(NoRoomError) as caught:
        files.write()
    assert "almost full" in to_api_error(caught.value).message
    assert to_api_error(caught.value).status == 507
    log.add(ENTRY)
    assert (log.flush(), log.dropped, log.pending) == (0, 0, 1)
    assert files.count() == 5
    disk.fill(leave_bytes=2 * MB + MB // 10)
    assert not files.watch.look(), "a little more than the reserve is not enough"
    disk.empty()
    assert files.watch.look()
    files.write(5)
    log.add(ENTRY)
    assert log.close() == 2
    files.db.close()


def test_a_full_disk_harms_nothing_and_passes(disk: SmallDisk) -> None:
    files = Files(disk.path / "tenant", quota_mb=100)
    files.write(5)
    for leave_bytes in (0, 4096, 40_000, 300_000):
        before = files.count()
        disk.fill(leave_bytes)
        with pytest.raises(NoRoomError) as caught:  # where there is still some room, some are written before
            files.write(2000)
        assert not isinstance(caught.value, QuotaError)
        assert "disk is full" in to_api_error(caught.value).message
        written = files.count()
        assert written >= before
        with pytest.raises(NoRoomError):  # also what spills over its cache
            files.write_many(2000, first="UPDATE notes SET text = text || text")
        assert files.count() == written
        disk.empty()
        files.write(5)
        assert files.count() == written + 5
        assert files.sound()
        files.db.once("DELETE FROM notes WHERE id > 100")
        files.db.once("PRAGMA wal_checkpoint(TRUNCATE)")
    files.db.close()


def test_opening_and_closing_on_a_full_disk(disk: SmallDisk) -> None:
    files = Files(disk.path / "tenant")
    files.write(50)
    disk.fill()
    files.db.close()  # can't take its log back into the database: both stay where they are, and can be opened
    disk.fill()
    again = Files(disk.path / "tenant")
    assert again.count() == 50
    disk.empty()
    again.write(5)
    again.db.close()
    assert not again.path.with_name("data.db-wal").exists()
    # what was closed properly can't be opened: SQLite shares an index of the log in a file, for which there is no room
    disk.fill()
    with pytest.raises(apsw.Error) as caught:
        Files(disk.path / "tenant")
    assert may_pass(caught.value, files.path)
    assert to_api_error(caught.value).status == 503
    disk.empty()
    again = Files(disk.path / "tenant")
    assert again.count() == 55
    assert again.sound()
    again.db.close()


@pytest.mark.parametrize("leave_kb", [0, 8, 60, 100, 150])
def test_nothing_half_made_stays(disk: SmallDisk, tmp_path: Path, leave_kb: int) -> None:
    root = disk.path / "tenants"
    root.mkdir()
    provision(tmp_path / "template", tmp_path / "source")
    (tmp_path / "source" / "pb_data" / "storage").mkdir()
    (tmp_path / "source" / "pb_data" / "storage" / "large").write_bytes(bytes(200_000))
    disk.fill(leave_kb * 1024)
    for work in (
        lambda: provision(disk.path / "template", root / "new"),
        lambda: provision(tmp_path / "template", root / "new"),
        lambda: import_directory(tmp_path / "source" / "pb_data", root / "new", {}, _silent),
        lambda: export_directory(tmp_path / "source", root / "exported", _silent),
    ):
        failed = ""
        try:
            work()
        except ProvisionError as error:
            failed = str(error)
        if failed:
            assert "\n" not in failed
            assert list(root.iterdir()) == []
            template = disk.path / "template"
            assert not template.exists() or all(entry.name[0] != "." for entry in template.iterdir())
        else:  # there was just enough
            assert leave_kb >= 100
            for made in root.iterdir():
                shutil.rmtree(made)
        shutil.rmtree(disk.path / "template", ignore_errors=True)
    disk.empty()
    provision(disk.path / "template", root / "new")
    Files(root / "new").db.close()


@pytest.mark.parametrize(
    ("quota_mb", "reserve_mb", "size_mb", "words"),
    [
        (0, 0, 4, None),
        (4, 0, 4, None),
        (4, 0, 5, "its plan allows 4 MB"),
        (0, 4, 3, None),
        (0, 4, 5, "of which 4 MB are kept"),
        (0, 0, 9, "are free"),
    ],
)
def test_what_does_not_fit_is_refused_before(
    disk: SmallDisk, quota_mb: int, reserve_mb: int, size_mb: int, words: str | None
) -> None:
    watch = DiskWatch(disk.path, reserve_mb)
    if words is None:
        fits(watch, quota_mb, size_mb * MB)
    else:
        with pytest.raises(ProvisionError, match=words):
            fits(watch, quota_mb, size_mb * MB)


def _silent(*_: object) -> None:
    """Nobody watches."""
