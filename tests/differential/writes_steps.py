"""Random requests that write: creates, updates, deletions, logins, by whoever there is."""

from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.differential.writes_values import EMAILS, ODD, PASSWORDS, Definition, value
from tests.differential.writes_worlds import ACCOUNT, Place, World

MODIFIERS = ("{}+", "{}+", "+{}", "{}-", "{}-", "{}:autogenerate", "{}:autogenerate", "+{}+", "{}:each")
ODD_IDS = [
    *(
        "",
        "x",
        "con",
        "CON",
        "a" * 100,
        "a" * 101,
        "UPPERCASE000000",
        "with space 0000",
        "a/b",
        "é" * 15,
        "a.b",
        "'",
        "nul",
        "LPT1",
    ),
    *(
        "aaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaa",
        123456789012345,
        None,
        ["a"],
        "12345",
        "abc",
        "ABC",
        "aBc",
        "a:b",
        "a%b",
        "😀",
    ),
]
SYSTEM = ("_externalAuths", "_mfas", "_otps", "_authOrigins", "_superusers")
QUERIES = (
    "",
    "",
    "",
    "",
    "?fields=id",
    "?expand={}",
    "?expand={}&fields=*,expand.{}.id",
    "?fields=*,collectionName",
    "?q=1",
)


@dataclass(frozen=True)
class Step:
    """One request: who sends it (an actor's name, "" for a guest), and `login` to keep the answer's token for.

    Of a success, the `id` in the body is one more of the records of `makes`.
    """

    actor: str
    method: str
    path: str
    body: Any = None
    login: str = ""
    makes: "Place | None" = None

    def __str__(self) -> str:
        return f"{self.actor or 'guest'} {self.method} {self.path} {self.body!r}"


def ident(rng: Random, place: str) -> str:
    """An id that is compared as it is (`tests.oracle.compare`), one of few, so that some are taken."""
    return f"{place[-2:]}n{rng.randint(0, 40):02d}".ljust(11, "x") + "0000"


