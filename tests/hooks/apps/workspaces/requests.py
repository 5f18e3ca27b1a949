"""Workspaces with roles, invitations, quotas; rules and hooks together."""

import hashlib
from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

SPACES, SEATS = "/api/collections/workspaces/records", "/api/collections/seats/records"
DOCUMENTS, INVITATIONS = "/api/collections/documents/records", "/api/collections/invitations/records"
ACME, BETA = ident("acme"), ident("beta")


def invite(who: str | None, email: str, workspace: str = ACME, **more: Any) -> Case:
    return case("POST", INVITATIONS, as_=who, json={"workspace": workspace, "email": email, **more})


def join(who: str | None, email: str, query: str = "", workspace: str = ACME) -> Case:
    code = hashlib.sha256(f"{email}{workspace}".encode()).hexdigest()[:20]
    return case("POST", f"/join/{code}{query}", as_=who, unordered=True)


def document(who: str | None, name: str, size: int, **more: Any) -> Case:
    body = {"id": ident(name), "title": name, "workspace": ACME, "size": size, **more}
    return case("POST", DOCUMENTS, as_=who, json=body)


CASES = [
    case("POST", SPACES, json={"id": ACME, "name": "Acme Inc"}),
    case("POST", SPACES, as_="user1", json={"id": ACME, "name": "Ac"}),
    case("POST", SPACES, as_="user1", json={"id": ACME, "name": "Acme Inc", "quota": 9999, "slug": "mine"}),
    case("POST", SPACES, as_="user2", json={"id": BETA, "name": "acme  inc"}),
    case("POST", SPACES, as_="user2", json={"id": BETA, "name": "Beta"}),
    case("POST", SPACES, as_="super", json={"name": "Nobody's"}),
    case("GET", SPACES, as_="user1"),
    case("GET", SPACES),
    case("GET", SEATS, as_="user1", query={"expand": "workspace,user"}),
    invite("user2", "cid@example.com"),
    invite("user1", "Cid@Example.com", role="editor"),
    invite("user1", "ann@example.com"),
    invite("user1", "no mail"),
    invite("user1", "bob@example.com", workspace=BETA),
    invite("user1", "bob@example.com"),
    case("GET", INVITATIONS, as_="user3"),
    case("GET", INVITATIONS, as_="user1", query={"sort": "email"}),
    join(None, "cid@example.com"),
    join("user2", "cid@example.com"),
    join("user3", "nobody@example.com"),
    join("user3", "cid@example.com", "?fail=1"),
    case("GET", SEATS, as_="user3"),
    join("user3", "cid@example.com"),
    join("user3", "cid@example.com"),
    join("user2", "bob@example.com"),
    case("GET", SEATS, as_="user3", query={"sort": "role"}),
    document(None, "doc1", 10),
    document("user2", "doc1", 10),
    document("user3", "doc1", 60),
    document("user3", "doc2", 60),
    document("user1", "doc2", 40, locked=True),
    document("user1", "doc3", 0, workspace=BETA),
    document("super", "doc3", 1),
    case("PATCH", f"{DOCUMENTS}/{ident('doc1')}", as_="user2", json={"title": "Hacked"}),
    case("PATCH", f"{DOCUMENTS}/{ident('doc2')}", as_="user3", json={"title": "Locked"}),
    case("PATCH", f"{DOCUMENTS}/{ident('doc1')}", as_="user3", json={"size": 61}),
    case("PATCH", f"{DOCUMENTS}/{ident('doc1')}", as_="user3", json={"size-": 10}),
    case("PATCH", f"{DOCUMENTS}/{ident('doc1')}", as_="user3", json={"workspace": BETA}),
    case("PATCH", f"{DOCUMENTS}/{ident('doc1')}", as_="super", json={"workspace": BETA}),
    case("GET", DOCUMENTS, as_="user2", query={"sort": "title"}),
    case("GET", f"/can/documents/{ident('doc1')}", as_="user1", unordered=True),
    case("GET", f"/can/documents/{ident('doc1')}", as_="user2", unordered=True),
    case("GET", f"/can/workspaces/{ACME}", as_="user1", unordered=True),
    case("GET", f"/can/workspaces/{ACME}", as_="user3", unordered=True),
    case("GET", f"/can/workspaces/{ACME}", unordered=True),
    case("GET", f"/can/private/{ident('private1')}", unordered=True),
    case("GET", f"/can/private/{ident('private1')}", as_="super", unordered=True),
    case("GET", "/workspaces/mine", as_="user2", unordered=True),
    case("GET", "/workspaces/mine"),
    case("GET", "/api/collections/workspace_totals/records", as_="user1", query={"sort": "name"}),
    case("GET", "/api/collections/workspace_totals", as_="super"),
    case("GET", SEATS, as_="super", query={"filter": "user.name='Ann'"}, save={"ann": "items.0.id"}),
    case("PATCH", SEATS + "/{ann}", as_="user3", json={"role": "guest"}),
    case("PATCH", SEATS + "/{ann}", as_="user1", json={"role": "guest"}),
    case("PATCH", SEATS + "/{ann}", as_="super", json={"workspace": BETA}),
    case("DELETE", SEATS + "/{ann}", as_="user1"),
    case("DELETE", f"{SPACES}/{ACME}", as_="super"),
    case("GET", SEATS, as_="super", query={"fields": "role,workspace"}),
    case("GET", "/api/collections/workspace_totals/records", as_="user1", query={"sort": "name"}),
    case("DELETE", f"/api/collections/users/records/{ident('user2')}", as_="super"),
    case("GET", SPACES, as_="super", query={"fields": "name,slug,quota"}),
]
TABLES = ["workspaces", "seats", "documents", "invitations"]
