"""PyPI's `pocketbase` client, unchanged, drives two tenants over one kept-alive connection.

    pip install pocketbase
    python sdk.py http://one.localhost:8090 http://two.localhost:8090 EMAIL PASSWORD

Both tenants need the same superuser (or set POCKER_ONE, POCKER_TWO, POCKER_EMAIL, POCKER_PASSWORD). It makes a
collection `films` in each (an earlier one is dropped), reads and writes both in turn, and exits with 1 at the first
answer that is not the expected one.
"""

import os
import sys
from typing import Any

import httpx
from pocketbase import PocketBase
from pocketbase.errors import ClientResponseError


class LocalNames(httpx.HTTPTransport):
    """Connects every *.localhost to 127.0.0.1, which browsers do and many systems' resolvers do not.

    The name stays in the Host header, where the server reads it. Both tenants then have one address, so the pool's
    single connection serves both, as one from a reverse proxy would. With real domains, leave this out.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith(".localhost"):
            request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


def expect(found: object, wanted: object) -> None:
    """Stop with both values unless they are equal."""
    if found != wanted:
        raise SystemExit(f"MISMATCH: expected {wanted!r}, found {found!r}")


def refused(status: int, call: Any, *args: Any) -> None:
    """The call must be answered with this error status."""
    try:
        call(*args)
    except ClientResponseError as error:
        expect(error.status, status)
    else:
        raise SystemExit(f"MISMATCH: expected {status}, but it was allowed")


class Tenant:
    """One tenant, as its superuser and as a reader."""

    def __init__(self, url: str, transport: httpx.BaseTransport) -> None:
        path = httpx.URL(url).path
        self.name = path.split("/")[2] if path.startswith("/t/") else httpx.URL(url).host.split(".")[0]
        self.admin, self.reader, self.stranger = (PocketBase(url, transport=transport) for _ in range(3))

    def say(self, text: str) -> None:
        print(f"  {self.name}: {text}")

    def prepare(self, email: str, password: str) -> None:
        admin = self.admin
        expect(admin.health.check().code, 200)
        admin.collection("_superusers").auth_with_password(email, password)
        expect(admin.auth_store.token != "", True)
        if any(item.name == "films" for item in admin.collections.get_full_list()):
            admin.collections.delete("films")
        admin.collections.create(
            {
                "name": "films",
                "type": "base",
                "listRule": "",
                "viewRule": "",
                "createRule": "@request.auth.id != ''",
                "fields": [
                    {"name": "title", "type": "text", "required": True},
                    {"name": "year", "type": "number", "onlyInt": True},
                    {"name": "seen", "type": "bool"},
                ],
            }
        )
        address, secret = f"viewer-{os.urandom(4).hex()}@{self.name}.example", f"secret-of-{self.name}"
        admin.collection("users").create({"email": address, "password": secret, "passwordConfirm": secret})
        login = self.reader.collection("users").auth_with_password(address, secret)
        expect(login.record.collection_name, "users")
        self.reader.collection("users").auth_refresh()
        self.say("logged in as superuser and as a user, made the collection films")

    def write(self) -> None:
        films = self.reader.collection("films")
        for year in (1927, 1941, 1957):
            film = films.create({"title": f"{year} in {self.name}", "year": year, "seen": year < 1950})
            expect((film.title, film.year, film.seen), (f"{year} in {self.name}", year, year < 1950))
        refused(400, films.create, {"year": 1900})
        refused(400, self.stranger.collection("films").create, {"title": "x"})
        self.say("wrote three films, was refused two")

    def read(self) -> None:
        films = self.reader.collection("films")
        page = films.get_list(1, 2, {"sort": "-year"})
        expect((page.total_items, [film.year for film in page.items]), (3, [1957, 1941]))
        expect(
            [film.year for film in films.get_full_list(query_params={"filter": "seen = true", "sort": "year"})],
            [1927, 1941],
        )
        first = films.get_first_list_item(f'title ~ "1957 in {self.name}"')
        expect(films.get_one(first.id).title, f"1957 in {self.name}")
        refused(403, films.update, first.id, {"seen": True})
        expect(self.admin.collection("films").update(first.id, {"seen": True}).seen, True)
        expect(self.admin.collection("films").delete(first.id), True)
        refused(404, films.get_one, first.id)
        self.say("listed, filtered, edited and deleted")


def main() -> None:
    given = [*sys.argv[1:], *[None] * 4]
    names = ("POCKER_ONE", "POCKER_TWO", "POCKER_EMAIL", "POCKER_PASSWORD")
    one, two, email, password = (value or os.environ.get(name, "") for value, name in zip(given, names, strict=False))
    if not (one and two and email and password):
        raise SystemExit("usage: python sdk.py URL_ONE URL_TWO EMAIL PASSWORD")
    transport = LocalNames(limits=httpx.Limits(max_connections=1))
    tenants = [Tenant(url, transport) for url in (one, two)]
    for tenant in tenants:
        tenant.prepare(email, password)
    for step in (Tenant.write, Tenant.read):
        for tenant in tenants:
            step(tenant)
    for turn in range(40):
        tenant = tenants[turn % 2]
        titles = [film.title for film in tenant.reader.collection("films").get_full_list(query_params={"sort": "year"})]
        expect(titles, [f"{year} in {tenant.name}" for year in (1927, 1941)])
    print("  40 lists, the tenants in turn: every one from the right tenant")
    token = tenants[0].admin.auth_store.token
    tenants[1].stranger.auth_store.save(token, None)
    refused(401, tenants[1].stranger.collections.get_list)
    print(f"  a superuser of {tenants[0].name} is nobody at {tenants[1].name}\nall as expected")


if __name__ == "__main__":
    main()
