"""Manifests: what is refused of what foreign code has told, or of what somebody has written into the kept file."""

from pathlib import Path
from typing import Any

import pytest

from worker.hooks import files, loader
from worker.hooks.files import FilesError
from worker.hooks.loader import Loaded
from worker.hooks.manifest import HANDLERS_MAX, NONE, Manifest, ManifestError, parse, read, written

HANDLER = {"source": "(e) => 1", "file": "/pb_hooks/a.pb.js", "line": 1}
ROUTE = {"method": "GET", "path": "/x", "action": {"handler": 0}}


def told(**parts: Any) -> dict[str, Any]:
    return {"handlers": [HANDLER], "routes": [], "uses": [], "crons": []} | parts


def test_good_one_is_the_same_when_it_was_kept() -> None:
    manifest = parse(
        told(
            handlers=[HANDLER, {**HANDLER, "event": "onRecordCreate", "tags": ["a", "ä"]}],
            routes=[{**ROUTE, "middlewares": [{"native": "requireAuth", "args": ["users", 5], "id": "pbRequireAuth"}]}],
            uses=[{"handler": 0, "priority": -5}],
            crons=[{"id": "j", "expression": "@hourly", "handler": 0}],
        )
    )
    assert read(written(manifest, "state"), "state") == manifest
    assert manifest.binds("onRecordCreate")
    assert not manifest.binds("onRecordDelete")


WRONG: list[Any] = [
    None,
    [],
    "x",
    5,
    told(handlers=5),
    told(handlers=[{"file": "x", "line": 1}]),
    told(handlers=[{**HANDLER, "source": 5}]),
    told(handlers=[{**HANDLER, "line": -1}]),
    told(handlers=[{**HANDLER, "line": 1.5}]),
    told(handlers=[{**HANDLER, "event": "x" * 301}]),
    told(handlers=[{**HANDLER, "tags": ["x"] * 501}]),
    told(handlers=[{**HANDLER, "tags": "x"}]),
    told(handlers=[{**HANDLER, "source": "x" * (1 << 21)}]),
    told(handlers=[{**HANDLER, "source": "x" * (1 << 20)}] * 5),
    told(handlers=[HANDLER] * (HANDLERS_MAX + 1)),
    told(routes=[{**ROUTE, "action": {"handler": 1}}]),
    told(routes=[{**ROUTE, "action": {"handler": -1}}]),
    told(routes=[{**ROUTE, "action": {"handler": 0, "native": "static"}}]),
    told(routes=[{**ROUTE, "action": None}]),
    told(routes=[{**ROUTE, "path": "x" * 3000}]),
    told(routes=[ROUTE] * 1001),
    told(routes=[{**ROUTE, "middlewares": [{"handler": 0}] * 2001}]),
    told(uses=[{"handler": 7}]),
    told(uses=[{}]),
    told(uses=[{"native": "x", "args": [{}]}]),
    told(uses=[{"handler": 0, "priority": 1 << 60}]),
    told(crons=[{"id": "j", "expression": "@hourly", "handler": 1}]),
    told(crons=[{"id": "j", "expression": "@hourly", "handler": -1}]),
    told(crons=[{"id": str(n), "expression": "@hourly", "handler": 0} for n in range(201)]),
]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: str(value)[:60])
def test_nonsense_is_refused(value: Any) -> None:
    with pytest.raises(ManifestError):
        parse(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"format": 1, "signature": "state"}',
        b'{"format": 1, "signature": 5, "manifest": {}}',
        b'{"format": 99, "signature": "state", "manifest": {}}',
        b'{"format": 1, "signature": "other", "manifest": {}}',
        b'{"format": 1, "signature": "state", "manifest": {"uses": [{"handler": 3}]}}',
        b'{"format": 1, "signature": "state", "manifest": {"handlers": [{"source": 1}]}}',
        written(NONE, "state") + b" " * (17 << 20),
        b"\xff\xfe",
    ],
)
def test_kept_nonsense_is_no_manifest(data: bytes) -> None:
    assert read(data, "state") is None
    assert read(written(NONE, "state"), "state") == NONE


