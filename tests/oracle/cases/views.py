"""View collections: what is made of a query, and reading their records as those of any other collection."""

from tests.oracle.harness import Case, case

ALL = "/api/collections"
FIELDS = (
    "title rating published contact link body due kind labels meta attachments cover author tags place pin internal"
    " created updated"
).replace(" ", ", ")
WHOLE = f"SELECT id, {FIELDS} FROM posts"
COUNTED = (
    "SELECT p.id, p.title as name, p.author as writer, u.id as user, count(c.id) as comments, total(c.stars) as stars,"
    " max(c.stars) as best, cast(p.rating as int) as rated, cast(p.rating as text) as spelled, (p.rating > 1) as good,"
    " cast(p.published as bool) as shown, p.internal as hint, (p.meta) as about, p.place as spot"
    " FROM posts p LEFT JOIN comments c ON c.post = p.id LEFT JOIN users u ON u.id = p.author GROUP BY p.id"
)
NUMBERED = "SELECT (ROW_NUMBER() OVER (ORDER BY id)) as id, title, tags, author FROM posts"
ODD = (
    "WITH odd(id, a, b, c) AS (VALUES ('a', NULL, 1.5, '[1,2]'), ('b', 'text', 'abc', '{\"k\":{\"l\":3}}'),"
    " ('c', 12345678901234567890, -0.0, 'true'), ('d', '', 1e300, ' 5 '))"
    " SELECT id, a, b, c, cast(a as text) as t, cast(b as real) as r, cast(b as int) as i, cast(a as bool) as o"
    " FROM odd"
)
OF_USERS = "SELECT id, email, name, verified, emailVisibility, created FROM users"
OUTER = (
    "SELECT t.id, c.id as comment, c.text, c.stars, c.post, c.created FROM tags t"
    " LEFT JOIN comments c ON c.stars = t.weight GROUP BY t.id"
)
RULED = "SELECT id, text, owner, secret, share FROM notes"


def view(name: str, query: str, /, **rules: str | None) -> Case:
    return case("POST", ALL, as_="super", json={"name": name, "type": "view", "viewQuery": query, **rules})


def listed(name: str, /, as_: str | None = None, **query: str) -> Case:
    return case("GET", f"{ALL}/{name}/records", as_=as_, query=query)


OPEN = {"listRule": "", "viewRule": ""}
FILTERS = {
    "whole": (
        "title ~ 'a'",
        "rating > 1 && published = true",
        "kind = 'news' || kind = ''",
        "labels:each = 'red'",
        "labels ?= 'red'",
        "labels:length > 1",
        "meta.a = 1",
        "meta != null",
        "author.name = 'Ann'",
        "author.email != ''",
        "tags.title ?= 'x'",
        "tags.weight > 1",
        "tags:length = 0",
        "due > '2000-01-01'",
        "created > '2000-01-01' && updated <= @now",
        "attachments:length = 0",
        "cover = ''",
        "place.lon > 1",
        "geoDistance(place.lon, place.lat, 1, 1) < 10000",
        "internal = 'x'",
        "pin = ''",
        "comments_via_post.text != ''",
        "nope = 1",
        "id = title",
        "title:lower ~ 'A'",
        "strftime('%Y', due) = '2024'",
    ),
    "counted": (
        "comments > 0",
        "comments = 1 && stars >= 1",
        "best = null",
        "best != null",
        "best > 1",
        "rated > 1",
        "spelled = '3'",
        "spelled ~ '1'",
        "good = true",
        "good = 1",
        "shown = true",
        "writer.name = 'Ann'",
        "writer = user",
        "user.name ~ 'n'",
        "hint != ''",
        "about.a = 1",
        "about != ''",
        "spot.lat > 0",
        "name = @request.auth.name",
    ),
    "odd": (
        "a = null",
        "a = ''",
        "a != 'text'",
        "a = 'text'",
        "b > 1",
        "b = 'abc'",
        "c.k.l = 3",
        "c = true",
        "c:length = 2",
        "c:each = 1",
        "t = ''",
        "r > 0",
        "i = 1",
        "o = true",
        "o = false",
    ),
    "outer": (
        "comment = ''",
        "comment = null",
        "comment.text ~ 'a'",
        "post.title ~ 'a'",
        "stars > 0",
        "text = ''",
        "created = ''",
    ),
    "numbered": ("id > 1", "id = '1'", "author.name = 'Ann'", "tags.title ~ 'a'"),
}
SORTS = {
    "whole": ("title", "-rating,title", "author.name,id", "meta.a,id", "@rowid", "-@rowid", "nope", "tags:length,id"),
    "counted": ("-comments,name", "stars,id", "best,id", "good,id", "spelled,id", "writer.name,id"),
    "odd": ("a", "-a", "b", "c", "t,id", "r,id", "i,id", "o,id"),
    "numbered": ("id", "-id"),
    "outer": ("stars,id", "comment,id", "-created,id"),
}
EXPANDS = {
    "whole": ("author", "tags", "author,tags", "comments_via_post", "comments_via_post.author", "nope"),
    "counted": ("writer", "user", "writer,user", "writer.posts_via_author"),
    "outer": ("comment", "comment.post.author", "post", "comment.author,post.tags"),
    "numbered": ("author", "tags"),
}

