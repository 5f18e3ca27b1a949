"""A context whose events nobody hears: what `$app.unsafeWithoutHooks()` stands for.

It is another face of a tenant's context (or a transaction's): everything is that one's own but the bus, which is empty.
A transaction that begins with it has such a context, too.
"""

from typing import TYPE_CHECKING, Any, cast

from worker.events import Bus

if TYPE_CHECKING:
    from worker.context import Context
    from worker.db.connection import Database


def quiet(ctx: "Context") -> "Context":
    """`ctx`, with nothing bound."""
    return cast("Context", _Quiet(ctx))


class _Quiet:
    __slots__ = ("bus", "heard")

    def __init__(self, heard: "Context") -> None:
        object.__setattr__(self, "heard", heard)
        object.__setattr__(self, "bus", Bus())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.heard, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.heard, name, value)

    def inner(self, data: "Database") -> "Context":
        """As a context's, with nothing bound."""
        inner: Context = self.heard.inner(data)
        inner.bus = self.bus
        return inner