# -- the files it is made from -----------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    hooks = tmp_path / "home" / "pb_hooks"
    hooks.mkdir(parents=True)
    return hooks.parent


def test_state_follows_every_change_that_matters(home: Path) -> None:
    hooks = home / "pb_hooks"
    assert files.state(home) == files.EMPTY == files.state(home / "missing")
    (hooks / "u.js").write_text("1")
    (hooks / "sub.pb.js").mkdir()
    assert files.state(home).signature == ""
    (hooks / "sub.pb.js").rmdir()
    (hooks / "a.pb.js").write_text("1")
    seen = {files.state(home).signature}

    def changed() -> None:
        signature = files.state(home).signature
        assert signature
        assert signature not in seen
        seen.add(signature)

    (hooks / "a.pb.js").write_text("12")
    changed()
    (hooks / "u.js").write_text("12")
    changed()
    (hooks / "lib" / "deep").mkdir(parents=True)
    (hooks / "lib" / "deep" / "x.txt").write_text("1")
    changed()
    (hooks / "lib" / "deep" / "x.txt").rename(hooks / "lib" / "y.txt")
    changed()
    (hooks / "lib" / "y.txt").unlink()
    (hooks / "b.pb.js").symlink_to(hooks / "u.js")
    changed()
    before = files.state(home)
    (hooks / "node_modules").mkdir()
    (hooks / "node_modules" / "x.js").write_text("1")
    (hooks / ".git").mkdir()
    (hooks / ".git" / "x").write_text("1")
    assert files.state(home) == before


def test_scripts_in_the_order_of_their_names(home: Path) -> None:
    names = ["10.pb.js", "9.pb.js", "B.pb.js", "_a.pb.js", "a.pb.js", "b.pb.ts", ".h.pb.js"]
    for name in [*names, "x.js", "y.PB.JS", "z.pb.mjs"]:
        (home / "pb_hooks" / name).write_text(name, encoding="utf-8")
    (home / "pb_hooks" / "sub").mkdir()
    (home / "pb_hooks" / "sub" / "c.pb.js").write_text("never")
    (home / "pb_hooks" / "d.pb.js").mkdir()
    assert [file.path for file in files.scripts(home)] == [f"/pb_hooks/{name}" for name in sorted(names)]


def test_what_is_outside_or_too_much_is_refused(home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.js"
    secret.write_text("secret")
    link = home / "pb_hooks" / "a.pb.js"
    link.symlink_to(secret)
    with pytest.raises(FilesError, match="outside"):
        files.scripts(home)
    link.unlink()
    link.symlink_to("/dev/zero")
    with pytest.raises(FilesError, match="outside"):
        files.scripts(home)
    link.unlink()
    with link.open("wb") as file:
        file.truncate(files.FILE_BYTES_MAX + 1)
    with pytest.raises(FilesError, match="more than 4 MB"):
        files.scripts(home)
    link.unlink()
    link.symlink_to(home / "pb_hooks" / "real.js")
    (home / "pb_hooks" / "real.js").write_text("fine")
    assert [file.source for file in files.scripts(home)] == ["fine"]


def test_manifest_is_kept_for_these_files_only(home: Path, tmp_path: Path) -> None:
    (home / "pb_hooks" / "a.pb.js").write_text("1")
    state = files.state(home)._replace(changed_at=0.0)
    manifest = Manifest(handlers=parse(told()).handlers)
    assert loader.cached(home, state) is None
    loader.keep(home, state, Loaded(manifest, True, {}))
    assert loader.cached(home, state) == manifest
    assert loader.cached(home, state._replace(signature="other")) is None
    # what a script has asked the server for may have another answer the next time
    loader.keep(home, state, Loaded(manifest, False, {}))
    assert loader.cached(home, state) is None
    # a link in the place of the file is not followed
    other = tmp_path / "other.json"
    other.write_bytes(written(manifest, state.signature))
    (home / loader.KEPT).symlink_to(other)
    assert loader.cached(home, state) is None
    loader.keep(home, state, Loaded(NONE, True, {}))
    assert loader.cached(home, state) == NONE
    assert read(other.read_bytes(), state.signature) == manifest
