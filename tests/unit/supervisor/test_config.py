"""Settings: who wins, what is refused and how it is said, and that the YAML documents exactly what there is."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

import configs
from supervisor.config import ConfigError, load
from supervisor.contract.settings import Settings

CONFIGS = Path(configs.__path__[0])


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "pocker.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_defaults() -> None:
    settings = load(None, {}, {})
    assert settings == msgspec.structs.replace(Settings(), data=str(Path("pocker_data").resolve()))


@pytest.mark.parametrize(
    ("yaml_says", "environment", "flag", "wins"),
    [
        (None, None, None, 2),
        (3, None, None, 3),
        (3, "4", None, 4),
        (3, "4", "5", 5),
        (3, None, "5", 5),
        (None, "", None, 2),
    ],
)
def test_flags_over_environment_over_yaml_over_defaults(file, yaml_says, environment, flag, wins) -> None:
    config = file("" if yaml_says is None else f"shards: {yaml_says}")
    environ = {} if environment is None else {"POCKER_SHARDS": environment}
    assert load(config, {"shards": flag, "data": None}, environ).shards == wins


def test_the_environment_names_the_file(file) -> None:
    assert load(None, {}, {"POCKER_CONFIG": file("shards: 7")}).shards == 7


def test_the_data_directory_is_absolute(tmp_path: Path) -> None:
    assert load(None, {"data": "some/where"}, {}).data == str(Path.cwd() / "some/where")
    assert load(None, {}, {"POCKER_DATA": str(tmp_path)}).data == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("shards: two", "FILE: shards: found 'two', allowed is a whole number from 1 to 256"),
        ("shards: 0", "FILE: shards: found 0, allowed is a whole number from 1 to 256"),
        ("shards: true", "FILE: shards: found True, allowed is a whole number from 1 to 256"),
        ("shards:", "FILE: shards: found nothing, allowed is a whole number from 1 to 256"),
        ("path_prefix: 1", "FILE: path_prefix: found 1, allowed is true or false"),
        ("log_level: loud", "FILE: log_level: found 'loud', allowed is one of critical, debug, error, info, warning"),
        ("http: {headers_max: 7}", "FILE: http.headers_max: found 7, allowed is a whole number from 8 to 1000"),
        ("http: {body_bytes_max: 1}", "FILE: http.body_bytes_max: found 1, allowed is a whole number from 1024"),
        ("sql: 3", "FILE: sql: found 3, allowed is a table of keys (inline_budget_ms, read_timeout_s, "),
        (
            "supervision: {hang_after_s: 5}",
            "FILE: sql.write_timeout_s: found 5.0, allowed is less than supervision.hang_after_s (5.0)",
        ),
        ("sql:", "FILE: sql: found nothing, allowed is a table of keys"),
        ("logs: {flush_s: .nan}", "FILE: logs.flush_s: found nan, allowed is a number from 0.1 to 86400"),
        (
            "logs: {flush_ms: 1}",
            "FILE: logs.flush_ms: unknown key (did you mean flush_s?); allowed: flush_s, queue_max",
        ),
        ("zebra: 1", "FILE: zebra: unknown key; allowed: listen, data, shards"),
        ("1: 1", "FILE: 1: unknown key; allowed: "),
        ("[1, 2]", "FILE: found [1, 2], allowed is a table of keys"),
        ("a: b: c", "FILE: is not YAML: "),
        ("base_domain: Example.com", "FILE: base_domain: found 'Example.com', allowed is a domain name in lower case"),
        ("listen: 8090", "FILE: listen: found 8090, allowed is ADDRESS:PORT"),
        ("listen: localhost", "FILE: listen: found 'localhost', allowed is ADDRESS:PORT"),
        ("listen: localhost:0", "FILE: listen: found 'localhost:0', allowed is ADDRESS:PORT"),
        ("listen: localhost:65536", "FILE: listen: found 'localhost:65536', allowed is ADDRESS:PORT"),
        ("data: ''", "FILE: data: found '', allowed is a directory"),
        (f"data: [{'x' * 500}]", "FILE: data: found ['xxx"),
    ],
)
def test_what_is_wrong_is_one_line(file, text: str, line: str) -> None:
    path = file(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {}, {})
    told = str(caught.value)
    assert told.startswith(line.replace("FILE", path))
    assert "\n" not in told
    assert len(told) < len(path) + 400


@pytest.mark.parametrize(
    ("flags", "environ", "line"),
    [
        ({"shards": "many"}, {}, "--shards: found 'many', allowed is a whole number from 1 to 256"),
        ({"listen": "here"}, {}, "--listen: found 'here', allowed is ADDRESS:PORT"),
        ({}, {"POCKER_SHARDS": "-1"}, "environment POCKER_SHARDS: found '-1', allowed is a whole number"),
        ({}, {"POCKER_CONFIG": "/nowhere/pocker.yaml"}, "/nowhere/pocker.yaml: cannot be read: No such file"),
    ],
)
def test_flags_and_environment_are_checked_too(flags, environ, line: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(line)):
        load(None, flags, environ)


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "[::1]:65535", "localhost:8090", "0.0.0.0:80", "[::]:8090"])
def test_addresses(file, listen: str) -> None:
    assert load(file(f"listen: '{listen}'"), {}, {}).listen == listen


def documented(text: str) -> dict[str, list[str]]:
    """Dotted key → the lines of the comment right above it."""
    found: dict[str, list[str]] = {}
    comment: list[str] = []
    table = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.lstrip("# "))
            continue
        if match := re.match(r"( *)(\w+):", line):
            nested, key = match.groups()
            table = table if nested else key
            found[f"{table}.{key}" if nested else key] = comment
        comment = []
    return found


def keys(value: object, prefix: str = "") -> set[str]:
    if not isinstance(value, dict):
        return set()
    return {f"{prefix}{key}" for key in value}.union(*(keys(inner, f"{prefix}{key}.") for key, inner in value.items()))


def test_default_yaml_says_every_key_and_its_default() -> None:
    text = (CONFIGS / "default.yaml").read_text()
    assert yaml.safe_load(text) == msgspec.to_builtins(Settings())
    comments = documented(text)
    assert set(comments) == keys(msgspec.to_builtins(Settings()))
    for key, comment in comments.items():
        assert comment, f"{key} has no comment"
        meaning = " ".join(comment)
        for suffix, unit in (("_s", "second"), ("_ms", "millisecond"), ("_bytes_max", "bytes")):
            if key.endswith(suffix):
                assert unit in meaning, f"the comment of {key} does not say {unit}"


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_the_shipped_files_are_valid(name: str) -> None:
    load(str(CONFIGS / name), {}, {})


def test_development_differs_as_promised() -> None:
    assert load(str(CONFIGS / "dev.yaml"), {}, {}).path_prefix is True
    assert Settings().path_prefix is False
