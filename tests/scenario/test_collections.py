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


def test_a_schema_moves_to_another_tenant(story):
    relation = {"name": "post", "type": "relation", "collectionId": "col_posts", "maxSelect": 1}
    comments = {"id": "col_comments", "name": "comments", "type": "base", "fields": [relation]}
    posts = {"id": "col_posts", "name": "posts", "type": "base", "fields": [{"name": "title", "type": "text"}]}
    titles = {"name": "titles", "type": "view", "viewQuery": "SELECT id, title FROM posts"}
    schema = {"collections": [titles, comments, posts]}
    assert story("PUT", f"{COLLECTIONS}/import", schema).status_code == 401
    assert story("PUT", f"{COLLECTIONS}/import", schema, as_=story.root).status_code == 204
    post = story.ok("POST", f"{COLLECTIONS}/posts/records", {"title": "one"}, as_=story.root)
    story.ok("POST", f"{COLLECTIONS}/comments/records", {"post": post["id"]}, as_=story.root)
    assert story.ok("GET", f"{COLLECTIONS}/titles/records", as_=story.root)["items"][0]["title"] == "one"

    broken = {"collections": [{"name": "fresh"}, {"name": "posts", "listRule": "nothing = 1"}], "deleteMissing": True}
    answer = story("PUT", f"{COLLECTIONS}/import", broken, as_=story.root)
    assert answer.status_code == 400
    assert answer.json()["data"]["collections"]["code"] == "validation_collections_import_failure"
    assert story("GET", f"{COLLECTIONS}/fresh", as_=story.root).status_code == 404
    assert story.ok("GET", f"{COLLECTIONS}/titles/records", as_=story.root)["totalItems"] == 1, "nothing was dropped"

    kept = {"collections": [posts | {"fields": []}, {"name": "users"}], "deleteMissing": True}
    story.ok("PUT", f"{COLLECTIONS}/import", kept, as_=story.root)
    names = {item["name"] for item in story.ok("GET", COLLECTIONS, as_=story.root)["items"] if not item["system"]}
    assert names == {"posts", "users"}
    assert "title" not in story.ok("GET", f"{COLLECTIONS}/posts/records/{post['id']}", as_=story.root)


def test_a_collection_is_emptied(story):
    story.ok("POST", COLLECTIONS, {"name": "posts", "id": "col_posts"}, as_=story.root)
    relation = {"name": "post", "type": "relation", "collectionId": "col_posts", "required": True}
    story.ok("POST", COLLECTIONS, {"name": "comments", "fields": [relation]}, as_=story.root)
    post = story.ok("POST", f"{COLLECTIONS}/posts/records", {}, as_=story.root)
    story.ok("POST", f"{COLLECTIONS}/comments/records", {"post": post["id"]}, as_=story.root)
    assert story("DELETE", f"{COLLECTIONS}/posts/truncate").status_code == 401
    assert story("DELETE", f"{COLLECTIONS}/posts/truncate", as_=story.root).status_code == 400
    story.ok("DELETE", f"{COLLECTIONS}/comments/truncate", as_=story.root)
    story.ok("DELETE", f"{COLLECTIONS}/posts/truncate", as_=story.root)
    assert story.ok("GET", f"{COLLECTIONS}/posts/records", as_=story.root)["totalItems"] == 0
    assert story("DELETE", f"{COLLECTIONS}/_superusers/truncate", as_=story.root).status_code == 400
    assert story.ok("GET", COLLECTIONS, as_=story.root)["totalItems"] > 0, "who asks is still there"


def test_what_is_known_beforehand(story):
    providers = story.ok("GET", f"{COLLECTIONS}/meta/oauth2-providers", as_=story.root)
    assert len(providers) == 32
    assert all(item["logo"].startswith("<svg ") for item in providers)
    assert list(story.ok("GET", f"{COLLECTIONS}/meta/scaffolds", as_=story.root)) == ["view", "base", "auth"]
    trial = story.ok("POST", f"{COLLECTIONS}/meta/dry-run-view", {"query": "SELECT id FROM users"}, as_=story.root)
    assert [field["name"] for field in trial["fields"]] == ["id"]
    assert trial["sample"] == []


def test_a_provider_starts_a_login(story):
    google = {"name": "google", "clientId": "us", "clientSecret": "hush"}
    changed = story.ok(
        "PATCH", f"{COLLECTIONS}/users", {"oauth2": {"enabled": True, "providers": [google]}}, as_=story.root
    )
    assert "hush" not in str(changed)
    first, second = (story.ok("GET", f"{COLLECTIONS}/users/auth-methods")["oauth2"]["providers"][0] for _ in range(2))
    assert first["authURL"].startswith("https://accounts.google.com/")
    assert f"state={first['state']}&" in first["authURL"]
    assert first["state"] != second["state"]
    assert first["codeVerifier"] != second["codeVerifier"]
    assert "hush" not in str(first)
