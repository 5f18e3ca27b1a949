"""A tenant's superusers, as its operator manages them: create or reset one, list, delete.

These are the same records that the API serves, saved through the same action, so PocketBase's own rules apply to them.
"""

from typing import TYPE_CHECKING

from worker.records import actions, store
from worker.records.record import Record
from worker.schema.collection import Collection

if TYPE_CHECKING:
    from worker.context import Context

COLLECTION = "_superusers"
# The account with which a real PocketBase starts its installer; it goes when a real superuser comes.
INSTALLER = "__pbinstaller@example.com"


class SuperuserError(Exception):
    """Why a superuser could not be changed: one sentence for the operator."""


async def upsert(context: "Context", email: str, password: str) -> None:
    """Create the superuser `email`, or set its password. Raises ValidationErrors or ApiError for bad values."""
    collection = superusers(context)
    record = store.find_by(context.data, collection, "email", email)
    if record is None:
        record = Record.new(collection)
        record.set("email", email)
    record.set("verified", True)
    record.set_password(password)
    await actions.save(context, record)
    installer = store.find_by(context.data, collection, "email", INSTALLER)
    if installer is not None and email != INSTALLER:
        await actions.remove(context, installer)


def listed(context: "Context") -> list[dict[str, str]]:
    """Every superuser: id, email, created, updated; oldest first."""
    columns = ("id", "email", "created", "updated")
    rows = context.data.all(f"SELECT {', '.join(columns)} FROM {COLLECTION} ORDER BY created, id")
    return [dict(zip(columns, row, strict=True)) for row in rows]


async def delete(context: "Context", email: str) -> None:
    """Delete the superuser `email`. Raises SuperuserError where there is none, ApiError for the last one."""
    record = store.find_by(context.data, superusers(context), "email", email)
    if record is None:
        raise SuperuserError(f"there is no superuser {email}")
    await actions.remove(context, record)


def superusers(context: "Context") -> Collection:
    """The collection of superusers, which every tenant has."""
    collection = context.catalog.get(COLLECTION)
    if collection is None:
        raise SuperuserError("the tenant has no collection of superusers")
    return collection
