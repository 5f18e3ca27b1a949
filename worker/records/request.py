"""The values of a request that rules and filters may look at. Values only; made by HTTP, batch and hooks alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.records.record import Record


@dataclass(slots=True)
class RequestInfo:
    """Who asks for what.

    `headers` are by lower-case name with `-` as `_`; `query` has the first value of each name; `body` has, under a
    field's name, the value the field would get (internal form), and everything else as it was submitted; `context` is
    one of default, expand, realtime, protectedFile, batch, oauth2, otp, password.
    """

    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    auth: "Record | None" = None
    context: str = "default"

    @property
    def is_superuser(self) -> bool:
        """Whether the requester is a superuser, for whom no rule holds."""
        return self.auth is not None and self.auth.collection.name == "_superusers"
