"""A schema grows: made, filled, changed with its data kept, and removed when nothing needs it."""

COLLECTIONS = "/api/collections"


def test_the_life_of_a_collection(story):
    assert story("POST", COLLECTIONS, {"name": "posts"}).status_code == 401
    fields = [{"name": "title", "type": "text", "required": True}, {"name": "views", "type": "number"}]
    posts = story.ok("POST", COLLECTIONS, {"name": "posts", "type": "base", "fields": fields}, as_=story.root)
    assert [field["name"] for field in posts["fields"]] == ["id", "title", "views"]
    story.ok("POST", f"{COLLECTIONS}/posts/records", {"title": "one", "views": 7}, as_=story.root)

    again = story("POST", COLLECTIONS, {"name": "POSTS", "type": "base"}, as_=story.root)
    assert (again.status_code, list(again.json()["data"])) == (400, ["name"])

    renamed = [field | ({"name": "headline"} if field["name"] == "title" else {}) for field in posts["fields"]]
    story.ok("PATCH", f"{COLLECTIONS}/posts", {"fields": [*renamed, {"name": "draft", "type": "bool"}]}, as_=story.root)
    (row,) = story.ok("GET", f"{COLLECTIONS}/posts/records", as_=story.root)["items"]
    assert (row["headline"], row["views"], row["draft"]) == ("one", 7, False)
    assert "title" not in row

    broken = {"fields": [*renamed, {"name": "bad name!", "type": "text"}]}
    assert story("PATCH", f"{COLLECTIONS}/posts", broken, as_=story.root).status_code == 400
    assert story.ok("GET", f"{COLLECTIONS}/posts/records", as_=story.root)["items"] == [row], "nothing was changed"


def test_what_is_referred_to_stays(story):
    story.ok("POST", COLLECTIONS, {"name": "tags", "type": "base"}, as_=story.root)
    tags = story.ok("GET", f"{COLLECTIONS}/tags", as_=story.root)
    relation = {"name": "tag", "type": "relation", "collectionId": tags["id"], "maxSelect": 1}
    story.ok("POST", COLLECTIONS, {"name": "posts", "type": "base", "fields": [relation]}, as_=story.root)
    assert story("DELETE", f"{COLLECTIONS}/tags", as_=story.root).status_code == 400
    assert story("DELETE", f"{COLLECTIONS}/_superusers", as_=story.root).status_code == 400
    story.ok("DELETE", f"{COLLECTIONS}/posts", as_=story.root)
    story.ok("DELETE", f"{COLLECTIONS}/tags", as_=story.root)
    assert story("GET", f"{COLLECTIONS}/tags", as_=story.root).status_code == 404
    names = {item["name"] for item in story.ok("GET", COLLECTIONS, as_=story.root)["items"]}
    assert names == {"_mfas", "_otps", "_externalAuths", "_authOrigins", "_superusers", "users"}


def test_a_unique_index_holds(story):
    body = {
        "name": "slugs",
        "type": "base",
        "fields": [{"name": "slug", "type": "text"}],
        "indexes": ["CREATE UNIQUE INDEX idx_slug ON slugs (slug)"],
    }
    story.ok("POST", COLLECTIONS, body, as_=story.root)
    story.ok("POST", f"{COLLECTIONS}/slugs/records", {"slug": "a"}, as_=story.root)
    answer = story("POST", f"{COLLECTIONS}/slugs/records", {"slug": "a"}, as_=story.root)
    assert answer.json()["data"]["slug"]["code"] == "validation_not_unique"
