"""Records: list, view, create, update, delete, with values of every type."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

POSTS = "/api/collections/posts/records"
TAGS = "/api/collections/tags/records"
ONE = f"{POSTS}/{ident('post1')}"
FULL = {
    "title": "Everything",
    "rating": 1.5,
    "published": True,
    "contact": "me@example.com",
    "link": "http://example.com",
    "body": "<b>b</b>",
    "due": "2024-05-06 07:08:09.123Z",
    "kind": "note",
    "labels": ["blue", "red"],
    "meta": {"k": [1, {"x": None}]},
    "author": ident("user2"),
    "tags": [ident("tag3"), ident("tag1")],
    "place": {"lon": 1, "lat": 2.5},
    "pin": "12345",
    "internal": "hid",
}


def put(**values: object) -> Case:
    """A post with these values (and a title)."""
    return case("POST", POSTS, json={"title": "probe", **values})


CASES = [
    case("GET", POSTS, query={"sort": "id"}, status=200),
    case("GET", POSTS, as_="super", query={"sort": "id"}),
    case("GET", POSTS, as_="user1", query={"sort": "id"}),
    case("GET", POSTS, note="unsorted"),
    case("GET", TAGS, note="unsorted"),
    case("HEAD", POSTS),
    case("GET", ONE, status=200),
    case("GET", ONE, as_="super"),
    case("HEAD", ONE),
    case("GET", "/api/collections/pbc_1125843985/records/" + ident("post1"), note="collection by id"),
    case("GET", "/api/collections/Posts/records/" + ident("post1")),
    case("GET", f"{POSTS}/{ident('POST1')}"),
    # create
    case("POST", POSTS, json=FULL, save="full", status=200),
    case("GET", f"{POSTS}/{{full}}"),
    case("GET", f"{POSTS}/{{full}}", as_="super"),
    case("POST", POSTS, as_="super", json=FULL, note="superuser", status=200),
    case("POST", POSTS, json={"title": "bare"}, save="bare", status=200),
    case("GET", f"{POSTS}/{{bare}}", as_="super"),
    case("POST", POSTS, json={"id": ident("chosen"), "title": "chosen"}, status=200),
    case("POST", POSTS, json={"id": ident("chosen"), "title": "again"}, status=400),
    case("POST", POSTS, json={"id": "short", "title": "x1"}),
    case("POST", POSTS, json={"id": "UPPERCASE000000", "title": "x1"}),
    case("POST", POSTS, json={"id": "waytoolongforanid", "title": "x1"}),
    case("POST", POSTS, json={"id": "", "title": "empty id"}),
    case("POST", POSTS, json={"id": None, "title": "null id"}),
    case("POST", POSTS, json={"id": 123456789012345, "title": "number id"}),
    case(
        "POST",
        POSTS,
        json={"title": "probe", "collectionId": "x", "collectionName": "y", "expand": {"a": 1}, "unknown": 1},
    ),
    case(
        "POST",
        POSTS,
        json={"title": "probe", "created": "2001-01-01 00:00:00.000Z", "updated": "2001-01-01 00:00:00.000Z"},
    ),
    case("POST", TAGS, json={"title": "alpha"}, status=400),
    case("POST", TAGS, json={"title": "Alpha"}, status=200),
    case("POST", POSTS, json={"title": "probe"}, query={"expand": "author", "fields": "id,title"}),
    case(
        "POST", POSTS, json={"title": "probe", "author": ident("user1")}, as_="user1", query={"expand": "author,tags"}
    ),
    # lenient casts
    *(put(rating=value) for value in ("12", "1e3", "", "abc", None, True, [3], {"a": 1}, 1e15, 0.1, -0.0, 1e21)),
    *(put(published=value) for value in ("true", "false", 1, 0, "yes", "1", None, [True], "t")),
    *(
        put(title=value)
        for value in (12, 1.5, True, ["a", "b"], {"a": 1}, "  blanks  ", "tab\tnew\nline", "nul\u0000byte")
    ),
    *(
        put(due=value)
        for value in (
            "2024-01-02",
            "2024-01-02T03:04:05Z",
            "2024-01-02 03:04:05",
            "2024-01-02T03:04:05.678901+02:00",
            1700000000,
            "1700000000",
            "tomorrow",
            "2024-13-40",
            None,
            "",
            {"a": 1},
        )
    ),
    *(
        put(due=value)
        for value in (
            "2024-01-02 03:04",
            "02 Jan 2024",
            "Tue, 02 Jan 2024 03:04:05 GMT",
            "2024/01/02",
            "20240102",
            "0001-01-01 00:00:00.000Z",
            "9999-12-31 23:59:59.999Z",
        )
    ),
    *(put(kind=value) for value in ("", None, ["essay"], ["essay", "note"], 5, [])),
    *(
        put(labels=value)
        for value in ("red", ["red", "red"], None, "", ["red", ""], '["red","blue"]', {"a": "red"}, "red,blue")
    ),
    *(
        put(meta=value)
        for value in (
            None,
            "",
            "text",
            "12",
            '{"a":1}',
            "[1,2",
            "true",
            "null",
            '"quoted"',
            [],
            {},
            0,
            False,
            " 5 ",
            {"b": 1, "a": {"z": 1, "y": 2}},
            1e100,
            12345678901234567890,
        )
    ),
    *(put(author=value) for value in ("", None, [ident("user1")], [ident("user1"), ident("user2")], 5)),
    *(
        put(tags=value)
        for value in (ident("tag1"), None, [], [ident("tag2"), ident("tag2")], "", f'["{ident("tag1")}"]')
    ),
    *(
        put(place=value)
        for value in (
            None,
            "",
            {"lon": "5", "lat": "6"},
            {"lon": 5},
            {},
            [1, 2],
            '{"lon":7,"lat":8}',
            "x",
            {"LON": 1, "Lat": 2},
            {"lon": 1, "lat": 2, "alt": 3},
        )
    ),
    *(put(contact=value) for value in (5, None, " a@example.com ")),
    *(put(body=value) for value in ("<script>alert(1)</script>", 5, None)),
    # update
    case("PATCH", ONE, json={"title": "First post, edited"}, status=200),
    case("PATCH", ONE, json={}, status=200),
    case("PATCH", ONE, json={"id": ident("other")}),
    case("PATCH", ONE, json={"id": ident("post1"), "rating": 6}),
    case("PATCH", ONE, json={"title": ""}),
    case(
        "PATCH",
        ONE,
        json={
            "rating": None,
            "published": None,
            "labels": None,
            "meta": None,
            "tags": None,
            "author": None,
            "due": None,
            "place": None,
        },
    ),
    case("PATCH", ONE, json={"created": "2001-01-01 00:00:00.000Z"}),
    case("PATCH", ONE, json={"pin": "4321"}),
    case("PATCH", ONE, json={"pin": ""}),
    case("PATCH", ONE, json={"attachments": []}, note="drop the files"),
    case("PATCH", ONE, json={"attachments": ["unknown.txt"]}),
    case("PATCH", ONE, json={"internal": "changed"}),
    case("GET", ONE, as_="super"),
    case("PATCH", f"{POSTS}/{ident('nothing')}", json={"title": "x1"}, status=404),
    case("PATCH", f"{TAGS}/{ident('tag1')}", json={"title": "beta"}, status=400),
    case("PATCH", f"{TAGS}/{ident('tag1')}", json={"title": "alpha"}, status=200),
    # delete
    case("DELETE", f"{POSTS}/{{full}}", status=204),
    case("DELETE", f"{POSTS}/{{full}}", status=404),
    case("GET", f"{POSTS}/{{full}}", status=404),
    case("DELETE", f"{TAGS}/{ident('tag1')}", status=204),
    case("GET", f"{POSTS}/{ident('post5')}", note="a tag is gone"),
    case("DELETE", f"{POSTS}/{ident('post5')}", json={"any": "body"}, status=204),
    case("GET", "/api/collections/comments/records", query={"sort": "id"}, note="a post is gone with its comments"),
    case("DELETE", "/api/collections/private/records/" + ident("private1"), status=403),
    case("GET", "/api/collections/private/records/" + ident("private1"), status=403),
    case("PATCH", "/api/collections/private/records/" + ident("private1"), json={"n": 5}, as_="user1", status=403),
    case("POST", "/api/collections/private/records", json={"n": 5}, as_="user1", status=403),
    case("POST", "/api/collections/private/records", json={"n": 5}, as_="super", status=200),
    case("GET", POSTS, query={"sort": "-@rowid", "perPage": "3"}, note="the newest"),
]
