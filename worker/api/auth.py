"""The routes of logins: `/api/collections/:c/auth-…`."""

from functools import lru_cache
from typing import Any

import orjson

from worker.auth import logins, providers
from worker.auth.logins import ImpersonateForm, PasswordForm, Requester
from worker.auth.origins import Visit
from worker.http.body import FORM_FAILED, read_body, read_form
from worker.http.exchange import Request, Response
from worker.http.guards import (
    NO_AUTH_COLLECTION,
    require_auth_collection,
    require_known_collection,
    require_same_collection,
    require_superuser,
)
from worker.http.identity import find_identity, token_of
from worker.http.reply import json_reply
from worker.services.networks import listed

LEGACY_IDENTITIES = {"usernamePassword": "username", "emailPassword": "email"}


class AuthMethods:
    """How the records of a collection may log in."""

    async def on_get(self, req: Request, resp: Response, collection: str) -> None:
        found = require_auth_collection(req.context.tenant, collection)
        options = found.auth
        assert options is not None
        password, mfa, otp, oauth2 = options.password_auth, options.mfa, options.otp, options.oauth2
        told = password.identity_fields, password.enabled, mfa.enabled, mfa.duration, otp.enabled, otp.duration
        configured = oauth2.providers if oauth2.enabled else ()
        if configured or req.scope["query_string"]:
            starts = [start for start in map(providers.login_of, configured) if start is not None]
            json_reply(resp, _methods(told, oauth2.enabled, starts), req)
        else:
            resp.data = _usual(told, oauth2.enabled)


class AuthWithPassword:
    """Log in by identity and password."""

    async def on_post(self, req: Request, resp: Response, collection: str) -> None:
        ctx = req.context.tenant
        found = require_auth_collection(ctx, collection)
        form = await read_form(req, PasswordForm)
        body = {"identity": form.identity, "password": form.password, "identityField": form.identity_field}
        json_reply(resp, await logins.with_password(ctx, found, form, _requester(req, body)), req)


class AuthRefresh:
    """A new token for the one that asks."""

    async def on_post(self, req: Request, resp: Response, collection: str) -> None:
        ctx = req.context.tenant
        record = require_same_collection(req, require_known_collection(ctx, collection))
        requester = _requester(req, await read_body(req))
        header = req.context.headers[b"authorization"]
        identity = find_identity(ctx, header)
        refreshable = identity is not None and identity.claims.get("refreshable") is True
        token = token_of(header)
        json_reply(resp, await logins.refresh(ctx, record, token, requester, refreshable=refreshable), req)


class Impersonate:
    """A token of somebody else, for superusers."""

    async def on_post(self, req: Request, resp: Response, collection: str, record: str) -> None:
        ctx = req.context.tenant
        require_superuser(req)
        found = require_auth_collection(ctx, collection, NO_AUTH_COLLECTION)
        form = await read_form(req, ImpersonateForm, unsupported=FORM_FAILED)
        requester = _requester(req, {"duration": form.duration})
        json_reply(resp, await logins.impersonate(ctx, found, record, form, requester), req)


Told = tuple[tuple[str, ...], bool, bool, int, bool, int]


def _methods(told: Told, oauth2: bool, starts: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer: what the options say of passwords, second factors and codes, and how logins elsewhere start."""
    fields, password, mfa, mfa_s, otp, otp_s = told
    identities = list(fields) if password else []
    return {
        "password": {"identityFields": identities, "enabled": password},
        "oauth2": {"providers": starts, "enabled": oauth2},
        "mfa": {"enabled": mfa, "duration": mfa_s if mfa else 0},
        "otp": {"enabled": otp, "duration": otp_s if otp else 0},
        # the list of old clients has never had logos
        "authProviders": [start | {"logo": ""} for start in starts],
        **{name: identity in identities for name, identity in LEGACY_IDENTITIES.items()},
    }


@lru_cache(maxsize=64)
def _usual(told: Told, oauth2: bool) -> bytes:
    """The answer where no login starts elsewhere, which is the same every time: one says everything about it."""
    return orjson.dumps(_methods(told, oauth2, []))


def _requester(req: Request, body: dict[str, Any]) -> Requester:
    context = req.context
    allowed = context.tenant.settings.superuser_ips
    return Requester(
        context.info(body),
        Visit(context.real_ip, context.header(b"user-agent")),
        context.query.get("expand", ""),
        superusers=not allowed or listed(context.real_ip, allowed),
    )


def bind(app: Any) -> None:
    """Add the routes of this group."""
    prefix = "/api/collections/{collection}/"
    app.add_route(prefix + "auth-methods", AuthMethods())
    app.add_route(prefix + "auth-with-password", AuthWithPassword())
    app.add_route(prefix + "auth-refresh", AuthRefresh())
    app.add_route(prefix + "impersonate/{record}", Impersonate())
