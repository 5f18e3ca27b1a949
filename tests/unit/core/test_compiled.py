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
RECURSIVE: dict[str, str] = {}


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
    found = set()
    for path, tree in trees():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and called(call) == function.name:
                    found.add(f"{path}:{function.name}")
    assert found == set(RECURSIVE)


def called(call: ast.Call) -> str | None:
    """The function of this module, or the method of the same object, that is called."""
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
            return name
    return None


def test_what_is_listed_is_there() -> None:
    assert COMPILED
    assert [path for path in COMPILED if not Path(ROOT, path).is_file()] == []


def test_builds_know_all_types() -> None:
    """An isolated build has nothing but what is listed: mypyc would take the types of all else for anything."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["project"]["dependencies"]) <= set(project["build-system"]["requires"])
