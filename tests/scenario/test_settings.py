"""A tenant configures itself, and what it says is in force with the answer."""

SETTINGS = "/api/settings"
SECRETS = {"smtp": {"password": "p1"}, "s3": {"secret": "p2"}, "backups": {"s3": {"secret": "p3"}}}


def test_settings(story):
    assert story("GET", SETTINGS).status_code == 401
    assert story("PATCH", SETTINGS, {}).status_code == 401
    before = story.ok("GET", SETTINGS, as_=story.root)
    assert story.ok("PATCH", SETTINGS, {}, as_=story.root) == before
    assert story.ok("PATCH", SETTINGS, SECRETS, as_=story.root) == before
    changed = story.ok("PATCH", SETTINGS, {"meta": {"appName": "Shop"}, "batch": {"maxRequests": 2}}, as_=story.root)
    assert changed == {
        **before,
        "meta": {**before["meta"], "appName": "Shop"},
        "batch": {**before["batch"], "maxRequests": 2},
    }
    bad = story("PATCH", SETTINGS, {"meta": {"appName": "", "appURL": "x"}, "batch": {"timeout": 9}}, as_=story.root)
    assert bad.status_code == 400
    assert {name: error["code"] for name, error in bad.json()["data"]["meta"].items()} == {
        "appName": "validation_required",
        "appURL": "validation_is_url",
    }
    assert story.ok("GET", SETTINGS, as_=story.root) == changed
    # the secrets are kept: a bucket that needs one has it
    bucket = {"enabled": True, "bucket": "b", "region": "r", "endpoint": "https://s.example", "accessKey": "a"}
    assert story.ok("PATCH", SETTINGS, {"s3": bucket}, as_=story.root)["s3"]["enabled"] is True
    gone = story("PATCH", SETTINGS, {"s3": {"secret": ""}}, as_=story.root)
    assert gone.json()["data"]["s3"]["secret"]["code"] == "validation_required"
    large = story("PATCH", SETTINGS, {"superuserIPs": ["10.0.0.1"] * 20_000}, as_=story.root)
    assert (large.status_code, large.json()["message"]) == (400, "The settings take more than 32768 bytes.")
    assert story.ok("GET", SETTINGS, as_=story.root)["superuserIPs"] == []


def test_batches_are_switched_on(story):
    story.ok("POST", "/api/collections", {"name": "notes", "createRule": ""}, as_=story.root)
    one = {"method": "POST", "url": "/api/collections/notes/records", "body": {}}
    assert story("POST", "/api/batch", {"requests": [one]}).status_code == 403
    story.ok("PATCH", SETTINGS, {"batch": {"enabled": True, "maxRequests": 2}}, as_=story.root)
    assert len(story.ok("POST", "/api/batch", {"requests": [one, one]})) == 2
    assert story("POST", "/api/batch", {"requests": [one] * 3}).status_code == 400


def test_the_log_follows(story):
    story.ok("GET", "/api/health")
    story("GET", "/api/nothing")
    story.ok("PATCH", SETTINGS, {"logs": {"minLevel": 8}}, as_=story.root)
    story.ok("GET", "/api/health")
    kept = story.ok("GET", "/api/logs", as_=story.root)["items"]
    assert [(entry["message"], entry["level"]) for entry in kept] == [("GET /api/nothing", 8)]
    story.ok("PATCH", SETTINGS, {"logs": {"maxDays": 0, "minLevel": 0}}, as_=story.root)
    story("GET", "/api/nothing")
    assert story.ok("GET", "/api/logs", as_=story.root)["totalItems"] == 0


def test_who_may_be_a_superuser_from_where(story):
    story.ok("PATCH", SETTINGS, {"trustedProxy": {"headers": ["X-IP"]}, "superuserIPs": ["9.9.0.0/16"]}, as_=story.root)
    assert story("GET", SETTINGS, as_=story.root).status_code == 403
    story.client.headers["X-IP"] = "9.9.1.1"
    assert story.ok("GET", SETTINGS, as_=story.root)["superuserIPs"] == ["9.9.0.0/16"]
    story.client.headers["X-IP"] = "9.8.1.1"
    assert story("GET", SETTINGS, as_=story.root).status_code == 403
    assert story.ok("GET", "/api/health")


def test_rate_limits(story):
    story.ok("POST", "/api/collections", {"name": "notes", "createRule": "", "listRule": ""}, as_=story.root)
    rules = [
        {"label": "*:create", "duration": 3600, "maxRequests": 2},
        {"label": "/api/", "duration": 3600, "maxRequests": 3},
    ]
    limits = {"enabled": True, "rules": rules}
    story.ok("PATCH", SETTINGS, {"rateLimits": limits, "batch": {"enabled": True}}, as_=story.root)
    path = "/api/collections/notes/records"
    assert [story("POST", path, {}).status_code for _ in range(3)] == [200, 200, 429]
    assert [story("GET", path).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert story("POST", path, {}, as_=story.root).status_code == 200
    one = {"method": "POST", "url": path, "body": {}}
    refused = story("POST", "/api/batch", {"requests": [one] * 3})
    assert refused.json()["data"]["requests"]["2"]["response"]["status"] == 429
    assert [story("GET", f"/api/{name}").status_code for name in ("health", "nothing", "health")] == [200, 404, 429]
    refused = story("GET", "/api/health")
    assert refused.json() == {"data": {}, "message": "Too Many Requests.", "status": 429}
    story.ok("PATCH", SETTINGS, {"rateLimits": {"excludedIPs": ["127.0.0.1"]}}, as_=story.root)
    assert [story("GET", "/api/health").status_code for _ in range(5)] == [200] * 5
    story.ok("PATCH", SETTINGS, {"rateLimits": {"excludedIPs": []}}, as_=story.root)
    assert [story("GET", "/api/health").status_code for _ in range(4)] == [200, 200, 200, 429]
    story.ok("PATCH", SETTINGS, {"rateLimits": {"enabled": False}}, as_=story.root)
    assert story("GET", "/api/health").status_code == 200
