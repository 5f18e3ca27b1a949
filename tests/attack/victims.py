"""The well-behaved tenants' clients: a process of its own that sends requests on time and notes how long each took.

Open loop: every tenant has one kept-alive connection and a timetable. Time counts from the moment a request was due, so
an answer that keeps the next request waiting is counted twice, as its user would.

    python -m tests.attack.victims < plan.json > result.json

Plan: `{"port", "seconds", "rate", "seed", "tenants": [{"requests": [text, …]}, …]}`; `rate` is requests a second of
each.
Result: `{"done", "failed", "statuses": {…}, "closed", "p50_us", "p90_us", "p99_us", "max_us"}`.
"""

import heapq
import json
import random
import select
import sys
import time
from collections import Counter, deque
from typing import Any

from tests.attack.wire import CHUNK_BYTES, Answers, connect

PATIENCE_S = 20.0  # for the last answers


class Victim:
    """One tenant's client."""

    __slots__ = ("answers", "due", "requests", "sent", "sock")

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.sock = connect(port)
        self.requests = requests
        self.answers = Answers()
        self.due: deque[float] = deque()  # of requests that wait for the one under way
        self.sent: float | None = None  # when the one under way was due


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Send and measure for that long."""
    draw = random.Random(plan["seed"])
    clock = time.perf_counter
    victims = [Victim(plan["port"], [text.encode() for text in each["requests"]]) for each in plan["tenants"]]
    poll = select.epoll()
    by_fd = {victim.sock.fileno(): victim for victim in victims}
    for number in by_fd:
        poll.register(number, select.EPOLLIN)
    every = 1 / plan["rate"]
    started = clock()
    until = started + plan["seconds"]
    timetable = [(started + draw.random() * every, number) for number in by_fd]
    heapq.heapify(timetable)
    took: list[float] = []
    statuses: Counter[int] = Counter()
    closed = 0

    def send(victim: Victim, due: float) -> None:
        victim.sent = due
        victim.sock.sendall(draw.choice(victim.requests))

    while by_fd:
        now = clock()
        if now > until + PATIENCE_S:
            break
        while timetable and timetable[0][0] <= now:
            due, number = heapq.heappop(timetable)
            if number not in by_fd:
                continue
            victim = by_fd[number]
            if victim.sent is None:
                send(victim, due)
            else:
                victim.due.append(due)
            if due + every < until:
                heapq.heappush(timetable, (due + every * draw.uniform(0.5, 1.5), number))
        if not timetable and all(victim.sent is None for victim in by_fd.values()):
            break
        wait = max(0.0, timetable[0][0] - clock()) if timetable else 0.5
        for number, _ in poll.poll(min(wait, 0.5)):
            victim = by_fd[number]
            try:
                data = victim.sock.recv(CHUNK_BYTES)
            except ConnectionError:
                data = b""
            if not data:
                closed += 1
                poll.unregister(number)
                del by_fd[number]
                continue
            if victim.answers.take(data):
                took.append(clock() - (victim.sent or 0))
                statuses[victim.answers.status] += 1
                victim.sent = None
                if victim.due:
                    send(victim, victim.due.popleft())
    unanswered = sum(victim.sent is not None for victim in by_fd.values())
    took.sort()
    failed = sum(count for status, count in statuses.items() if not 200 <= status < 300) + unanswered + closed

    def at(share: float) -> float:
        return took[min(len(took) - 1, int(len(took) * share))] * 1e6

    return {
        "done": len(took),
        "failed": failed,
        "statuses": dict(statuses),
        "closed": closed,
        "unanswered": unanswered,
        "p50_us": at(0.5),
        "p90_us": at(0.9),
        "p99_us": at(0.99),
        "max_us": took[-1] * 1e6,
    }


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
