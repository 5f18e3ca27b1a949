"""Logging in: who a password belongs to, whether that is enough, and the answer with the token.

Plain functions under HTTP. Each login is an event on the tenant's bus whose last handler is the default action.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from worker.auth import tokens
from worker.auth.origins import Visit, note_origin
from worker.auth.secondfactor import pass_second_factor
from worker.errors import REQUIRED, ApiError, FieldError, ValidationErrors, bad_request, forbidden, not_found
from worker.events import Event
from worker.fields.casts import to_text
from worker.fields.hashes import password_fits
from worker.records import rules, store
from worker.records.actions import enriched
from worker.records.record import Record
from worker.records.request import RequestInfo

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.collection import Collection
    from worker.schema.options import AuthOptions

TEXT_BYTES_MAX = 255

PASSWORD_OFF = "The collection is not configured to allow password authentication."  # noqa: S105
REFUSED = "Failed to authenticate."
RULE_FAILED = "The request doesn't satisfy the collection requirements to authenticate."

OUT_OF_RANGE = FieldError(
    "validation_length_out_of_range",
    f"the length must be between 1 and {TEXT_BYTES_MAX}",
    {"max": TEXT_BYTES_MAX, "min": 1},
)
NOT_LISTED = FieldError("validation_in_invalid", "must be a valid value")


class PasswordForm(msgspec.Struct, rename="camel"):
    """What a login by password takes."""

    identity: str = ""
    password: str = ""
    identity_field: str = ""
    mfa_id: Any = ""  # of whatever type: the real one takes it from the body by itself


class ImpersonateForm(msgspec.Struct):
    """How long an impersonation lasts, in seconds; 0: as long as the collection's tokens do."""

    duration: int = 0


class Requester(NamedTuple):
    """The request behind a login: what rules may see of it, where it comes from, what its answer expands."""

    info: RequestInfo
    visit: Visit
    expand: str = ""
    # whether the tenant lets superusers in from there
    superusers: bool = True


class LoginEvent(Event):
    """A record is about to be logged in; `record` is None where nobody fits, `token` set for `onRecordAuthRequest`."""

    __slots__ = ("answer", "info", "method", "record", "token")

    def __init__(self, ctx: "Context", collection: "Collection", record: Record | None, info: RequestInfo) -> None:
        super().__init__(ctx, collection)
        self.record = record
        self.info = info
        self.method = ""
        self.token = ""
        self.answer: dict[str, Any] = {}


async def with_password(
    ctx: "Context", collection: "Collection", form: PasswordForm, requester: Requester
) -> dict[str, Any]:
    """Log in by identity and password. ApiError 400 for wrong ones, 401 with `mfaId`, 403; ValidationErrors."""
    options = _options(collection)
    if not options.password_auth.enabled:
        raise forbidden(PASSWORD_OFF)
    errors = _check(form, options.password_auth.identity_fields)
    if errors:
        raise ValidationErrors(errors)
    record = _find_identity(ctx, collection, form)
    requester = requester._replace(info=replace(requester.info, context="password"))

    async def default(event: LoginEvent) -> None:
        found = event.record
        stored = str(found.get("password") or "") if found is not None else ""
        fits = await ctx.lanes.blocking(ctx.account, password_fits, form.password, stored)
        if not fits or found is None:
            raise bad_request(REFUSED, cause="invalid login credentials")
        event.answer = await answer(ctx, found, "password", requester, mfa_id=to_text(form.mfa_id))

    event = LoginEvent(ctx, collection, record, requester.info)
    await ctx.bus.trigger("onRecordAuthWithPasswordRequest", event, default)
    return event.answer


async def refresh(ctx: "Context", record: Record, token: str, requester: Requester) -> dict[str, Any]:
    """A new token for the record that asks, or the same one where it is not refreshable. ApiError 403."""
    # one of its own: who asks is remembered from request to request, and an answer expands its record
    record = Record.stored(record.collection, record.data)

    async def default(event: LoginEvent) -> None:
        found = event.record or record
        refreshable = tokens.unverified_claims(token).get("refreshable") is True
        event.answer = await answer(ctx, found, "", requester, token="" if refreshable else token)

    event = LoginEvent(ctx, record.collection, record, requester.info)
    await ctx.bus.trigger("onRecordAuthRefreshRequest", event, default)
    return event.answer


