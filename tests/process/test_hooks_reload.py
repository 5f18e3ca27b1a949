"""Scripts come, change, break, are mended and go while their tenant serves; its neighbours notice nothing."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.process.whole import HEALTH, NOTES, Answer, Whole, Wire, expect, on_shard, until
from tests.servers import StartError

pytestmark = pytest.mark.slow

AUTHOR, NEIGHBOUR = NAMES = on_shard(0, 2)
WAIT_S = 30.0

ROUTE = 'routerAdd("GET", "/version", (e) => e.json(200, {version: require("./lib/version.js")}))\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    data = tmp_path_factory.mktemp("reload") / "data"
    # scripts that never end are given up soon
    plan = {"js_cpu_s": 0.5, "js_memory_mb": 16}
    with Whole(data, logs={"flush_s": 0.2}, plans={"default": plan}) as whole:
        whole.make_all(NAMES)
        yield whole


@pytest.fixture
def hooks(server: Whole) -> Iterator[Path]:
    """The author's pb_hooks, empty in the end and in the beginning."""
    folder = server.pb_data(AUTHOR).parent / "pb_hooks"
    folder.mkdir(exist_ok=True)
    (folder / "lib").mkdir(exist_ok=True)
    yield folder
    for path in [*folder.glob("*.js"), *folder.glob("lib/*.js")]:
        path.unlink()
    settled(server, "current", count=0)


def get(server: Whole, path: str, name: str = AUTHOR) -> Answer:
    with Wire(server.port) as wire:
        return wire.ask("GET", server.host(name), path)


def version(server: Whole) -> object:
    answer = get(server, "/version")
    return answer.json().get("version", answer.status)


def scripts(server: Whole) -> str:
    """Why they can't be loaded, as the tenant's sheet has it."""
    return str(server.do("tenant.show", name=AUTHOR)["scripts"])


def checked(server: Whole) -> dict[str, Any]:
    value: dict[str, Any] = server.do("hooks.check", name=AUTHOR)
    return value


def settled(server: Whole, serving: str, count: int) -> None:
    def is_so() -> bool:
        get(server, HEALTH)
        return checked(server)["serving"] == serving and len(server.do("hooks.list", name=AUTHOR)["routes"]) == count

    until(is_so, f"{serving} scripts with {count} routes")


def put(folder: Path, name: str, source: str) -> None:
    """As editors do it: a new file in the place of the old one."""
    draft = folder / f"{name}.draft"
    draft.write_text(source)
    draft.rename(folder / name)


def test_add_change_break_mend_remove(server: Whole, hooks: Path) -> None:
    assert version(server) == 404
    put(hooks / "lib", "version.js", "module.exports = 1")
    put(hooks, "main.pb.js", ROUTE)
    until(lambda: version(server) == 1, "the first scripts serve")
    # a module that they use is as good as they are
    put(hooks / "lib", "version.js", "module.exports = 2")
    until(lambda: version(server) == 2, "the changed module serves")
    # a broken file changes nothing but what operators are told
    put(hooks, "other.pb.js", "\n\nonRecordCreate((e) => e.next()\n")
    until(lambda: not checked(server)["ok"], "the mistake is seen")
    until(lambda: checked(server)["serving"] == "previous" and version(server) == 2, "the old ones go on")
    error = checked(server)["error"]
    assert (error["file"], error["line"]) == ("/pb_hooks/other.pb.js", 4)
    until(lambda: "pb_hooks/other.pb.js:4" in scripts(server), "the tenant's sheet says so")
    until(lambda: server.do("events", kind="hooks", tenant=AUTHOR), "the table of events says so")
    assert "pb_hooks/other.pb.js:4" in server.do("events", kind="hooks", tenant=AUTHOR)[-1]["reason"]
    assert version(server) == 2
    # mended, together with a change elsewhere
    put(hooks / "lib", "version.js", "module.exports = 3")
    put(hooks, "other.pb.js", 'routerAdd("GET", "/other", (e) => e.json(200, "other"))')
    until(lambda: version(server) == 3 and get(server, "/other").status == 200, "both serve")
    assert checked(server) == {
        "name": AUTHOR,
        "ok": True,
        "error": None,
        "serving": "current",
        "hooks": 0,
        "routes": 2,
        "middlewares": 0,
        "jobs": 0,
    }
    assert not scripts(server)
    (hooks / "main.pb.js").unlink()
    (hooks / "other.pb.js").unlink()
    until(lambda: version(server) == 404, "none serve")
    assert not (hooks.parent / "hooks.json").exists()


