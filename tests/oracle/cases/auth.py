"""Password logins, refresh, methods and the tokens of superusers and auth collections."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import PASSWORD, ident
from tests.oracle.seed import SUPER

USERS = "/api/collections/users"
STAFF = "/api/collections/staff"
LOCKED = "/api/collections/locked"
ROOT = "/api/collections/_superusers"


def login(
    collection: str,
    identity: object,
    password: object = PASSWORD,
    *,
    save: dict[str, str] | None = None,
    status: int | None = None,
    query: dict[str, str] | None = None,
    note: str = "",
    **more: object,
) -> Case:
    """A password login as a guest; `more` goes into the body."""
    body = {"identity": identity, "password": password, **more}
    return case("POST", f"{collection}/auth-with-password", json=body, save=save, status=status, query=query, note=note)


CASES = [
    case("GET", f"{USERS}/auth-methods", status=200),
    case("GET", f"{STAFF}/auth-methods"),
    case("GET", f"{LOCKED}/auth-methods"),
    case("GET", f"{ROOT}/auth-methods"),
    case("GET", "/api/collections/posts/auth-methods", status=404),
    case("GET", "/api/collections/nothing/auth-methods"),
    case("GET", f"{USERS}/auth-methods", query={"fields": "password.enabled,mfa"}),
    case("HEAD", f"{USERS}/auth-methods"),
    case("POST", f"{USERS}/auth-methods", json={}),
    # password
    login(USERS, "ann@example.com", save={"ann": "token"}, status=200),
    login(USERS, "ANN@EXAMPLE.COM"),
    login(USERS, " ann@example.com "),
    login(USERS, "bob@example.com", query={"fields": "token,record.email"}),
    login(USERS, "bob@example.com", query={"expand": "nothing"}),
    login(STAFF, "clerk@example.com", query={"expand": "friend"}, save={"clerk": "token"}),
    login(STAFF, "clerk"),
    login(STAFF, "CLERK"),
    login(STAFF, "clerk", identityField="username"),
    login(STAFF, "clerk", identityField="email"),
    login(STAFF, "clerk@example.com", identityField="email"),
    login(STAFF, "clerk", identityField="role"),
    login(STAFF, "clerk", identityField="nothing"),
    login(STAFF, "noone", status=403),
    login(LOCKED, "locked@example.com", status=403),
    login(ROOT, SUPER[0], SUPER[1], save={"root": "token"}, status=200),
    login(ROOT, SUPER[0], "wrong-password"),
    login(USERS, "ann@example.com", "wrong-password", status=400),
    login(USERS, "nobody@example.com"),
    login(USERS, ident("user1")),
    login(USERS, "ann@example.com", PASSWORD + " "),
    login(USERS, "", ""),
    login(USERS, "x" * 256, "y" * 256),
    login(USERS, "ann@example.com", "y" * 72),
    login(USERS, 123, 456),
    login(USERS, None, None),
    login(USERS, ["ann@example.com"], {"a": 1}),
    login(USERS, "ann@example.com", mfaId="nothing"),
    login("/api/collections/posts", "ann@example.com", status=404),
    login("/api/collections/nothing", "ann@example.com", status=404),
    case("POST", f"{USERS}/auth-with-password", json={}),
    case("POST", f"{USERS}/auth-with-password", json=[]),
    case("POST", f"{USERS}/auth-with-password", note="no body"),
    case(
        "POST",
        f"{USERS}/auth-with-password",
        json={"Identity": "ann@example.com", "PASSWORD": PASSWORD},
        note="other case of the names",
    ),
    case("POST", f"{USERS}/auth-with-password", form={"identity": "ann@example.com", "password": PASSWORD}),
    case("POST", f"{USERS}/auth-with-password", parts=[("identity", "ann@example.com"), ("password", PASSWORD)]),
    case("POST", f"{USERS}/auth-with-password", raw=b'{"identity": ', headers={"Content-Type": "application/json"}),
    case("GET", f"{USERS}/auth-with-password"),
    login(USERS, "ann@example.com", note="another token of the same user", save={"ann2": "token"}),
    # refresh
    case("POST", f"{USERS}/auth-refresh", as_="user1", status=200, save={"fresh": "token"}),
    case("POST", f"{USERS}/auth-refresh", token="{fresh}", status=200),
    case("POST", f"{USERS}/auth-refresh", token="{ann}"),
    case("POST", f"{USERS}/auth-refresh", token="Bearer {ann}", query={"fields": "record.id"}),
    case("POST", f"{USERS}/auth-refresh", status=401),
    case("POST", f"{USERS}/auth-refresh", token="junk"),
    case("POST", f"{USERS}/auth-refresh", as_="clerk", status=403),
    case("POST", f"{USERS}/auth-refresh", as_="super"),
    case("POST", f"{ROOT}/auth-refresh", as_="super", status=200),
    case("POST", f"{ROOT}/auth-refresh", as_="user1"),
    case("POST", f"{STAFF}/auth-refresh", as_="clerk", query={"expand": "friend"}),
    case("POST", "/api/collections/posts/auth-refresh", as_="user1"),
    case("GET", f"{USERS}/auth-refresh", as_="user1"),
    # what a token is good for
    case("GET", f"{USERS}/records/{ident('user1')}", token="{ann}", status=200),
    case("GET", f"{USERS}/records/{ident('user2')}", token="{ann}", status=404),
    case("GET", f"{ROOT}/records", token="{root}", status=200),
    # a new password ends all tokens
    case(
        "PATCH",
        f"{USERS}/records/{ident('user1')}",
        token="{ann}",
        json={"password": "new-password", "passwordConfirm": "new-password"},
    ),
    case(
        "PATCH",
        f"{USERS}/records/{ident('user1')}",
        token="{ann}",
        json={"oldPassword": PASSWORD, "password": "new-password", "passwordConfirm": "new-password"},
        status=200,
    ),
    case("GET", f"{USERS}/records/{ident('user1')}", token="{ann}", status=404, note="old token"),
    case("POST", f"{USERS}/auth-refresh", token="{ann2}", note="old token"),
    login(USERS, "ann@example.com", status=400, note="old password"),
    login(USERS, "ann@example.com", "new-password", status=200, save={"ann": "token"}),
    case("GET", f"{USERS}/records/{ident('user1')}", token="{ann}", status=200),
    # a deleted user's token
    case("DELETE", f"{USERS}/records/{ident('user1')}", token="{ann}", status=400, note="still required elsewhere"),
    login(USERS, "cid@example.com", save={"cid": "token"}),
    case("DELETE", f"{USERS}/records/{ident('user3')}", token="{cid}", status=204),
    case("POST", f"{USERS}/auth-refresh", token="{cid}", status=401),
    case("GET", f"{USERS}/records", token="{cid}"),
    # superusers
    case(
        "POST",
        f"{ROOT}/records",
        as_="super",
        json={"email": "second@example.com", "password": "second-pass", "passwordConfirm": "second-pass"},
        save="second",
    ),
    login(ROOT, "second@example.com", "second-pass", save={"second_token": "token"}),
    case("DELETE", f"{ROOT}/records/{{second}}", token="{second_token}", status=204),
    case("GET", f"{ROOT}/records", token="{second_token}", note="token of a deleted superuser"),
    case("GET", f"{ROOT}/records", as_="super", save={"last": "items.0.id"}),
    case("DELETE", f"{ROOT}/records/{{last}}", as_="super", status=400, note="the last superuser"),
    case(
        "POST",
        f"{ROOT}/records",
        as_="user2",
        json={"email": "x@example.com", "password": "second-pass", "passwordConfirm": "second-pass"},
    ),
]
