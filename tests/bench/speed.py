"""CPU µs a request and requests a second on one core, for the operations a client does most."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.bench.machine import Plan, cores, cpu_s, median, on, table
from tests.oracle.client import Client
from tests.servers import ROOT, Pocker, PocketBase, Server

SUPER = ("root@example.com", "super-secret-1")
READER = ("reader@example.com", "reader-secret")
TENANT = "bench"
ITEMS = "/api/collections/items/records"


@dataclass(frozen=True)
class Operation:
    """One row of the table: its name and the requests that are sent in turn."""

    name: str
    requests: list[str]


@dataclass
class Figures:
    """What the rounds of one server and operation gave."""

    cpu_us: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)


def measured(directory: Path, plan: Plan) -> str:
    """The table of all operations, both servers."""
    pb_data = directory / "real" / "pb_data"
    pb_data.mkdir(parents=True)
    token = _fill(pb_data, plan.records)
    shutil.copytree(pb_data, directory / "seed")
    server_cores, _ = cores()
    with on(server_cores):
        real, pocker = PocketBase(pb_data), Pocker(directory / "data", shards=1)
        real.start()
        pocker.start()
    try:
        pocker.import_tenant(TENANT, directory / "seed")
        operations = _operations(f"{TENANT}.localhost", token, plan.records)
        rows = []
        for operation in operations:
            figures = _compare([real, pocker], operation, plan)
            rows += _rows(operation.name, figures)
    finally:
        real.stop()
        pocker.stop()
    head = ["operation", "server", "CPU µs a request", "requests/s on one core", "p50 µs", "p99 µs"]
    note = f"{plan.records} records of 7 fields; public rules; `view, logged in` carries a user's token.\n"
    return f"### A request\n\n{note}\n{table(head, rows)}"


def _fill(pb_data: Path, count: int) -> str:
    """The data both serve, written by the real PocketBase; the reader's token."""
    server = PocketBase(pb_data)
    server.upsert_superuser(*SUPER)
    with server:
        api = Client(server.port, f"127.0.0.1:{server.port}")
        login = {"identity": SUPER[0], "password": SUPER[1]}
        api.token = api.ok("POST", "/api/collections/_superusers/auth-with-password", login)["token"]
        fields = [
            {"name": "title", "type": "text"},
            {"name": "n", "type": "number"},
            {"name": "ok", "type": "bool"},
            {"name": "kind", "type": "select", "values": ["red", "green", "blue"], "maxSelect": 1},
            {"name": "created", "type": "autodate", "onCreate": True},
            {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
        ]
        rules = dict.fromkeys(("listRule", "viewRule", "createRule"), "")
        api.ok("POST", "/api/collections", {"name": "items", "type": "base", "fields": fields, **rules})
        for number in range(count):
            body = {"id": f"item{number:011}", "title": f"Item number {number}", "n": number, "ok": number % 3 == 0}
            api.ok("POST", ITEMS, {**body, "kind": ("red", "green", "blue")[number % 3]})
        person = {"email": READER[0], "password": READER[1], "passwordConfirm": READER[1]}
        api.ok("POST", "/api/collections/users/records", person)
        login = {"identity": READER[0], "password": READER[1]}
        token = api.ok("POST", "/api/collections/users/auth-with-password", login)["token"]
        api.close()
    assert isinstance(token, str)
    return token


def _operations(host: str, token: str, count: int) -> list[Operation]:
    def get(path: str, *lines: str) -> str:
        return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *lines, "", ""])

    views = [f"{ITEMS}/item{number:011}" for number in range(0, count, 5)]
    pages = range(1, max(2, count // 30))
    filters = [quote(f"n >= {number} && ok = true", safe="") for number in range(0, count, max(1, count // 50))]
    body = json.dumps({"title": "A new item", "n": 5, "ok": True, "kind": "red"})
    head = f"POST {ITEMS} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return [
        Operation("view", [get(path) for path in views]),
        Operation("view, logged in", [get(path, f"Authorization: {token}") for path in views]),
        Operation("list of 30", [get(f"{ITEMS}?page={page}&perPage=30") for page in pages]),
        Operation(
            "filtered, sorted list of 30", [get(f"{ITEMS}?filter={text}&sort=-n&perPage=30") for text in filters]
        ),
        Operation("create", [f"{head}\r\n\r\n{body}"]),
    ]


def _compare(servers: list[Server], operation: Operation, plan: Plan) -> list[Figures]:
    """Rounds of all servers in turn; A B A B …"""
    figures = [Figures() for _ in servers]
    for server in servers:
        _load(server.port, operation, plan.warm_up_s, plan.connections)
    for _ in range(plan.rounds):
        for server, into in zip(servers, figures, strict=True):
            before = cpu_s(server.pid)
            result = _load(server.port, operation, plan.round_s, plan.connections)
            used = cpu_s(server.pid) - before
            into.cpu_us.append(used / result["done"] * 1e6)
            into.per_s.append(result["done"] / result["seconds"])
            into.p50_us.append(result["p50_us"])
            into.p99_us.append(result["p99_us"])
    return figures


def _load(port: int, operation: Operation, seconds: float, connections: int) -> dict[str, float]:
    _, load_cores = cores()
    plan = {"port": port, "seconds": seconds, "connections": connections, "requests": operation.requests}
    with on(load_cores):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.load"],
            input=json.dumps(plan),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
        )
    if done.returncode != 0:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    if result["failed"]:
        raise RuntimeError(f"{operation.name}: {result['failed']} of {result['done']} answers were no 2xx")
    return result


def _rows(name: str, figures: list[Figures]) -> list[list[str]]:
    rows = []
    for label, figure in zip(("PocketBase", "Pocker"), figures, strict=True):
        cells = [median(figure.cpu_us), median(figure.per_s), median(figure.p50_us), median(figure.p99_us)]
        rows.append([name, label, *cells])
        name = ""
    return rows
