"""What is wrong with the options of an auth collection."""

from collections.abc import Callable, Mapping
from typing import Any

from worker.errors import REQUIRED, ErrorTree, FieldError
from worker.fields.address import is_url
from worker.fields.base import no_greater, no_less
from worker.schema.collection import Collection
from worker.schema.options import (
    TOKENS,
    AuthOptions,
    EmailTemplate,
    OAuth2,
    Otp,
    PasswordAuth,
    Provider,
    TokenConfig,
)

Tree = dict[str, Any]

CODE_SECONDS = (10, 86_400)
TOKEN_SECONDS = (10, 94_670_856)
SECRET_LENGTHS = (30, 255)  # bytes
OTP_LENGTH_MIN = 4
# Ways to log in that a login by two of them needs.
METHODS_MIN = 2
# Every provider there is a client for; the three last ones are for any server that speaks OpenID Connect.
PROVIDERS = frozenset(
    (  # noqa: SIM905 - thirty quoted names read worse
        "apple google microsoft yandex facebook instagram2 github gitlab bitbucket gitee gitea discord twitter kakao vk"
        " linear notion monday lark box spotify trakt twitch patreon strava wakatime livechat mailcow planningcenter"
        " oidc oidc2 oidc3"
    ).split()
)
TOO_FEW_METHODS = FieldError("validation_mfa_not_enough_auths", "MFA requires at least 2 auth methods to be enabled.")
INVALID_URL = FieldError("validation_is_url", "must be a valid URL")


def check_auth(collection: Collection, rules: Tree, check_rule: Callable[[str], FieldError | None]) -> Tree:
    """The errors of a collection's auth options by key; None or an empty branch where all is well.

    `rules` are those of the rules among them. What takes several options is looked at once each of them is well.
    """
    options = collection.auth
    assert options is not None
    errors: Tree = rules | {
        "authAlert": {"emailTemplate": _check_template(options.auth_alert.email_template)},
        "oauth2": _check_oauth2(options.oauth2),
        "passwordAuth": _check_password(options.password_auth),
        "otp": _check_otp(options.otp),
        "mfa": {"duration": _check_range(options.mfa.duration, *CODE_SECONDS) if options.mfa.enabled else None},
        "verificationTemplate": _check_template(options.verification_template),
        "resetPasswordTemplate": _check_template(options.reset_password_template),
        "confirmEmailChangeTemplate": _check_template(options.confirm_email_change_template),
    }
    for attribute, key in TOKENS.items():
        errors[key] = _check_token(getattr(options, attribute))
    if pruned(errors):
        return errors
    second = _check_second_factor(options, check_rule)
    return {"mfa": second} if pruned(second) else {"passwordAuth": _check_identities(collection, options.password_auth)}


def pruned(errors: Mapping[str, Any]) -> ErrorTree:
    """The errors that are there, without empty branches, in alphabetical order."""
    kept: dict[str, FieldError | ErrorTree] = {}
    for path, error in sorted(errors.items()):
        if isinstance(error, FieldError):
            kept[path] = error
        elif error:
            branch = pruned(error)
            if branch:
                kept[path] = branch
    return kept


def _check_second_factor(options: AuthOptions, check_rule: Callable[[str], FieldError | None]) -> Tree:
    if not options.mfa.enabled:
        return {}
    if sum((options.password_auth.enabled, options.otp.enabled, options.oauth2.enabled)) < METHODS_MIN:
        return {"enabled": TOO_FEW_METHODS}
    return {"rule": check_rule(options.mfa.rule) if options.mfa.rule else None}


def _check_template(template: EmailTemplate) -> Tree:
    return {"subject": None if template.subject else REQUIRED, "body": None if template.body else REQUIRED}


def _check_range(value: int, low: int, high: int) -> FieldError | None:
    if not value:
        return REQUIRED
    if value < low:
        return no_less(low)
    return no_greater(high) if value > high else None


def _check_token(token: TokenConfig) -> Tree:
    low, high = SECRET_LENGTHS
    secret = None
    if not token.secret:
        secret = REQUIRED
    elif not low <= len(token.secret.encode()) <= high:
        secret = FieldError(
            "validation_length_out_of_range",
            f"the length must be between {low} and {high}",
            {"max": high, "min": low},
        )
    return {"duration": _check_range(token.duration, *TOKEN_SECONDS), "secret": secret}


def _check_otp(otp: Otp) -> Tree:
    errors: Tree = {"emailTemplate": _check_template(otp.email_template)}
    if otp.enabled:
        errors["duration"] = _check_range(otp.duration, *CODE_SECONDS)
        errors["length"] = (
            REQUIRED if not otp.length else no_less(OTP_LENGTH_MIN) if otp.length < OTP_LENGTH_MIN else None
        )
    return errors


def _check_password(options: PasswordAuth) -> Tree:
    missing = options.enabled and options.identity_fields in ((), ("",))
    return {"identityFields": REQUIRED if missing else None}


def _check_identities(collection: Collection, options: PasswordAuth) -> Tree:
    for name in options.identity_fields if options.enabled else ():
        if name not in collection.by_name:
            error = FieldError("validation_missing_field", f"Invalid or missing field {name}", {"fieldName": name})
            return {"identityFields": error}
        if not collection.unique_column(name):
            message = f"The field {name} doesn't have a UNIQUE constraint."
            return {"identityFields": FieldError("validation_missing_unique_constraint", message, {"fieldName": name})}
    return {}


def _check_oauth2(options: OAuth2) -> Tree:
    if not options.enabled:
        return {}
    errors: Tree = {}
    names: set[str] = set()
    for place, provider in enumerate(options.providers):
        errors[str(place)] = _check_provider(provider)
        if provider.name and provider.name in names:
            message = f"The provider {provider.name} is already registered."
            return {
                "providers": {
                    str(place): {"name": FieldError("validation_duplicated_provider", message, {"name": provider.name})}
                }
            }
        names.add(provider.name)
    return {"providers": errors}


def _check_provider(provider: Provider) -> Tree:
    name = None
    if not provider.name:
        name = REQUIRED
    elif provider.name not in PROVIDERS:
        message = f"Invalid or missing provider with name {provider.name}."
        name = FieldError("validation_missing_provider", message, {"name": provider.name})
    errors: Tree = {
        "name": name,
        "clientId": None if provider.client_id else REQUIRED,
        "clientSecret": None if provider.client_secret else REQUIRED,
    }
    for key, url in (
        ("authURL", provider.auth_url),
        ("tokenURL", provider.token_url),
        ("userInfoURL", provider.user_info_url),
    ):
        errors[key] = INVALID_URL if url and not is_url(url) else None
    return errors
