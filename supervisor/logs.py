"""The server's own log on stderr, of the supervisor and of its workers: text for eyes, or JSON with a line an entry.

    [2026-07-26 10:15:02 +0000] [4711] [ERROR] [shard 1] [tenant blog] it cannot be opened: …

    {"time":"2026-07-26T10:15:02.118Z","level":"error","message":"it cannot be opened: …","logger":"pocker.tenants",
     "pid":4711,"shard":1,"tenant":"blog","exception":"Traceback …"}         (all in one line)

Who logs something about a tenant adds `extra={"tenant": name}`; the shard is the worker's own, or the one in `extra`.
Several processes write to the same stderr, and a pipe takes up to PIPE_BUF bytes in one piece: a longer entry of JSON
loses the middle of its traceback, then the end of its message, so that every line is whole.

What is never in it: passwords, tokens, bodies, queries. Nothing that logs is given them.
"""

import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar

import msgspec
from gunicorn.glogging import Logger

LINE_BYTES_MAX = 4096  # PIPE_BUF on Linux
CUT = "\n[…]\n"
TEXT = "supervisor.logs.TextLog"
JSON = "supervisor.logs.JsonLog"
OUR_ROOT = "pocker"

_encode = msgspec.json.Encoder().encode


class TextLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger, which also takes what our own modules and libraries log. One a process."""

    formatter: ClassVar[type["Text"]]

    def setup(self, cfg: Any) -> None:
        """Level and form of everything that is logged from now on; called again on SIGHUP."""
        super().setup(cfg)
        form = cfg.logger_class.formatter(self.error_fmt, self.datefmt)
        root = logging.getLogger()
        for handler in [handler for handler in root.handlers if getattr(handler, "_gunicorn", False)]:
            root.removeHandler(handler)
        for handler in self.error_log.handlers:
            handler.setFormatter(form)
            root.addHandler(handler)
        root.setLevel(logging.WARNING)  # of libraries, only what goes wrong
        logging.getLogger(OUR_ROOT).setLevel(self.loglevel)
        logging.captureWarnings(True)
        sys.excepthook = sys.__excepthook__ if form.__class__ is Text else self._uncaught

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self.error_log.critical("the process ends by an error", exc_info=(kind, error, trace))

    def belongs_to(self, shard: int) -> None:
        """From now on this process logs as the worker of that shard."""
        for handler in self.error_log.handlers:
            if isinstance(handler.formatter, Text):
                handler.formatter.shard = shard


class JsonLog(TextLog):
    """The same as JSON."""


class Text(logging.Formatter):
    """gunicorn's own form, with shard and tenant where they are known.

    A message may quote anybody (what SQLite says of an imported database has its names in it): what a terminal would
    obey is spelled out, and further lines are indented, so that none looks like an entry.
    """

    shard: int | None = None

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging names it)
        """The entry without a traceback."""
        shard = getattr(record, "shard", self.shard)
        tenant = getattr(record, "tenant", "")
        known = ("" if shard is None else f"[shard {shard}] ") + (f"[tenant {tenant}] " if tenant else "")
        message, record.message = record.message, known + _tame(record.message)
        try:
            return super().formatMessage(record)
        finally:
            record.message = message


class Json(Text):
    """One object a line, of LINE_BYTES_MAX bytes at most."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry."""
        entry: dict[str, Any] = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
            "pid": record.process,
        }
        shard = getattr(record, "shard", self.shard)
        if shard is not None:
            entry["shard"] = shard
        if tenant := getattr(record, "tenant", ""):
            entry["tenant"] = tenant
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            entry["exception"] = record.exc_text
        if record.stack_info:
            entry["stack"] = record.stack_info
        return _line(entry)


TextLog.formatter = Text
JsonLog.formatter = Json


def _line(entry: dict[str, Any]) -> str:
    """The entry as one line that is not too long for a pipe."""
    entry = {key: _clean(value) for key, value in entry.items()}
    room = LINE_BYTES_MAX - 1  # a newline follows
    line = _encode(entry)
    for key in ("stack", "exception", "message"):
        while len(line) > room and (text := entry.get(key)):
            # At least what is too much, in characters: those of the cut text may take up to six bytes each.
            keep = max(0, len(text) - max(len(CUT) + (len(line) - room + 5) // 6, len(text) // 8))
            entry[key] = "" if keep <= len(CUT) else text[: keep // 2] + CUT + text[len(text) - keep // 2 :]
            line = _encode(entry)
    return line.decode()


def _tame(text: str) -> str:
    """The text without what a terminal would obey."""
    if text.isprintable():
        return text
    lines = text.split("\n")
    return "\n    ".join("".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in line) for line in lines)


def _clean(value: Any) -> Any:
    """Text that can be encoded: half a surrogate pair (an undecodable file name has them) is spelled out."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
