"""Rows of the system collections that point at an auth record: `collectionRef` and `recordRef` must name one."""

from typing import TYPE_CHECKING

from worker.db.connection import Database
from worker.errors import FieldError
from worker.records import store
from worker.records.accounts import BELONGINGS, EXTERNAL
from worker.records.record import Record

if TYPE_CHECKING:
    from worker.schema.catalog import Catalog

NO_COLLECTION = FieldError("validation_invalid_collection_id", "Missing or invalid collection.")
NO_AUTH_COLLECTION = FieldError("validation_invalid_collection_type", "Invalid collection type - must be auth.")
NO_RECORD = FieldError("validation_invalid_record", "Missing or invalid record.")
NO_PROVIDER = FieldError("validation_in_invalid", "must be a valid value")

# The names of PocketBase's OAuth2 providers.
PROVIDERS = frozenset(
    (
        *("apple", "google", "microsoft", "yandex", "facebook", "instagram2", "github", "gitlab", "bitbucket"),
        *("gitee", "gitea", "discord", "twitter", "kakao", "vk", "linear", "notion", "monday", "lark", "box"),
        *("spotify", "trakt", "twitch", "patreon", "strava", "wakatime", "livechat", "mailcow"),
        *("planningcenter", "oidc", "oidc2", "oidc3"),
    )
)


def check_references(db: Database, catalog: "Catalog", record: Record) -> dict[str, FieldError]:
    """What is wrong with the references of a row of the system collections; empty for other records."""
    if record.collection.name not in BELONGINGS or not record.collection.system:
        return {}
    errors: dict[str, FieldError] = {}
    reference = str(record.get("collectionRef"))
    target = catalog.get(reference)
    if target is None or target.id != reference:
        errors["collectionRef"] = NO_COLLECTION
    elif not target.is_auth:
        errors["collectionRef"] = NO_AUTH_COLLECTION
    elif not store.exists(db, target, str(record.get("recordRef"))):
        errors["recordRef"] = NO_RECORD
    if not errors and record.collection.name == EXTERNAL and record.get("provider") not in PROVIDERS:
        errors["provider"] = NO_PROVIDER
    return errors
