"""The values of a request that rules and filters may look at. Values only; made by HTTP, batch and hooks alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from worker.records.record import Record

# Shared by all who have nothing: don't write to it.
_NONE: Final[dict[str, Any]] = {}


class RequestInfo:
    """Who asks for what.

    `headers` are by lower-case name with `-` as `_`; `query` has the first value of each name; `body` has, under a
    field's name, the value the field would get (internal form), and everything else as it was submitted; `context` is
    one of default, expand, realtime, protectedFile, batch, oauth2, otp, password. `trusted`: nobody's request, such as
    a filter of a script's, which may look at everything.
    """

    __slots__ = ("auth", "body", "context", "headers", "method", "query", "trusted")

    def __init__(  # noqa: PLR0917 (what a request has, in the order in which it is known)
        self,
        method: str = "GET",
        query: Mapping[str, str] = _NONE,
        headers: Mapping[str, str] = _NONE,
        body: Mapping[str, Any] = _NONE,
        auth: "Record | None" = None,
        context: str = "default",
        *,
        trusted: bool = False,
    ) -> None:
        self.method = method
        self.query = query
        self.headers = headers
        self.body = body
        self.auth = auth
        self.context = context
        self.trusted = trusted

    @property
    def is_superuser(self) -> bool:
        """Whether the requester is a superuser, for whom no rule holds."""
        return self.trusted or (self.auth is not None and self.auth.collection.name == "_superusers")

    def within(self, context: str) -> "RequestInfo":
        """The same request in another context."""
        return RequestInfo(self.method, self.query, self.headers, self.body, self.auth, context, trusted=self.trusted)

    def of(self, auth: "Record") -> "RequestInfo":
        """The same request by somebody else."""
        return RequestInfo(self.method, self.query, self.headers, self.body, auth, self.context)
