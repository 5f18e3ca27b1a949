"""Random requests that change collections, with records written and read in between.

`Changer.step` looks at what is stored (`collections`, dumps in the real one's words) and says what to ask next.
"""

import copy
import json
from random import Random
from typing import Any
from urllib.parse import quote

from tests.differential.changes_values import (
    AUTH_NAMES,
    BAD_COLLECTION_NAMES,
    BAD_NAMES,
    FIELD_OPTIONS,
    ODD_VALUES,
    RULES,
    Body,
    auth_options,
    fields,
    index,
    query,
    rule,
)
from tests.differential.writes_steps import Step
from tests.differential.writes_values import EMAILS, TYPES, definition, value
from tests.differential.writes_worlds import PASSWORD

COLLECTIONS = "/api/collections"
# How many collections there are at most before only those change that are there.
COLLECTIONS_MAX = 9


class Changer:
    """What to ask next, from one source of chance."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.collections: list[Body] = []
        # records that were asked for, by the id of their collection
        self.records: dict[str, list[str]] = {}
        self._number = 0

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share

    def _some(self, kinds: tuple[str, ...] = ("base", "auth", "view")) -> Body | None:
        found = [one for one in self.collections if one["type"] in kinds]
        return self.rng.choice(found) if found else None

    def _tables(self) -> list[Body]:
        return [one for one in self.collections if one["type"] != "view"]

    def step(self) -> Step:
        """The next request; its body is JSON."""
        actions = [(self._create, 3 if len(self.collections) < COLLECTIONS_MAX else 0)]
        if self._some():
            actions += [
                (self._patch, 10),
                (self._remove, 1),
                (self._truncate, 0.5),
                (self._import, 2.5),
                (self._dry_run, 1),
            ]
            actions += [(self._list, 1)]
        if self._some(("base", "auth")):
            actions += [(self._record, 8), (self._record_patch, 2)]
        if len(self.collections) < 3:
            actions = [(self._create, 1)]
        return self.rng.choices([one for one, _ in actions], [share for _, share in actions])[0]()

    # collections

    def _new(self) -> Body:
        """The body of a new collection."""
        rng, number = self.rng, self._next()
        kind = rng.choice(("base", "base", "base", "auth", "view", "view") if self._tables() else ("base", "auth"))
        body: Body = {
            "name": rng.choice(BAD_COLLECTION_NAMES) if self._chance(0.08) else f"{kind[0]}{number}",
            "type": kind,
        }
        if self._chance(0.05):
            body["name"] = self.rng.choice([one["name"] for one in self.collections] or ["x"]).upper()
        if self._chance(0.3):
            body["id"] = self._odd_id() if self._chance(0.2) else f"cid{number}"
        if kind == "auth" and body["name"] == "a b":  # the real one makes its indexes twice, as it can't read them
            body["name"] = "a-b"
        if kind == "view":
            body["viewQuery"] = query(rng, self.collections)
        else:
            body["fields"] = fields(rng, [one["id"] for one in self._tables()], rng.randint(0, 5))
        if kind == "auth":
            body["fields"].append(dict(PASSWORD))
            body["authAlert"] = {"enabled": False}
            if self._chance(0.3):
                body |= auth_options(rng, self.collections, body, rng.randint(1, 3))
        if self._chance(0.2) and body.get("fields"):
            self._spoil_fields(body)
        if kind != "view" and self._chance(0.3):
            body["indexes"] = [index(rng, self._tables(), body, self._next()) for _ in range(rng.randint(1, 2))]
        for name in RULES:
            if self._chance(0.15):
                body[name] = rule(rng, self.collections, body)
        if self._chance(0.04):
            self._odd_member(body)
        return body

    def _odd_id(self) -> Any:
        known = [one["id"] for one in self.collections] or ["x"]
        return self.rng.choice(
            (*known, *(one.upper() for one in known), "a b", "x" * 101, "", "é", "_pb_users_auth_", 5, "v1")
        )

    def _odd_member(self, body: Body) -> None:
        keys = (
            *body,
            "system",
            "indexes",
            "fields",
            "viewQuery",
            "listRule",
            "created",
            "nope",
            "id",
            "type",
            "options",
        )
        body[self.rng.choice(keys)] = self.rng.choice((*ODD_VALUES, "base", "auth", "view", [None], [1], [{}]))

    def _create(self) -> Step:
        return Step("root", "POST", COLLECTIONS, self._new())

    def _patch(self) -> Step:
        found = self._some()
        assert found is not None
        body = self._changed(found)
        address = found["id"] if self._chance(0.5) else found["name"]
        return Step("root", "PATCH", _path(address), body)

    def _changed(self, found: Body) -> Body:
        """The members of a collection that shall be others."""
        rng, draft = self.rng, copy.deepcopy(found)
        kinds: list[Any] = [self._rename, self._rules, self._rules]
        if found["type"] == "view":
            kinds += [self._query, self._query, self._query]
        else:
            kinds += [self._change_fields] * 8 + [self._indexes] * 4
        if found["type"] == "auth":
            kinds += [self._auth] * 5
        body: Body = {}
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            body |= rng.choice(kinds)(draft | body)
        if self._chance(0.05):
            self._odd_member(body)
        return body

    def _rename(self, draft: Body) -> Body:
        name = draft["name"]
        choices = [f"{draft['type'][0]}{self._next()}"] * 6 + [name.swapcase(), rng_name(self.rng, self.collections)]
        return {
            "name": self.rng.choice([*choices, self.rng.choice(BAD_COLLECTION_NAMES)]) if isinstance(name, str) else "n"
        }

    def _rules(self, draft: Body) -> Body:
        return {
            name: rule(self.rng, self.collections, draft) for name in self.rng.sample(RULES, self.rng.randint(1, 2))
        }

    def _query(self, draft: Body) -> Body:
        return {
            "viewQuery": query(
                self.rng, [one for one in self.collections if one["id"] != draft["id"] or self._chance(0.1)]
            )
        }

    def _auth(self, draft: Body) -> Body:
        return auth_options(self.rng, self.collections, draft, self.rng.randint(1, 3))

    def _indexes(self, draft: Body) -> Body:
        rng, found = self.rng, list(draft["indexes"])
        match rng.randrange(8):
            case 0 if found:
                found.pop(rng.randrange(len(found)))
            case 1 if found:
                place = rng.randrange(len(found))
                found[place] = found[place].replace("INDEX `", "INDEX `n", 1)
            case 2 if found:
                found.append(rng.choice(found))
            case 3:
                rng.shuffle(found)
            case 4 if self._chance(0.3):
                found = []
            case _:
                found.insert(rng.randint(0, len(found)), index(rng, self._tables(), draft, self._next()))
        return {"indexes": found}

    def _change_fields(self, draft: Body) -> Body:
        changed = {
            "fields": [
                one for one in draft["fields"] or [] if isinstance(one, dict) and one.get("type") and one.get("name")
            ]
        }
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            self._change_field(changed["fields"])
        if self._chance(0.12):
            self._spoil_fields(changed)
        return changed

    def _change_field(self, found: list[Body]) -> None:
        """One good change, or what may be one, of the stored fields."""
        rng = self.rng
        own = [one for one in found if not one.get("system")]
        field = rng.choice(own if own and self._chance(0.9) else found) if found else None
        action = rng.randrange(10)
        if action < 2 or field is None:
            found.insert(rng.randint(0, len(found)), self._field())
        elif action == 2:
            field["name"] = f"{field['type'][:3].lower()}{self._next()}"
        elif action == 3:
            found.remove(field)
        elif action == 4:
            rng.shuffle(found)
        elif action == 5 and len(own) > 1:  # a swap
            one, other = rng.sample(own, 2)
            one["name"], other["name"] = other["name"], one["name"]
        elif action == 6 and "maxSelect" in field:
            field["maxSelect"] = rng.choice((1, 2, 3) if field["maxSelect"] < 2 else (0, 1, 1, 2, 5))
            field["minSelect" if "minSelect" in field else "help"] = 0 if "minSelect" in field else ""
        elif action == 7:  # another field in the place of this one
            name = field["name"]
            found[found.index(field)] = definition(rng, rng.choice(TYPES), name) | (
                {"id": ""} if self._chance(0.2) else {}
            )
        else:
            options = [key for key in field if key in FIELD_OPTIONS]
            key = rng.choice(options or ["required"])
            field[key] = rng.choice(FIELD_OPTIONS[key])

    def _field(self) -> Body:
        made = fields(self.rng, [one["id"] for one in self._tables()], 1, prefix=f"n{self._next()}")[0]
        return made | ({"id": f"fid{self._number}"} if self._chance(0.3) else {})

    def _spoil_fields(self, body: Body) -> None:
        """One change that is mostly not allowed."""
        rng, found = self.rng, body["fields"]
        if not found:
            found.append({"name": "x", "type": "nope"})
            return
        field = rng.choice(found)
        match rng.randrange(12):
            case 0:
                field["name"] = rng.choice(BAD_NAMES)
            case 1:
                field["type"] = rng.choice([*TYPES, "relation", "nope", ""])
            case 2:
                field["name"] = rng.choice(found)["name"]
            case 3 if "id" in field:
                field["id"] = rng.choice(
                    (rng.choice(found).get("id", ""), "x" * 101, "", f"fid{self._next()}", "text3208210256", None, 5)
                )
            case 4:
                found[:] = [one for one in found if one["name"] not in AUTH_NAMES]
            case 5:
                found.remove(rng.choice(found))
            case 6:
                field.pop("id", None)
            case 7:
                field["name"] = field["name"].swapcase()
            case 8:
                field.pop("name", None)
            case 9:
                key = rng.choice([*field, "nope", "min", "max", "maxSelect"])
                field[key] = rng.choice(ODD_VALUES)
            case 10:
                found.append(rng.choice((None, 1, {}, [], copy.deepcopy(field))))
            case _:
                body["fields"] = rng.choice(([], None, {}, "x"))

    def _remove(self) -> Step:
        found = self._some()
        return Step("root", "DELETE", _path(found["id"] if found else "nope"))

    def _truncate(self) -> Step:
        found = self._some()
        return Step("root", "DELETE", _path(found["id"] if found else "nope", "/truncate"))

    def _dry_run(self) -> Step:
        return Step("root", "POST", f"{COLLECTIONS}/meta/dry-run-view", {"query": query(self.rng, self.collections)})

    def _import(self) -> Step:
        rng = self.rng
        items = copy.deepcopy(self.collections)
        if self._chance(0.5):
            items = rng.sample(items, rng.randint(1, len(items)))
        for item in items:
            if self._chance(0.35):
                item.update(self._changed(item))
            # the two servers made it at slightly different times, and items are stored in the order of these
            item.pop("created")
            item.pop("updated")
            if self._chance(0.1):
                item.pop(rng.choice(list(item)))
            if self._chance(0.03):
                item["id"] = self._odd_id()
            if self._chance(0.03):
                item["type"] = rng.choice(("base", "auth", "view"))
        if self._chance(0.2):
            items = [item | {"created": f"2020-01-{place:02} 00:00:00.000Z"} for place, item in enumerate(items, 1)]
        if self._chance(0.4):
            items.append(self._new())
        rng.shuffle(items)
        # of two that are one and the same collection, the last one counts for some things and the first for others
        items = list({str(item.get("id") or item.get("name")): item for item in items}.values())
        items = list({str(item.get("name")).lower(): item for item in items}.values())
        body = {"collections": items, "deleteMissing": self._chance(0.4)}
        return Step("root", "PUT", f"{COLLECTIONS}/import", body)

    # records

    def _record(self) -> Step:
        found = self._some(("base", "auth"))
        assert found is not None
        number = self._next()
        body = self._values(found) | {"id": f"r{number:010d}0000"}
        if found["type"] == "auth":
            body |= {"password": "password-1", "passwordConfirm": "password-1", "email": f"u{number}@example.com"}
        self.records.setdefault(found["id"], []).append(body["id"])
        return Step("root", "POST", _path(found["id"], "/records"), body)

    def _record_patch(self) -> Step:
        found = self._some(("base", "auth"))
        assert found is not None
        record = self.rng.choice(self.records.get(found["id"]) or ["missing"])
        body = {key: each for key, each in self._values(found).items() if self._chance(0.5)}
        return Step("root", "PATCH", _path(found["id"], f"/records/{record}"), body)

    def _values(self, found: Body) -> Body:
        own = [one for one in found["fields"] if one["name"] not in ("password", "tokenKey", "id", "email")]
        made: Body = {}
        for field in own:
            if self._chance(0.85):
                made[field["name"]] = value(self.rng, field, self.records.get(field.get("collectionId", ""), []))
        if self._chance(0.5) and any(one["type"] == "email" for one in own):
            made |= {one["name"]: self.rng.choice(EMAILS) for one in own if one["type"] == "email"}
        return made

    def _list(self) -> Step:
        found = self._some()
        return listed(found["id"] if found else "nope")


def _path(collection: str, rest: str = "") -> str:
    return f"{COLLECTIONS}/{quote(collection, safe='')}{rest}"


def listed(collection: str) -> Step:
    """All records of a collection in an order that does not depend on the table.

    Without their number: of a view that has just been changed, the real one seldom has a wrong one.
    """
    return Step("root", "GET", _path(collection, "/records?perPage=200&sort=id&skipTotal=1"))


def rng_name(rng: Random, collections: list[Body]) -> str:
    """The name, or the id, of one of the collections."""
    one = rng.choice(collections)
    name = rng.choice((one["name"], one["id"]))
    assert isinstance(name, str)
    return name


def as_json(body: Any) -> str:
    """A body for the reader of a report."""
    return json.dumps(body, ensure_ascii=False)
