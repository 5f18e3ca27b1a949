"""The rows that a filter joins to a record's row, and where each of its conditions is placed.

The real PocketBase joins everything to the main table and removes the repeated rows with DISTINCT. The same result
comes cheaper from an EXISTS per group of conditions that talk about the same joined rows: no row repeats, nothing is
sorted out, and conditions over the record alone stay where indexes serve them. Only joins which SQLite should be free
to start from (`@collection`, back relations: measured 2 ms instead of 17 over 10,000 rows) remain next to the main
table.

Aliases contain an `@`, which no table's name does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from worker.filters.compare import Pieces
from worker.filters.compiler import Condition
from worker.filters.operands import Param

ONE_ROW = "(SELECT 1)"


@dataclass(frozen=True, slots=True)
class Join:
    """One joined source of rows."""

    # table or json_each(…) with the quoted alias
    source: str
    # what ties it to the rows before it; empty for every row
    on: str = ""
    params: tuple[Param, ...] = ()
    # whether it may find several rows
    many: bool = False
    # whether it belongs next to the main table
    driving: bool = False
    # the aliases that `source` and `on` refer to, without the main table's
    parents: frozenset[str] = frozenset()

    def sql(self) -> str:
        """The join as it follows other sources."""
        return f" LEFT JOIN {self.source} ON {self.on}" if self.on else f" LEFT JOIN {self.source}"


class Joins:
    """Joins by alias, in the order in which they were added, which is one they can be written in."""

    __slots__ = ("by_alias", "prefix")

    def __init__(self, prefix: str = "") -> None:
        self.by_alias: dict[str, Join] = {}
        # comes before every alias, so that rows apart have names of their own
        self.prefix = prefix

    def add(self, alias: str, join: Join) -> None:
        """Add a join unless the alias is there already: equal paths share their rows."""
        self.by_alias.setdefault(alias, join)

    def closure(self, needs: Iterable[str]) -> frozenset[str]:
        """`needs` and everything those joins refer to."""
        found: set[str] = set()
        waiting = list(needs)
        while waiting:
            alias = waiting.pop()
            if alias not in found:
                found.add(alias)
                waiting.extend(self.by_alias[alias].parents)
        return frozenset(found)

    def many(self, aliases: Iterable[str]) -> bool:
        """Whether any of the aliases may find several rows."""
        return any(self.by_alias[alias].many for alias in aliases)

    def write(self, aliases: frozenset[str]) -> Pieces:
        """The joins of these aliases as they follow a first source, with a leading blank."""
        chosen = [join for alias, join in self.by_alias.items() if alias in aliases]
        return "".join(join.sql() for join in chosen), tuple(param for join in chosen for param in join.params)


class ApartRows:
    """Rows of their own for one "there is none that …"."""

    __slots__ = ("left", "right")

    def __init__(self) -> None:
        self.left = Joins("l")
        self.right = Joins("r")

    def none_where(self, condition: Pieces, *, keeps_empty: bool) -> Pieces:
        """NOT EXISTS over the rows of both sides."""
        sql, params = condition
        sides = [list(side.by_alias.values()) for side in (self.left, self.right) if side.by_alias]
        joins = [join for side in sides for join in side]
        join_params = tuple(param for join in joins for param in join.params)
        first = joins[0]
        if len(sides) == 1 and not keeps_empty:
            # Without the row of NULLs that an empty path has: where it would speak against the comparison, the
            # comparison with the main rows fails already.
            tie = f"{first.on} AND " if first.on else ""
            rest = "".join(join.sql() for join in joins[1:])
            # the tie of the first source moves behind the other joins, and its parameters with it
            tie_params = first.params if first.on else ()
            source_params = () if first.on else first.params
            rest_params = tuple(param for join in joins[1:] for param in join.params)
            return (
                f"NOT EXISTS (SELECT 1 FROM {first.source}{rest} WHERE {tie}{sql})",
                source_params + rest_params + tie_params + params,
            )
        rows = "".join(join.sql() for join in joins)
        return f"NOT EXISTS (SELECT 1 FROM {ONE_ROW}{rows} WHERE {sql})", join_params + params


@dataclass(frozen=True, slots=True)
class Placed:
    """The pieces of a SELECT that conditions became. `distinct`: rows of the main table may repeat."""

    joins: Pieces
    where: Pieces
    distinct: bool


def place(joins: Joins, conditions: list[Condition], order_needs: frozenset[str]) -> Placed:
    """Find a place for each condition; the joins that a sort refers to stay next to the main table."""
    outer = joins.closure(order_needs)
    closures = [joins.closure(condition.needs) for condition in conditions]
    for closure in closures:
        if not joins.many(closure) or any(joins.by_alias[alias].driving for alias in closure):
            outer |= closure
    here: list[Pieces] = []
    groups: list[_Group] = []
    for condition, closure in zip(conditions, closures, strict=True):
        inner = closure - outer
        if not joins.many(inner):
            outer |= inner
            here.append((condition.sql, condition.params))
        else:
            _group(groups, joins, condition, inner)
    wheres = here + [group.exists(joins, outer) for group in groups]
    return Placed(
        joins.write(outer),
        (" AND ".join(sql for sql, _ in wheres), tuple(param for _, params in wheres for param in params)),
        joins.many(outer),
    )


class _Group:
    """Conditions that talk about the same joined rows."""

    __slots__ = ("aliases", "conditions", "many")

    def __init__(self, aliases: frozenset[str], many: frozenset[str], conditions: list[Condition]) -> None:
        self.aliases = aliases
        self.many = many
        self.conditions = conditions

    def exists(self, joins: Joins, outer: frozenset[str]) -> Pieces:
        """The group as one condition over the main row."""
        rows, params = joins.write(self.aliases - outer)
        sql = " AND ".join(condition.sql for condition in self.conditions)
        return (
            f"EXISTS (SELECT 1 FROM {ONE_ROW}{rows} WHERE {sql})",
            params + tuple(param for condition in self.conditions for param in condition.params),
        )


def _group(groups: list[_Group], joins: Joins, condition: Condition, aliases: frozenset[str]) -> None:
    """Add a condition to the groups: those that share several-row joins with it become one."""
    merged = _Group(aliases, frozenset(alias for alias in aliases if joins.by_alias[alias].many), [condition])
    for group in [group for group in groups if group.many & merged.many]:
        groups.remove(group)
        merged = _Group(group.aliases | merged.aliases, group.many | merged.many, group.conditions + merged.conditions)
    groups.append(merged)
