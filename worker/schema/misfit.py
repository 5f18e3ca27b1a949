"""The words for a submitted collection that can't be read: which value has which wrong type, as Go's decoder says it.

`worker.schema.binding` refuses such a body; `misfit_of` is asked afterwards what to say. The shapes are a table: the
Go type that the message names, and what is inside of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Numbers from here on are written with an exponent.
WHOLE_BELOW = 1e21
KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


class Shape(NamedTuple):
    """A Go type, the JSON it takes, and the shapes of its members (by name) or of its items (`each`)."""

    name: str
    kind: str = "object"
    members: "Mapping[str, Shape] | None" = None
    each: "Shape | None" = None


TEXT, FLAG, NUMBER = Shape("string", "string"), Shape("bool", "boolean"), Shape("float64", "number")
INT, INT64 = Shape("int", "number"), Shape("int64", "number")
TEXTS = Shape("[]string", "array", each=TEXT)


def texts(*names: str) -> dict[str, Shape]:
    """Members that are texts."""
    return dict.fromkeys(names, TEXT)


TEMPLATE = Shape("core.EmailTemplate", members=texts("subject", "body"))
TOKEN = Shape("core.TokenConfig", members={"secret": TEXT, "duration": INT64})
PROVIDER = Shape(
    "core.OAuth2ProviderConfig",
    members={
        **texts("name", "clientId", "clientSecret", "authURL", "tokenURL", "userInfoURL", "displayName"),
        "pkce": FLAG,
        "extra": Shape("map[string]interface {}"),
    },
)
OAUTH2 = Shape(
    "core.alias",
    members={
        "providers": Shape("[]core.OAuth2ProviderConfig", "array", each=PROVIDER),
        "mappedFields": Shape("core.OAuth2KnownFields", members=texts("id", "name", "username", "avatarURL")),
        "enabled": FLAG,
    },
)
FIELDS = Shape("[]core.fieldWithType", "array", each=Shape("core.fieldWithType"))
ONLY_TYPE = Shape("core.onlyFieldType", members={"type": TEXT})
COLLECTION = Shape(
    "core.Collection",
    members={
        **texts("id", "name", "type", "listRule", "viewRule", "createRule", "updateRule", "deleteRule"),
        **texts("created", "updated", "viewQuery", "authRule", "manageRule"),
        "system": FLAG,
        "fields": FIELDS,
        "indexes": Shape("types.JSONArray[string]", "array", each=TEXT),
        "authAlert": Shape("core.AuthAlertConfig", members={"enabled": FLAG, "emailTemplate": TEMPLATE}),
        "oauth2": OAUTH2,
        "passwordAuth": Shape("core.PasswordAuthConfig", members={"enabled": FLAG, "identityFields": TEXTS}),
        "mfa": Shape("core.MFAConfig", members={"enabled": FLAG, "duration": INT64, "rule": TEXT}),
        "otp": Shape(
            "core.OTPConfig",
            members={"enabled": FLAG, "duration": INT64, "length": INT, "emailTemplate": TEMPLATE},
        ),
        **dict.fromkeys(
            ("authToken", "passwordResetToken", "emailChangeToken", "verificationToken", "fileToken"), TOKEN
        ),
        **dict.fromkeys(("verificationTemplate", "resetPasswordTemplate", "confirmEmailChangeTemplate"), TEMPLATE),
    },
)

COMMON = {**texts("id", "name", "type", "help"), **dict.fromkeys(("system", "hidden", "presentable"), FLAG)}
REQUIRED = {"required": FLAG}
DOMAINS = {"onlyDomains": TEXTS, "exceptDomains": TEXTS}
FIELD_MEMBERS: dict[str, dict[str, Shape]] = {
    "autodate": {"onCreate": FLAG, "onUpdate": FLAG},
    "bool": REQUIRED,
    "date": REQUIRED | texts("min", "max"),
    "editor": REQUIRED | {"maxSize": INT64, "convertURLs": FLAG},
    "email": REQUIRED | DOMAINS,
    "file": REQUIRED | {"maxSize": INT64, "maxSelect": INT, "mimeTypes": TEXTS, "thumbs": TEXTS, "protected": FLAG},
    "geoPoint": REQUIRED,
    "json": REQUIRED | {"maxSize": INT64},
    "number": REQUIRED | {"min": NUMBER, "max": NUMBER, "onlyInt": FLAG},
    "password": REQUIRED | {"pattern": TEXT, "min": INT, "max": INT, "cost": INT},
    "relation": REQUIRED | {"collectionId": TEXT, "cascadeDelete": FLAG, "minSelect": INT, "maxSelect": INT},
    "select": REQUIRED | {"values": TEXTS, "maxSelect": INT},
    "text": REQUIRED | {"min": INT, "max": INT, "pattern": TEXT, "autogeneratePattern": TEXT, "primaryKey": FLAG},
    "url": REQUIRED | DOMAINS,
}


def misfit_of(item: Mapping[str, Any]) -> str | None:
    """The first value of a submitted collection that has the wrong type, in a sentence; None if all of them fit."""
    return next(_misfits(item, COLLECTION, ""), None)


def _misfits(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if shape.name == "core.fieldWithType":
        yield from _field_misfits(value, path)
        return
    if value is None:
        return
    kind = KINDS[type(value)]
    if kind != shape.kind:
        yield _unfit(kind, shape, path)
    elif kind == "number":
        yield from _number_misfits(value, shape, path)
    elif kind == "array" and shape.each is not None:
        for place, each in enumerate(value):
            yield from _misfits(each, shape.each, f"{path}/{place}")
    elif kind == "object" and shape.members is not None:
        for key, each in value.items():
            if key in shape.members:
                yield from _misfits(each, shape.members[key], f"{path}/{key}")


def _unfit(kind: str, shape: Shape, path: str) -> str:
    within = f' within "{path}"' if path else ""
    return f"json: cannot unmarshal JSON {kind} into Go {shape.name}{within}"


def _number_misfits(value: float, shape: Shape, path: str) -> Iterator[str]:
    if shape is NUMBER:
        return
    # what was submitted has been a double on its way
    number = float(value)
    whole = number.is_integer() and abs(number) < WHOLE_BELOW
    text = str(int(number)) if whole else repr(number).replace("e-0", "e-")
    if not whole:
        yield f"{_unfit(f'number {text}', shape, path)}: invalid syntax"
    elif not -(1 << 63) <= number < 1 << 63:
        yield f"{_unfit(f'number {text}', shape, path)}: value out of range"


def _field_misfits(value: Any, path: str) -> Iterator[str]:
    kind = "null" if value is None else KINDS[type(value)]
    outer = _unfit(kind, Shape("core.fieldWithType"), path)
    if value is not None:
        inner = next(_misfits(value, ONLY_TYPE, ""), None)
        if inner is not None:
            yield f"{outer}: failed to unmarshal field type: {inner}"
            return
    members = FIELD_MEMBERS.get((value or {}).get("type") or "")
    if members is None:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        yield f"{outer}: missing or unknown field type in {text}"
        return
    inner = next(_misfits(value, Shape("core.Field", members=COMMON | members), ""), None)
    if inner is not None:
        yield f"{outer}: failed to unmarshal field: {inner}"
