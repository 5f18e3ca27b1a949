"""A shop takes whole orders: stock, order and lines in one batch, or nothing; others wait for it and see none of it."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

BATCH = "/api/batch"
RECORDS = "/api/collections/{}/records"
ITEMS, ORDERS, LINES, USERS = (RECORDS.format(name) for name in ("items", "orders", "lines", "users"))
PASSWORD = "12345678"


@pytest.fixture
def shop(story):
    open_to_all = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
    item = {
        "name": "items",
        "fields": [{"name": "stock", "type": "number", "min": 0}],
        **open_to_all,
        "updateRule": "@request.context = 'batch'",
    }
    items = story.ok("POST", "/api/collections", item, as_=story.root)["id"]
    orders = story.ok(
        "POST",
        "/api/collections",
        {"name": "orders", "fields": [{"name": "buyer", "type": "text"}], **open_to_all},
        as_=story.root,
    )["id"]
    lines = [
        {"name": name, "type": "relation", "collectionId": target, "required": True, "maxSelect": 1}
        for name, target in (("order", orders), ("item", items))
    ]
    story.ok("POST", "/api/collections", {"name": "lines", "fields": lines, **open_to_all}, as_=story.root)
    story.ok("PATCH", "/api/settings", {"batch": {"enabled": True, "timeout": 20}}, as_=story.root)
    return story.ok("POST", ITEMS, {"stock": 3})["id"]


def item(method, url, body=None, **headers):
    return {"method": method, "url": url, "body": body or {}, "headers": headers}


def order(number, of, times=1):
    """An order with its lines."""
    name = f"order{number:010}"
    return [
        item("POST", ORDERS, {"id": name, "buyer": "ann"}),
        *(item("POST", LINES, {"order": name, "item": of}) for _ in range(times)),
        item("PATCH", f"{ITEMS}/{of}", {"stock-": times}),
    ]


def counts(story):
    return tuple(story.ok("GET", path)["totalItems"] for path in (ORDERS, LINES))


def new_user(number):
    body = {"email": f"user{number}@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD}
    return item("POST", USERS, body)


def test_orders(story, shop):
    path = f"{ITEMS}/{shop}"
    assert story("PATCH", path, {"stock": 9}).status_code == 404, "only a batch may"
    done = story.ok("POST", BATCH, {"requests": order(1, shop, 2)})
    assert [answer["status"] for answer in done] == [200] * 4
    assert done[1]["body"]["order"] == "order0000000001"
    assert (story.ok("GET", path)["stock"], counts(story)) == (1, (1, 2))

    refused = story("POST", BATCH, {"requests": order(2, shop, 2)})
    assert refused.status_code == 400
    failed = refused.json()["data"]["requests"]
    assert list(failed) == ["3"]
    assert failed["3"]["response"]["data"]["stock"]["code"] == "validation_min_number_constraint"
    assert (story.ok("GET", path)["stock"], counts(story)) == (1, (1, 2))
    again = story.ok("POST", BATCH, {"requests": order(2, shop)})
    assert len(again) == 3
    assert (story.ok("GET", path)["stock"], counts(story)) == (0, (2, 3))


def test_switched_off(story, shop):
    story.ok("PATCH", "/api/settings", {"batch": {"enabled": False}}, as_=story.root)
    assert story("POST", BATCH, {"requests": order(1, shop)}).status_code == 403
    assert counts(story) == (0, 0)


def test_a_large_one(story, shop):
    """As large as for other routes, where the tenant's settings don't say less."""
    body = {"buyer": "ann", "unknown": "x" * (20 << 20)}
    assert story("POST", BATCH, {"requests": [item("POST", ORDERS, body)]}).status_code == 200
    assert story("POST", BATCH, {"requests": [item("POST", ORDERS, body)] * 2}).status_code == 413
    story.ok("PATCH", "/api/settings", {"batch": {"maxBodySize": 20 << 20}}, as_=story.root)
    assert story("POST", BATCH, {"requests": [item("POST", ORDERS, body)]}).status_code == 413


def test_what_a_tenant_allows_itself_is_bounded(story, shop):
    story.ok("PATCH", "/api/settings", {"batch": {"maxRequests": 1_000_000, "timeout": 1_000_000}}, as_=story.root)
    refused = story("POST", BATCH, {"requests": [{}] * 100_000})
    assert refused.status_code == 400
    assert refused.json()["data"]["requests"]["params"] == {"max": 1000, "min": 0}
    story.ok("POST", BATCH, {"requests": [item("POST", ORDERS)] * 1000})


def test_the_log_has_one_entry_that_says_what_failed(story, shop):
    story("POST", BATCH, {"requests": order(1, "nosuchitem")})
    deadline = time.monotonic() + 15
    while not (entries := story.ok("GET", "/api/logs", as_=story.root, filter="data.url = '/api/batch'")["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(entries) == 1
    data = entries[0]["data"]
    assert (data["status"], data["error"]) == (400, "Batch transaction failed.")
    assert data["details"]["requests"]["1"]["code"] == "batch_request_failed"


def test_others_wait_and_see_nothing(story, shop):
    """Passwords are hashed in the middle of a batch, so it takes long enough to look at it from outside."""
    users = [new_user(number) for number in range(8)]
    with ThreadPoolExecutor(2) as pool:
        batch = pool.submit(story, "POST", BATCH, {"requests": [*order(1, shop), *users]})
        seen = set()
        written = []
        while not batch.done():
            seen.add(story.ok("GET", USERS, as_=story.root)["totalItems"])
            if not written:
                written.append(pool.submit(story, "POST", ORDERS, {"buyer": "bob"}))
        assert batch.result().status_code == 200
        assert written[0].result().status_code == 200
    assert seen <= {0, len(users)}, "a part of the batch was seen"
    assert 0 in seen, "it was over too soon to be seen"
    assert counts(story) == (2, 1)


def test_many_at_once(story, shop):
    """Batches that all want the same item: it is never sold twice."""
    with ThreadPoolExecutor(6) as pool:
        orders = [pool.submit(story, "POST", BATCH, {"requests": order(number, shop)}) for number in range(12)]
        statuses = [answer.result().status_code for answer in orders]
    assert sorted(statuses) == [200] * 3 + [400] * 9
    assert (story.ok("GET", f"{ITEMS}/{shop}")["stock"], counts(story)) == (0, (3, 3))


def test_a_client_that_leaves(story, shop):
    """Whatever becomes of its batch, it is whole or not there, and the next one is not kept waiting."""
    body = json.dumps({"requests": [*order(1, shop), *(new_user(number) for number in range(4))]}).encode()
    host = story.client.headers["host"]
    head = f"POST {BATCH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((story.client.base_url.host, story.client.base_url.port)) as gone:
        gone.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert story("POST", BATCH, {"requests": order(2, shop)}).status_code == 200
    people = story.ok("GET", USERS, as_=story.root)["totalItems"]
    assert (people, *counts(story)) in ((0, 1, 1), (4, 2, 2))


def test_a_timeout(story, shop):
    story.ok("PATCH", "/api/settings", {"batch": {"timeout": 1, "maxRequests": 100}}, as_=story.root)
    began = time.monotonic()
    answer = story("POST", BATCH, {"requests": [*order(1, shop), *(new_user(number) for number in range(90))]})
    assert (answer.status_code, answer.json()["message"]) == (400, "Batch transaction failed.")
    assert time.monotonic() - began < 15
    assert story.ok("GET", USERS, as_=story.root)["totalItems"] == 0
    assert counts(story) == (0, 0)
    story.ok("POST", BATCH, {"requests": order(1, shop)})


def test_a_login_changed_in_a_batch_that_fails_still_holds(story, shop):
    story.ok("POST", BATCH, {"requests": [new_user(1)]})
    token = story.login("users", "user1@example.com", PASSWORD)
    me = story.ok("POST", "/api/collections/users/auth-refresh", as_=token)["record"]["id"]
    change = item(
        "PATCH", f"{USERS}/{me}", {"oldPassword": PASSWORD, "password": "other-pass", "passwordConfirm": "other-pass"}
    )
    assert story("POST", BATCH, {"requests": [change, item("DELETE", f"{ITEMS}/nope")]}, as_=token).status_code == 400
    assert story("POST", "/api/collections/users/auth-refresh", as_=token).status_code == 200
    assert story.login("users", "user1@example.com", PASSWORD)
    assert story("POST", BATCH, {"requests": [change]}, as_=token).status_code == 200
    assert story("POST", "/api/collections/users/auth-refresh", as_=token).status_code == 401
    assert story.login("users", "user1@example.com", "other-pass")
