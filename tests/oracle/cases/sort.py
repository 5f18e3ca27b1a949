"""Sort keys, good and bad."""

from tests.oracle.harness import Case, case


def ordered(collection: str, sort: str, as_: str | None = None) -> Case:
    query = {"sort": sort, "perPage": "40", "fields": "id"}
    return case("GET", f"/api/collections/{collection}/records", as_=as_, query=query)


POSTS = [
    "id",
    "-id",
    "+id",
    "title",
    "-title",
    "title:lower",
    "rating,id",
    "-rating,title",
    " rating , -id ",
    "-published,kind,id",
    "due,id",
    "author,id",
    "author.name,id",
    "-author.name,id",
    "tags.title,id",
    "-tags.title,id",
    "labels,id",
    "labels:length,id",
    "-labels:length,id",
    "tags:length,-id",
    "meta.n,id",
    "meta.a.b.0,id",
    "meta,id",
    "place.lat,id",
    "place,id",
    "comments_via_post.stars,id",
    "-comments_via_post.stars,id",
    "@rowid",
    "-@rowid",
    "labels:each,id",
    "author.posts_via_author.title,id",
    "",
    ",",
    "id,",
    "-",
    "nothing",
    "-nothing",
    "id,nothing",
    "title desc",
    "'x'",
    "1",
    "@now",
    "@request.auth.id",
    "@collection.tags.title",
    "title;",
    "meta.-1,id",
    "meta.a b,id",
    "meta.é,id",
    "meta.,id",
    "meta.a:b,id",
    "id,id",
    "internal,id",
    "author.email,id",
    "title:nope",
    "id,-id,title,-title,rating,kind,due,body",
    "id,-id,title,-title,rating,kind,due,body,link",
    "x" * 256,
    "--id",
    "++id",
    "TITLE",
    "created,id",
    "attachments:length,id",
    "strftime('%Y',due)",
    "pin",
    "author.tokenKey",
    "contact,id",
    "body,id",
]

CASES = [
    *(ordered("posts", sort) for sort in POSTS),
    *(
        ordered("posts", sort, "super")
        for sort in (
            "internal,id",
            "author.email,id",
            "@request.auth.id,id",
            "@collection.tags.title,id",
            "pin,id",
            "@now",
            "author.tokenKey,id",
        )
    ),
    *(ordered("numbers", sort) for sort in ("m,n", "-m,-n", "word,n", "-word:lower,n", "n", "-@rowid")),
    case(
        "GET", "/api/collections/numbers/records", query={"sort": "@random", "perPage": "1", "fields": "collectionName"}
    ),
    case("GET", "/api/collections/numbers/records", query={"sort": "-m", "filter": "n < 3", "fields": "n"}),
    case(
        "GET",
        "/api/collections/posts/records",
        query={"sort": "-tags.weight,id", "filter": "tags.weight ?> 0", "fields": "id"},
    ),
    case(
        "GET", "/api/collections/comments/records", query={"sort": "post.author.name,-stars,id", "fields": "id,stars"}
    ),
]
