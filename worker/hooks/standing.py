"""Where a run is on its way to a child: it waits, stands behind others of a process, or has the process for itself.

A run of one handler (`handler`) asks the child once. It may stand behind others on one process (`worker.hooks.leased`):
its order is sent ahead then, and it begins when the run before it has ended. Until then nothing has happened of it, and
it may be sent elsewhere, or ended without harm. Its time is counted from its beginning; until then, it waits.

An order that is sent ahead builds on what the process knows of the tenant's catalog, and would be understood in another
sense once the process is told of a change. So one is sent ahead only where there is nothing to tell, and who has to
tell of a change takes back those that were.
"""

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING

from sandbox.frames import AHEAD, FORGET, answer_frame
from worker.errors import ApiError
from worker.hooks.apps import Apps
from worker.hooks.calls import GoError

if TYPE_CHECKING:
    from worker.hooks.leased import Leased
    from worker.hooks.line import Line

# What is larger is not sent ahead.
AHEAD_BYTES_MAX = 16 << 10

BUSY = "All processes for scripts are busy."
OVER = "the run is over"


class Standing(Apps):
    """A run's place. What is done there is `worker.hooks.session`'s."""

    _timeout_s: float
    # whose run it is, if it asks for that alone
    handler: Hashable
    # whether it is the host's turn, and why nothing goes on any more
    _hosting = True
    _end: Exception | None = None
    # where it runs or stands; whether it is done there, and it is somebody else's
    leased: "Leased | None" = None
    _line: "Line | None" = None
    _left = False
    # its order, until it is taken; whether that was sent ahead; until when it may wait, and what ends it then
    _text: bytes | None = None
    sent = False
    _deadline = 0.0
    _timer: asyncio.TimerHandle | None = None
    # whether others may stand behind it, and be sent ahead; whether the next answer takes those back
    quick = False
    goes_ahead = False
    forgets = False
    # whether it has waited for something
    paused = False

    def end(self, why: Exception) -> None:
        """Nothing goes on any more."""
        raise NotImplementedError

    def _listen(self, line: "Line") -> None:
        """What the process says is for this run from now on, and its time is counted."""
        raise NotImplementedError

    def _dispatch(self, text: bytes) -> None:
        """Say something to the process."""
        raise NotImplementedError

    # -- told by the tenant's processes ------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on any more."""
        return self._end is not None

    @property
    def has_begun(self) -> bool:
        """Whether it has a process for itself."""
        leased = self.leased
        return leased is not None and (self.handler is None or leased.run is self)

    def begin(self, leased: "Leased") -> None:
        """It has the process for itself, which may be at work for it already."""
        self.leased = leased
        self._line = line = leased.line
        self._listen(line)
        if self._timer is not None:
            self._untime()
        if self.handler is not None:
            # who stands behind it already was let
            self.quick = bool(leased.queue) or leased.children.is_quick(self.handler)
            leased.run = self
        text, self._text = self._text, None
        if self.sent:
            self.sent = False
            self.goes_ahead = line.goes_on = True
        elif text is not None:
            self._hosting = True
            self._dispatch(text[:-1] + b',"c":1}' if self._is_news() else text)

    def join(self, leased: "Leased") -> None:
        """It stands behind others of the process."""
        self.leased = leased
        self._line = leased.line
        self.quick = leased.children.is_quick(self.handler)
        self._untime()
        if not self._deadline:
            self._deadline = asyncio.get_running_loop().time() + self._timeout_s
        if self._text is not None:
            leased.forward()

    def depart(self) -> None:
        """It stands there no more, and waits for another process."""
        self.leased = self._line = None
        self.sent = False
        self._timer = asyncio.get_running_loop().call_at(self._deadline, self.expire, self._deadline)

    def send_ahead(self) -> bool:
        """Send its order ahead. False where that can't be."""
        text, line, leased = self._text, self._line, self.leased
        if text is None or line is None or leased is None or len(text) > AHEAD_BYTES_MAX or self._is_strange(leased):
            return False
        self.sent = True
        line.send_ahead(answer_frame(text, AHEAD))
        return True

    def expire(self, now: float) -> None:
        """End it if it has not begun in time."""
        if now >= self._deadline:
            self.end(ApiError(503, BUSY, cause=f"no process was free for {self._timeout_s:g} s"))

    def give_up(self) -> None:
        """Nobody wants it any more, before it has asked for anything."""
        leased = self.leased
        self._end = self._end or GoError(OVER)
        if leased is not None and self.has_begun:
            leased.release(reusable=True)
        else:
            self._leave()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _ask(self, text: bytes) -> None:
        """Have its order taken when it is its turn."""
        self._hosting = False
        self._text = text
        if self.leased is not None:
            self.leased.forward()

    def _leave(self) -> None:
        """It never begins."""
        self._untime()
        self.hooks.children.leave(self)

    def _untime(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pauses(self) -> None:
        """It waits for something, and its process with it: nobody is to stand behind it."""
        leased = self.leased
        self.paused = True
        if self.quick and leased is not None:
            self.quick = self.goes_ahead = False
            leased.children.spread(leased)

    def _put(self, text: bytes) -> None:
        """Say something to the process, whose turn it is then; take back what is to be, and send ahead what may be."""
        leased, line = self.leased, self._line
        assert leased is not None
        assert line is not None
        self._hosting = False
        bits, self.forgets = FORGET if self.forgets else 0, False
        line.send(answer_frame(text, bits))
        if self.quick:
            self.goes_ahead = True
            if leased.queue and self._end is None:
                leased.forward()

    def _is_strange(self, leased: "Leased") -> bool:
        """Whether the process knows other catalogs than those that are meant now."""
        told = leased.told
        if len(told) == 1 and not self._apps:
            return self.hooks.ctx.catalog.version not in told
        return self._versions() != told

    def _is_news(self) -> bool:
        """Whether the process is to be told that it is, as it is from now on."""
        leased = self.leased
        if leased is None or not self._is_strange(leased):
            return False
        leased.told = self._versions()
        if self.quick:
            leased.take_back()
        return True
