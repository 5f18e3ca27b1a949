"""What the handlers of one request share: `req.context`.

The tenant's live `Context`, who asks (`auth`, found on first use), the parsed query, and `info()`, the values rules and
filters may see. Nothing is computed before somebody asks for it.
"""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from worker.errors import ApiError
from worker.http.identity import load_identity
from worker.http.query import parse_query
from worker.http.realip import real_ip
from worker.http.ruleheaders import RuleHeaders
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context
    from worker.records.record import Record


class RequestContext:
    """What the handlers of one request share; built by Falcon with the request, filled by the front's middlewares."""

    __slots__ = (
        "_auth",
        "_identified",
        "_info",
        "_ip",
        "_query",
        "failure",
        "headers",
        "quiet",
        "scope",
        "started",
        "tenant",
    )

    # the tenant whose request this is: handlers always find one, and what comes before it is known finds no attribute
    tenant: "Context"

    def __init__(self, scope: dict[str, Any], headers: dict[bytes, bytes]) -> None:
        self.started = perf_counter_ns()
        self.scope = scope
        self.headers = headers
        # the error that was answered, for the activity log
        self.failure: ApiError | None = None
        # set by handlers whose successes are not worth a log entry
        self.quiet = False
        self._auth: Record | None = None
        self._identified = False
        self._info: RequestInfo | None = None
        self._ip: str | None = None
        self._query: dict[str, str] | None = None

    def header(self, name: bytes) -> str:
        """The value of the header `name` (lower case), repeated ones joined by commas; empty if there is none."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, decoded; the first one where a name is repeated."""
        query = self._query
        if query is None:
            query = self._query = parse_query(self.scope["query_string"])
        return query

    @property
    def auth(self) -> "Record | None":
        """The record that the request's token belongs to; None for guests and for tokens that don't hold."""
        if not self._identified:
            header = self.headers.get(b"authorization")
            if header:
                self._auth = load_identity(self.tenant, header)
            self._identified = True
        return self._auth

    def become(self, auth: "Record | None") -> None:
        """From now on it is somebody else who asks."""
        self._auth = auth
        self._identified = True
        if self._info is not None:
            self._info.auth = auth

    def changed(self, *, query: bool) -> None:
        """Forget what was made of the headers, and of the query: these are others now."""
        self._info = None
        if query:
            self._query = None

    @property
    def real_ip(self) -> str:
        """The client's address: from a trusted proxy's header where the tenant names one, else the peer's."""
        ip = self._ip
        if ip is None:
            ip = self._ip = real_ip(self.scope, self.tenant.settings.trusted_proxy)
        return ip

    def info(self, body: dict[str, Any] | None = None) -> RequestInfo:
        """The values of this request that rules and filters may see; `body` once it has been read."""
        info = self._info
        if info is None:
            headers = RuleHeaders(self.headers)
            info = self._info = RequestInfo(
                self.scope["method"], self.query, headers, {} if body is None else body, self.auth
            )
        elif body is not None:
            info.body = body
        return info
