"""page, perPage, skipTotal and the list envelope."""

from tests.oracle.harness import case

NUMBERS = "/api/collections/numbers/records"
VALUES = (
    "0",
    "1",
    "-1",
    "2",
    "30",
    "64",
    "65",
    "66",
    "1000",
    "1001",
    "99999999999999999999",
    "1.5",
    "abc",
    "",
    "+5",
    "0x10",
    "1e2",
)

CASES = [
    case("GET", NUMBERS, query={"sort": "n"}, status=200),
    *(case("GET", NUMBERS, query={"sort": "n", "perPage": value}) for value in VALUES),
    *(
        case("GET", NUMBERS, query={"sort": "n", "perPage": "30", "page": value})
        for value in (*VALUES, "3", "4", "999999")
    ),
    *(
        case("GET", NUMBERS, query={"sort": "n", "perPage": "2", "skipTotal": value})
        for value in ("1", "true", "0", "false", "TRUE", "t", "yes", "2", "")
    ),
    case("GET", NUMBERS, query={"sort": "n", "perPage": "2", "page": "2", "skipTotal": "1"}),
    case("GET", NUMBERS, query={"filter": "n < 5", "perPage": "2", "sort": "-n"}),
    case("GET", NUMBERS, query={"filter": "n < 0"}),
    case("GET", NUMBERS, query={"filter": "n < 0", "skipTotal": "true"}),
    case(
        "GET",
        "/api/collections/posts/records",
        query={"filter": "tags.weight ?> 0", "perPage": "1", "sort": "id", "fields": "id"},
    ),
    case(
        "GET",
        "/api/collections/posts/records",
        query={"filter": "comments_via_post.stars ?> 0", "perPage": "1", "page": "2", "sort": "id", "fields": "id"},
    ),
    case("GET", NUMBERS, query={"PERPAGE": "2", "unknown": "x"}),
    case("GET", "/api/collections", as_="super", query={"perPage": "2", "sort": "name", "fields": "name"}),
    case("GET", "/api/collections", as_="super", query={"perPage": "abc"}),
    case("GET", "/api/collections", as_="super", query={"page": "999", "perPage": "5", "fields": "id"}),
]
