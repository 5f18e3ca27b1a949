"""One scenario, two servers: every case goes to the real PocketBase, then to the other one; the answers are compared.

A case is one line in `cases/AREA.py`:

    case("POST", "/api/collections/posts/records", as_="user1", json={"title": "hi"}, save="post")
    case("PATCH", "/api/collections/posts/records/{post}", as_="user2", json={"title": "ho"})

`save="post"` keeps the answer's `id` of each server under that name; `save={"next": "items.1.id"}` keeps other members.
`{post}` in a later path, query, header, token or body is that server's own value. Cases of one file run in order on one
copy of the seed.
"""

import json as jsonlib
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.oracle.client import Answer, Client, multipart
from tests.oracle.compare import Pairs, Rules, differences
from tests.oracle.seed import Seed
from tests.servers import Pocker, PocketBase, Server

ABSENT: Any = object()
PLACEHOLDER = re.compile(r"\{(\w+)\}")
ENCODED = re.compile(r"(?:\{|%7B)(\w+)(?:\}|%7D)")
# `pocketbase` puts a second real one in Pocker's place: every case must then agree, or the comparison itself is wrong.
SUBJECT = os.environ.get("POCKER_ORACLE_SUBJECT", "pocker")
WAIT_S = 10.0
LOST_MAX = 3
TRIES_MAX = 3


@dataclass(frozen=True)
class Case:
    """One request; see `case` for what the members mean."""

    method: str
    path: str
    as_: str | None
    body: bytes | str | None
    headers: dict[str, str]
    token: str | None
    save: dict[str, str]
    rules: Rules
    status: int | None
    until: str | None
    name: str


def case(
    method: str,
    path: str,
    *,
    as_: str | None = None,
    json: Any = ABSENT,
    form: Iterable[tuple[str, str]] | dict[str, str] | None = None,
    parts: list[tuple[str, str | tuple[str, bytes, str]]] | None = None,
    raw: bytes | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    save: str | dict[str, str] | None = None,
    loose: Iterable[str] = (),
    unordered: bool | None = None,
    status: int | None = None,
    until: str | None = None,
    note: str = "",
) -> Case:
    """A request of `as_` (an actor of the seed, or a guest) or with the literal Authorization `token`.

    Body: one of `json`, `form` (urlencoded), `parts` (multipart), `raw` (no content type of its own). `query` is
    encoded and appended. `status` asserts what the real one answers, for cases that would be pointless otherwise.
    `loose` keys are compared by shape, `unordered` ignores the order of keys (the default with `fields`, whose answers
    the real one has in any order). `until` polls both servers until that text is in the answer (what is written in the
    background).
    """
    kind, body = _body(json, form, parts, raw)
    sent = {**({"Content-Type": kind} if kind else {}), **(headers or {})}
    saved = {save: "id"} if isinstance(save, str) else save or {}
    full = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    picked = "fields" in (query or {}) or "fields=" in path or (isinstance(body, str) and "fields=" in body)
    free = picked if unordered is None else unordered
    described = note or (body if isinstance(body, str) else "")
    shown = " ".join(filter(None, [method, path, _shown(query), as_ or ("token" if token else "guest"), described]))
    rules = Rules(frozenset(loose), free)
    return Case(method, full, as_, body, sent, token, saved, rules, status, until, " ".join(shown.split())[:150])


def _shown(query: dict[str, str] | None) -> str:
    return "&".join(f"{name}={value}" for name, value in (query or {}).items())


def _body(json: Any, form: Any, parts: Any, raw: bytes | None) -> tuple[str, bytes | str | None]:
    if json is not ABSENT:
        return "application/json", jsonlib.dumps(json, ensure_ascii=False)
    if form is not None:
        return "application/x-www-form-urlencoded", urlencode(form if isinstance(form, dict) else list(form))
    if parts is not None:
        content, kind = multipart(parts)
        return kind, content
    return "", raw


def named(cases: list[Case]) -> list[tuple[str, Case]]:
    """Cases with names that are unique within their scenario: the second of a name gets ` #2`."""
    seen: dict[str, int] = {}
    out = []
    for item in cases:
        seen[item.name] = count = seen.get(item.name, 0) + 1
        out.append((item.name if count == 1 else f"{item.name} #{count}", item))
    return out


