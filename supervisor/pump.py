"""The event loop that runs where the arbiter would sleep, and ends its turn as soon as a signal arrives."""

import asyncio
import contextlib
import selectors
import signal
import socket
import time


class Pump:
    """An asyncio loop that runs in turns. Between them it stands still, and only then may the process be forked.

    A forked child shares the parent's epoll set through its descriptor. So the selector is made here, and the child
    closes it without unregistering anything first: an epoll_ctl there would change what the parent waits for.
    """

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._in_turn = False
        self._still = False
        self.loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop(self._selector)

    def install(self) -> None:
        """From now on a signal ends the turn; its Python handler has run by then. Main thread only."""
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self.loop.add_reader(self._woken.fileno(), self._on_wakeup)

    def turn(self, seconds: float) -> None:
        """Runs the loop for so long, or until a signal arrives; at least once through what is ready."""
        if self._still:
            seconds, self._still = 0.0, False
        end = self.loop.call_at(self.loop.time() + max(0.0, seconds), self.loop.stop)
        self._in_turn = True
        try:
            self.loop.run_forever()
        finally:
            self._in_turn = False
            end.cancel()

    def stand_still(self) -> None:
        """Ends the turn, or makes the next one end at once: something waits for the loop to stand still."""
        if self._in_turn:
            self.loop.stop()
        else:
            self._still = True

    def drain(self, seconds: float) -> None:
        """Runs the loop for so long, whatever signals arrive."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.turn(left)

    def close(self) -> None:
        """Ends what still runs and the loop, in the process that made it."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        signal.set_wakeup_fd(-1)
        self.loop.remove_reader(self._woken.fileno())
        self.loop.close()
        self._woken.close()
        self._wake.close()

    def leave_parent(self) -> None:
        """In a forked child: lets go of the loop. It is never used or closed there."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._woken.close()
        self._wake.close()

    def _on_wakeup(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
        if self._in_turn:  # else the loop runs until something else is done; who waits next looks at the queue first
            self.loop.stop()
