"""A blog with owners: rules decide who sees and changes what; filters, sort and expand find it."""

import pytest

RECORDS = "/api/collections/{}/records"
POSTS, COMMENTS, USERS = (RECORDS.format(name) for name in ("posts", "comments", "users"))


@pytest.fixture
def blog(story):
    users = story.ok("GET", "/api/collections/users", as_=story.root)["id"]
    owner = {"name": "owner", "type": "relation", "collectionId": users, "maxSelect": 1, "required": True}
    posts = {
        "name": "posts",
        "type": "base",
        "fields": [
            {"name": "title", "type": "text", "required": True},
            {"name": "public", "type": "bool"},
            {"name": "rank", "type": "number"},
            owner,
        ],
        "listRule": "public = true || owner = @request.auth.id",
        "viewRule": "public = true || owner = @request.auth.id",
        "createRule": "@request.auth.id != '' && owner = @request.auth.id",
        "updateRule": "owner = @request.auth.id",
        "deleteRule": None,
    }
    made = story.ok("POST", "/api/collections", posts, as_=story.root)
    post = {"name": "post", "type": "relation", "collectionId": made["id"], "maxSelect": 1, "cascadeDelete": True}
    comments = {"name": "comments", "type": "base", "fields": [{"name": "text", "type": "text"}, post]}
    story.ok("POST", "/api/collections", comments | {"listRule": "", "viewRule": ""}, as_=story.root)
    people = {}
    for name in ("ann", "bob"):
        body = {"email": f"{name}@example.com", "password": "12345678", "passwordConfirm": "12345678", "name": name}
        person = story.ok("POST", USERS, body)
        people[name] = person["id"], story.login("users", f"{name}@example.com", "12345678")
    return people


def test_rules(story, blog):
    (ann, ann_token), (bob, bob_token) = blog["ann"], blog["bob"]
    assert story("POST", POSTS, {"title": "x", "owner": ann}).status_code == 400
    assert story("POST", POSTS, {"title": "x", "owner": bob}, as_=ann_token).status_code == 400
    draft = story.ok("POST", POSTS, {"title": "draft", "owner": ann}, as_=ann_token)
    story.ok("POST", POSTS, {"title": "open", "owner": ann, "public": True}, as_=ann_token)

    seen = {who: len(story.ok("GET", POSTS, as_=token)["items"]) for who, token in [("", ""), ("ann", ann_token)]}
    assert seen == {"": 1, "ann": 2}
    path = f"{POSTS}/{draft['id']}"
    assert story("GET", path, as_=bob_token).status_code == 404
    assert story("PATCH", path, {"title": "taken"}, as_=bob_token).status_code == 404
    assert story("DELETE", path, as_=ann_token).status_code == 403
    assert story.ok("PATCH", path, {"public": True, "rank+": 5}, as_=ann_token)["rank"] == 5
    assert story.ok("GET", path, as_=bob_token)["title"] == "draft"
    story.ok("DELETE", path, as_=story.root)
    assert story("GET", path, as_=story.root).status_code == 404


def test_finding(story, blog):
    ann = blog["ann"][0]
    posts = [
        story.ok("POST", POSTS, {"title": f"Post {n}", "rank": n, "public": n % 2 == 0, "owner": ann}, as_=story.root)
        for n in range(10)
    ]
    story.ok("POST", COMMENTS, {"text": "nice", "post": posts[4]["id"]}, as_=story.root)

    page = story.ok("GET", POSTS, sort="-rank", perPage="2", page="2")
    assert [item["rank"] for item in page["items"]] == [4, 2]
    assert (page["totalItems"], page["totalPages"]) == (5, 3)
    assert story.ok("GET", POSTS, skipTotal="1")["totalItems"] == -1
    found = story.ok("GET", POSTS, filter="rank > 3 && title ~ 'post'", sort="rank", fields="rank")
    assert found["items"] == [{"rank": 4}, {"rank": 6}, {"rank": 8}]
    assert story("GET", POSTS, filter="nothing = 1").status_code == 400
    assert story("GET", POSTS, filter="@request.auth.id = ''").status_code == 403

    (comment,) = story.ok("GET", COMMENTS, expand="post")["items"]
    assert comment["expand"]["post"]["title"] == "Post 4"
    back = story.ok("GET", f"{POSTS}/{posts[4]['id']}", expand="comments_via_post")
    assert [item["text"] for item in back["expand"]["comments_via_post"]] == ["nice"]
    (hit,) = story.ok("GET", POSTS, filter="comments_via_post.text = 'nice'")["items"]
    assert hit["id"] == posts[4]["id"]

    story.ok("DELETE", f"{POSTS}/{posts[4]['id']}", as_=story.root)
    assert story.ok("GET", COMMENTS)["totalItems"] == 0, "a comment goes with its post"