class Writer:
    """Draws the steps of one world."""

    def __init__(self, rng: Random, world: World) -> None:
        self.rng = rng
        self.world = world
        self.actors = ["root", ""]
        self.passwords: dict[str, str] = {}

    def accounts(self) -> list[Step]:
        """Two accounts in each auth collection, which log in."""
        steps = []
        for place in self.world.places:
            if place.kind != "auth":
                continue
            for number in range(2):
                name = f"{place.name}-{number}"
                body = self._required(place)
                body |= {"id": f"{place.name[-2:]}acc{number}".ljust(11, "x") + "0000", "email": f"{name}@example.com"}
                body |= {"password": "password-1", "passwordConfirm": "password-1", "verified": number == 0}
                steps.append(Step("root", "POST", f"/api/collections/{place.name}/records", body, makes=place))
                steps.append(self._login(place, name, "password-1"))
                self.actors += [name, name]
        return steps

    def step(self) -> Step:
        """One more request."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.05:
            return self._system()
        place = rng.choice(self.world.places)
        if place.kind == "auth" and roll < 0.12:
            name = f"{place.name}-{rng.randint(0, 1)}"
            return self._login(place, name, self.passwords.get(name, "password-1"))
        if roll < 0.50 or not place.ids:
            return self._create(place)
        if roll < 0.88:
            return self._update(place)
        return Step(self._actor(0.4), "DELETE", self._path(place, self._some_id(place)))

    def _login(self, place: Place, name: str, password: str) -> Step:
        body = {"identity": f"{name}@example.com", "password": password}
        return Step("", "POST", f"/api/collections/{place.name}/auth-with-password", body, name)

    def _actor(self, root: float) -> str:
        return "root" if self.rng.random() < root else self.rng.choice(self.actors)

    def _create(self, place: Place) -> Step:
        rng = self.rng
        body = self._required(place) if rng.random() < 0.6 else {}
        body |= self._some(place, 0.5)
        roll = rng.random()
        if roll < 0.75:
            body["id"] = ident(rng, place.name)
        elif roll < 0.9:
            body["id"] = rng.choice(ODD_IDS)
        if place.kind == "auth":
            self._credentials(body, f"{place.name}-{rng.randint(0, 9)}@example.com", new=True)
        path = f"/api/collections/{place.name}/records{self._query(place)}"
        return Step(self._actor(0.4), "POST", path, self._shuffled(body), makes=place)

    def _update(self, place: Place) -> Step:
        rng = self.rng
        record = self._some_id(place)
        body = self._some(place, 0.3)
        if rng.random() < 0.05:
            body["id"] = rng.choice((record, *ODD_IDS))
        if place.kind == "auth" and rng.random() < 0.5:
            self._credentials(body, f"{place.name}-{rng.randint(0, 9)}@example.com", new=False)
        actor = self._actor(0.3)
        return Step(actor, "PATCH", self._path(place, record) + self._query(place), self._shuffled(body))

    def _shuffled(self, body: dict[str, Any]) -> dict[str, Any]:
        keys = list(body)
        self.rng.shuffle(keys)
        return {key: body[key] for key in keys}

    def _path(self, place: Place, record: str) -> str:
        return f"/api/collections/{place.name}/records/{quote(record, safe='')}"

    def _query(self, place: Place) -> str:
        names = [one["name"] for one in place.fields if one["type"] == "relation"]
        names += [
            f"{other.name}_via_{one['name']}"
            for other in self.world.places
            for one in other.fields
            if one.get("collectionId") == place.id
        ]
        name = self.rng.choice(names or ["nothing"])
        return self.rng.choice(QUERIES).format(name, name)

    def _some_id(self, place: Place) -> str:
        return self.rng.choice(place.ids) if place.ids and self.rng.random() < 0.93 else ident(self.rng, place.name)

    def _ids(self, field: Definition) -> list[str]:
        target = field.get("collectionId")
        return self.world.place(target).ids if target else []

    def _required(self, place: Place) -> dict[str, Any]:
        """Good values for what must be there."""
        return {
            one["name"]: GOOD[one["type"]](self.rng, one, self._ids(one))
            for one in place.fields
            if one.get("required") and one["name"] not in ("id", "password")
        }

    def _some(self, place: Place, share: float) -> dict[str, Any]:
        rng = self.rng
        body: dict[str, Any] = {}
        fields = [one for one in place.fields if one["name"] not in ("id", "password")]
        for one in fields:
            name = one["name"]
            if rng.random() < share:
                good = rng.random() < 0.6
                drawn = GOOD[one["type"]](rng, one, self._ids(one)) if good else value(rng, one, self._ids(one))
                body[name] = drawn
            if rng.random() < 0.15:
                body[rng.choice(MODIFIERS).format(name)] = value(rng, one, self._ids(one))
        if rng.random() < 0.05:
            body[rng.choice(("unknown", "collectionId", "collectionName", "expand", "", "Id", "ID", "@request"))] = (
                rng.choice(ODD)
            )
        return body

    def _credentials(self, body: dict[str, Any], email: str, *, new: bool) -> None:
        rng = self.rng
        roll = rng.random()
        if new or roll < 0.6:
            body["password"] = rng.choice(PASSWORDS) if rng.random() < 0.4 else "password-1"
            if rng.random() < 0.9:
                body["passwordConfirm"] = body["password"] if rng.random() < 0.9 else rng.choice(PASSWORDS)
        if not new and rng.random() < 0.5:
            body["oldPassword"] = rng.choice(PASSWORDS) if rng.random() < 0.3 else "password-1"
        if new or rng.random() < 0.4:
            body["email"] = email if rng.random() < 0.8 else rng.choice((*EMAILS, *ODD))
        for one in ACCOUNT[1:]:
            if rng.random() < 0.15:
                drawn = (
                    rng.choice(("k" * 30, "k" * 29, "k" * 60, "k" * 61, "x" * 40))
                    if one["name"] == "tokenKey"
                    else value(rng, one, [])
                )
                body[one["name"]] = drawn if rng.random() < 0.9 else rng.choice(ODD)

    def _system(self) -> Step:
        """A row of a system collection that points at an account, rightly or wrongly."""
        rng = self.rng
        name = rng.choice(SYSTEM)
        place = rng.choice(self.world.places)
        path = f"/api/collections/{name}/records"
        record = f"s{name[1:3]}{rng.randint(0, 9)}".lower().ljust(11, "x") + "0000"
        actor = self._actor(0.7)
        if rng.random() < 0.2:
            return Step(actor, "DELETE", f"{path}/{record}")
        body: dict[str, Any] = {"id": record}
        if rng.random() < 0.9:
            body["collectionRef"] = place.id if rng.random() < 0.9 else rng.choice((place.name, "zzz", 1, None))
        if rng.random() < 0.9:
            body["recordRef"] = rng.choice(place.ids or ["zzz"]) if rng.random() < 0.9 else rng.choice(ODD)
        for key, choices in (
            ("email", ("a@example.com", "b@example.com", "b", "")),
            ("password", ("password-1", "short")),
            ("passwordConfirm", ("password-1", "password-1", "short")),
            ("verified", (True, False)),
            ("provider", ("google", "github", "zzz", "", 1)),
            ("providerId", ("1", "2", 3, "")),
            ("method", ("password", "otp", "", 1)),
            ("sentTo", ("a@example.com", "zzz", "")),
            ("fingerprint", ("f1", "f2", "", 5)),
        ):
            if rng.random() < 0.6:
                body[key] = rng.choice(choices)
        if rng.random() < 0.25:
            return Step(actor, "PATCH", f"{path}/{record}", body)
        return Step(actor, "POST", path, body)


def _listed(rng: Random, choices: list[str], most: int) -> Any:
    if most < 2:
        return rng.choice(choices) if choices else ""
    return rng.sample(choices, min(len(choices), rng.randint(1, most)))


GOOD: dict[str, Any] = {
    "text": lambda rng, one, ids: rng.choice(("abc", "abcde", "ab", "abcdef", "a1", "abc", "xyz")),
    "number": lambda rng, one, ids: rng.choice((1, 2, 3, 2)),
    "bool": lambda rng, one, ids: True,
    "email": lambda rng, one, ids: rng.choice(("a@example.com", "x@test.org", "y@sub.test.org")),
    "url": lambda rng, one, ids: rng.choice(("https://example.com", "http://test.org", "https://sub.test.org/a")),
    "editor": lambda rng, one, ids: rng.choice(("a", "<p>abc</p>")),
    "date": lambda rng, one, ids: rng.choice(("2022-01-01 00:00:00.000Z", "2022-06-15 12:30:45.123Z")),
    "autodate": lambda rng, one, ids: "2022-01-01 00:00:00.000Z",
    "select": lambda rng, one, ids: _listed(rng, one["values"], one.get("maxSelect", 0)),
    "json": lambda rng, one, ids: rng.choice((1, "a", [1], {"a": 1}, True)),
    "file": lambda rng, one, ids: "",
    "password": lambda rng, one, ids: rng.choice(("password-1", "abcd", "12345678")),
    "geoPoint": lambda rng, one, ids: {"lon": 1, "lat": 2},
    "relation": lambda rng, one, ids: _listed(rng, ids, one.get("maxSelect", 0)),
}
