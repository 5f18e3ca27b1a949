"""Exceptions on their way between the host and a script, which shows each as what it would be in the real one.

To the script (`Errors.encode`), always an error of Go's there; `id` is the number of the exception in its run:

    {"id", "kind": "api", "status", "message", "data", "j"?}      an answer: the value underneath is an ApiError
    {"id", "kind": "go", "message", "tree"?, "code"?, "j"?}       anything else: field errors, or with SQLite's code
    {"id", "kind": "js", "name", "message", "j"?}                 what another handler of the run has thrown

`tree` is `{field: {"c": code, "m": message, "p"?: params} | {"t": tree}}`. From the script (`decode`), the same with
`stack`, and nothing in it to be trusted: `id` names the very exception that the script was given, `j` is the script's
own number of what it has thrown, by which it finds the same object again.
"""

import logging
import math
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import apsw

from worker.db.console import described
from worker.errors import NO_ROWS, ApiError, ErrorTree, FieldError, HookError, ValidationErrors, error_data
from worker.fields import MalformedError
from worker.hooks.calls import GoError
from worker.records.removal import Required
from worker.schema.importing import UnsavedError
from worker.schema.storing import InUseError, RefusedError
from worker.schema.tables import StepError
from worker.schema.viewtext import QueryError

if TYPE_CHECKING:
    from worker.hooks.hooks import Hooks

log = logging.getLogger("pocker.hooks")

# Exceptions of one run that a script can give back. An older one comes back as what it said.
KNOWN_MAX = 64
TEXT_CHARS_MAX = 16_384
DATA_DEPTH_MAX = 16
UNEXPECTED = "internal error"
# A place in the tenant's files.
_PLACE = re.compile(r"/[^\s():]+:\d+:\d+")
DEADLINE = "context deadline exceeded"
# Exceptions whose text is what the real one says in their place.
WORDED = (Required, InUseError, RefusedError, UnsavedError, StepError, QueryError, MalformedError)


class Thrown(HookError):  # noqa: N818 (it is not ours)
    """What a script has thrown that is nothing of the host's: an error of JavaScript's, a text, anything."""

    def __init__(self, name: str, message: str, stack: str) -> None:
        super().__init__(f"{name}: {message}" if name else message)
        self.name = name
        self.message = message
        # where, innermost first, a line each; for the tenant's log
        self.stack = stack

    def __str__(self) -> str:
        place = _PLACE.search(self.stack)
        return f"{self.args[0]} at {place[0]}" if place else str(self.args[0])


class Rethrown(HookError):  # noqa: N818 (as above)
    """Field errors of something else that a handler of a request has let go: no answer of the request's own."""

    def __init__(self, error: ValidationErrors) -> None:
        super().__init__(told(error.errors))
        self.errors = error.errors

    def data(self) -> dict[str, Any]:
        """The errors as the `data` member of an error's body."""
        return error_data(self.errors)


class FieldFailure(GoError):  # noqa: N818 (as above)
    """A field's error that is not told of any field: a script has thrown a ValidationError by itself."""


class Errors:
    """The exceptions of one run which both sides know."""

    __slots__ = ("_known", "_next", "_numbers", "_thrown")

    def __init__(self) -> None:
        # a child outlives its runs, and so may what a script keeps of them: numbers are never used again
        self._next = time.monotonic_ns() >> 10
        self._known: dict[int, Exception] = {}
        self._numbers: dict[int, int] = {}
        self._thrown: dict[int, int] = {}

    def clear(self) -> None:
        """Forget them: exceptions hold on to frames."""
        self._known.clear()
        self._numbers.clear()
        self._thrown.clear()

    def encode(self, error: Exception, hooks: "Hooks") -> dict[str, Any]:
        """An exception for the script. What nobody has foreseen is logged, and a script learns nothing of it."""
        if isinstance(error, RefusedError) and isinstance(error.__cause__, ApiError):
            error = error.__cause__
        shape = _shape(error)
        if shape is None:
            log.error("an operation of a script has failed", exc_info=error, extra={"tenant": hooks.name})
            shape = {"kind": "go", "message": UNEXPECTED}
        number = self._number(error)
        shape["id"] = number
        thrown = self._thrown.get(number)
        if thrown is not None:
            shape["j"] = thrown
        return shape

    def decode(self, data: object) -> Exception:
        """What a script's exception is for the host."""
        if type(data) is not dict:
            return Thrown("", "", "")
        number = data.get("id")
        if isinstance(number, int) and number in self._known:
            return self._known[number]
        error = _exception(data)
        thrown = data.get("j")
        if isinstance(thrown, int):
            self._thrown[self._number(error)] = thrown
        return error

    def _number(self, error: Exception) -> int:
        number = self._numbers.get(id(error))
        if number is None:
            number = self._next
            self._next += 1
            if len(self._known) >= KNOWN_MAX:
                oldest = next(iter(self._known))
                del self._numbers[id(self._known.pop(oldest))]
                self._thrown.pop(oldest, None)
            self._known[number] = error
            self._numbers[id(error)] = number
        return number


