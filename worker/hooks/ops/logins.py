"""What auth records can do in a script's hands: passwords and tokens."""

from typing import Any

import jwt

from worker.auth import tokens
from worker.auth.tokens import TOKEN_CHARS_MAX, TokenKind
from worker.fields import PasswordField
from worker.fields.hashes import PASSWORD_BYTES_MAX, hash_password, password_fits
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.ops.finding import text, texts
from worker.hooks.shared import row_of
from worker.sql import rand_secret, rand_text

NO_AUTH_RECORD = "not an auth collection record"
STATIC = "static"
NS_PER_S = 1_000_000_000
# A random password: long enough that nobody needs to keep it.
PASSWORD_CHARS = 30
DEFAULT_COST = 10
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


async def token(call: Call, app: object, wire: object, kind: object, more: object) -> str:
    """A token of a record's.

    Kinds: auth, static (`more`: nanoseconds to live), file, verification, passwordReset, emailChange (`more`: to what).
    """
    record = call.shared.record(wire, call.context(app))
    if not record.collection.is_auth:
        raise GoError(NO_AUTH_RECORD)
    if not record.token_key:
        raise GoError("missing token key")
    if kind == STATIC:
        duration = -(-more // NS_PER_S) if isinstance(more, int) and more > 0 else 0
        return tokens.issue(record, duration=duration, refreshable=False)
    try:
        known = TokenKind(text(kind))
    except ValueError:
        raise GoError("there is no such token") from None
    return tokens.issue(record, known, new_email=more if isinstance(more, str) else "")


async def by_token(call: Call, app: object, token: object, kinds: object) -> list[Any]:
    """The record that a token was issued for, if it is valid and of one of `kinds` (any, if there are none)."""
    ctx = call.context(app)
    given, wanted = text(token), texts(kinds)
    if not given:
        raise GoError("missing token")
    if len(given) > TOKEN_CHARS_MAX:
        raise GoError("the token is too long")
    try:
        claims = jwt.decode(given, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        count = given.count(".")
        words = "token contains an invalid number of segments" if count != 2 else str(error)
        raise GoError(f"token is malformed: {words}") from error
    kind = claims.get("type")
    if wanted and kind not in wanted:
        raise GoError(f'invalid token type "{kind}", expects "{",".join(wanted)}"')
    if not isinstance(kind, str) or kind not in set(TokenKind):
        raise GoError(f'unknown token type "{kind}"' if kind else "missing or invalid token claims")
    verified = tokens.verify(ctx, given, TokenKind(kind))
    if verified is None:
        raise GoError(_refusal(claims))
    record = verified.record
    return [record.collection.id, row_of(record.collection, record.data)]


def _refusal(claims: dict[str, Any]) -> str:
    if not isinstance(claims.get("id"), str) or not isinstance(claims.get("collectionId"), str):
        return "missing or invalid token claims"
    return "token signature is invalid: signature is invalid"


async def secret(call: Call) -> str:
    """A new token key."""
    del call
    return rand_secret()


async def random_password(call: Call, collection_id: object) -> dict[str, str]:
    """A password that nobody knows, and its hash."""
    ctx = call.hooks.ctx
    collection = ctx.catalog.get(collection_id) if isinstance(collection_id, str) else None
    field = None if collection is None else collection.by_name.get("password")
    cost = field.hash_cost if isinstance(field, PasswordField) else DEFAULT_COST
    plain = rand_text(PASSWORD_CHARS, ALPHABET)
    return {"plain": plain, "hash": await ctx.lanes.blocking(ctx.account, hash_password, plain, cost)}


async def hashed(call: Call, plain: object) -> str:
    """The hash of a password."""
    ctx, given = call.hooks.ctx, text(plain)
    if len(given.encode()) > PASSWORD_BYTES_MAX:
        raise GoError("bcrypt: password length exceeds 72 bytes")
    return await ctx.lanes.blocking(ctx.account, hash_password, given, DEFAULT_COST)


async def fits(call: Call, plain: object, stored: object) -> bool:
    """Whether a password is that of a hash."""
    ctx = call.hooks.ctx
    return await ctx.lanes.blocking(ctx.account, password_fits, text(plain), text(stored))


OPS: dict[str, Operation] = {
    "records.token": token,
    "records.byToken": by_token,
    "records.secret": secret,
    "records.password": random_password,
    "records.hash": hashed,
    "records.passwordFits": fits,
}
