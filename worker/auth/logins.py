"""Logging in: who a password belongs to, whether that is enough, and the answer with the token.

Plain functions under HTTP. Each login is an event on the tenant's bus whose last handler is the default action.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from worker.auth import tokens
from worker.auth.origins import Visit, note_origin
from worker.auth.secondfactor import pass_second_factor
from worker.errors import REQUIRED, ApiError, FieldError, ValidationErrors, bad_request, forbidden, not_found
from worker.events import Event, answered
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

WITH_PASSWORD = ("onRecordAuthWithPasswordRequest",)
REFRESH = ("onRecordAuthRefreshRequest",)
AUTH = ("onRecordAuthRequest",)
# The JSON of a login's answer.
Answer = dict[str, Any]

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
    """A record is about to be logged in; `record` is None where nobody fits.

    `form` is what a login by password takes; `token`, `method` and `meta` are for `onRecordAuthRequest`.
    """

    __slots__ = ("answer", "form", "info", "meta", "method", "record", "token")

    def __init__(self, ctx: "Context", collection: "Collection", record: Record | None, info: RequestInfo) -> None:
        super().__init__(ctx, collection)
        self.record = record
        self.info = info
        self.form: PasswordForm | None = None
        self.method = ""
        self.token = ""
        self.meta: Any = None
        self.answer: dict[str, Any] | None = None


async def with_password(
    ctx: "Context", collection: "Collection", form: PasswordForm, requester: Requester
) -> Answer | None:
    """Log in by identity and password. ApiError 400 for wrong ones, 401 with `mfaId`, 403; ValidationErrors.

    None, here and below, where a handler has kept it from being answered.
    """
    options = _options(collection)
    if not options.password_auth.enabled:
        raise forbidden(PASSWORD_OFF)
    errors = _check(form, options.password_auth.identity_fields)
    if errors:
        raise ValidationErrors(errors)
    record = _find_identity(ctx, collection, form)
    requester = requester._replace(info=requester.info.within("password"))

    async def default(event: LoginEvent) -> None:
        found = event.record
        stored = str(found.get("password") or "") if found is not None else ""
        fits = await ctx.lanes.blocking(ctx.account, password_fits, form.password, stored)
        if not fits or found is None:
            raise bad_request(REFUSED, cause="invalid login credentials")
        event.answer = await answer(ctx, found, "password", requester, mfa_id=to_text(form.mfa_id))
        event.answered = True

    event = LoginEvent(ctx, collection, record, requester.info)
    event.form = form
    await answered(ctx.bus, WITH_PASSWORD, event, default)
    return event.answer


async def refresh(
    ctx: "Context", record: Record, token: str, requester: Requester, *, refreshable: bool
) -> Answer | None:
    """A new token for the record that asks, or the same one where it is not refreshable. ApiError 403."""
    # one of its own: who asks is remembered from request to request, and an answer expands its record
    record = Record.stored(record.collection, record.data)

    async def default(event: LoginEvent) -> None:
        found = event.record or record
        event.answer = await answer(ctx, found, "", requester, token="" if refreshable else token)
        event.answered = True

    event = LoginEvent(ctx, record.collection, record, requester.info)
    await answered(ctx.bus, REFRESH, event, default)
    return event.answer


async def impersonate(
    ctx: "Context", collection: "Collection", record_id: str, form: ImpersonateForm, requester: Requester
) -> Answer | None:
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
    ctx: "Context",
    record: Record,
    method: str,
    requester: Requester,
    *,
    token: str = "",
    mfa_id: str = "",
    meta: Any = None,
) -> Answer | None:
    """The answer to a login by `method` (empty: no login by itself): the record, its own e-mail shown, and a token.

    ApiError 403 where the auth rule does not hold or superusers may not come from, 401 with `mfaId` where a second
    method is needed.
    """
    info = requester.info
    if record.is_superuser and not requester.superusers:
        raise forbidden()
    _require_auth_rule(ctx, record, info)
    event = LoginEvent(ctx, record.collection, record, info)
    event.method = method
    event.token = token or tokens.issue(record)
    event.meta = meta

    async def default(event: LoginEvent) -> None:
        found = event.record or record
        if method:
            await pass_second_factor(ctx, found, method, mfa_id or info.query.get("mfaId", ""), info)
        found.email_shown = True
        # whoever sent the request, the answer is for who was logged in: no hidden fields for an impersonating superuser
        [shown] = await enriched(ctx, [found], info.of(found), requester.expand)
        meta = {} if event.meta is None else {"meta": event.meta}
        if method:
            await note_origin(ctx, found, requester.visit)
        event.answer = {**meta, "record": shown, "token": event.token}
        event.answered = True

    await answered(ctx.bus, AUTH, event, default)
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
