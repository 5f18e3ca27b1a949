"""What scripts can do with files: nothing outside of the tenant's directory, nothing to what belongs to the server."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from worker.db.room import Room
from worker.fair.disk import DiskUse, DiskWatch
from worker.hooks.calls import GoError
from worker.hooks.ops import files as ops
from worker.hooks.root import PathError, Tree, resolve, room
from worker.hooks.root.tree import FILE_BYTES_MAX, READ_BYTES_MAX

SECRET = b"root:x:0:0"
# Where the kernel can't follow links safely, none is followed.
UNFOLLOWED = ("too many levels of symbolic links", "not a directory", "operation not permitted: not a regular file")
SERVERS = "operation not permitted: it belongs to the server"
DATABASES = [f"{name}{end}" for name in ("data.db", "auxiliary.db") for end in ("", "-wal", "-shm", "-journal")]


@pytest.fixture(params=["openat2", "by parts"])
def tree(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    """A tenant's directory beside a secret one, on a kernel with and without openat2."""
    if request.param == "by parts":
        monkeypatch.setattr(resolve, "_openat2", lambda: None)
    elif resolve._openat2() is None:
        pytest.skip("this kernel has no openat2")
    (tmp_path / "secret").write_bytes(SECRET)
    home = tmp_path / "home"
    for name in ("pb_data", "pb_hooks", "pb_public"):
        (home / name).mkdir(parents=True)
    for name in ("data.db", "auxiliary.db", "data.db-wal"):
        (home / "pb_data" / name).write_bytes(b"SQLite format 3\0")
    (home / "hooks.json").write_bytes(b"{}")
    (home / "pb_data" / "a.txt").write_bytes(b"hello")
    return_value = Tree(home)
    yield return_value
    assert (tmp_path / "secret").read_bytes() == SECRET
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", "secret"]
    for name in ("data.db", "auxiliary.db", "data.db-wal"):
        assert (home / "pb_data" / name).read_bytes() == b"SQLite format 3\0"
    assert (home / "hooks.json").read_bytes() == b"{}"


@pytest.fixture
def home(tree: Tree) -> Path:
    """The directory itself."""
    return tree._directory


def refused(fn: Any, *args: Any, **more: Any) -> tuple[str, str]:
    """What the operation says no with."""
    with pytest.raises(PathError) as caught:
        fn(*args, **more)
    return caught.value.op, caught.value.reason


