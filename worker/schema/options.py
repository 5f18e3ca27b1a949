"""The options of auth and view collections: the JSON of the column `options`, as frozen types.

The tokens' secrets are the only part that differs between tenants with equal schemas; everything else is shared.
"""

import re
from typing import Annotated, Any, NamedTuple

import msgspec

from worker.sql import rand_secret

Struct = msgspec.Struct
# What Go has for a whole number.
Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class EmailTemplate(Struct, frozen=True, gc=False):
    """A message with placeholders such as {APP_NAME}."""

    subject: str = ""
    body: str = ""


class AuthAlert(Struct, frozen=True, rename="camel", gc=False):
    """The message about a login from an unknown place."""

    enabled: bool = False
    email_template: EmailTemplate = EmailTemplate()


class Provider(Struct, frozen=True, rename="camel", gc=False):
    """One OAuth2 provider."""

    pkce: bool | None = None
    name: str = ""
    client_id: str = ""
    client_secret: str = ""
    auth_url: str = msgspec.field(default="", name="authURL")
    token_url: str = msgspec.field(default="", name="tokenURL")
    user_info_url: str = msgspec.field(default="", name="userInfoURL")
    display_name: str = ""
    extra: dict[str, Any] | None = None


class MappedFields(Struct, frozen=True, gc=False):
    """Which fields of a new record take a provider's id, name, user name and picture."""

    id: str = ""
    name: str = ""
    username: str = ""
    avatar_url: str = msgspec.field(default="", name="avatarURL")


class OAuth2(Struct, frozen=True, rename="camel", gc=False):
    """Logins through providers."""

    providers: tuple[Provider, ...] = ()
    mapped_fields: MappedFields = MappedFields()
    enabled: bool = False


class PasswordAuth(Struct, frozen=True, rename="camel", gc=False):
    """Logins by identity and password."""

    enabled: bool = False
    identity_fields: tuple[str, ...] = ()


class Mfa(Struct, frozen=True, gc=False):
    """Logins by two methods, the second within `duration` seconds; `rule` says for whom ("" for everyone)."""

    enabled: bool = False
    duration: Int64 = 0
    rule: str = ""


class Otp(Struct, frozen=True, rename="camel", gc=False):
    """Logins by one-time passwords of `length` digits, good for `duration` seconds."""

    enabled: bool = False
    duration: Int64 = 0
    length: Int64 = 0
    email_template: EmailTemplate = EmailTemplate()


class TokenConfig(Struct, frozen=True, gc=False):
    """Signing secret and life of one kind of token, in seconds."""

    secret: str = ""
    duration: Int64 = 0


class AuthOptions(Struct, frozen=True, rename="camel", gc=False):
    """What an auth collection has beyond a base one."""

    auth_rule: str | None = None
    manage_rule: str | None = None
    auth_alert: AuthAlert = AuthAlert()
    oauth2: OAuth2 = OAuth2()
    password_auth: PasswordAuth = PasswordAuth()
    mfa: Mfa = Mfa()
    otp: Otp = Otp()
    auth_token: TokenConfig = TokenConfig()
    password_reset_token: TokenConfig = TokenConfig()
    email_change_token: TokenConfig = TokenConfig()
    verification_token: TokenConfig = TokenConfig()
    file_token: TokenConfig = TokenConfig()
    verification_template: EmailTemplate = EmailTemplate()
    reset_password_template: EmailTemplate = EmailTemplate()
    confirm_email_change_template: EmailTemplate = EmailTemplate()


class ViewOptions(Struct, frozen=True, rename="camel", gc=False):
    """What a view collection has beyond a base one."""

    view_query: str = ""


# The tokens by attribute and by JSON key.
TOKENS = {
    "auth_token": "authToken",
    "password_reset_token": "passwordResetToken",
    "email_change_token": "emailChangeToken",
    "verification_token": "verificationToken",
    "file_token": "fileToken",
}

