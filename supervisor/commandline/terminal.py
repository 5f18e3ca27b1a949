"""The terminal of a full-screen command: keys as they are pressed, a wake-up when it is resized, and all as it was
before once the command ends, however it ends: by a key, a signal, an error or Ctrl-Z (until it goes on)."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self

SEQUENCES = {
    b"[A": "up",
    b"[B": "down",
    b"[H": "home",
    b"[F": "end",
    b"[1~": "home",
    b"[4~": "end",
    b"[5~": "page up",
    b"[6~": "page down",
    b"OA": "up",
    b"OB": "down",
    b"OH": "home",
    b"OF": "end",
}
PLAIN = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "interrupt",
    "\x04": "end of file",
}
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
ESCAPE_WAIT_S = 0.05  # a sequence comes in one piece, or nearly so
READ_BYTES = 1024


class Terminal:
    """Standard input and output, which are a terminal; use it as a context.

    `on_stop` and `on_continue` are called before the process is stopped by Ctrl-Z and when it goes on.
    """

    def __init__(self, on_stop: Callable[[], None], on_continue: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self._on_continue = on_continue
        self._input = sys.stdin.fileno()
        self._woken, self._wake = os.pipe()
        self._saved: list[Any] = []
        self._handlers: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1
        self._ends = False
        self._stops = False

    def __enter__(self) -> Self:
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        self._saved = termios.tcgetattr(self._input)
        self._wakeup_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        handlers = {
            signal.SIGWINCH: self._noted,
            signal.SIGTSTP: self._on_suspend,
            **dict.fromkeys(ENDING, self._on_end),
        }
        self._handlers = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        tty.setcbreak(self._input)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(termios.error, OSError):  # it may be gone: a closed window
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._woken)
        os.close(self._wake)

    def wait(self, timeout_s: float, other: int | None) -> tuple[list[str], bool]:
        """The keys pressed, and whether descriptor `other` has something, after waiting for that, a signal or the
        time. Raises SystemExit when the process is told to end."""
        watched = [self._input, self._woken] + ([] if other is None else [other])
        ready, _, _ = select.select(watched, [], [], max(0.0, timeout_s))
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, READ_BYTES)
        if self._ends:
            raise SystemExit(1)
        if self._stops:
            self._suspend()
        return (list(self._keys()) if self._input in ready else []), other in ready

    def _keys(self) -> Iterator[str]:
        try:
            data = os.read(self._input, READ_BYTES)
        except OSError:  # the window was closed
            data = b""
        if not data:
            yield "end of file"
        while data:
            if data[:1] == b"\x1b":
                if len(data) == 1 and select.select([self._input], [], [], ESCAPE_WAIT_S)[0]:
                    data += os.read(self._input, READ_BYTES)
                key, data = _sequence(data[1:])
            else:
                character = data.decode(errors="ignore")[:1]
                key, data = PLAIN.get(character, character), data[len(character.encode()) or 1 :]
            if key:
                yield key

    def _suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal back as it was; `fg` comes back here."""
        self._stops = False
        self._on_stop()
        ours = termios.tcgetattr(self._input)
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._on_suspend)
        termios.tcsetattr(self._input, termios.TCSADRAIN, ours)
        self._on_continue()

    def _noted(self, number: int, frame: FrameType | None) -> None:
        """The wake-up is all that is needed."""

    def _on_end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (signal gives them)
        self._ends = True

    def _on_suspend(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (signal gives them)
        self._stops = True


def _sequence(data: bytes) -> tuple[str, bytes]:
    """The key of what follows an escape, and what is left; no key for a sequence that means nothing here."""
    for sequence, key in SEQUENCES.items():
        if data.startswith(sequence):
            return key, data[len(sequence) :]
    if data[:1] not in {b"[", b"O"}:
        return "escape", data
    end = 1
    while end < len(data) and not 0x40 <= data[end] <= 0x7E:
        end += 1
    return "", data[end + 1 :]
