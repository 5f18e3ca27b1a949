"""Clients of the real server: each writes records of its own, reads them again, and keeps a book of the answers."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.book import Book, Record, Value
from tests.process.whole import NOTES, Answer, Closed, Cut, Whole, Wire, new_id

PATIENCE_S = 20.0
"""How long a client waits for an answer; longer than the server takes to replace a worker."""
RECORDS_MAX = 40
PAUSE_S = 0.002
DOWN_PAUSE_S = 0.05

TOO_LONG = b"took too long"
"""Said of a write that was interrupted, as by a worker that stood still; it was rolled back."""
# Answers after which nothing was changed. After others of the 500s it is not known.
REFUSALS = frozenset({429, 507})


@dataclass
class Client:
    """One client of one tenant."""

    server: Whole
    tenant: str
    seed: int
    book: Book = field(init=False)
    done: int = 0
    """Requests that succeeded."""
    errors: Counter[str] = field(default_factory=Counter)
    """What went wrong on the way, by kind; that is allowed to happen."""
    faults: list[str] = field(default_factory=list)
    """What must not happen."""
    slowest_s: float = 0.0

    def __post_init__(self) -> None:
        self.book = Book(self.tenant)
        self._rng = random.Random(self.seed)
        self._wire: Wire | None = None
        self._numbers = 0

    def run(self, stopped: threading.Event) -> None:
        try:
            while not stopped.wait(PAUSE_S):
                self._act(stopped)
        except Exception as error:
            self.faults.append(f"{self.tenant}: the client failed: {error!r}")
        finally:
            self._hang_up()

    # -- what it does --------------------------------------------------------------------------------------------------

    def _act(self, stopped: threading.Event) -> None:
        known = [record for record in self.book.records.values() if record.certain and not record.open]
        dice = self._rng.random()
        if not known or (dice < 0.2 and len(known) < RECORDS_MAX):
            settled = self._create()
        elif dice < 0.25:
            settled = self._create_pair()
        else:
            record = self._rng.choice(known)
            if dice < 0.5:
                settled = self._change(record, {"count+": 1}, (record.certain[0], record.certain[1] + 1))
            elif dice < 0.65:
                title = self._title()
                settled = self._change(record, {"title": title}, (title, record.certain[1]))
            elif dice < 0.72 or len(known) >= RECORDS_MAX:
                settled = self._delete(record)
            else:
                settled = self._read(record)
        if not settled:
            stopped.wait(DOWN_PAUSE_S)

    def _create(self) -> bool:
        record, title = self.book.new(new_id(self._rng)), self._title()
        answer = self._ask([record], [(title, 0)], "POST", NOTES, {"id": record.id, "title": title, "count": 0})
        return answer is not None

    def _create_pair(self) -> bool:
        records = [self.book.new(new_id(self._rng)) for _ in range(2)]
        self.book.pairs.append((records[0].id, records[1].id))
        titles = [self._title() for _ in records]
        requests = [
            {"method": "POST", "url": NOTES, "body": {"id": record.id, "title": title, "count": 0}}
            for record, title in zip(records, titles, strict=True)
        ]
        values: list[Value] = [(title, 0) for title in titles]
        return self._ask(records, values, "POST", "/api/batch", {"requests": requests}) is not None

    def _change(self, record: Record, body: dict[str, object], value: Value) -> bool:
        return self._ask([record], [value], "PATCH", f"{NOTES}/{record.id}", body) is not None

    def _delete(self, record: Record) -> bool:
        return self._ask([record], [None], "DELETE", f"{NOTES}/{record.id}", None) is not None

    def _read(self, record: Record) -> bool:
        answer = self._sent("GET", f"{NOTES}/{record.id}", None)
        if answer is None:
            return False
        if answer.status in {200, 404}:
            found = value_of(answer.json()) if answer.status == 200 else None
            if not record.allows(found):
                self.faults.append(f"{self.tenant}: read {found} of {record}")
            self.done += 1
        else:
            self.errors[f"{answer.status}"] += 1
        return answer.status < 500

    # -- how it asks ---------------------------------------------------------------------------------------------------

    def _ask(self, records: list[Record], values: list[Value], method: str, target: str, body: object) -> Answer | None:
        """Send a change that makes `values` of `records`, and note what became of it."""
        for record, value in zip(records, values, strict=True):
            record.open, record.perhaps = True, value
        answer = self._sent(method, target, body)
        if answer is None:
            return None
        if answer.status in {200, 204}:
            for record, value in zip(records, values, strict=True):
                record.certain, record.open = value, False
            self.done += 1
            return answer
        self.errors[f"{answer.status}"] += 1
        if answer.status in REFUSALS or (answer.status == 400 and (TOO_LONG in answer.body or "batch" in target)):
            for record in records:
                record.open = False
        elif answer.status < 500:
            self.faults.append(f"{self.tenant}: {method} {target}: {answer.status} {answer.body[:300]!r} {records}")
        return answer if answer.status < 500 else None

    def _sent(self, method: str, target: str, body: object) -> Answer | None:
        """The answer; None where there was none, and `errors` tells why."""
        began = time.monotonic()
        try:
            if self._wire is None:
                self._wire = Wire(self.server.port, PATIENCE_S)
            answer = self._wire.ask(method, self.server.host(self.tenant), target, body)
            if answer.closes:
                self._hang_up()
            return answer
        except Closed:
            self.errors["closed before an answer"] += 1
        except Cut:
            self.errors["cut in an answer"] += 1
        except TimeoutError:
            self.errors["silence"] += 1
        except OSError as error:
            self.errors[type(error).__name__] += 1
        finally:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self._hang_up()
        return None

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _title(self) -> str:
        self._numbers += 1
        return f"{self.seed}/{self._numbers}" + "x" * self._rng.choice((0, 0, 100, 3000))


def value_of(item: dict[str, object]) -> Value:
    """What a record's JSON says."""
    return str(item["title"]), int(str(item["count"]))


def stored(server: Whole, tenant: str) -> dict[str, Value]:
    """Every record of the tenant, as it lists them itself."""
    found: dict[str, Value] = {}
    with Wire(server.port) as wire:
        page = 1
        while True:
            target = f"{NOTES}?perPage=500&page={page}&sort=id&skipTotal=1&fields=id,title,count"
            answer = wire.ask("GET", server.host(tenant), target)
            if answer.status != 200:
                raise RuntimeError(f"{tenant} can't be read: {answer.status} {answer.body[:300]!r}")
            items = answer.json()["items"]
            for item in items:
                if item["id"] in found:
                    raise RuntimeError(f"{tenant} has the record {item['id']} twice")
                found[item["id"]] = value_of(item)
            if len(items) < 500:
                return found
            page += 1
