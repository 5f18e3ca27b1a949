"""expand: relations, back relations, levels, and what the view rules hide."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident


def opened(collection: str, name: str, expand: str, as_: str | None = None) -> Case:
    return case("GET", f"/api/collections/{collection}/records/{ident(name)}", as_=as_, query={"expand": expand})


CASES = [
    *(
        opened("posts", "post1", expand)
        for expand in (
            *(
                "author",
                "tags",
                "author,tags",
                "tags,author",
                " author , tags ",
                "nothing",
                "author.nothing",
                "nothing.author",
                "title",
                "",
                ",",
                "author,author",
                "AUTHOR",
                "collectionId",
                "tags.created",
                "attachments",
            ),
            *(
                "comments_via_post",
                "comments_via_post.author",
                "comments_via_post.post.tags",
                "comments(post)",
                "comments(post).author",
                "comments_via_nothing",
                "private_via_post",
                "profiles_via_user",
                "comments_via_post(1)",
            ),
        )
    ),
    *(
        opened("posts", "post1", expand, "user1")
        for expand in ("author", "comments_via_post.author", "author.profiles_via_user", "author.posts_via_author.tags")
    ),
    *(
        opened("posts", "post1", expand, "super")
        for expand in (
            "author",
            "tags,author.profiles_via_user,comments_via_post.author",
            "author.comments_via_author.post",
        )
    ),
    opened("posts", "post4", "author,tags"),
    opened("posts", "post5", "tags"),
    *(
        opened("users", "user1", expand, "user1")
        for expand in (
            "profiles_via_user",
            "memberships_via_user.team",
            "posts_via_author",
            "tickets_via_watchers",
            "staff_via_friend",
            "profiles(user)",
            "notes_via_owner",
        )
    ),
    *(
        opened("users", "user1", expand, "super")
        for expand in ("profiles_via_user", "memberships_via_user.team", "staff_via_friend")
    ),
    *(
        opened("tickets", "ticket1", expand, "user2")
        for expand in ("team", "watchers", "team.memberships_via_team.user")
    ),
    opened("nodes", "node8", "parent.parent.parent.parent.parent.parent.parent"),
    opened("nodes", "node8", "parent.parent.parent.parent.parent.parent"),
    opened("nodes", "node1", "children.children.children"),
    opened("nodes", "node1", "nodes_via_parent.nodes_via_parent,nodes_via_children"),
    opened("staff", "clerk", "friend", "user1"),
    opened("staff", "clerk", "friend", "user2"),
    opened("staff", "clerk", "friend", "super"),
    case("GET", "/api/collections/posts/records", query={"expand": "author,tags,comments_via_post", "sort": "id"}),
    case(
        "GET",
        "/api/collections/posts/records",
        as_="user1",
        query={"expand": "author.profiles_via_user,tags", "sort": "id"},
    ),
    case(
        "GET",
        "/api/collections/posts/records",
        as_="super",
        query={"expand": "author,comments_via_post.author", "sort": "-id"},
    ),
    case("GET", "/api/collections/comments/records", query={"expand": "post.tags,author", "sort": "id"}),
    case("GET", "/api/collections/profiles/records", as_="user1", query={"expand": "user", "sort": "id"}),
    case(
        "POST",
        "/api/collections/posts/records",
        as_="user1",
        json={"title": "new", "author": ident("user1"), "tags": [ident("tag2")]},
        query={"expand": "author,tags"},
    ),
    case(
        "PATCH",
        f"/api/collections/posts/records/{ident('post2')}",
        as_="user2",
        json={"tags": [ident("tag1")]},
        query={"expand": "author,tags"},
    ),
]
