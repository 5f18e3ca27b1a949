"""The server that is attacked: one worker, well-behaved tenants that are copies of one another, and the attacker's own.

victims  `items` (200 records of four fields), public
attacker `posts` (20,000 records of 2 KB, a text that no index helps to search, a JSON field of any size), public;
         30 users with real password hashes; batches allowed; scripts that do their worst (attacker.pb.js)
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tests.http1 import request
from tests.oracle.client import Client
from tests.servers import Pocker

SUPER = ("root@example.com", "super-secret-1")
ITEMS = "/api/collections/items/records"
POSTS = "/api/collections/posts/records"
POSTS_ROWS = 20_000
USERS = 30
ANYBODY = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule"), "")


@dataclass
class World:
    """What there is to attack and to measure."""

    server: Pocker
    victims: list[str]
    attackers: list[str]
    token: str

    def host(self, name: str) -> str:
        return f"{name}.localhost"

    def victim_plan(self, seconds: float, rate: float, seed: int) -> dict[str, Any]:
        """The plan of `tests.attack.victims`: mostly views, some lists, some writes."""
        tenants = []
        for name in self.victims:
            host = self.host(name)
            views = [request("GET", host, f"{ITEMS}/item{n:011}") for n in range(0, 200, 10)]
            lists = [request("GET", host, f"{ITEMS}?page={n}&sort=-n") for n in range(1, 5)]
            creates = [request("POST", host, ITEMS, {"title": "new", "n": n}) for n in range(3)]
            tenants.append({"requests": [text.decode() for text in (*views, *lists, *creates)]})
        return {"port": self.server.port, "seconds": seconds, "rate": rate, "seed": seed, "tenants": tenants}

    def target(self, attacker: str, seed: int) -> dict[str, Any]:
        """The target of `tests.attack.abuses`."""
        told = {"port": self.server.port, "host": self.host(attacker), "seed": seed}
        return {**told, "token": self.token}


def build(server: Pocker, scratch: Path, victims: int, attackers: int) -> World:
    """Fill a server that runs: one victim and one attacker by the API, the others as copies of them."""
    _seed(server, "seed-victim", _fill_victim)
    token = _seed(server, "seed-attacker", _fill_attacker)
    names: dict[str, list[str]] = {}
    for seed, prefix, count in (("seed-victim", "victim", victims), ("seed-attacker", "attacker", attackers)):
        copy = scratch / seed
        server.export_tenant(seed, copy)
        if prefix == "attacker":
            _grow(copy / "data.db")
        names[prefix] = [f"{prefix}-{number}" for number in range(count)]
        for name in names[prefix]:
            server.import_tenant(name, copy)
            if prefix == "attacker":
                _script(server.directory / "tenants" / name / "pb_hooks")
        shutil.rmtree(copy)
        server.delete_tenant(seed)
    return World(server, names["victim"], names["attacker"], token)


def _seed(server: Pocker, name: str, fill: Any) -> str:
    server.create_tenant(name, *SUPER)
    api = Client(server.port, f"{name}.localhost")
    login = {"identity": SUPER[0], "password": SUPER[1]}
    token: str = api.ok("POST", "/api/collections/_superusers/auth-with-password", login)["token"]
    api.token = token
    fill(api)
    return token


def _fill_victim(api: Client) -> None:
    fields = [{"name": "title", "type": "text"}, {"name": "n", "type": "number"}, {"name": "ok", "type": "bool"}]
    api.ok("POST", "/api/collections", {"name": "items", "type": "base", "fields": fields, **ANYBODY})
    for n in range(200):
        api.ok("POST", ITEMS, {"id": f"item{n:011}", "title": f"Item {n}", "n": n, "ok": True})


def _fill_attacker(api: Client) -> None:
    api.ok("PATCH", "/api/settings", {"batch": {"enabled": True, "maxRequests": 1000, "timeout": 60}})
    fields = [
        {"name": "title", "type": "text"},
        {"name": "body", "type": "text", "max": 100_000_000},
        {"name": "meta", "type": "json", "maxSize": 100_000_000},
    ]
    api.ok("POST", "/api/collections", {"name": "posts", "type": "base", "fields": fields, **ANYBODY})
    for n in range(USERS):
        person = {"email": f"user{n}@example.com", "password": "attack-secret", "passwordConfirm": "attack-secret"}
        api.ok("POST", "/api/collections/users/records", person)


def _script(folder: Path) -> None:
    """What the attacker's routes do."""
    folder.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("attacker.pb.js"), folder)


def _grow(path: Path) -> None:
    """The rows that make a scan long."""
    text = "the quick brown fox jumps over the lazy dog " * 45
    db = apsw.Connection(str(path))
    with db:
        db.executemany(
            "INSERT INTO posts (id, title, body, meta) VALUES (?, ?, ?, ?)",
            ((f"post{n:011}", f"Post {n}", f"{text}{n}", json.dumps({"n": n})) for n in range(POSTS_ROWS)),
        )
    db.close()
