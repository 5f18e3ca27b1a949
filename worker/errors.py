"""The errors a tenant's client may see, and what stays private behind them.

An `ApiError` carries the public shape — `{"data": {…}, "message": "…", "status": n}`, PocketBase's own — and a
private `cause` that goes into the tenant's request log only. Use cases raise `ValidationErrors`; the use case that
knows the sentence to say turns them into an `ApiError`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

ErrorT = TypeVar("ErrorT", bound=BaseException)

DEFAULT_MESSAGES = {
    400: "Something went wrong while processing your request.",
    401: "Missing or invalid authentication.",
    403: "You are not allowed to perform this request.",
    404: "The requested resource wasn't found.",
    413: "Request entity too large.",
    429: "Too Many Requests.",
    500: "Something went wrong while processing your request.",
    503: "The service is temporarily unavailable.",
    507: "There is no space left to store the data.",
}

# The cause that the real one logs for a row that is not there.
NO_ROWS = "sql: no rows in result set"


class FieldError(NamedTuple):
    """What is wrong with one value: a stable code, a sentence, and the parameters the sentence was made from.

    The sentence is spelled as the request log has it; clients get it with a capital and a full stop.
    """

    code: str
    message: str
    params: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """The error as it stands under `data.<path>`; `params` only where there are some."""
        body: dict[str, Any] = {"code": self.code, "message": sentence(self.message)}
        if self.params:
            body["params"] = dict(self.params)
        return body


REQUIRED = FieldError("validation_required", "cannot be blank")

# Field errors nested by path: {"name": FieldError, "fields": {"0": {"min": FieldError}}}
ErrorTree = Mapping[str, "FieldError | ErrorTree"]


def error_data(errors: ErrorTree) -> dict[str, Any]:
    """`errors` as the `data` member of an error's body: every level kept, the keys of each in alphabetical order."""
    return {
        path: error.body() if isinstance(error, FieldError) else error_data(error)
        for path, error in sorted(errors.items())
    }


class ValidationErrors(Exception):  # noqa: N818 - it carries several
    """Submitted data that may not be stored: field errors nested by path (never empty)."""

    def __init__(self, errors: ErrorTree) -> None:
        super().__init__("; ".join(f"{path}: {error}" for path, error in errors.items()))
        self.errors = errors

    def data(self) -> dict[str, Any]:
        """The errors as the `data` member of an error's body."""
        return error_data(self.errors)


class ApiError(Exception):
    """An answer that is an error: public status, message and data; `cause` is for the request log alone."""

    # what a script sees of it where it is no answer yet; empty: the answer itself
    wording = ""

    def __init__(
        self, status: int, message: str = "", data: Mapping[str, Any] | None = None, cause: object = None
    ) -> None:
        message = sentence(message) if message else DEFAULT_MESSAGES.get(status, DEFAULT_MESSAGES[500])
        super().__init__(message)
        self.status = status
        self.message = message
        self.data = data or {}
        self.cause = cause

    def body(self) -> dict[str, Any]:
        """The JSON body, its keys in PocketBase's order."""
        return {"data": self.data, "message": self.message, "status": self.status}


class HookError(Exception):
    """What a tenant's script has thrown, or let go on its way, that is no answer: it is for the tenant's log alone.

    A client is told that the request went wrong, in the words of the use case.
    """

    def data(self) -> dict[str, Any]:
        """What a client may know of it."""
        return {}


def sentence(text: str) -> str:
    """`text` with a capital first letter and a full stop, as every message of PocketBase's has."""
    text = text.strip()
    if not text:
        return text
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else text + "."


def bad_request(message: str = "", data: Mapping[str, Any] | None = None, cause: object = None) -> ApiError:
    """400: malformed or refused input."""
    return ApiError(400, message, data, cause)


def unauthorized(message: str = "", data: Mapping[str, Any] | None = None, cause: object = None) -> ApiError:
    """401: a login is needed."""
    return ApiError(401, message, data, cause)


def forbidden(message: str = "", data: Mapping[str, Any] | None = None, cause: object = None) -> ApiError:
    """403: the login that came with the request is not enough."""
    return ApiError(403, message, data, cause)


def not_found(message: str = "", data: Mapping[str, Any] | None = None, cause: object = None) -> ApiError:
    """404: missing, or hidden by a rule."""
    return ApiError(404, message, data, cause)


def internal(message: str = "", data: Mapping[str, Any] | None = None, cause: object = None) -> ApiError:
    """500: our fault."""
    return ApiError(500, message, data, cause)


def caused(failure: ErrorT, by: BaseException) -> ErrorT:
    """`raise caused(failure, by) from by`: where that is compiled, `from` alone leaves `failure` without its cause."""
    failure.__cause__ = by
    return failure
