"""A gateway: middlewares for all routes and for one, their order, limits, maintenance, headers, patterns."""

from functools import partial

from tests.oracle.harness import case as made

case = partial(made, unordered=True)
CLIENT = {"X-Client": "one"}

CASES = [
    case("GET", "/v2/trace"),
    case("GET", "/v2/trace", as_="user1"),
    case("GET", "/v2/trace?as=bob@example.com"),
    case("GET", "/v2/trace?as=nobody@example.com"),
    case("OPTIONS", "/v2/trace"),
    case("GET", "/api/health"),
    case("GET", "/api/collections/tags/records?perPage=1&sort=title", headers=CLIENT),
    case("GET", "/api/collections/tags/records/nope", headers=CLIENT),
    case("GET", "/api/collections/profiles/records?as=ann@example.com"),
    case("GET", "/v2/items/5", headers=CLIENT),
    case("GET", "/v2/items/5", headers=CLIENT),
    case("GET", "/v2/items/5?b=2&a=1&a=%20x"),
    case("GET", "/v2/items/new"),
    case("GET", "/v2/items/a%2Fb"),
    case("GET", "/v2/items/a/b/c%20d"),
    case("GET", "/v2/items/a/"),
    case("GET", "/v2/items/"),
    case("POST", "/v2/items/5"),
    case("DELETE", "/v2/items/5"),
    case("GET", "/v2/rewritten"),
    case("GET", "/v2/unknown"),
    case("POST", "/v2/maintenance/on"),
    case("POST", "/v2/maintenance/on", as_="super"),
    case("GET", "/v2/trace"),
    case("GET", "/api/health"),
    case("GET", "/api/collections/tags/records"),
    case("GET", "/v2/trace", as_="super"),
    case("POST", "/v2/maintenance/off", as_="super"),
    case("GET", "/v2/zipped"),
    case("PUT", "/v2/limited", raw=b"x" * 20),
    case("PUT", "/v2/limited", raw=b"x" * 21),
    case("GET", "/v2/quiet"),
    case("GET", "/v2/files/nope.txt"),
    case("GET", "/v2/who", headers={"User-Agent": "me/1", "Referer": "https://x.example/", "X-List": "a, b"}),
    case("GET", "/v2/both"),
    case("GET", "/v2/nothing"),
    case("GET", "/v2/returns"),
    case("GET", "/v2/async"),
    case("GET", "/v2/statuses"),
]