@dataclass
class Side:
    """One server as a scenario sees it: a connection, the seed's tokens, and what the answers so far said."""

    label: str
    client: Client
    tokens: dict[str, str]
    saved: dict[str, str] = field(default_factory=dict)
    lost: int = 0

    def ask(self, item: Case) -> Answer | str:
        """The answer, or what went wrong on the way."""
        if self.lost >= LOST_MAX:
            return f"not asked: {LOST_MAX} requests got no answer"
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                answer = self._send(item)
            except (OSError, ValueError) as error:
                self.lost += 1
                self.client.close()
                return f"no answer: {type(error).__name__}: {error}"
            except Exception as error:  # http.client has a tree of its own
                self.lost += 1
                self.client.close()
                return f"broken answer: {type(error).__name__}: {error}"
            if item.until is None or self._filled(item.until).encode() in answer.body or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def _send(self, item: Case) -> Answer:
        token = self.tokens[item.as_] if item.as_ else item.token and self._filled(item.token)
        headers = {name: self._filled(value) for name, value in item.headers.items()}
        if token:
            headers.setdefault("Authorization", token)
        body = self._filled(item.body).encode() if isinstance(item.body, str) else item.body
        return self.client.send(item.method, self._filled(item.path, ENCODED), headers, body)

    def _filled(self, text: str, marks: re.Pattern[str] = PLACEHOLDER) -> str:
        return marks.sub(lambda match: self.saved.get(match.group(1), match.group()), text)

    def keep(self, item: Case, answer: Answer) -> None:
        for name, path in item.save.items():
            try:
                value: Any = answer.json()
                for step in path.split("."):
                    value = value[int(step)] if isinstance(value, list) else value[step]
            except (ValueError, KeyError, IndexError, TypeError):
                continue
            self.saved[name] = str(value)


@dataclass(frozen=True)
class Outcome:
    """What the two servers said to one case."""

    item: Case
    real: Answer | str
    other: Answer | str
    found: list[str]

    def report(self) -> str:
        """The request, what differs, and both answers, for a reader."""
        item = self.item
        lines = [f"{item.method} {item.path}  as {item.as_ or item.token or 'guest'}"]
        lines += [f"  {name}: {value}" for name, value in item.headers.items()]
        lines += [f"  {item.body!r:.500}"] if item.body else []
        lines += ["", "differences (PocketBase ≠ the other):", *(f"  {line}" for line in self.found[:30])]
        for label, answer in (("PocketBase", self.real), ("the other", self.other)):
            said = (
                answer if isinstance(answer, str) else f"{answer.status} {answer.body.decode(errors='replace')[:1500]}"
            )
            lines += ["", f"{label}: {said}"]
        return "\n".join(lines)


class Oracle:
    """Runs scenarios. A scenario gets a PocketBase on its own copy of the seed, and a tenant with the same data."""

    def __init__(self, seed: Seed, directory: Path, pocker: Pocker | None) -> None:
        self.seed = seed
        self.directory = directory
        self.pocker = pocker
        self._outcomes: dict[str, dict[str, Outcome]] = {}
        self._tries: Counter[str] = Counter()

    def outcomes(self, scenario: str, cases: list[Case]) -> dict[str, Outcome]:
        """Every case's outcome by name; the scenario runs the first time it is asked for."""
        if scenario not in self._outcomes:
            self._tries[scenario] += 1
            again = self._tries[scenario] - 1
            self._outcomes[scenario] = self._run(f"{scenario}-{again}" if again else scenario, cases)
        return self._outcomes[scenario]

    def forget(self, scenario: str) -> None:
        """Run it once more, on new copies, when it is asked for again: for second tries, which are few."""
        if self._tries[scenario] < TRIES_MAX:
            self._outcomes.pop(scenario, None)

    def _run(self, scenario: str, cases: list[Case]) -> dict[str, Outcome]:
        with PocketBase(self._copy(f"{scenario}-real")) as real:
            if self.pocker is None:
                with PocketBase(self._copy(f"{scenario}-twin")) as twin:
                    return self._ask(scenario, cases, real, twin)
            self.pocker.import_tenant(scenario, self._copy(f"{scenario}-pocker"))
            return self._ask(scenario, cases, real, self.pocker)

    def _copy(self, name: str) -> Path:
        target = self.directory / name / "pb_data"
        shutil.copytree(self.seed.pb_data, target)
        return target

    def _ask(self, scenario: str, cases: list[Case], real: Server, other: Server) -> dict[str, Outcome]:
        host = f"{scenario}.localhost:{other.port}"
        sides = [
            Side(label, Client(server.port, host), dict(self.seed.tokens))
            for label, server in (("real", real), ("other", other))
        ]
        pairs = Pairs()
        outcomes = {}
        for name, item in named(cases):
            answers = [side.ask(item) for side in sides]
            found = judge(item, answers, pairs)
            for side, answer in zip(sides, answers, strict=True):
                if isinstance(answer, Answer):
                    side.keep(item, answer)
            outcomes[name] = Outcome(item, answers[0], answers[1], found)
        for side in sides:
            side.client.close()
        return outcomes


def judge(item: Case, answers: list[Answer | str], pairs: Pairs) -> list[str]:
    """What differs between the two answers to a case."""
    real, other = answers
    if isinstance(real, str) or isinstance(other, str):
        return [
            f"{label}: {answer}"
            for label, answer in (("PocketBase", real), ("the other", other))
            if isinstance(answer, str)
        ]
    wrong = (
        [f"the case expects {item.status}, PocketBase says {real.status}"]
        if item.status not in (None, real.status)
        else []
    )
    return wrong + differences(real, other, pairs, item.rules)
