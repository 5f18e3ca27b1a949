"""What a new collection starts from: the fields each type always has, and the default options of an auth collection."""

from typing import Any

from worker.fields import BoolField, EmailField, Field, PasswordField, TextField
from worker.fields.text import ID_PATTERN
from worker.schema.collection import AUTH, BASE, VIEW, Collection, FieldSet
from worker.schema.options import (
    AuthAlert,
    AuthOptions,
    EmailTemplate,
    Mfa,
    Otp,
    PasswordAuth,
    TokenConfig,
)
from worker.sql import rand_text

# Of the name of an index with an id in it.
INDEX_NAME_CHARS = 64
SUFFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
NO_RULES = (None, None, None, None, None)

# The fields that every base collection has, and those an auth collection has besides, in their order.
ID_FIELD = TextField(
    {
        "name": "id",
        "system": True,
        "required": True,
        "primaryKey": True,
        "min": 15,
        "max": 15,
        "pattern": ID_PATTERN,
        "autogeneratePattern": "[a-z0-9]{15}",
    }
)
AUTH_FIELDS: tuple[Field, ...] = (
    PasswordField({"name": "password", "system": True, "hidden": True, "required": True, "min": 8}),
    TextField(
        {
            "name": "tokenKey",
            "system": True,
            "hidden": True,
            "required": True,
            "min": 30,
            "max": 60,
            "autogeneratePattern": "[a-zA-Z0-9]{50}",
        }
    ),
    EmailField({"name": "email", "system": True, "required": True}),
    BoolField({"name": "emailVisibility", "system": True}),
    BoolField({"name": "verified", "system": True}),
)
# What the definition of such a field may not change, whatever was submitted.
FIXED: dict[str, dict[str, Any]] = {
    "id": {"system": True, "hidden": False, "required": True, "primaryKey": True},
    "password": {"system": True, "hidden": True, "required": True},
    "tokenKey": {"system": True, "hidden": True, "required": True},
    "email": {"system": True, "hidden": False},
    "emailVisibility": {"system": True},
    "verified": {"system": True},
}


def _message(subject: str, *paragraphs: str) -> EmailTemplate:
    thanks = "<p>\n  Thanks,<br/>\n  {APP_NAME} team\n</p>"
    return EmailTemplate(subject, "\n".join(["<p>Hello,</p>", *paragraphs, thanks]))


def _button(path: str, label: str) -> str:
    link = f'<a class="btn" href="{{APP_URL}}/_/#/auth/{path}/{{TOKEN}}" target="_blank" rel="noopener">{label}</a>'
    return f"<p>\n  {link}\n</p>"


DEFAULT_AUTH = AuthOptions(
    auth_rule="",
    auth_alert=AuthAlert(
        enabled=True,
        email_template=_message(
            "Login from a new location",
            "<p>We noticed a login to your {APP_NAME} account from a new location:</p>",
            "<p><em>{ALERT_INFO}</em></p>",
            "<p><strong>If this wasn't you, you should immediately change your {APP_NAME} account password to revoke"
            " access from all other locations.</strong></p>",
            "<p>If this was you, you may disregard this email.</p>",
        ),
    ),
    password_auth=PasswordAuth(enabled=True, identity_fields=("email",)),
    mfa=Mfa(duration=600),
    otp=Otp(
        duration=180,
        length=8,
        email_template=_message(
            "OTP for {APP_NAME}",
            "<p>Your one-time password is: <strong>{OTP}</strong></p>",
            "<p><i>If you didn't ask for the one-time password, you can ignore this email.</i></p>",
        ),
    ),
    auth_token=TokenConfig(duration=432_000),
    password_reset_token=TokenConfig(duration=1800),
    email_change_token=TokenConfig(duration=1800),
    verification_token=TokenConfig(duration=86_400),
    file_token=TokenConfig(duration=180),
    verification_template=_message(
        "Verify your {APP_NAME} email",
        "<p>Thank you for joining us at {APP_NAME}.</p>",
        "<p>Click on the button below to verify your email address.</p>",
        _button("confirm-verification", "Verify"),
        "<p><i>If you didn't recently register, please ignore this email.</i></p>",
    ),
    reset_password_template=_message(
        "Reset your {APP_NAME} password",
        "<p>Click on the button below to reset your password.</p>",
        _button("confirm-password-reset", "Reset password"),
        "<p><i>If you didn't ask to reset your password, please ignore this email.</i></p>",
    ),
    confirm_email_change_template=_message(
        "Confirm your {APP_NAME} new email address",
        "<p>Click on the button below to confirm your new email address.</p>",
        _button("confirm-email-change", "Confirm new email"),
        "<p><i>If you didn't ask to change your email address, please ignore this email.</i></p>",
    ),
)


def new_fields(kind: str) -> tuple[Field, ...]:
    """The fields of a new collection of a type."""
    if kind == VIEW:
        return ()
    return (ID_FIELD, *AUTH_FIELDS) if kind == AUTH else (ID_FIELD,)


def auth_indexes(table: str, suffix: str) -> tuple[str, ...]:
    """The unique indexes that every auth collection has; names end in the collection's id, if that is a short one."""
    token, email = (f"idx_{column}_{suffix}"[:INDEX_NAME_CHARS] for column in ("tokenKey", "email"))
    return (
        f"CREATE UNIQUE INDEX `{token}` ON `{table}` (`tokenKey`)",
        f"CREATE UNIQUE INDEX `{email}` ON `{table}` (`email`) WHERE `email` != ''",
    )


def blank(kind: str) -> dict[str, Any]:
    """The JSON of an empty collection of a type, as a form to fill in."""
    collection = Collection(
        id="",
        name="",
        type=kind,
        system=False,
        fields=FieldSet(new_fields(kind)),
        # without an id, the names of the indexes end in a random text
        indexes=auth_indexes("", rand_text(10, SUFFIX_ALPHABET)) if kind == AUTH else (),
        rules=NO_RULES,
        auth=DEFAULT_AUTH if kind == AUTH else None,
    )
    return collection.dump()


def scaffolds() -> dict[str, Any]:
    """A blank collection of each type."""
    return {kind: blank(kind) for kind in (VIEW, BASE, AUTH)}