OUTSIDE = (
    "/etc/passwd",
    "/../secret",
    "../secret",
    "../../../../../../etc/passwd",
    "/pb_data/../../secret",
    "pb_data/./../../secret",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "//etc/passwd",
    "/dev/null",
    "/pb_data/../../../../../../proc/1/cmdline",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_there_is_nothing_outside(tree: Tree, path: str) -> None:
    assert refused(tree.read, path) == ("open", "no such file or directory")
    assert refused(tree.info, path)[1] == "no such file or directory"


def test_what_is_above_the_root_is_the_root(tree: Tree, home: Path) -> None:
    tree.write("/../../x.txt", b"x", 0o644)
    assert (home / "x.txt").read_bytes() == b"x"
    assert [info.name for info in tree.listed("/../..")] == [info.name for info in tree.listed("/")]


WRONG = {
    "": "no such file or directory",
    "a\0b": "invalid argument",
    "x" * 300: "file name too long",
    "x/" * 100 + "y": "file name too long",
    "/" + "/".join(["y" * 200] * 20): "file name too long",
    "/pb_data/a.txt/b": "not a directory",
}


@pytest.mark.parametrize("path", WRONG, ids=lambda path: repr(path[:20]))
def test_paths_that_are_none(tree: Tree, path: str) -> None:
    assert refused(tree.read, path) == ("open", WRONG[path])
    assert refused(tree.write, path, b"x", 0o644)[0] == "open"
    assert refused(tree.mkdir, path, 0o755)[0] == "mkdir"
    assert refused(tree.rename, path, "/z")[0] == "rename"


def test_names_may_be_any_text(tree: Tree) -> None:
    for name in ("ü ñ 日本", "a\nb", "-rf", "*", "…", " "):
        tree.write(f"/{name}", name.encode(), 0o644)
        assert tree.read(f"/{name}") == name.encode()
    assert "ü ñ 日本" in [info.name for info in tree.listed("/")]
    assert refused(tree.write, "/\ud800", b"", 0o644)[1] == "invalid argument"


# -- links, special files, several names ------------------------------------------------------------------------------


def test_links_lead_nowhere_outside(tree: Tree, home: Path) -> None:
    (home / "abs").symlink_to("/etc/passwd")
    (home / "up").symlink_to("../secret")
    (home / "dir").symlink_to("/")
    (home / "magic").symlink_to("/proc/self/cwd")
    for path in ("/abs", "/up", "/dir/etc/passwd", "/magic/secret"):
        assert refused(tree.read, path)[1] in ("no such file or directory", *UNFOLLOWED)
        assert refused(tree.write, path, b"x", 0o644)[0] == "open"
    assert refused(tree.rename, "/pb_data/a.txt", "/magic/x")[0] == "rename"
    tree.remove_all("/dir")
    assert not (home / "dir").is_symlink()
    assert (home / "pb_data").is_dir()


def test_a_link_to_a_database_is_a_database(tree: Tree, home: Path) -> None:
    (home / "alias").symlink_to("pb_data")
    (home / "db").symlink_to("pb_data/data.db")
    for path in ("/db", "/alias/data.db"):
        assert refused(tree.read, path)[1] in (SERVERS, *UNFOLLOWED)
        assert refused(tree.write, path, b"x", 0o644)[1] in (SERVERS, *UNFOLLOWED)
    assert refused(tree.remove, "/alias/data.db")[1] in (SERVERS, *UNFOLLOWED)


def test_another_name_of_a_database_is_a_database(tree: Tree, home: Path) -> None:
    os.link(home / "pb_data" / "data.db", home / "copy.db")
    assert refused(tree.read, "/copy.db") == ("open", SERVERS)
    assert refused(tree.write, "/copy.db", b"x", 0o644) == ("open", SERVERS)


def test_a_file_of_several_names_is_not_written_to(tree: Tree, home: Path, tmp_path: Path) -> None:
    os.link(tmp_path / "secret", home / "inside")
    assert refused(tree.write, "/inside", b"x", 0o644)[1].endswith("the file has more than one name")
    assert refused(tree.truncate, "/inside", 0)[1].endswith("the file has more than one name")


def test_special_files_are_not_opened(tree: Tree, home: Path) -> None:
    os.mkfifo(home / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        here = Path.cwd()
        os.chdir(home)  # the name of a socket is short
        try:
            sock.bind("sock")
        finally:
            os.chdir(here)
        for name in ("/fifo", "/sock"):
            assert refused(tree.read, name)[1] == "operation not permitted: not a regular file"
            assert refused(tree.write, name, b"x", 0o644)[1] == "operation not permitted: not a regular file"
            assert refused(tree.truncate, name, 0)[1] == "operation not permitted: not a regular file"
    tree.remove("/fifo")
    assert not (home / "fifo").exists()


# -- what belongs to the server ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATABASES)
def test_databases_are_out_of_reach(tree: Tree, name: str) -> None:
    path = f"/pb_data/{name}"
    assert SERVERS in refused(tree.write, path, b"x", 0o644)
    assert SERVERS in refused(tree.remove, path)
    assert SERVERS in refused(tree.remove_all, path)
    assert SERVERS in refused(tree.rename, path, "/x")
    assert SERVERS in refused(tree.rename, "/pb_data/a.txt", path)
    assert SERVERS in refused(tree.mkdir, path, 0o755)
    assert SERVERS in refused(tree.create, "/pb_public/../pb_data/./" + name, 0o644)
    assert refused(tree.read, path)[1] in (SERVERS, "no such file or directory")
    assert refused(tree.truncate, path, 0)[1] in (SERVERS, "no such file or directory")


def test_what_the_server_keeps_beside_them(tree: Tree) -> None:
    for path in ("/hooks.json", "/env", "/hooks.json.new"):
        assert SERVERS in refused(tree.write, path, b"x", 0o644)
        assert SERVERS in refused(tree.rename, "/pb_data/a.txt", path)
    assert SERVERS in refused(tree.remove, "/hooks.json")
    for path in ("/pb_data", "/pb_hooks/../pb_data", "//pb_data/"):
        assert SERVERS in refused(tree.remove_all, path)
        assert SERVERS in refused(tree.rename, path, "/x")
    for path in ("/", ".", "..", "/pb_data/.."):
        assert refused(tree.remove_all, path)[1] == "operation not permitted"
        assert refused(tree.remove, path)[1] == "operation not permitted"
        assert refused(tree.rename, path, "/x")[1] == "device or resource busy"


def test_what_may_look_like_it_elsewhere(tree: Tree) -> None:
    for path in ("/pb_public/data.db", "/pb_data/mydata.db", "/pb_data/sub/data.db", "/pb_public/hooks.json"):
        tree.mkdir_all(path.rpartition("/")[0], 0o755)
        tree.write(path, b"x", 0o644)
        tree.remove(path)


# -- ordinary work ----------------------------------------------------------------------------------------------------


def test_a_file_s_life(tree: Tree, home: Path) -> None:
    tree.write("/pb_data/b", b"one", 0o6777)
    assert stat.S_IMODE((home / "pb_data" / "b").stat().st_mode) & 0o7000 == 0
    tree.write("/pb_data/b", b"x", 0o644)
    assert tree.read("/pb_data/b") == b"x"
    assert tree.write_at("/pb_data/b", b"yz", None) == 3
    assert tree.write_at("/pb_data/b", b"A", 1) == 2
    assert tree.read("/pb_data/b", 1, 1) == b"A"
    assert tree.read("/pb_data/b", 99, 1) == b""
    tree.rename("/pb_data/b", "/pb_public/c")
    assert tree.info("/pb_public/c").size == 3
    assert refused(tree.create, "/pb_public/c", 0o644, exclusive=True) == ("open", "file exists")
    tree.create("/pb_public/c", 0o644, truncate=True)
    assert tree.read("/pb_public/c") == b""
    tree.remove("/pb_public/c")
    assert refused(tree.remove, "/pb_public/c") == ("remove", "no such file or directory")


def test_directories(tree: Tree, home: Path) -> None:
    tree.mkdir_all("/a/b/c", 0o755)
    tree.mkdir_all("a/b/c/", 0o755)
    tree.write("/a/b/f", b"1", 0o644)
    assert [(info.name, stat.S_ISDIR(info.mode)) for info in tree.listed("/a/b")] == [("c", True), ("f", False)]
    assert refused(tree.remove, "/a") == ("remove", "directory not empty")
    tree.rename("/a/b", "/d")
    assert refused(tree.rename, "/d", "/d/c/e") == ("rename", "invalid argument")
    tree.remove_all("/d")
    tree.remove_all("/d")
    assert not (home / "d").exists()
    assert tree.temp() == "/tmp"
    assert tree.temp() == "/tmp"


def test_nothing_becomes_deeper_than_can_be_reached(tree: Tree) -> None:
    deep = "/d" + "/x" * 40
    tree.mkdir_all(deep, 0o755)
    tree.mkdir_all("/e" + "/y" * 40, 0o755)
    assert refused(tree.rename, "/e", f"{deep}/e") == ("rename", "file name too long")
    tree.remove_all("/d")
    tree.remove_all("/e")


def test_what_is_too_large(tree: Tree, home: Path) -> None:
    with (home / "big").open("wb") as file:
        file.truncate(READ_BYTES_MAX + 1)
    assert refused(tree.read, "/big")[1].startswith("file too large")
    assert len(tree.read("/big", READ_BYTES_MAX, 10)) == 1
    assert refused(tree.truncate, "/big", FILE_BYTES_MAX + 1) == ("truncate", "file too large")
    assert refused(tree.write_at, "/big", b"x", FILE_BYTES_MAX) == ("write", "file too large")


def test_a_race_for_a_link(tree: Tree, home: Path, tmp_path: Path) -> None:
    """Somebody swaps a directory for a link to the outside and back, while files are written and removed in it."""
    (tmp_path / "home" / "real").mkdir()
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            try:
                (home / "real").rename(home / "kept")
                (home / "real").symlink_to(tmp_path)
                (home / "real").unlink()
                (home / "kept").rename(home / "real")
            except OSError:
                continue

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(400):
            for attempt in (
                lambda: tree.write("/real/secret", b"gotcha", 0o644),
                lambda: tree.remove_all("/real/secret"),
            ):
                try:
                    attempt()
                except PathError:
                    continue
    finally:
        over.set()
        thread.join()


# -- room -------------------------------------------------------------------------------------------------------------


def fake_call(home: Path, quota_mb: int = 0, reserve_mb: int = 0) -> Any:
    """As much of a call as operations on files have to do with."""
    watch = DiskWatch(home, reserve_mb)
    own = Room(home, watch, quota_mb, 4096)
    own.measured(DiskUse(rest=0))

    async def blocking(account: object, fn: Any, *args: Any) -> Any:
        del account
        return fn(*args)

    ctx = SimpleNamespace(
        directory=home, data=SimpleNamespace(room=own), account=None, lanes=SimpleNamespace(blocking=blocking)
    )
    return SimpleNamespace(hooks=SimpleNamespace(ctx=ctx, extras={}))


def run(name: str, call: Any, *args: Any) -> Any:
    """The operation's answer; none of these waits."""
    steps = ops.OPS[name](call, *args)
    try:
        steps.send(None)  # type: ignore[attr-defined]
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


MB = "x" * (1 << 20)


def test_the_quota_is_kept_at_once(tmp_path: Path) -> None:
    call = fake_call(tmp_path, quota_mb=3)
    assert run("fs.write", call, "/a", MB, 0o644) == {"v": None}
    assert run("fs.write", call, "/b", MB, 0o644) == {"v": None}
    assert run("fs.write", call, "/c", MB + MB, 0o644) == {"fail": ["open", "disk quota exceeded", None]}
    assert run("fs.write_at", call, "/b", MB + MB, None) == {"fail": ["write", "disk quota exceeded", None]}
    assert run("fs.truncate", call, "/b", 3 << 20) == {"fail": ["truncate", "disk quota exceeded", None]}
    assert run("fs.write", call, "/a", MB, 0o644) == {"v": None}  # in the place of what was there
    assert run("fs.read", call, "/a") == {"v": MB}
    assert call.hooks.ctx.data.room.hit


def test_the_disk_s_reserve_is_kept(tmp_path: Path) -> None:
    call = fake_call(tmp_path, reserve_mb=10_000_000)
    assert run("fs.write", call, "/a", "x", 0o644) == {"fail": ["open", "no space left on device", None]}
    assert run("fs.mkdir", call, "/d", 0o755) == {"fail": ["mkdir", "no space left on device", None]}


def test_there_are_only_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ENTRIES_MAX", 5)
    call = fake_call(tmp_path)
    for number in range(5):
        assert run("fs.write", call, f"/{number}", "", 0o644) == {"v": None}
    assert run("fs.write", call, "/9", "", 0o644) == {"fail": ["open", "disk quota exceeded", None]}
    assert run("fs.mkdir", call, "/9", 0o755) == {"fail": ["mkdir", "disk quota exceeded", None]}
    assert run("fs.write", call, "/1", "y", 0o644) == {"v": None}


NONSENSE = (None, 1, [], {}, "x", True, -1, 1.5, 1 << 80)


@pytest.mark.parametrize("name", ops.OPS)
def test_nonsense_is_answered(tmp_path: Path, name: str) -> None:
    call = fake_call(tmp_path)
    for count in range(5):
        for value in NONSENSE:
            # the session answers a wrong number of arguments
            with suppress(GoError, TypeError):
                run(name, call, *[value] * count)
