"""The log's two forms: text for eyes, and JSON of which every line parses and fits into a pipe."""

import io
import json
import logging
import re
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.logs import LINE_BYTES_MAX, Json, Text

GUNICORN = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s", "[%Y-%m-%d %H:%M:%S %z]"


def written(form: logging.Formatter, message: Any, *args: Any, **more: Any) -> str:
    """What one entry makes of the log, its newline included."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(form)
    log = logging.Logger("pocker.test")
    log.addHandler(handler)
    log.error(message, *args, **more)
    return stream.getvalue()


def test_a_text_cannot_look_like_another_entry_or_command_a_terminal() -> None:
    line = written(Text(*GUNICORN), "%s", "schema (a\x1b[31m\rb)\n[2026] [1] [CRITICAL] all is lost")
    assert line.endswith("[ERROR] schema (a\\x1b[31m\\rb)\n    [2026] [1] [CRITICAL] all is lost\n")


@pytest.mark.parametrize(
    ("shard", "extra", "shown"),
    [
        (None, {}, "[ERROR] it happened"),
        (1, {}, "[ERROR] [shard 1] it happened"),
        (None, {"tenant": "blog"}, "[ERROR] [tenant blog] it happened"),
        (1, {"tenant": "blog"}, "[ERROR] [shard 1] [tenant blog] it happened"),
        (1, {"tenant": "blog", "shard": 2}, "[ERROR] [shard 2] [tenant blog] it happened"),
    ],
)
def test_text(shard: int | None, extra: dict[str, Any], shown: str) -> None:
    form = Text(*GUNICORN)
    form.shard = shard
    line = written(form, "it %s", "happened", extra=extra)
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] " + re.escape(shown) + "\n", line)


def test_json() -> None:
    form = Json(*GUNICORN)
    form.shard = 3
    entry = json.loads(written(form, "it %s", "happened\nand again", extra={"tenant": "blog"}))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry.pop("pid") > 0
    assert entry == {
        "level": "error",
        "message": "it happened\nand again",
        "logger": "pocker.test",
        "shard": 3,
        "tenant": "blog",
    }


def failure(text: str, depth: int) -> Any:
    """An exception with a traceback, `depth` frames deep."""

    def raise_it(left: int) -> None:
        if left:
            raise_it(left - 1)
        raise ValueError(text)

    try:
        raise_it(depth)
    except ValueError:
        return sys.exc_info()


def test_a_traceback_is_inside_of_its_line() -> None:
    line = written(Json(*GUNICORN), "failed", exc_info=failure("no\nluck", 0))
    assert line.count("\n") == 1
    told = json.loads(line)["exception"]
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("ValueError: no\nluck")


def test_a_long_traceback_keeps_its_two_ends() -> None:
    told = json.loads(written(Json(*GUNICORN), "failed", exc_info=failure("é" * 20_000 + " the end", 200)))
    assert told["message"] == "failed"
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith(" the end")


@given(st.text(st.characters()), st.text(), st.integers(0, 3000), st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_line_parses_and_fits_into_a_pipe(message: str, error: str, times: int, failed: bool) -> None:
    info = failure(error * times, 3) if failed else None
    line = written(Json(*GUNICORN), "%s", message * times, exc_info=info, extra={"tenant": "t" * 63})
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert len(line.encode()) <= LINE_BYTES_MAX
    assert json.loads(line)["tenant"] == "t" * 63


def test_what_cannot_be_encoded_is_spelled_out() -> None:
    assert json.loads(written(Json(*GUNICORN), "a file named \udc80"))["message"] == r"a file named \udc80"
