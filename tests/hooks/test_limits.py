"""What keeps a route of a tenant's scripts from running on: a client that has left, the limits of bodies and answers."""

import socket
from pathlib import Path

import pytest

from tests.oracle.client import Client
from tests.servers import Pocker

TENANT = "limited"
SCRIPT = """
routerAdd("GET", "/hold", (e) => {
  $app.runInTransaction((tx) => {
    tx.save(new Record(tx.findCollectionByNameOrId("users"), {email: "held@b.co", password: "12345678"}))
    $app.store().set("held", true)
    sleep(60000)
  })
  return e.noContent(204)
})
routerAdd("GET", "/held", (e) => e.json(200, [$app.store().get("held"), $app.countRecords("users")]))
routerAdd("POST", "/write", (e) => { $app.save(new Record($app.findCollectionByNameOrId("users"), {email: "new@b.co", password: "12345678"})); return e.noContent(204) })
routerAdd("GET", "/large", (e) => e.string(200, "x".repeat(11 << 20)))
routerAdd("GET", "/pieces", (e) => { for (let i = 0; i < 30; i++) e.response.write("x".repeat(1 << 20)) })
routerAdd("GET", "/headers", (e) => { for (let i = 0; i < 300; i++) e.response.header().add("X-A" + i, "b"); return e.string(200, "x") })
routerAdd("GET", "/hop", (e) => {
  const h = e.response.header()
  for (const name of ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade"]) h.set(name, "3")
  return e.string(200, "hello")
})
routerAdd("POST", "/body", (e) => e.string(200, "" + readerToString(e.request.body).length))
routerAdd("POST", "/body-2", (e) => e.string(200, "" + e.request.contentLength), $apis.bodyLimit(100))
routerAdd("GET", "/above/{path...}", $apis.static("/../..", false))
routerAdd("GET", "/data/{path...}", $apis.static("/pb_data", false))
routerAdd("GET", "/links/{path...}", $apis.static(__hooks, false))
routerAdd("GET", "/forged", (e) => { e.auth = new Record($app.findCollectionByNameOrId("_superusers"), {id: "x"}); return e.json(200, e.hasSuperuserAuth()) })
"""


@pytest.fixture(scope="module")
def client(pocker: Pocker, tmp_path_factory: pytest.TempPathFactory) -> Client:
    pocker.create_tenant(TENANT)
    home = pocker.directory / "tenants" / TENANT
    hooks = home / "pb_hooks"
    hooks.mkdir(exist_ok=True)
    secret = tmp_path_factory.mktemp("secret") / "file.txt"
    secret.write_text("secret")
    (hooks / "link.txt").symlink_to(secret)
    (hooks / "folder").symlink_to(secret.parent)
    (hooks / "own.txt").write_text("own")
    (hooks / "x.pb.js").write_text(SCRIPT)
    return Client(pocker.port, pocker.host(TENANT))


def test_a_client_that_leaves_ends_the_run(client: Client, pocker: Pocker) -> None:
    assert client.send("GET", "/held", {}, None).json() == [None, 0]
    with socket.create_connection(("127.0.0.1", pocker.port)) as leaving:
        leaving.sendall(f"GET /hold HTTP/1.1\r\nHost: {pocker.host(TENANT)}\r\n\r\n".encode())
        while not client.send("GET", "/held", {}, None).json()[0]:
            pass
    # its transaction is over, long before its sleep would be
    assert client.send("POST", "/write", {}, b"").status == 204
    assert client.send("GET", "/held", {}, None).json() == [True, 1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/large", None, 400),
        ("GET", "/headers", None, 400),
        ("POST", "/body", b"x" * (33 << 20), 413),
        ("POST", "/body-2", b"x" * 101, 413),
        ("POST", "/body-2", b"x" * 100, 200),
        ("GET", "/above/etc/passwd", None, 404),
        ("GET", "/above/tenants/limited/pb_hooks/own.txt", None, 404),
        ("GET", "/data/data.db", None, 404),
        ("GET", "/links/link.txt", None, 404),
        ("GET", "/links/folder/file.txt", None, 404),
        ("GET", "/links/own.txt", None, 200),
        ("GET", "/links/%2e%2e/pb_data/data.db", None, 404),
    ],
)
def test_refused(client: Client, method: str, path: str, body: bytes | None, status: int) -> None:
    assert client.send(method, path, {}, body).status == status


def test_pieces_end_at_the_limit(client: Client) -> None:
    answer = client.send("GET", "/pieces", {}, None)
    assert answer.status == 200
    assert 0 < len(answer.body) <= 10 << 20


def test_framing_is_the_servers_own(client: Client) -> None:
    answer = client.send("GET", "/hop", {}, None)
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.header("Upgrade") is None
    assert client.send("GET", "/links/own.txt", {}, None).body == b"own"


def test_paths_are_no_hosts(client: Client, pocker: Pocker) -> None:
    site = Path(pocker.directory) / "tenants" / TENANT / "pb_hooks" / "evil.com"
    site.mkdir(exist_ok=True)
    for path in ("/links/evil.com", "/links/%2Fevil.com"):
        answer = client.send("GET", path, {}, None)
        assert not (answer.header("Location") or "/").startswith(("//", "/\\"))
