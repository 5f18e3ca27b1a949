"""A tenant that computes as much as it can: its neighbours on the same worker are served, and none of theirs fails."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.process.whole import LOGIN, NOTES, Answer, Whole, Wire, expect, on_shard, until

SQL = "/api/sql"
WRITE_S = 1.0
# More than may be stored by a request: as if somebody had made the field's limit larger for a while.
LONG_NOTES = (
    "INSERT INTO notes (id, title) SELECT 'long' || value, replace(hex(zeroblob(90000)), '00', 'a')"
    " FROM json_each('[1, 2, 3, 4, 5]')"
)
# Within one LIKE nothing looks at the clock; both together take as long as they may.
BOMB = """
CREATE TRIGGER bomb AFTER INSERT ON notes BEGIN
    UPDATE notes SET title = (
        SELECT count(*) FROM notes a, notes b, notes c, notes d, notes e, notes f
        WHERE replace(hex(zeroblob(20000)), '00', 'a')
            LIKE '%' || replace(hex(zeroblob(400)), '00', 'a') || a.id || b.id || c.id || d.id || e.id || f.id
    ) WHERE id = NEW.id;
END
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    directory = tmp_path_factory.mktemp("lanes") / "data"
    with Whole(directory, sql={"write_timeout_s": WRITE_S}, plans={"default": {"read_timeout_s": 1.0}}) as whole:
        yield whole


def until_over(server: Whole, attacks: list[Callable[[Wire], Answer]], name: str, seconds: float) -> tuple[int, int]:
    """A neighbour's requests while each attack is repeated on a connection of its own: how many of both there were."""
    over = threading.Event()
    answered = count()

    def attack(of: Callable[[Wire], Answer]) -> None:
        with Wire(server.port) as wire:
            while not over.is_set():
                of(wire)
                next(answered)

    attackers = [threading.Thread(target=attack, args=(of,), daemon=True) for of in attacks]
    for attacker in attackers:
        attacker.start()
    asked = 0
    try:
        ends = time.monotonic() + seconds
        with Wire(server.port) as wire:
            while time.monotonic() < ends or asked < 20:
                expect(wire.ask("POST", server.host(name), NOTES, {"title": "mine"}), 200)
                expect(wire.ask("GET", server.host(name), NOTES), 200)
                asked += 1
    finally:
        over.set()
    for attacker in attackers:
        attacker.join()
    return asked, next(answered)


@pytest.mark.slow
def test_triggers_logins_and_searches_hold_no_neighbour(server: Whole) -> None:
    hostile, neighbour = on_shard(0, 2)
    token = server.make(hostile)
    server.make(neighbour)
    host = server.host(hostile)
    pids = server.pids()
    with Wire(server.port) as wire:
        for script in (LONG_NOTES, BOMB):
            expect(wire.ask("POST", host, SQL, {"query": script}, token), 200)
    numbers = count()

    def write(wire: Wire) -> Answer:
        answer = wire.ask("POST", host, NOTES, {"title": "never"})
        assert answer.status == 400, answer
        assert b"took too long" in answer.body
        return answer

    def search(wire: Wire) -> Answer:
        wanted = "||".join(f"title~'{'a' * 40}{next(numbers):06}b'" for _ in range(40))
        answer = wire.ask("GET", host, f"{NOTES}?filter=({wanted})")
        assert answer.status in {200, 400}, answer
        return answer

    def login(wire: Wire) -> Answer:
        answer = wire.ask("POST", host, LOGIN, {"identity": "root@example.com", "password": "wrong"})
        assert answer.status == 400, answer
        return answer

    asked, answered = until_over(server, [write, search, search, login, login, login], neighbour, 8.0)
    assert asked >= 20
    assert answered >= 6
    assert server.pids() == pids, "no worker was taken for hung"
    with Wire(server.port) as wire:
        expect(wire.ask("POST", host, SQL, {"query": "DROP TRIGGER bomb"}, token), 200)
        expect(wire.ask("POST", host, NOTES, {"title": "mine"}), 200)
        assert expect(wire.ask("GET", host, NOTES), 200)["totalItems"] == 6, "nothing is left of what was cut short"
        logged = expect(wire.ask("GET", host, "/api/logs?filter=data.error~'took'", token=token), 200)
        assert "a write took longer than 1 s" in str(logged["items"])


def test_a_read_ends_with_its_time_and_says_so(server: Whole) -> None:
    name = "reader"
    token = server.make(name)
    host = server.host(name)
    with Wire(server.port) as wire:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n WHERE i < 0"
        expect(wire.ask("POST", host, SQL, {"query": f"CREATE VIEW endless AS {endless}"}, token), 200)
        view = {"name": "all_of_it", "type": "view", "viewQuery": "SELECT id FROM notes", "listRule": ""}
        expect(wire.ask("POST", host, "/api/collections", view, token), 200)
        script = "DROP VIEW all_of_it; CREATE VIEW all_of_it AS SELECT id FROM endless"
        expect(wire.ask("POST", host, SQL, {"query": script}, token), 200)
        answer = wire.ask("GET", host, "/api/collections/all_of_it/records")
        assert answer.status == 400
        logged = until(
            lambda: expect(wire.ask("GET", host, "/api/logs?filter=data.url~'all_of_it'", token=token), 200)["items"],
            "it is in the log",
        )
        assert "a read took longer than 1 s" in str(logged)
        assert expect(wire.ask("GET", host, NOTES), 200)["totalItems"] == 0