def test_command_line_says_where_and_why(server: Whole, hooks: Path) -> None:
    put(hooks, "main.pb.js", 'onRecordCreate((e) => e.next(), "notes")\ncronAdd("job", "@daily", () => {})\n')
    get(server, HEALTH)
    until(lambda: server.do("hooks.list", name=AUTHOR)["jobs"], "they are there")
    listed = server.run("hooks", "list", AUTHOR)
    assert listed["hooks"] == [
        {"event": "onRecordCreate", "tags": ["notes"], "file": "/pb_hooks/main.pb.js", "line": 1}
    ]
    assert listed["jobs"] == [{"id": "job", "expression": "@daily", "file": "/pb_hooks/main.pb.js", "line": 2}]
    assert server.run("hooks", "check", AUTHOR)["ok"]
    put(hooks, "main.pb.js", '\nthrow new Error("no")\n')
    with pytest.raises(StartError) as raised:
        server.run("hooks", "check", AUTHOR)
    assert "exit 1" in str(raised.value)
    assert '"line": 2' in str(raised.value)


def test_neighbour_is_never_refused(server: Whole, hooks: Path) -> None:
    stop = threading.Event()
    failures: list[str] = []

    def neighbour() -> None:
        try:
            with Wire(server.port) as wire:
                while not stop.is_set():
                    expect(wire.ask("GET", server.host(NEIGHBOUR), NOTES), 200)
        except Exception as error:
            failures.append(repr(error))

    thread = threading.Thread(target=neighbour, daemon=True)
    thread.start()
    try:
        put(hooks / "lib", "version.js", "module.exports = 7")
        put(hooks, "main.pb.js", ROUTE)
        until(lambda: version(server) == 7, "the scripts serve")
        # one that never ends loading, and one that takes all memory
        put(hooks, "main.pb.js", "for (;;) {}")
        until(lambda: scripts(server) != "", "the loop is given up")
        assert version(server) == 7
        put(hooks, "main.pb.js", "const kept = []; for (;;) kept.push(new Array(100000).fill(1.5))")
        until(lambda: "for (;;)" not in str(checked(server)["error"]), "the hog is given up")
        assert version(server) == 7
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert failures == []


def test_life_of_a_tenant_with_scripts(server: Whole, hooks: Path) -> None:
    """onBootstrap and onTerminate around everything, and nothing of its processes is left when it has been closed."""
    put(
        hooks,
        "life.pb.js",
        """
onBootstrap((e) => { e.next(); $os.writeFile("/pb_data/life.txt", "up") })
onTerminate((e) => { $os.writeFile("/pb_data/life.txt", "down " + e.isRestart); e.next() })
routerAdd("GET", "/life", (e) => e.json(200, toString($os.readFile("/pb_data/life.txt"))))
""",
    )
    life = server.pb_data(AUTHOR) / "life.txt"
    until(lambda: get(server, "/life").status == 200, "it serves")
    assert get(server, "/life").json() == "up"
    server.do("tenant.suspend", name=AUTHOR)
    try:
        until(lambda: life.read_text() == "down false", "it was told")
        until(lambda: not sandboxes(server, AUTHOR), "its processes have ended")
    finally:
        server.do("tenant.resume", name=AUTHOR)
    assert get(server, "/life").json() == "up"
    # one that prevents the opening
    put(hooks, "life.pb.js", 'onBootstrap((e) => { throw new Error("not today") })')
    until(lambda: "not today" in scripts(server), "it is refused")
    assert get(server, "/life").json() == "up"
    server.do("tenant.suspend", name=AUTHOR)
    server.do("tenant.resume", name=AUTHOR)
    answer = get(server, HEALTH)
    assert answer.status == 503
    assert json.loads(answer.body)["message"] == "The tenant's scripts can't be loaded."
    assert "not today" in scripts(server)
    assert "onBootstrap" in scripts(server)
    # operators can do their work all the same, and a mended file serves without another word
    server.do("superuser.upsert", name=AUTHOR, email="more@example.com", password="1234567890")
    put(hooks, "life.pb.js", "onBootstrap((e) => { })")
    until(
        lambda: "e.next()" in scripts(server) or get(server, HEALTH).status == 0,
        "seen",
    )
    put(hooks, "life.pb.js", "onBootstrap((e) => e.next())")
    until(lambda: get(server, HEALTH).status == 200, "it serves again")


def sandboxes(server: Whole, name: str) -> list[int]:
    """The processes that run scripts."""
    del name
    return [
        child.pid for pid in server.pids() for zygote in psutil.Process(pid).children() for child in zygote.children()
    ]
