"""Is anybody there, and who asks."""


def test_health(story):
    assert story.ok("GET", "/api/health") == {"message": "API is healthy.", "code": 200, "data": {}}
    assert set(story.ok("GET", "/api/health", as_=story.root)["data"]) == {
        "canBackup",
        "possibleProxyHeader",
        "realIP",
    }
    head = story("HEAD", "/api/health")
    assert (head.status_code, head.content) == (200, b"")
    assert story("POST", "/api/health").status_code == 404
    assert story("GET", "/api/health/").status_code == 404
