"""The fields parameter and its excerpt modifier."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

ONE = f"/api/collections/posts/records/{ident('post1')}"
POSTS = "/api/collections/posts/records"


def picked(fields: str, path: str = ONE, **query: str) -> Case:
    return case("GET", path, query={**query, "fields": fields})


CASES = [
    *(
        picked(fields)
        for fields in (
            *(
                "id",
                "id,title",
                "*",
                "nothing",
                "",
                " id , title ",
                "id,id",
                "ID",
                "meta",
                "meta.a",
                "meta.a.b",
                "meta.a.b.0",
                "meta.nothing",
                "meta.*",
                "labels",
                "labels.0",
                "place.lat",
                "title.x",
                "expand",
                "*,expand",
                "tags,tags.id",
            ),
            *(
                "body:excerpt(5)",
                "body:excerpt(5,true)",
                "body:excerpt(500,true)",
                "body:excerpt(5,false)",
                "body:excerpt(0)",
                "body:excerpt(-1)",
                "body:excerpt",
                "body:excerpt()",
                "body:excerpt(a)",
                "body:excerpt(5,x)",
                "body:excerpt(5,true,1)",
            ),
            *(
                "title:excerpt(3,true)",
                "rating:excerpt(3)",
                "meta:excerpt(3)",
                "labels:excerpt(1)",
                "*:excerpt(3)",
                "id,body:excerpt(3),title:excerpt(2,true)",
                "body:nope(1)",
                "body:excerpt(5",
                "meta.s:excerpt(2)",
                "id:excerpt(4,true)",
            ),
        )
    ),
    picked("expand.author.name", expand="author"),
    picked("id,expand.author.*", expand="author"),
    picked("*,expand.tags.title", expand="tags"),
    picked("expand.tags.id,expand.tags.title:excerpt(2,true)", expand="tags,author"),
    picked("expand", expand="author"),
    picked("expand.*.id", expand="author,tags"),
    *(
        picked(fields, POSTS, sort="id")
        for fields in (
            "id",
            "id,title",
            "*",
            "items.id",
            "page",
            "totalItems,id",
            "nothing",
            "title:excerpt(4,true)",
            "meta.n",
            "expand.author.name",
        )
    ),
    picked("id,expand.author.name", POSTS, sort="id", expand="author"),
    picked("id,expand.comments_via_post.text", POSTS, sort="id", expand="comments_via_post"),
    picked("id", f"{POSTS}/missing"),
    case("POST", POSTS, json={"title": ""}, query={"fields": "message"}),
    case("PATCH", ONE, json={"rating": 7}, query={"fields": "rating,title"}),
    case("GET", "/api/collections/posts", as_="super", query={"fields": "name,fields.name,fields.type"}),
    case("GET", "/api/collections", as_="super", query={"fields": "name", "sort": "name"}),
    case("GET", f"{POSTS}?fields=id&fields=title", note="fields twice"),
]
