"""A user signs up, logs in, stays logged in, and is logged out by a new password."""

import pytest

USERS = "/api/collections/users"


@pytest.fixture
def ann(story):
    body = {"email": "ann@example.com", "password": "ann-secret", "passwordConfirm": "ann-secret", "name": "Ann"}
    return story.ok("POST", f"{USERS}/records", body)


def test_the_life_of_a_login(story, ann):
    assert "email" not in ann, "a guest does not see the address it signed up with"
    login = f"{USERS}/auth-with-password"
    assert story("POST", login, {"identity": "ann@example.com", "password": "wrong"}).status_code == 400
    assert story("POST", login, {"identity": "nobody@example.com", "password": "ann-secret"}).status_code == 400
    answer = story.ok("POST", login, {"identity": "ann@example.com", "password": "ann-secret"})
    assert answer["record"]["email"] == "ann@example.com"
    token = answer["token"]

    refreshed = story.ok("POST", f"{USERS}/auth-refresh", as_=token)
    assert refreshed["record"]["id"] == ann["id"]
    assert story("POST", f"{USERS}/auth-refresh").status_code == 401
    assert story("POST", f"{USERS}/auth-refresh", as_=story.root).status_code == 403
    assert story("POST", f"{USERS}/auth-refresh", as_=token[:-3] + "xyz").status_code == 401

    own = f"{USERS}/records/{ann['id']}"
    passwords = {"password": "new-secret", "passwordConfirm": "new-secret"}
    assert story("PATCH", own, passwords, as_=token).status_code == 400, "without the old password"
    story.ok("PATCH", own, {**passwords, "oldPassword": "ann-secret"}, as_=token)
    assert story("GET", own, as_=token).status_code == 404, "the old token died with the old password"
    token = story.login("users", "ann@example.com", "new-secret")
    assert story.ok("GET", own, as_=token)["email"] == "ann@example.com"


def test_impersonation_is_for_superusers(story, ann):
    path = f"{USERS}/impersonate/{ann['id']}"
    assert story("POST", path).status_code == 401
    token = story.ok("POST", path, {"duration": 60}, as_=story.root)["token"]
    assert story("POST", path, as_=token).status_code == 403
    assert story.ok("GET", f"{USERS}/records/{ann['id']}", as_=token)["id"] == ann["id"]
    assert story.ok("POST", f"{USERS}/auth-refresh", as_=token)["token"] == token, "it can't be prolonged"


def test_a_token_holds_in_its_own_tenant_only(story, ann, pocker):
    pocker.create_tenant("elsewhere", "root@example.com", "1234567890")
    answer = story.client.get(
        "/api/collections", headers={"Host": pocker.host("elsewhere"), "Authorization": story.root}
    )
    assert answer.status_code == 401
    pocker.delete_tenant("elsewhere")


def test_auth_methods(story):
    methods = story.ok("GET", f"{USERS}/auth-methods")
    assert methods["password"] == {"enabled": True, "identityFields": ["email"]}
    assert methods["mfa"] == methods["otp"] == {"enabled": False, "duration": 0}
    assert story("GET", "/api/collections/_mfas/auth-methods").status_code == 404
