"""What is special about records that log in: who may change their credentials, and what such a change ends.

The checks of submitted credentials come before the validation of the record itself, and only their errors are answered
when there are some.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.db.connection import Database
from worker.errors import REQUIRED, FieldError, bad_request
from worker.fields.hashes import password_fits
from worker.fields.password import PasswordValue
from worker.records.record import SUPERUSERS, Record
from worker.schema.collection import AUTH
from worker.sql import quote, rand_secret

if TYPE_CHECKING:
    from worker.context import Context
    from worker.schema.catalog import Catalog

MISMATCH = FieldError("validation_values_mismatch", "Values don't match.")
WRONG_OLD_PASSWORD = FieldError("validation_invalid_old_password", "Missing or invalid old password.")
TAKEN_ID = FieldError("validation_invalid_auth_id", "Invalid or duplicated auth record id.")
LAST_SUPERUSER = "You can't delete the only existing superuser."

# System collections whose rows belong to an auth record, by `collectionRef` and `recordRef`.
OTPS, MFAS, ORIGINS, EXTERNAL = "_otps", "_mfas", "_authOrigins", "_externalAuths"
BELONGINGS = (ORIGINS, EXTERNAL, MFAS, OTPS)


class Credentials:
    """The part of a submitted body that is not stored as it is: passwords in plain text."""

    __slots__ = ("confirm", "old", "password")

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.password = text_of(body.get("password"))
        self.confirm = text_of(body.get("passwordConfirm"))
        self.old = text_of(body.get("oldPassword"))

    def __bool__(self) -> bool:
        return bool(self.password or self.confirm or self.old)


def text_of(value: Any) -> str:
    """A submitted scalar as text; empty for null, arrays and objects."""
    if value is None or isinstance(value, (list, dict)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def manages_something(record: Record, credentials: Credentials) -> bool:
    """Whether a change needs more than the record's own rights, so that the manage rule has to be asked."""
    stored = record.original
    if stored is None:
        return record.verified
    return bool(credentials) or record.changed("email") or record.verified != bool(stored.get("verified"))


async def check_credentials(
    ctx: "Context", record: Record, credentials: Credentials, *, manager: bool
) -> dict[str, FieldError]:
    """What is wrong with the submitted credentials of `record`, by name; `manager` may change what others may not."""
    errors: dict[str, FieldError] = {}
    if not manager:
        if record.original is not None and record.changed("email"):
            errors["email"] = MISMATCH
        if record.verified != bool((record.original or {}).get("verified")):
            errors["verified"] = MISMATCH
    if record.is_new or credentials:
        if not credentials.password:
            errors["password"] = REQUIRED
        if not credentials.confirm:
            errors["passwordConfirm"] = REQUIRED
        elif credentials.confirm != credentials.password:
            errors["passwordConfirm"] = MISMATCH
        if record.original is not None and not manager and (credentials.password or credentials.confirm):
            if not credentials.old:
                errors["oldPassword"] = REQUIRED
            elif not await ctx.lanes.blocking(ctx.account, password_fits, credentials.old, record.original["password"]):
                errors["oldPassword"] = WRONG_OLD_PASSWORD
    return dict(sorted(errors.items()))


def settle(db: Database, catalog: "Catalog", record: Record) -> None:
    """Follow a change of credentials before it is validated and stored: superusers are verified, tokens die.

    Who becomes verified loses the external logins that somebody else may have linked to the address before, and then
    the tokens as well.
    """
    if record.collection.name == SUPERUSERS:
        record.set("verified", True)
    if record.original is None:
        if not record.token_key:
            record.set("tokenKey", rand_secret())
    elif not record.changed("tokenKey") and (
        record.changed("email")
        or _password_changed(record)
        or (_became_verified(record) and _has_external(db, catalog, record))
    ):
        record.set("tokenKey", rand_secret())


def _password_changed(record: Record) -> bool:
    return isinstance(record.data.get("password"), PasswordValue) or record.changed("password")


def _became_verified(record: Record) -> bool:
    return record.original is not None and record.verified and not record.original.get("verified")


def _has_external(db: Database, catalog: "Catalog", record: Record) -> bool:
    external = catalog.get(EXTERNAL)
    if external is None:
        return False
    sql = f"SELECT 1 FROM {quote(external.name)} WHERE `collectionRef` = ? AND `recordRef` = ? LIMIT 1"
    return db.value(sql, (record.collection.id, (record.original or record.data)["id"])) is not None


def ended_by(record: Record) -> list[str]:
    """The collections of whose rows a changed auth record loses its own. Ask before `record.committed()`."""
    ended = []
    if record.changed("tokenKey"):
        ended.append(OTPS)
    if record.changed("password"):
        ended += [MFAS, ORIGINS]
    if _became_verified(record):
        ended.append(EXTERNAL)
    return ended


def loses_external(record: Record) -> bool:
    """Whether a changed auth record loses its external logins."""
    return record.collection.is_auth and _became_verified(record)


def check_unique_id(db: Database, catalog: "Catalog", record: Record) -> FieldError | None:
    """An error if another auth collection has a record with this new record's id."""
    for other in catalog.of_type(AUTH):
        if other.id != record.collection.id:
            taken = db.value(f"SELECT 1 FROM {quote(other.name)} WHERE `id` = ?", (record.id,))
            if taken is not None:
                return TAKEN_ID
    return None


def check_removable(db: Database, record: Record) -> None:
    """ApiError 400 for the last superuser, without which nobody could get in."""
    if record.collection.name == SUPERUSERS:
        others = db.value(f"SELECT 1 FROM {SUPERUSERS} WHERE `id` != ? LIMIT 1", (record.id,))
        if others is None:
            raise bad_request(LAST_SUPERUSER)
