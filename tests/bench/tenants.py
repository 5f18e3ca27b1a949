"""What a tenant costs: to create, to open, and to keep live."""

import socket
import statistics
import time
from pathlib import Path

from supervisor.contract.shardmap import owner_of
from supervisor.ops.client import ask
from tests.bench.machine import Plan, median, pss_kb, table
from tests.servers import Pocker, PocketBase

SHARDS = 2
PATH = "/api/collections/users/records"
SETTLE_S = 1.5


def measured(directory: Path, plan: Plan) -> str:
    """Three small tables."""
    directory.mkdir(parents=True)
    pocker = Pocker(directory / "data", SHARDS)
    names = [f"tenant-{number:05}" for number in range(plan.tenants)]
    with pocker:
        created = [_timed_create(pocker, name) for name in names]
        commands = []
        for number in range(plan.commands):
            started = time.perf_counter()
            pocker.create_tenant(f"typed-{number}")
            commands.append((time.perf_counter() - started) * 1e3)
    with Pocker(directory / "data", SHARDS) as fresh:  # started anew, so that no tenant is live
        opened, warm, memory = _open_all(fresh, names, plan.steps)
    real = _real_pss(directory / "real" / "pb_data")
    return "\n".join(
        [
            f"### A tenant\n\nTenants have a new tenant's collections. {SHARDS} shards; no pinning to cores.\n",
            table(
                ["", "ms"],
                [
                    [f"create, over the control socket ({len(created)})", median(created, 2)],
                    [f"create, by `pocker tenant create` ({len(commands)})", median(commands, 1)],
                    [f"first request to a tenant that is not live ({len(opened)})", median(opened, 2)],
                    ["the same request again", median(warm, 2)],
                    ["so to open it takes", f"{statistics.median(opened) - statistics.median(warm):.2f}"],
                ],
            ),
            table(["live tenants", "PSS of all processes, MB", "KB a live tenant"], _memory_rows(memory)),
            f"One real PocketBase, new data directory, after the same request: {real / 1024:.1f} MB PSS.\n",
        ]
    )


def _timed_create(pocker: Pocker, name: str) -> float:
    started = time.perf_counter()
    ask(str(pocker.directory), "tenant.create", {"name": name, "domains": ()}, lambda *_: None)
    return (time.perf_counter() - started) * 1e3


def _open_all(pocker: Pocker, names: list[str], steps: list[int]) -> tuple[list[float], list[float], dict[int, float]]:
    """First and second request to each, in ms, at the owner's own socket; PSS in KB at each step, 0 first."""
    lines = [_connect(pocker.directory / f"shard-{shard}.sock") for shard in range(SHARDS)]
    opened, warm = [], []
    time.sleep(SETTLE_S)
    memory = {0: pss_kb(pocker.pid)}
    for count, name in enumerate(names, 1):
        line = lines[owner_of(name, SHARDS)]
        opened.append(_request_ms(line, name))
        warm.append(_request_ms(line, name))
        if count in steps:
            time.sleep(SETTLE_S)  # past a tick, so that reports and log buffers of this step are written
            memory[count] = pss_kb(pocker.pid)
    for line in lines:
        line.close()
    return opened, warm, memory


def _connect(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(str(path))
    return line


def _request_ms(line: socket.socket, name: str) -> float:
    request = f"GET {PATH} HTTP/1.1\r\nHost: {name}.localhost\r\n\r\n".encode()
    started = time.perf_counter()
    line.sendall(request)
    answer = line.recv(65536)
    took = (time.perf_counter() - started) * 1e3
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{name}: {answer[:300]!r}")
    return took


def _memory_rows(memory: dict[int, float]) -> list[list[str]]:
    """KB a tenant from the step before to this one, so that what is paid once is not spread over all."""
    rows = []
    before = None
    for count, kilobytes in memory.items():
        each = f"{(kilobytes - memory[before]) / (count - before):,.0f}" if before is not None else ""
        rows.append([str(count), f"{kilobytes / 1024:,.1f}", each])
        before = count
    return rows


def _real_pss(pb_data: Path) -> float:
    pb_data.mkdir(parents=True)
    server = PocketBase(pb_data)
    server.upsert_superuser("root@example.com", "super-secret-1")
    with server:
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            _request_ms(line, "real")
        time.sleep(SETTLE_S)
        return pss_kb(server.pid)