CASES = [
    view("whole", WHOLE, **OPEN),
    view("counted", COUNTED, **OPEN),
    view("numbered", NUMBERED, **OPEN),
    view("odd", ODD, **OPEN),
    view("people", OF_USERS, listRule="id = @request.auth.id || verified = true", viewRule="@request.auth.id != ''"),
    view("outer", OUTER, **OPEN),
    view("ruled", RULED, listRule="owner = @request.auth.id || share:each ?= 'all'", viewRule="owner.name = 'Ann'"),
    view("closed", "select id, title from posts"),
    view(
        "nested",
        "select w.id, w.title, w.id as origin, w.author, n.id as number from whole w"
        " left join numbered n on n.title = w.title group by w.id",
        **OPEN,
    ),
    *(
        listed(name, as_, perPage="200", sort="id")
        for name in ("whole", "counted", "numbered", "odd", "people", "outer", "ruled", "closed", "nested")
        for as_ in (None, "user1", "super")
    ),
    *(listed(name, perPage="200", sort="id", filter=text) for name, texts in FILTERS.items() for text in texts),
    *(
        listed(name, "super", perPage="200", sort="id", filter=text)
        for name in ("whole", "counted")
        for text in ("internal != ''" if name == "whole" else "hint != ''", "pin != ''")
    ),
    *(listed(name, perPage="200", sort=key) for name, keys in SORTS.items() for key in keys),
    *(listed(name, perPage="200", sort="id", expand=path) for name, paths in EXPANDS.items() for path in paths),
    listed("nested", perPage="200", sort="id", expand="origin,origin.author,number,number.author"),
    listed("nested", perPage="200", sort="id", filter="origin.author.name = 'Ann' || number.title ~ 'a'"),
    listed("posts", perPage="200", sort="id", filter="nested_via_author.title != ''"),
    listed("users", "super", perPage="200", sort="id", expand="counted_via_writer,whole_via_author"),
    listed("users", "super", perPage="200", sort="id", filter="whole_via_author.rating ?> 1"),
    listed("posts", "super", perPage="200", sort="id", filter="@collection.counted.comments ?> 0"),
    listed("posts", "super", perPage="200", sort="id", filter="@collection.closed.title ?= title"),
    listed("posts", perPage="200", sort="id", filter="@collection.closed.title ?= title"),
    listed("whole", page="2", perPage="2", sort="-id"),
    listed("whole", perPage="2", sort="id", skipTotal="1"),
    listed("whole", perPage="3", sort="id", fields="id,title,body:excerpt(3),expand.author.name", expand="author"),
    *(
        case("GET", f"{ALL}/{name}/records/{record}", as_=as_, query={"expand": "author,writer"})
        for name, record in (
            ("odd", "a"),
            ("odd", "c"),
            ("odd", "nope"),
            ("numbered", "1"),
            ("numbered", "01"),
            ("numbered", "999"),
            ("closed", "x"),
        )
        for as_ in (None, "user1", "super")
    ),
    *(
        case(method, f"{ALL}/odd/records{path}", as_=as_, json={"a": "x"})
        for method, path in (("POST", ""), ("PATCH", "/a"), ("DELETE", "/a"), ("PATCH", "/nope"), ("DELETE", "/nope"))
        for as_ in (None, "user1", "super")
    ),
    case("POST", f"{ALL}/closed/records", as_="user1", json={"title": "x"}),
    case("DELETE", f"{ALL}/odd/truncate", as_="super"),
    case("GET", f"{ALL}/odd/auth-methods"),
    case("POST", f"{ALL}/people/auth-with-password", json={"identity": "ann@example.com", "password": "x"}),
    case("PATCH", f"{ALL}/posts", as_="super", json={"listRule": "counted_via_writer.id != 'x'"}),
    case("PATCH", f"{ALL}/users", as_="super", json={"listRule": "counted_via_writer.comments ?> 0 || id = ''"}),
    listed("users", perPage="200", sort="id"),
    case("DELETE", f"{ALL}/posts", as_="super"),
    case("DELETE", f"{ALL}/whole", as_="super"),
    case("DELETE", f"{ALL}/nested", as_="super", status=204),
    case("DELETE", f"{ALL}/closed", as_="super", status=204),
    case("GET", f"{ALL}/closed/records", as_="super", status=404),
]
