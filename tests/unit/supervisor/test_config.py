"""Settings: who wins, what is refused and how it is said, and that the YAML documents exactly what there is."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

import configs
from supervisor.config import ConfigError, load
from supervisor.contract.plan import Plan
from supervisor.contract.settings import Settings, plan_of

CONFIGS = Path(configs.__path__[0])
UNITS = (("_s", "second"), ("_ms", "millisecond"), ("_bytes_max", "bytes"), ("_mb", "MB"), ("_percent", "percent"))


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
        ("sql: 3", "FILE: sql: found 3, allowed is a table of keys (inline_budget_ms, write_timeout_s, "),
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
        ("plans: {free: {weight: 0}}", "FILE: plans.free.weight: found 0, allowed is a whole number from 1 to 10000"),
        ("plans: {free: {memory_mb: 1.5}}", "FILE: plans.free.memory_mb: found 1.5, allowed is a whole number from 0"),
        (
            "plans: {free: {wait: 1}}",
            "FILE: plans.free.wait: unknown key (did you mean weight?); allowed: weight, cpu_",
        ),
        (
            "plans: {Free!: {}}",
            "FILE: plans: the name of a plan: found 'Free!', allowed is up to 32 of a-z, 0-9, - and _",
        ),
        ("plans: {1: {}}", "FILE: plans: the name of a plan: found 1, allowed is up to 32 of a-z"),
        ("plans: {free: 3}", "FILE: plans.free: found 3, allowed is a table of keys (weight, cpu_percent"),
        ("plans: {free: }", "FILE: plans.free: found nothing, allowed is a table of keys (weight, cpu_percent"),
        ("plans: [free]", "FILE: plans: found ['free'], allowed is a table of plans by name"),
        (
            "policy: {crowded_percent: 101}",
            "FILE: policy.crowded_percent: found 101, allowed is a number from 1 to 100",
        ),
        (
            "policy: {sustain: 3}",
            "FILE: policy.sustain: unknown key (did you mean sustain_s?); allowed: crowded_percent",
        ),
        (
            "policy: {block_s: 60, block_max_s: 50}",
            "FILE: policy.block_max_s: found 50.0, allowed is policy.block_s (60.0)",
        ),
        ("policy: {memory_mb: 90}", "FILE: policy.memory_mb: found 90, allowed is 0, or at least 96 with shards: 2"),
        (
            "sandbox: {allow_networks: [10.1.0.0/99]}",
            "FILE: sandbox.allow_networks: found ['10.1.0.0/99'], allowed is a list of networks in CIDR notation",
        ),
        ("disk: {reserve_mb: -1}", "FILE: disk.reserve_mb: found -1, allowed is a whole number from 0 to 10000000"),
        ("log_format: xml", "FILE: log_format: found 'xml', allowed is one of json, text"),
        ("idle_close_s: 0", "FILE: idle_close_s: found 0, allowed is a number from 0.1 to 86400"),
        ("operators: {listen: 'on'}", "FILE: operators.listen: found 'on', allowed is off, or ADDRESS:PORT"),
        (
            "operators: {listen: '0.0.0.0:9000'}",
            "FILE: operators.listen: found '0.0.0.0:9000', allowed is off or a loopback address, unless ",
        ),
        (
            "listen: 127.0.0.1:8091",
            "FILE: operators.listen: found '127.0.0.1:8091', allowed is another address than that of listen",
        ),
        ("sql: {read_timeout_s: 60}", "FILE: sql.read_timeout_s: is plans.default.read_timeout_s now"),
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


@pytest.mark.parametrize(
    "text",
    [
        "operators: {listen: 'off'}",
        "operators: {listen: off}",  # a word, as in YAML 1.2
        "operators: {listen: '[::1]:9000'}",
        "operators: {listen: 'localhost:9000'}",
        "operators: {listen: '127.1.2.3:9000'}",
        "operators: {listen: '0.0.0.0:9000', token: secret}",
        "policy: {memory_mb: 0, worker_rss_mb: 0, suspend_after_blocks: 0}",
        "policy: {memory_mb: 96}",
        "sandbox: {allow_networks: [10.1.0.0/16, 127.0.0.1, 'fd00::/8']}",
    ],
)
def test_what_fits_together(file, text: str) -> None:
    load(file(text), {}, {})


def test_a_plan_says_only_what_it_changes_and_the_default_one_is_always_there(file) -> None:
    settings = load(file("plans: {free: {weight: 10, disk_mb: 100}}"), {}, {})
    assert settings.plans == {"default": Plan(), "free": Plan(weight=10, disk_mb=100)}
    assert [plan_of(settings, name).weight for name in ("free", "default", "gone")] == [10, 100, 100]
    settings = load(file("plans: {default: {weight: 7}, empty: {}}"), {}, {})
    assert [plan_of(settings, name).weight for name in ("default", "gone", "empty")] == [7, 7, 100]


def documented(text: str) -> dict[str, list[str]]:
    """Dotted key → the lines of the comment right above it."""
    found: dict[str, list[str]] = {}
    comment: list[str] = []
    tables: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.lstrip("# "))
            continue
        if match := re.match(r"( *)(\w+):", line):
            indent, key = match.groups()
            tables = [*tables[: len(indent) // 2], key]
            found[".".join(tables)] = comment
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
        for suffix, unit in UNITS:
            if key.endswith(suffix):
                assert unit in meaning, f"the comment of {key} does not say {unit}"


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.yaml")))
def test_the_shipped_files_are_valid(name: str) -> None:
    load(str(CONFIGS / name), {}, {})


def test_development_differs_as_promised() -> None:
    assert load(str(CONFIGS / "dev.yaml"), {}, {}).path_prefix is True
    assert Settings().path_prefix is False