async def impersonate(
    ctx: "Context", collection: "Collection", record_id: str, form: ImpersonateForm, requester: Requester
) -> dict[str, Any]:
    """A token of another record, for superusers, that can't be refreshed. ApiError 404; ValidationErrors."""
    record = store.find(ctx.data, collection, record_id)
    if record is None:
        raise not_found()
    if form.duration < 0:
        raise ValidationErrors(
            {
                "duration": FieldError(
                    "validation_min_greater_equal_than_required", "must be no less than 0", {"threshold": 0}
                )
            }
        )
    token = tokens.issue(record, duration=form.duration, refreshable=False)
    return await answer(ctx, record, "", requester, token=token)


async def answer(
    ctx: "Context", record: Record, method: str, requester: Requester, *, token: str = "", mfa_id: str = ""
) -> dict[str, Any]:
    """The answer to a login by `method` (empty: no login by itself): the record, its own e-mail shown, and a token.

    ApiError 403 where the auth rule does not hold or superusers may not come from, 401 with `mfaId` where a second
    method is needed.
    """
    info = requester.info
    if record.is_superuser and not requester.superusers:
        raise forbidden()
    _require_auth_rule(ctx, record, info)
    if method:
        await pass_second_factor(ctx, record, method, mfa_id or info.query.get("mfaId", ""), info)
    event = LoginEvent(ctx, record.collection, record, info)
    event.method = method
    event.token = token or tokens.issue(record)

    async def default(event: LoginEvent) -> None:
        record.email_shown = True
        # whoever sent the request, the answer is for who was logged in: no hidden fields for an impersonating superuser
        [shown] = await enriched(ctx, [record], replace(info, auth=record), requester.expand)
        event.answer = {"record": shown, "token": event.token}
        if method:
            await note_origin(ctx, record, requester.visit)

    await ctx.bus.trigger("onRecordAuthRequest", event, default)
    return event.answer


def _options(collection: "Collection") -> "AuthOptions":
    options = collection.auth
    if options is None:
        raise ApiError(404, "Missing or invalid auth collection context.")
    return options


def _check(form: PasswordForm, identity_fields: tuple[str, ...]) -> dict[str, FieldError]:
    errors: dict[str, FieldError] = {}
    for name, text, required in (
        ("identity", form.identity, True),
        ("identityField", form.identity_field, False),
        ("password", form.password, True),
    ):
        if required and not text:
            errors[name] = REQUIRED
        elif len(text.encode()) > TEXT_BYTES_MAX:  # bytes, as the real one counts
            errors[name] = OUT_OF_RANGE
    if form.identity_field and "identityField" not in errors and form.identity_field not in identity_fields:
        errors["identityField"] = NOT_LISTED
    return errors


def _find_identity(ctx: "Context", collection: "Collection", form: PasswordForm) -> Record | None:
    """The record by e-mail first, then by the other identity fields in their order; or by the one field asked for."""
    fields = _options(collection).password_auth.identity_fields
    if form.identity_field:
        fields = (form.identity_field,)
    for field in sorted(fields, key=lambda name: name != "email"):
        nocase = collection.nocase_unique(field)
        record = store.find_by(ctx.data, collection, field, form.identity, nocase=nocase)
        if record is not None:
            return record
    return None


def _require_auth_rule(ctx: "Context", record: Record, info: RequestInfo) -> None:
    rule = _options(record.collection).auth_rule
    if rule == "" or info.is_superuser:
        return
    if rule is not None:
        where = rules.rule_where(ctx.catalog, record.collection, rule, info)
        if store.find(ctx.data, record.collection, record.id, where) is not None:
            return
    raise forbidden(RULE_FAILED)
