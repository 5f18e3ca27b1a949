"""`pocker top`: asks the server about once a second and draws what it says, until a key ends it.

One loop waits for a key, an answer, a resize or the next second. The connection stays open; when the server goes away,
the last picture stays with a line that says so, and the connection is tried again.
"""

import sys
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from supervisor.commandline.past import Past
from supervisor.commandline.picture import Scene, picture
from supervisor.commandline.terminal import Terminal
from supervisor.commandline.view import View
from supervisor.ops.client import Session, Unreachable

COMMAND = "usage.live"
EVERY_S = 1.0
RETRY_S = 0.5
ANSWER_S = 10.0


class Feed:
    """The reports, one about every second. Raises ClientError for what asking again would not change."""

    def __init__(self, data: str) -> None:
        self._data = data
        self._session: Session | None = None
        self._asked = False
        self._hurried = False
        self._due = 0.0
        self.problem = ""

    def wait_s(self, now: float) -> float:
        """How long until `ask` has something to do."""
        return max(0.0, self._due - now)

    def fileno(self) -> int | None:
        """What to wait on while an answer is due."""
        return self._session.fileno() if self._session is not None and self._asked else None

    def hurry(self) -> None:
        """Asks at once, or as soon as the answer under way is here: something else is wanted now."""
        if self._asked:
            self._hurried = True
        else:
            self._due = 0.0

    def ask(self, args: dict[str, Any], now: float) -> None:
        """Asks when it is time; connects first where there is no connection."""
        if now < self._due:
            return
        if self._asked:  # and no answer in all the time
            self._lose("the server does not answer", now)
            return
        try:
            if self._session is None:
                self._session = Session(self._data)
            self._session.send(COMMAND, args)
        except Unreachable as error:
            self._lose(str(error), now)
        else:
            self._asked = True
            self._due = now + ANSWER_S

    def receive(self, now: float) -> dict[str, Any] | None:
        """The report that has come, if all of it is here."""
        if self._session is None:
            return None
        try:
            for report in self._session.receive(lambda *_: None):
                self.problem = ""
                self._asked = False
                self._due = now if self._hurried else now + EVERY_S
                self._hurried = False
                return dict(report)
        except Unreachable as error:
            self._lose(str(error), now)
        return None

    def close(self) -> None:
        """Ends the connection."""
        if self._session is not None:
            self._session.close()
        self._session = None
        self._asked = False

    def _lose(self, problem: str, now: float) -> None:
        self.close()
        self.problem = f"{problem}; trying again"
        self._due = now + RETRY_S


class Top:
    """The command while it runs."""

    def __init__(self, data: str, order: str) -> None:
        self._feed = Feed(data)
        self._view = View(order=order)
        self._past = Past()
        self._report: dict[str, Any] | None = None
        self._reported = 0.0
        self._console = Console()
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def run(self) -> None:
        """Until a key or a signal ends it. Raises ClientError."""
        with Terminal(self._live.stop, self._live.start) as terminal, self._live:
            try:
                while not self._view.ends:
                    self._draw()
                    self._turn(terminal)
            finally:
                self._feed.close()

    def _turn(self, terminal: Terminal) -> None:
        now = time.monotonic()
        if not self._view.paused:
            self._feed.ask(self._view.wanted(), now)
        wait_s = EVERY_S if self._view.paused else self._feed.wait_s(now)
        keys, answered = terminal.wait(min(EVERY_S, wait_s), self._feed.fileno())
        before = self._view.wanted()
        for key in keys:
            self._view.press(key)
        if answered and (report := self._feed.receive(time.monotonic())) is not None and not self._view.paused:
            self._report, self._reported = report, time.monotonic()
            self._past.note(report["tenants"], self._reported)
        if self._view.wanted() != before:
            self._feed.hurry()

    def _draw(self) -> None:
        width, height = self._console.size
        scene = Scene(
            report=self._report,
            past=self._past,
            view=self._view,
            now=self._reported,
            width=width,
            height=height,
            problem=self._feed.problem,
            ascii_only=self._console.options.ascii_only,
        )
        self._live.update(Text("\n", end="").join(picture(scene)), refresh=True)


def is_possible() -> bool:
    """Whether there is a terminal to draw on and to read keys from."""
    return sys.stdin.isatty() and sys.stdout.isatty()