def _shape(error: Exception) -> dict[str, Any] | None:
    """How an exception looks to a script; None for one that says nothing to it."""
    if isinstance(error, ApiError):
        # what the real one says before anybody answers with it
        wording = error.wording or (str(error.cause) if isinstance(error.cause, Required) else "")
        if wording:
            return {"kind": "go", "message": wording}
        return {"kind": "api", "status": error.status, "message": error.message, "data": error.data}
    if isinstance(error, (ValidationErrors, Rethrown)):
        return {"kind": "go", "message": told(error.errors), "tree": _tree(error.errors)}
    if isinstance(error, Thrown):
        return {"kind": "js", "name": error.name, "message": error.message}
    message = worded(error)
    if message is None:
        return None
    shape: dict[str, Any] = {"kind": "go", "message": message}
    of_sqlite = error if isinstance(error, apsw.Error) else error.__cause__
    if isinstance(of_sqlite, apsw.Error):
        shape["code"] = getattr(of_sqlite, "extendedresult", 0)
    return shape


def worded(error: Exception) -> str | None:
    """The text of an exception as the real one has it; None for one that nobody has foreseen."""
    if isinstance(error, (HookError, *WORDED)):
        return str(error)
    if isinstance(error, apsw.Error):
        return described(error)
    if isinstance(error, KeyError) and error.args == (NO_ROWS,):
        return NO_ROWS
    if isinstance(error, TimeoutError):
        return DEADLINE
    return None


def told(errors: ErrorTree) -> str:
    """Field errors in one line, as the real one prints them."""
    parts = [
        f"{path}: {error.message}" if isinstance(error, FieldError) else f"{path}: ({told(error)})"
        for path, error in sorted(errors.items())
    ]
    return "; ".join(parts) + "." if parts else ""


def _tree(errors: ErrorTree) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, error in errors.items():
        if not isinstance(error, FieldError):
            tree[path] = {"t": _tree(error)}
            continue
        tree[path] = {"c": error.code, "m": error.message}
        if error.params:
            tree[path]["p"] = dict(error.params)
    return tree


def _exception(data: dict[str, Any]) -> Exception:
    kind = data.get("kind")
    message = _text(data.get("message"))
    if kind == "api":
        return _answer(data, message)
    if kind == "go":
        errors = _errors(data.get("tree"), DATA_DEPTH_MAX)
        if errors:
            return ValidationErrors(errors)
        return FieldFailure(message) if "code" in data else GoError(message)
    return Thrown(_text(data.get("name")), message, _text(data.get("stack")))


def _answer(data: dict[str, Any], message: str) -> ApiError:
    status = data.get("status")
    if type(status) is not int or not 200 <= status <= 999:  # the real one can't answer at all then
        status = 500
    public = _plain(data.get("data"), DATA_DEPTH_MAX)
    raw = _plain(data.get("raw"), DATA_DEPTH_MAX)
    error = ApiError(status, message, public if isinstance(public, dict) else None, cause=raw)
    error.message = message  # as the script has it: it may be empty, or end without a full stop
    return error


def _errors(tree: object, depth: int) -> dict[str, Any]:
    """A tree that a script gives back; what is none is left out."""
    if type(tree) is not dict or not depth:
        return {}
    errors: dict[str, FieldError | dict[str, Any]] = {}
    for path, error in tree.items():
        if type(error) is not dict:
            continue
        if "c" in error:
            params = _plain(error.get("p"), depth)
            kept = params if isinstance(params, dict) else None
            errors[path] = FieldError(_text(error["c"]), _text(error.get("m")), kept)
        elif below := _errors(error.get("t"), depth - 1):
            errors[path] = below
    return errors


def _plain(value: object, depth: int) -> Any:
    """JSON of a script's that will be written again: nothing deeper than that can be."""
    if isinstance(value, Mapping):
        return {key: _plain(value[key], depth - 1) for key in sorted(value)} if depth else {}
    if isinstance(value, list):
        return [_plain(each, depth - 1) for each in value] if depth else []
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(value: object) -> str:
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else ""
