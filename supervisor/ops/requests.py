"""The arguments of the operator's commands, as they come over the control socket."""

import msgspec


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant."""

    name: str


class MaybeNamed(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant, or all of them."""

    name: str = ""


class Create(msgspec.Struct, forbid_unknown_fields=True):
    """A new tenant and its custom domains."""

    name: str
    domains: list[str] = []


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """A new tenant from directories of PocketBase; absolute paths, empty where there is none."""

    name: str
    source: str
    domains: list[str] = []
    hooks: str = ""
    migrations: str = ""
    public: str = ""


class Export(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and the absolute path of a directory to be made."""

    name: str
    target: str


class Suspend(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and why."""

    name: str
    reason: str = ""


class Domain(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and one of its custom domains."""

    name: str
    domain: str


class Superuser(msgspec.Struct, forbid_unknown_fields=True):
    """A tenant and one of its superusers."""

    name: str
    email: str


class Password(Superuser, forbid_unknown_fields=True):
    """A tenant, one of its superusers, and the password it gets."""

    password: str
