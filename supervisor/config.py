"""Reads the settings: flags over environment over YAML over defaults, and stops at the first thing that is wrong.

Whatever is wrong becomes one line: where it was said, the key, what was found, what is allowed.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import inspect

from supervisor.contract.plan import DEFAULT_PLAN, Plan, PlanName
from supervisor.contract.settings import Settings

ENVIRONMENT = {"POCKER_LISTEN": "listen", "POCKER_DATA": "data", "POCKER_SHARDS": "shards"}
CONFIG_VARIABLE = "POCKER_CONFIG"
FILE_BYTES_MAX = 1024 * 1024
FOUND_CHARS_MAX = 60
GONE = {"sql.read_timeout_s": "plans.default.read_timeout_s"}
"""Keys of former releases, and where what they said is said now."""
PROCESS_MB = 32  # what a process takes before it serves anybody


class ConfigError(Exception):
    """One line for the operator."""


class _Loader(yaml.SafeLoader):
    """YAML with the booleans of YAML 1.2: `off` is a word, as in `operators: {listen: off}`, and not false."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF"))


def load(config: str | None, flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this start. `flags` maps key → value; None means that the flag was not given.

    Raises ConfigError. The data directory comes back absolute, so that it survives a change of directory.
    """
    file = config or environ.get(CONFIG_VARIABLE)
    tree: dict[str, Any] = {} if not file else _read(Path(file))
    _check(tree, Settings, str(file), "")
    for variable, key in ENVIRONMENT.items():
        if environ.get(variable):
            tree[key] = _value(environ[variable], _types(Settings)[key], f"environment {variable}", strict=False)
    for key, value in flags.items():
        if value is not None:
            tree[key] = _value(value, _types(Settings)[key], f"--{key}", strict=False)
    settings = msgspec.convert(tree, Settings)
    if DEFAULT_PLAN not in settings.plans:
        settings = msgspec.structs.replace(settings, plans={DEFAULT_PLAN: Plan(), **settings.plans})
    _check_together(settings, str(file) if file else "settings")
    return msgspec.structs.replace(settings, data=str(Path(settings.data).expanduser().resolve()))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(text) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: is larger than {FILE_BYTES_MAX} bytes")
    try:
        tree = yaml.load(text, _Loader)  # noqa: S506 (a safe loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: found {_found(tree)}, allowed is a table of keys ({', '.join(_types(Settings))})")
    return tree


def _types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def _check(tree: Mapping[Any, Any], struct: type[msgspec.Struct], source: str, prefix: str) -> None:
    types = _types(struct)
    for key, value in tree.items():
        if key not in types:
            if now := GONE.get(f"{prefix}{key}"):
                raise ConfigError(f"{source}: {prefix}{key}: is {now} now")
            near = difflib.get_close_matches(str(key), types, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"{source}: {prefix}{key}: unknown key{hint}; allowed: {', '.join(types)}")
        expected = types[key]
        if key == "plans" and struct is Settings:
            _check_plans(value, source)
        elif isinstance(expected, type) and issubclass(expected, msgspec.Struct):
            if not isinstance(value, dict):
                keys = ", ".join(_types(expected))
                raise ConfigError(
                    f"{source}: {prefix}{key}: found {_found(value)}, allowed is a table of keys ({keys})"
                )
            _check(value, expected, source, f"{prefix}{key}.")
        else:
            _value(value, expected, f"{source}: {prefix}{key}", strict=True)


def _check_plans(plans: Any, source: str) -> None:
    if not isinstance(plans, dict):
        raise ConfigError(f"{source}: plans: found {_found(plans)}, allowed is a table of plans by name")
    for name, plan in plans.items():
        _value(name, PlanName, f"{source}: plans: the name of a plan", strict=True)
        if not isinstance(plan, dict):
            keys = ", ".join(_types(Plan))
            raise ConfigError(f"{source}: plans.{name}: found {_found(plan)}, allowed is a table of keys ({keys})")
        _check(plan, Plan, source, f"plans.{name}.")


def _check_together(settings: Settings, source: str) -> None:
    """What no key can say alone."""
    supervision, policy, operators = settings.supervision, settings.policy, settings.operators
    least_mb = (settings.shards + 1) * PROCESS_MB
    for key, found, wrong, allowed_is in (
        (
            "sql.write_timeout_s",  # a long write would be taken for a hang, and its worker aborted
            settings.sql.write_timeout_s,
            settings.sql.write_timeout_s >= supervision.hang_after_s,
            f"less than supervision.hang_after_s ({supervision.hang_after_s})",
        ),
        (
            "policy.block_max_s",
            policy.block_max_s,
            policy.block_max_s < policy.block_s,
            f"policy.block_s ({policy.block_s}) or more",
        ),
        (
            "policy.memory_mb",  # the processes take as much without a single tenant
            policy.memory_mb,
            0 < policy.memory_mb < least_mb,
            f"0, or at least {least_mb} with shards: {settings.shards}",
        ),
        (
            "operators.listen",
            operators.listen,
            operators.listen == settings.listen,
            "another address than that of listen",
        ),
        (
            "operators.listen",
            operators.listen,
            operators.listen != "off" and not _is_loopback(operators.listen) and not operators.token,
            "off or a loopback address, unless operators.token is set",
        ),
        (
            "sandbox.allow_networks",
            settings.sandbox.allow_networks,
            not all(_is_network(network) for network in settings.sandbox.allow_networks),
            "a list of networks in CIDR notation, for example [10.1.0.0/16]",
        ),
    ):
        if wrong:
            raise ConfigError(f"{source}: {key}: found {_found(found)}, allowed is {allowed_is}")


def _is_loopback(address: str) -> bool:
    """Whether only this machine reaches that ADDRESS:PORT. A name is taken for what it says."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_network(text: str) -> bool:
    """Whether it is a network in CIDR notation, or an address."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _value(value: Any, expected: Any, source: str, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, expected, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{source}: found {_found(value)}, allowed is {allowed(inspect.type_info(expected))}"
        ) from error


def _found(value: Any) -> str:
    text = repr(value) if value is not None else "nothing"
    return text if len(text) <= FOUND_CHARS_MAX else f"{text[:FOUND_CHARS_MAX]}…"


def allowed(info: inspect.Type) -> str:
    """What values a type of the settings takes, in words."""
    if isinstance(info, inspect.Metadata):
        return str((info.extra or {}).get("allowed")) if info.extra else allowed(info.type)
    if isinstance(info, inspect.BoolType):
        return "true or false"
    if isinstance(info, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    if isinstance(info, inspect.IntType | inspect.FloatType):
        noun = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        if info.le is None:
            return f"{noun} from {info.ge}"
        return f"{noun} from {info.ge} to {info.le}"
    return "text"
