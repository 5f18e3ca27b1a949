"""Todo lists: positions, repetition, and jobs that are run by hand."""

from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

TODOS = "/api/collections/todos/records"


def todo(name: str, title: str, who: str | None = "user1", **more: Any) -> Case:
    return case("POST", TODOS, as_=who, json={"id": ident(name), "title": title, **more})


def done(name: str, who: str = "user1") -> Case:
    return case("PATCH", f"{TODOS}/{ident(name)}", as_=who, json={"done": True})


def runs(job: str, who: str | None = "super") -> Case:
    return case("POST", f"/api/crons/{job}", as_=who)


def runs_until(text: str) -> Case:
    return case("GET", "/jobs/runs", unordered=True, until=text, note=text)


CASES = [
    todo("none", "x", who=None),
    todo("t1", "plain"),
    todo("t2", "!! hot", due="2025-01-31 08:00:00.000Z", repeat="weekly"),
    todo("t3", "!", due="2025-02-28", repeat="daily"),
    todo("t4", "later", due="2999-01-01 00:00:00Z"),
    todo("t5", "of bob", who="user2", due="2024-12-31T23:59:59+02:00"),
    todo("t6", "at its place", position=5),
    todo("t7", ""),
    done("t2"),
    done("t3", "user2"),
    done("t3"),
    done("t1"),
    case("GET", TODOS, as_="user1", query={"sort": "position,title"}),
    case("POST", f"/todos/move/{ident('t6')}/2", as_="user1"),
    case("POST", f"/todos/move/{ident('t6')}/x", as_="user1"),
    case("POST", f"/todos/move/{ident('t0')}/0", as_="user1"),
    case("GET", "/todos/board", as_="user1", unordered=True),
    case("GET", "/todos/board", as_="clerk"),
    case("GET", "/api/crons", as_="super"),
    case("GET", "/api/crons", as_="user1"),
    case("GET", "/jobs", as_="super", unordered=True),
    runs("overdue", None),
    runs("overdue"),
    runs_until("overdue"),
    runs("fails"),
    runs("gone"),
    runs("sweep"),
    runs_until('"sweep"'),
    runs("replaced"),
    runs_until('"replaced",'),
    case("GET", TODOS, as_="super", query={"sort": "position,title", "fields": "title,position,state,done,due"}),
]
TABLES = ["todos", "job_runs"]
