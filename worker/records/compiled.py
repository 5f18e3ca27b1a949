"""A filter compiled for a collection: SQL whose text is the same for every request, and how requests fill it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from worker.filters.operands import Constant, Late, Param, constant
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.schema.catalog import Catalog
    from worker.schema.collection import Collection

Params = tuple[Constant, ...]
# What was looked up in the catalog, and the shared form of what was there.
Dependencies = Mapping[str, "Collection | None"]


class Template:
    """Parameters, some of them late. Binding costs one call for each late one."""

    __slots__ = ("_late", "_params")

    def __init__(self, params: tuple[Param, ...]) -> None:
        self._late = tuple((index, param.read) for index, param in enumerate(params) if isinstance(param, Late))
        self._params = tuple(None if isinstance(param, Late) else param for param in params)

    def bind(self, info: RequestInfo) -> Params:
        """The parameters for one request."""
        if not self._late:
            return self._params
        params = list(self._params)
        for index, read in self._late:
            params[index] = constant(read(info))
        return tuple(params)


class Where:
    """A condition: `SELECT … FROM table{joins} WHERE {sql}`, with `params` in that order. Never changed.

    `distinct`: rows of the table may repeat because of the joins.
    """

    __slots__ = ("distinct", "joins", "params", "sql")

    def __init__(self, joins: str, sql: str, params: Params, distinct: bool) -> None:
        self.joins = joins
        self.sql = sql
        self.params = params
        self.distinct = distinct


class Query:
    """`SELECT … FROM table{joins} [WHERE {where}] [ORDER BY {order}]`; empty texts are to be left out.

    `params` are those of joins and where, `order_params` follow them. `joined`: whether the real one joins anything to
    the table, be it joined here or not. Never changed.
    """

    __slots__ = ("distinct", "joined", "joins", "order", "order_params", "params", "where")

    def __init__(
        self, joins: str, where: str, params: Params, order: str, order_params: Params, *, distinct: bool, joined: bool
    ) -> None:
        self.joins = joins
        self.where = where
        self.params = params
        self.order = order
        self.order_params = order_params
        self.distinct = distinct
        self.joined = joined


NOTHING = Template(())


class Compiled:
    """Rules, a filter and a sort as SQL."""

    __slots__ = ("_fixed", "_order_params", "_params", "dependencies", "distinct", "joined", "joins", "order", "sql")

    def __init__(
        self,
        *,
        joins: str,
        sql: str,
        params: tuple[Param, ...],
        order: str,
        order_params: tuple[Param, ...],
        dependencies: Dependencies,
        distinct: bool,
        joined: bool,
    ) -> None:
        self.joins = joins
        self.sql = sql
        self.order = order
        self.distinct = distinct
        self.joined = joined
        # by number: what is compiled keeps no schema alive that no tenant has any more
        self.dependencies = tuple((name, found.serial if found else 0) for name, found in dependencies.items())
        self._params = Template(params) if params else NOTHING
        self._order_params = Template(order_params) if order_params else NOTHING
        # without late values there is one Where for all requests
        self._fixed: Where | None = None
        if not any(isinstance(param, Late) for param in params):
            self._fixed = Where(joins, sql, tuple(params), distinct)  # type: ignore[arg-type]  # none is late

    def bind(self, info: RequestInfo) -> Where:
        """The condition for one request."""
        return self._fixed or Where(self.joins, self.sql, self._params.bind(info), self.distinct)

    def query(self, info: RequestInfo) -> Query:
        """Condition and order for one request."""
        return Query(
            self.joins,
            self.sql,
            self._params.bind(info),
            self.order,
            self._order_params.bind(info),
            distinct=self.distinct,
            joined=self.joined,
        )

    def holds_in(self, catalog: "Catalog") -> bool:
        """Whether a catalog has the same collections as the one this was compiled with."""
        for name, serial in self.dependencies:
            found = catalog.get(name)
            if (found.prototype.serial if found else 0) != serial:
                return False
        return True
