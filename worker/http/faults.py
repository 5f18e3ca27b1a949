"""What goes wrong becomes PocketBase's error JSON here, and nowhere else: one handler for each kind of exception."""

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import apsw
import falcon
import falcon.asgi
import orjson

from worker.db.faults import is_corruption, to_api_error
from worker.db.room import NoRoomError
from worker.errors import (
    NO_ROWS,
    ApiError,
    ErrorTree,
    FieldError,
    HookError,
    ValidationErrors,
    bad_request,
    internal,
    not_found,
)
from worker.fields.jsontext import spelled
from worker.http.exchange import Request, Response
from worker.services.logrows import Failure

if TYPE_CHECKING:
    from worker.context import Context

log = logging.getLogger("pocker.http")

# Takes a tenant out of service: its name, and the reason for the operator.
Fail = Callable[[str, str], None]

# What the system has too little of at the moment → status.
PASSING = {errno.EMFILE: 503, errno.ENFILE: 503, errno.ENOMEM: 503, errno.ENOSPC: 507, errno.EDQUOT: 507}

FILE_NOT_FOUND = "File not found."
INVALID_DATA = "An error occurred while validating the submitted data."


def bind_faults(app: "falcon.asgi.App[Request, Response]", fail: Fail) -> None:
    """Have every exception that leaves a handler or a middleware answered; `fail` gets tenants with a damaged file."""

    async def _on_sqlite_error(req: Request, resp: Response, error: apsw.Error, params: dict[str, Any]) -> None:
        answer = to_api_error(error)
        if answer.status >= 500 and not isinstance(error, NoRoomError):  # of those the table of events tells
            log.error("%s %s: SQLite failed", req.method, req.path, exc_info=error, extra=_about(req))
        tenant = _tenant_of(req)
        if tenant is not None and is_corruption(error):
            # after this response, which still writes to the tenant's log
            asyncio.get_running_loop().call_soon(fail, tenant.name, f"{type(error).__name__}: {error}")
        await _on_api_error(req, resp, answer, params)

    app.add_error_handler(ApiError, _on_api_error)
    app.add_error_handler(ValidationErrors, _on_validation_errors)
    app.add_error_handler(HookError, _on_hook_error)
    app.add_error_handler(apsw.Error, _on_sqlite_error)
    app.add_error_handler(falcon.HTTPError, _on_falcon_error)
    app.add_error_handler(Exception, _on_exception)


def _tenant_of(req: Request) -> "Context | None":
    """The tenant of a request, once it is known."""
    return getattr(req.context, "tenant", None)


def _about(req: Request) -> dict[str, str]:
    """Whom the log's entry is about."""
    tenant = _tenant_of(req)
    return {} if tenant is None else {"tenant": tenant.name}


def route_not_found(method: str) -> ApiError:
    """404 as the real one says it: GET falls through to its static files, other methods have nowhere to go."""
    return not_found(FILE_NOT_FOUND if method in {"GET", "HEAD"} else "")


async def _on_api_error(req: Request, resp: Response, error: ApiError, params: dict[str, Any]) -> None:
    del params
    req.context.failure = error
    resp.status = error.status
    resp.data = orjson.dumps(error.body(), spelled)


async def _on_validation_errors(req: Request, resp: Response, error: ValidationErrors, params: dict[str, Any]) -> None:
    answer = bad_request(INVALID_DATA, error.data(), cause=error)
    await _on_api_error(req, resp, answer, params)


async def _on_hook_error(req: Request, resp: Response, error: HookError, params: dict[str, Any]) -> None:
    answer = not_found(cause=error) if str(error) == NO_ROWS else bad_request("", error.data(), cause=error)
    await _on_api_error(req, resp, answer, params)


async def _on_falcon_error(req: Request, resp: Response, error: falcon.HTTPError, params: dict[str, Any]) -> None:
    if error.status_code in {400, 404, 405}:  # Falcon's router raises 400 for a method it has never heard of
        answer = route_not_found(req.method)
    else:
        answer = ApiError(error.status_code, cause=error)
    await _on_api_error(req, resp, answer, params)


async def _on_exception(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:
    if isinstance(error, OSError) and error.errno in PASSING:
        log.error("%s %s: %s", req.method, req.path, error, extra=_about(req))
        await _on_api_error(req, resp, ApiError(PASSING[error.errno], cause=error), params)
        return
    log.error("%s %s: unexpected", req.method, req.path, exc_info=error, extra=_about(req))
    await _on_api_error(req, resp, internal(cause=error), params)


def failure_of(error: ApiError) -> Failure:
    """What the request log says of an error: its message, and the cause that the client does not see."""
    cause = error.cause
    if isinstance(cause, ValidationErrors):
        return Failure(error.message, messages_of(cause.errors))
    if isinstance(cause, dict):
        return Failure(error.message, cause)
    return Failure(error.message, None if cause is None else str(cause))


def messages_of(errors: ErrorTree) -> dict[str, Any]:
    """Field errors as the log holds them: the sentences alone, nested by path."""
    return {
        path: error.message if isinstance(error, FieldError) else messages_of(error) for path, error in errors.items()
    }
