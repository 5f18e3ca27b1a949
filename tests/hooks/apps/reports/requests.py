"""Reports: the query builder, models of one's own, grouping, views, finders, and what goes wrong with each."""

from functools import partial

from tests.oracle.harness import case as made
from tests.oracle.rows import ident

case = partial(made, unordered=True)

CASES = [
    case("GET", "/reports/regions"),
    case("GET", "/reports/regions?from=2024-03-01&to=2024-06-15%2000:00:00.000Z"),
    case("GET", "/reports/regions?regions=north,west&min=100"),
    case("GET", "/reports/regions?regions=&min=nope"),
    case("GET", "/reports/regions?from=2099-01-01"),
    case("GET", "/reports/top/2"),
    case("GET", "/reports/top/x"),
    case("GET", "/reports/top/-1"),
    case("GET", f"/reports/seller/{ident('user1')}"),
    case("GET", f"/reports/seller/{ident('nobody')}"),
    case("GET", "/reports/records"),
    case("GET", "/reports/columns"),
    case("GET", "/reports/months"),
    case("GET", "/api/collections/sales_months/records?sort=month,region&perPage=3&filter=total>1"),
    case("GET", "/api/collections/sales_months", as_="super"),
    case("POST", "/reports/correct", json={"id": ident("sale01"), "amount": 1.25}),
    case("POST", "/reports/correct", as_="super", json={"id": ident("sale01"), "amount": 1.25}),
    case("GET", "/reports/broken"),
    *(
        case("GET", f"/reports/find/{how}")
        for how in (
            *("ids", "filtered", "byId", "first", "badFilter", "badSort", "noCollection", "each", "view"),
            *("collections", "missing"),
        )
    ),
]
TABLES = ["sales"]
