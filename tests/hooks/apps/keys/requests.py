"""An API of its own: keys with scopes, signed calls with nonces, links with tokens, digests."""

import hashlib
import hmac
from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

READ = "pk_" + hashlib.sha256(b"read").hexdigest()[:32]
WRITE = "pk_" + hashlib.sha256(b"write").hexdigest()[:32]
ADMIN = "pk_" + hashlib.sha256(b"admin").hexdigest()[:32]


def issue(who: str | None, **body: Any) -> Case:
    return case("POST", "/v1/keys", as_=who, json=body, save=str(body.get("seed", "")), unordered=True)


def keyed(method: str, path: str, key: str, **options: Any) -> Case:
    return case(method, path, headers={"X-Api-Key": key}, unordered=True, note=f"{key[:6]} {options}", **options)


def signed(method: str, path: str, nonce: str, body: str = "", secret: str = "shared secret", **more: str) -> Case:
    text = "\n".join([method, path, "1700000000", nonce, hashlib.sha256(body.encode()).hexdigest()])
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()
    headers = {"X-Stamp": "1700000000", "X-Nonce": nonce, "X-Sign": sign, **more}
    return case(method, path, raw=body.encode() or None, headers=headers, unordered=True, note=f"{nonce} {body} {more}")


CASES = [
    issue(None, label="x"),
    issue("clerk", label="x"),
    issue("user1", label="x"),
    issue("user1", label="reader", scopes=["read"], seed="read"),
    issue("user2", label="writer", scopes=["write", "read"], seed="write"),
    issue("user2", label="admin", scopes="admin", seed="admin"),
    issue("user2", label="bad scope", scopes=["fly"], seed="bad"),
    case("POST", "/v1/keys", as_="user3", form={"label": "by form", "scopes": "read", "seed": "form"}, unordered=True),
    case("GET", "/api/collections/api_keys/records", as_="user2", query={"sort": "label"}),
    case("GET", "/v1/data/me"),
    keyed("GET", "/v1/data/me", "pk_nope"),
    keyed("GET", "/v1/data/me", READ[:-1] + "x"),
    keyed("GET", "/v1/data/me", READ),
    keyed("GET", "/v1/data/me", READ),
    keyed("POST", "/v1/data/me", READ),
    keyed("POST", "/v1/data/me", WRITE),
    keyed("PUT", "/v1/data/tags/new", READ, json={"weight": 1}),
    keyed("PUT", "/v1/data/tags/new", WRITE, json={"weight": 1}),
    keyed("PUT", "/v1/data/tags/new", ADMIN, json={"weight": 2.5}),
    keyed("PUT", "/v1/data/tags/a%20b%2Fc%C3%A9", ADMIN, json={"weight": -1}),
    keyed("PUT", "/v1/data/tags/new", WRITE, json={"weight": "1"}),
    keyed("PUT", "/v1/data/tags/new", WRITE),
    keyed("PUT", "/v1/data/tags/new", WRITE, raw=b"{broken"),
    keyed("GET", f"/v1/data/posts/{ident('post1')}", READ),
    keyed("GET", f"/v1/data/profiles/{ident('profile1')}", READ),
    keyed("GET", f"/v1/data/profiles/{ident('profile2')}", READ),
    keyed("GET", "/v1/data/posts/a/b/c", READ),
    keyed("GET", "/v1/data/none/a", READ),
    case("DELETE", "/v1/keys/{read}", as_="user2", unordered=True),
    case("DELETE", "/v1/keys/{read}", as_="user1"),
    keyed("GET", "/v1/data/me", READ),
    case("DELETE", f"/api/collections/users/records/{ident('user2')}", as_="super"),
    keyed("GET", "/v1/data/me", WRITE),
    case("POST", "/signed/echo", json={"a": 1}),
    signed("POST", "/signed/echo", "n1", '{"a": [1, "é"]}'),
    signed("POST", "/signed/echo", "n1", '{"a": 1}'),
    signed("POST", "/signed/echo", "n2", '{"a": 1}', secret="other"),
    signed("POST", "/signed/echo", "n3", "no json"),
    signed("GET", "/signed/time/utc?x=1&y=%20a", "n4"),
    signed("GET", "/signed/time/a%20b", "n5"),
    case("GET", "/links/make?file=a.pdf"),
    case("GET", "/links/make?file=a%20b.pdf", as_="user1", save={"link": "url"}, unordered=True),
    case("GET", "{link}", unordered=True),
    case("GET", "{link}x", unordered=True),
    case("GET", "/links/open?t="),
    case("GET", "/links/open?t=a.b.c"),
    case("POST", "/vault/seal", as_="super", json={"text": "geheim 🎉"}, unordered=True),
    case(
        "POST", "/vault/open", as_="super", json={"sealed": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}
    ),
    case("POST", "/vault/open", as_="super", json={"sealed": "%%%"}),
    case("GET", "/digests?text=h%C3%A9llo", unordered=True),
    case("GET", "/digests", unordered=True),
]
TABLES = ["api_keys", "nonces", "tags"]
