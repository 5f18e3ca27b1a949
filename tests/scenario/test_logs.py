"""What a tenant was asked, for its superusers."""


def test_logs(story):
    story("GET", "/api/collections/nothing/records")
    story.ok("GET", "/api/health")
    assert story("GET", "/api/logs").status_code == 401
    page = story.ok("GET", "/api/logs", as_=story.root, sort="-created", filter="data.url = '/api/health'")
    assert page["totalItems"] == 1
    entry = page["items"][0]
    assert (entry["message"], entry["level"], entry["data"]["status"]) == ("GET /api/health", 0, 200)
    assert story.ok("GET", f"/api/logs/{entry['id']}", as_=story.root) == entry
    (failed,) = story.ok("GET", "/api/logs", as_=story.root, filter="level > 0 && data.status = 404")["items"]
    assert failed["data"]["error"] == "Missing collection context."
    assert sum(hour["total"] for hour in story.ok("GET", "/api/logs/stats", as_=story.root)) >= 2
    story.ok("DELETE", "/api/logs", as_=story.root)
    assert story.ok("GET", "/api/logs", as_=story.root)["totalItems"] == 0
