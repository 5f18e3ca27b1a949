"""What mypyc compiles wrongly without a word, looked for in the modules that setup.py lists."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.built import ROOT, recipe

COMPILED = recipe()
# bases that compiled classes may have besides each other
BASES = {"NamedTuple", "Protocol", "Generic", "Exception", "ValueError", "Enum", "IntEnum", "StrEnum", "TypedDict"}
# functions that call themselves, and why their depth has a bound that no client chooses
RECURSIVE = {
    "worker/http/body.py:_merged": "what is read of JSON is 200 deep at most",
    "worker/records/expand.py:Expansion._backward": "LEVELS_MAX of a path",
    "worker/records/expand.py:Expansion._forward": "LEVELS_MAX of a path",
    "worker/records/expand.py:Expansion._one": "LEVELS_MAX of a path",
    "worker/records/expand.py:Expansion.all_of": "LEVELS_MAX of a path",
    "worker/records/present.py:Presenter._bare_item": "EXPANDED_DEPTH_MAX",
    "worker/records/present.py:Presenter._item": "EXPANDED_DEPTH_MAX",
    "worker/records/present.py:Presenter._related": "EXPANDED_DEPTH_MAX, and lists that are three deep at most",
    "worker/records/present.py:Presenter.item": "EXPANDED_DEPTH_MAX",
}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in COMPILED:
        yield path, ast.parse(Path(ROOT, path).read_text())


def known_classes(path: str, tree: ast.Module) -> set[str]:
    """The names of a module that stand for compiled classes: its own, and those it has of other compiled modules."""
    names = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            origin = node.module.replace(".", "/")
            if f"{origin}.py" in COMPILED or f"{origin}/__init__.py" in COMPILED:
                names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_classes_derive_from_compiled_ones_only() -> None:
    """From others' classes written in C mypyc makes one that crashes the process, from Python's one without slots."""
    foreign = []
    for path, tree in trees():
        known = known_classes(path, tree) | BASES
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
                foreign += [f"{path}: {node.name}({ast.unparse(b)})" for b in bases if ast.unparse(b) not in known]
    assert foreign == []


def test_recursion_is_bounded() -> None:
    """Compiled functions have no limit of recursion: the stack overflows, and all tenants of a worker are gone."""
    calls = {name: called for path, tree in trees() for name, called in calls_of(path, tree)}
    assert {name for name in calls if name in reached(calls, name)} == set(RECURSIVE)


def calls_of(path: str, tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """The functions of a module as `path:name`, methods as `path:Class.name`, and what each calls that can be told."""
    names = {
        node.name: f"{path}:{node.name}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            origin = node.module.replace(".", "/")
            for alias in node.names:
                names[alias.asname or alias.name] = f"{origin}.py:{alias.name}"
                modules[alias.asname or alias.name] = f"{origin}/{alias.name}.py"
    for node in tree.body:
        methods = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{path}:{node.name}." if isinstance(node, ast.ClassDef) else f"{path}:"
        for function in methods:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            called = set()
            for call in ast.walk(function):
                match call:
                    case ast.Call(func=ast.Name(id=name)) if name in names:
                        called.add(names[name])
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name)):
                        called.add(f"{owner}{name}")
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)) if module in modules:
                        called.add(f"{modules[module]}:{name}")
            yield f"{owner}{function.name}", called


def reached(calls: dict[str, set[str]], name: str) -> set[str]:
    """What a function calls, directly or through others."""
    found: set[str] = set()
    ahead = list(calls[name])
    while ahead:
        each = ahead.pop()
        if each in calls and each not in found:
            found.add(each)
            ahead += calls[each]
    return found


def test_no_coroutine_waits_while_it_handles_an_exception() -> None:
    """It would be taken for the one that others handle meanwhile, and is never freed if it passes a `finally`."""
    waiting = (ast.Await, ast.AsyncWith, ast.AsyncFor, ast.Yield, ast.YieldFrom)
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncWith):  # its end is awaited there
                found.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.Try):
                lines = [*node.finalbody, *(line for handler in node.handlers for line in handler.body)]
                found += [
                    f"{path}:{line.lineno}" for line in lines for each in ast.walk(line) if isinstance(each, waiting)
                ]
    assert found == []


def test_failures_keep_their_causes() -> None:
    """`raise failure from error` forgets `error`, which is read where SQLite or a script has failed."""
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Name) and not path.startswith("worker/wire/"):
                match node.exc:
                    case ast.Call(func=ast.Name(id="caused")):
                        pass
                    case _:
                        found.append(f"{path}:{node.lineno}")
    assert found == []


def test_what_is_listed_is_there() -> None:
    assert COMPILED
    assert [path for path in COMPILED if not Path(ROOT, path).is_file()] == []


def test_builds_know_all_types() -> None:
    """An isolated build has nothing but what is listed: mypyc would take the types of all else for anything."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["project"]["dependencies"]) <= set(project["build-system"]["requires"])
