"""Requests whose records the scripts of this app show, change and refuse."""

from tests.oracle.harness import case
from tests.oracle.rows import ident

POSTS = "/api/collections/posts/records"
POST1 = f"{POSTS}/{ident('post1')}"

CASES = [
    case("GET", f"{POSTS}?sort=id"),
    case("GET", f"{POSTS}?sort=id&expand=author,tags&perPage=2"),
    case("GET", f"{POSTS}?sort=id&fields=id,words,of.list&perPage=2"),
    case("GET", POST1),
    case("GET", POST1, as_="super"),
    case("GET", f"{POST1}?expand=comments_via_post"),
    case("GET", f"{POSTS}/{ident('post4')}"),
    case("POST", POSTS, json={"id": ident("made1"), "title": "made", "labels": ["blue"]}),
    case("GET", f"{POSTS}/{ident('made1')}"),
    case("POST", POSTS, json={"id": ident("made2"), "title": "bad one"}),
    case("POST", POSTS, json={"id": ident("made3"), "title": ""}),
    case("PATCH", POST1, json={"title": "Changed"}),
    case("PATCH", POST1, json={"rating+": 2, "title": "Changed again"}),
    case("PATCH", POST1, json={"title": "bad"}),
    case("GET", POST1, as_="super"),
    case("GET", "/api/collections/private/records?sort=n", as_="super"),
    case("GET", "/api/collections/users/records", as_="super"),
]
TABLES = ["posts"]
