"""What a batch asks for: its requests as submitted, read from JSON and checked.

JSON members match in any case, with or without `-` and `_`; those of a form's `@jsonPayload` exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.errors import REQUIRED, ErrorTree, FieldError, ValidationErrors
from worker.fields import MalformedError
from worker.fields.jsontext import folded

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
URL_BYTES_MAX = 2000

NOT_LISTED = FieldError("validation_in_invalid", "must be a valid value")
# The members of a request and the type of each.
MEMBERS: dict[str, type] = {"method": str, "url": str, "headers": dict, "body": dict}
REQUESTS = "requests"


@dataclass(slots=True)
class BatchRequest:
    """One request of a batch. `url` is a path with a query; `headers` are by the names that were submitted."""

    method: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)


def bind(members: Mapping[str, Any], requests_max: int, *, exact: bool) -> list[BatchRequest] | None:
    """The requests that an object names; None where it does not speak of them. MalformedError for wrong types.

    Of more than `requests_max` one more than that is looked at: enough for `check` to refuse them.
    """
    found = _found(members, {REQUESTS: list}, exact)
    if REQUESTS not in found:
        return None
    return [_request(item, exact) for item in (found[REQUESTS] or ())[: requests_max + 1]]


def _request(item: Any, exact: bool) -> BatchRequest:
    if type(item) is not dict:
        raise MalformedError("a request is no object")
    found = {name: value for name, value in _found(item, MEMBERS, exact).items() if value is not None}
    headers: dict[str, Any] = found.pop("headers", None) or {}
    for name, value in headers.items():
        if value is not None and type(value) is not str:
            raise MalformedError(f"the header {name} is no text")
    return BatchRequest(headers={name: value or "" for name, value in headers.items()}, **found)


def _found(members: Mapping[str, Any], types: Mapping[str, type], exact: bool) -> dict[str, Any]:
    """The members that `types` knows, by their own names. MalformedError for one of a wrong type or twice."""
    found: dict[str, Any] = {}
    for submitted, value in members.items():
        name = submitted
        if name not in types:
            name = submitted if exact else folded(submitted)
            if name not in types:
                continue
        if name in found:
            raise MalformedError(f"{submitted}: comes twice")
        if value is not None and type(value) is not types[name]:
            raise MalformedError(f"{submitted}: wrong type")
        found[name] = value
    return found


def check(requests: list[BatchRequest], requests_max: int) -> None:
    """Raise ValidationErrors for no requests, too many, or some that can't be meant."""
    if not requests:
        raise ValidationErrors({REQUESTS: REQUIRED})
    if len(requests) > requests_max:
        raise ValidationErrors({REQUESTS: _too_long(requests_max)})
    errors = {str(number): found for number, request in enumerate(requests) if (found := _errors(request))}
    if errors:
        raise ValidationErrors({REQUESTS: errors})


def _errors(request: BatchRequest) -> ErrorTree:
    errors = {}
    if request.method not in METHODS:
        errors["method"] = NOT_LISTED if request.method else REQUIRED
    url = request.url
    if not url:
        errors["url"] = REQUIRED
    elif len(url) * 4 > URL_BYTES_MAX and len(url.encode()) > URL_BYTES_MAX:
        errors["url"] = _too_long(URL_BYTES_MAX)
    return errors


def _too_long(limit: int) -> FieldError:
    params = {"max": limit, "min": 0}
    return FieldError("validation_length_too_long", f"the length must be no more than {limit}", params)
