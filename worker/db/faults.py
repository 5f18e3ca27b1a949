"""From SQLite's errors to PocketBase's: the one table of which failure means what to a client."""

import os
import re
from pathlib import Path

import apsw

from worker.db.room import NoRoomError
from worker.errors import ApiError, bad_request, internal

_UNIQUE = re.compile(r"UNIQUE constraint failed: (?P<columns>.+)$")
_CORRUPT = (apsw.CorruptError, apsw.NotADBError)

# What may be over at the next attempt: somebody else's lock, no memory, no space, no descriptors.
_PASSING = (apsw.BusyError, apsw.LockedError, apsw.NoMemError, apsw.FullError, apsw.IOError, OSError)

# Exception of apsw → status and message of the answer. Everything else is a 400, as PocketBase answers generic errors.
FAULTS: tuple[tuple[type[Exception], int, str], ...] = (
    (apsw.CorruptError, 503, "The tenant's database is damaged."),
    (apsw.NotADBError, 503, "The tenant's database is damaged."),
    (apsw.FullError, 507, "There is no space left to store the data."),
    (apsw.IOError, 503, "The tenant's database cannot be read or written at the moment."),
    (apsw.CantOpenError, 503, "The tenant's database cannot be read or written at the moment."),
    (apsw.ReadOnlyError, 503, "The tenant's database cannot be read or written at the moment."),
    (apsw.BusyError, 503, "The tenant's database is busy."),
    (apsw.ConnectionClosedError, 503, "The tenant was taken out of service."),
    (apsw.NoMemError, 503, "There is not enough memory for this at the moment."),
    (apsw.InterruptError, 400, "The query took too long and was stopped."),
)


def unique_columns(error: BaseException) -> list[str] | None:
    """The `table.column` names of a violated unique index, or None where `error` is another failure."""
    if not isinstance(error, apsw.ConstraintError):
        return None
    match = _UNIQUE.search(str(error))
    return match["columns"].split(", ") if match else None


def is_corruption(error: BaseException) -> bool:
    """Whether `error` says that the file is damaged, so that its tenant must stop being served."""
    return isinstance(error, _CORRUPT)


def may_pass(error: BaseException, file: Path) -> bool:
    """Whether a failure to open the database `file` says nothing about it, so that the next attempt may succeed."""
    if isinstance(error, apsw.CantOpenError):  # it is missing or forbidden; else there are no descriptors left
        return os.access(file, os.R_OK | os.W_OK)
    return isinstance(error, _PASSING)


def to_api_error(error: apsw.Error) -> ApiError:
    """The answer for a failure of SQLite that no use case has put into words; SQLite's text stays private."""
    if isinstance(error, NoRoomError):  # in words for a client already
        return ApiError(507, str(error), cause=error)
    for kind, status, message in FAULTS:
        if isinstance(error, kind):
            return ApiError(status, message, cause=str(error))
    if isinstance(error, (apsw.MisuseError, apsw.ThreadingViolationError)):
        return internal(cause=str(error))
    return bad_request(cause=str(error))
