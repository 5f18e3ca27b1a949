"""Who asks: the record behind the Authorization header, remembered per tenant until it could have changed.

A remembered token costs a dictionary look-up. When anything about the tenant's auth records or schema has changed
since (`auth_epoch`), the record is read again and compared by the key that signs its tokens: what died with it is gone
at once, and what lives on needs no second signature check.
"""

import time
from math import inf
from typing import TYPE_CHECKING, Any

from worker.auth import tokens
from worker.auth.tokens import TokenKind
from worker.records import store

if TYPE_CHECKING:
    from worker.context import Context
    from worker.records.record import Record

# tokens remembered per tenant; the oldest goes first
REMEMBERED_MAX = 64
CACHE = "identities"


class Identity:
    """A token that held when it was last looked at."""

    __slots__ = ("claims", "epoch", "expires", "key", "record")

    def __init__(self, record: "Record", claims: dict[str, Any], epoch: int) -> None:
        self.record = record
        self.claims = claims
        # the real one takes a well-signed token without an expiry as well
        self.expires = float(claims.get("exp", inf))
        self.key = tokens.signing_key(record, TokenKind.AUTH)
        self.epoch = epoch


def load_identity(ctx: "Context", header: bytes | None) -> "Record | None":
    """The record whose valid auth token is in the Authorization header, or None. It is shared: don't change it."""
    identity = find_identity(ctx, header)
    return None if identity is None else identity.record


def find_identity(ctx: "Context", header: bytes | None) -> Identity | None:
    """The identity that an Authorization header stands for: a token, after `Bearer ` (in any case) or alone."""
    if not header:
        return None
    remembered: dict[bytes, Identity] | None = ctx.caches.get(CACHE)
    if remembered is None:
        remembered = ctx.caches[CACHE] = {}
    identity = remembered.get(header)
    if identity is not None:
        if identity.epoch == ctx.auth_epoch and identity.expires > time.time():
            return identity
        if _still_holds(ctx, identity):
            return identity
        del remembered[header]
        return None
    verified = tokens.verify(ctx, token_of(header))
    if verified is None:
        return None
    if len(remembered) >= REMEMBERED_MAX:
        del remembered[next(iter(remembered))]
    identity = remembered[header] = Identity(*verified, ctx.auth_epoch)
    return identity


def token_of(header: bytes) -> str:
    """The token in an Authorization header's value."""
    text = header.decode("latin-1")
    return text[7:] if text[:7].lower() == "bearer " else text


def _still_holds(ctx: "Context", identity: Identity) -> bool:
    """Whether an identity from before the last change still holds; brings it up to date if so."""
    if identity.expires <= time.time():
        return False
    collection = ctx.catalog.get(identity.claims["collectionId"])
    if collection is None or not collection.is_auth:
        return False
    record = store.find(ctx.data, collection, identity.record.id)
    if record is None or tokens.signing_key(record, TokenKind.AUTH) != identity.key:
        return False
    identity.record = record
    identity.epoch = ctx.auth_epoch
    return True
