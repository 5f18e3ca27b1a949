"""Who may pass: the refusals that stand before a handler, in PocketBase's words."""

from typing import TYPE_CHECKING

from worker.errors import NO_ROWS, forbidden, not_found, unauthorized
from worker.http.exchange import Request

if TYPE_CHECKING:
    from worker.context import Context
    from worker.records.record import Record
    from worker.schema.collection import Collection

LOGIN_NEEDED = "The request requires valid record authorization token."
NOT_ALLOWED = "The authorized record is not allowed to perform this action."

NO_COLLECTION = "Missing or invalid collection context."
NO_AUTH_COLLECTION = "Missing or invalid auth collection context."


def require_auth(req: Request) -> "Record":
    """The record that asks, of whatever auth collection; 401 for guests."""
    auth = req.context.auth
    if auth is None:
        raise unauthorized(LOGIN_NEEDED)
    return auth


def require_superuser(req: Request) -> "Record":
    """The superuser that asks; 401 for guests, 403 for other records."""
    auth = require_auth(req)
    if not auth.is_superuser:
        raise forbidden(NOT_ALLOWED)
    return auth


def require_collection(ctx: "Context", name_or_id: str) -> "Collection":
    """The collection of a record route; 404 if there is none."""
    collection = ctx.catalog.get(name_or_id)
    if collection is None:
        raise not_found("Missing collection context.", cause=NO_ROWS)
    return collection


def require_known_collection(ctx: "Context", name_or_id: str, absent: str = NO_COLLECTION) -> "Collection":
    """The collection of a login route, of whatever type; 404 if there is none, in the words of `absent`."""
    collection = ctx.catalog.get(name_or_id)
    if collection is None:
        raise not_found(absent, cause=NO_ROWS)
    return collection


def require_auth_collection(ctx: "Context", name_or_id: str, absent: str = NO_COLLECTION) -> "Collection":
    """The collection of a login route; 404 if there is none (in the words of `absent`) or it holds no logins."""
    collection = require_known_collection(ctx, name_or_id, absent)
    if not collection.is_auth:
        raise not_found(NO_AUTH_COLLECTION)
    return collection


def require_same_collection(req: Request, collection: "Collection") -> "Record":
    """The record that asks, which must be one of `collection`; 401 for guests, 403 for others."""
    auth = require_auth(req)
    if auth.collection.id != collection.id:
        raise forbidden(f"The request requires auth record from {auth.collection.name} collection.")
    return auth