# The tokens as they stand in what PocketBase has written, one after another.
_TOKENS_BEGIN = '"authToken":{"secret":"'
_TOKENS = re.compile(
    ",".join(rf'"{key}":{{"secret":"([^"\\]*)","duration":(-?\d{{1,18}})}}' for key in TOKENS.values()), re.ASCII
)

_decode_auth = msgspec.json.Decoder(AuthOptions).decode
_decode_view = msgspec.json.Decoder(ViewOptions).decode


def decode_auth(options: str) -> AuthOptions:
    """The auth options of a stored collection. Raises msgspec.ValidationError for damaged ones."""
    return _decode_auth(options)


def decode_view(options: str) -> ViewOptions:
    """The view options of a stored collection. Raises msgspec.ValidationError for damaged ones."""
    return _decode_view(options)


def encode(options: AuthOptions | ViewOptions | None) -> str:
    """Options as the column `options` holds them, secrets included."""
    if options is None:
        return "{}"
    item = msgspec.to_builtins(options)
    if isinstance(options, AuthOptions):
        _settle_providers(item)
    return msgspec.json.encode(item).decode()


def dump(options: AuthOptions | ViewOptions | None, *, secrets: bool = False) -> dict[str, Any]:
    """Options as JSON shows them; without `secrets`, no signing secret and no client secret is in it."""
    if options is None:
        return {}
    item: dict[str, Any] = msgspec.to_builtins(options)
    if isinstance(options, AuthOptions):
        _settle_providers(item)
        item["passwordAuth"]["identityFields"] = list(options.password_auth.identity_fields)
        if not secrets:
            for key in TOKENS.values():
                del item[key]["secret"]
            for provider in item["oauth2"]["providers"]:
                provider.pop("clientSecret", None)
    return item


def _settle_providers(item: dict[str, Any]) -> None:
    providers = item["oauth2"]["providers"] = list(item["oauth2"]["providers"])
    for provider in providers:
        provider["extra"] = dict(sorted((provider["extra"] or {}).items()))
        if not provider["clientSecret"]:
            del provider["clientSecret"]


class Parts(NamedTuple):
    """The column's text around the tokens, and these."""

    around: tuple[str, ...]
    secrets: tuple[str, ...]

    def fit(self, options: AuthOptions) -> bool:
        """Whether these are the secrets of the options that the text stands for: it is only looked at as a text."""
        return self.secrets == tuple([getattr(options, name).secret for name in TOKENS])


def parts_of(text: object) -> Parts | None:
    """The column's text in parts; None where it is not written as PocketBase writes it.

    If those of one text `fit` its options, then so do those of every text with the same around.
    """
    if not isinstance(text, str) or (start := text.find(_TOKENS_BEGIN)) < 0:
        return None
    found = _TOKENS.match(text, start)
    if found is None:
        return None
    groups = found.groups()
    return Parts((text[:start], *groups[1::2], text[found.end() :]), groups[::2])


def with_secrets(shared: AuthOptions, secrets: tuple[str, ...]) -> AuthOptions:
    """`shared` with secrets in the order of TOKENS."""
    tokens = {
        name: TokenConfig(secret, getattr(shared, name).duration) for name, secret in zip(TOKENS, secrets, strict=True)
    }
    return msgspec.structs.replace(shared, **tokens)


def without_secrets(options: AuthOptions) -> AuthOptions:
    """The part that tenants with equal schemas share."""
    blank = {name: TokenConfig("", getattr(options, name).duration) for name in TOKENS}
    return msgspec.structs.replace(options, **blank)


def with_secrets_of(shared: AuthOptions, own: AuthOptions) -> AuthOptions:
    """`shared` with the secrets of `own`."""
    return msgspec.structs.replace(shared, **{name: getattr(own, name) for name in TOKENS})


def fresh_secrets(options: AuthOptions) -> AuthOptions:
    """`options` with a new random secret wherever there is none."""
    tokens = {name: getattr(options, name) for name in TOKENS}
    return msgspec.structs.replace(
        options,
        **{
            name: token if token.secret else TokenConfig(rand_secret(), token.duration)
            for name, token in tokens.items()
        },
    )
