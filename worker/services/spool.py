"""Rows of a request log on their way into it: a file beside `auxiliary.db`, to which they are appended.

To write into a database costs about a millisecond, for one row as for a hundred; to append to a file costs a
hundredth of it. So the few rows that a tenant has every some seconds are appended here, where they are as safe from
the death of the process as in a write-ahead log, and go into the database many at a time.

A line is a JSON array of values, COLUMNS of them a row. A line that was cut short is the last one, and is ignored.
"""

import os
from contextlib import suppress
from pathlib import Path

import orjson

SUFFIX = "-spool"
COLUMNS = 5
# What a file may take; also what is read of one that somebody else has brought along.
SPOOL_BYTES_MAX = 1 << 20

Values = list[str | int]


def spool_of(database: Path) -> str:
    """The file beside a database."""
    return f"{database}{SUFFIX}"


def append(file: str, values: Values, bytes_max: int) -> int:
    """Append rows. The bytes it took, 0 where that would be too many; OSError where it is not possible.

    Then nothing was appended.
    """
    line = orjson.dumps(values) + b"\n"
    if len(line) > bytes_max:
        return 0
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        written = os.write(descriptor, line)
        if written < len(line):  # the disk is full
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise OSError(f"{file}: {written} of {len(line)} bytes written")
    finally:
        os.close(descriptor)
    return written


def collected(file: str) -> Values:
    """What was appended; nothing where there is no file, or no sense in it."""
    return _rows(_content(file))


def _content(file: str) -> bytes:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as content:
        return content.read(SPOOL_BYTES_MAX)


def _rows(content: bytes) -> Values:
    values: Values = []
    for line in content.split(b"\n")[:-1]:
        with suppress(orjson.JSONDecodeError):
            part = orjson.loads(line)
            if _are_rows(part):
                values += part
    return values


def _are_rows(part: object) -> bool:
    """Whether it is what `append` was given: id, level, message, data, created, and so on."""
    return (
        isinstance(part, list)
        and len(part) % COLUMNS == 0
        and all(type(value) is (int if at % COLUMNS == 1 else str) for at, value in enumerate(part))
    )


def extent(file: str) -> tuple[int, int] | None:
    """Rows and bytes of what was appended. None where nothing may be appended: the last line was cut short."""
    content = _content(file)
    if content and not content.endswith(b"\n"):
        return None
    return len(_rows(content)) // COLUMNS, len(content)


def discard(file: str) -> None:
    """Remove the file."""
    with suppress(OSError):
        Path(file).unlink()
