"""The compiled packages, as users get them: what every server runs that a test or a benchmark starts.

`make` builds them into build/compiled. `use()` has the processes that are started from now on import them from there;
the one that calls it goes on with the packages of the tree, whose classes tests replace and derive from. Where nothing
was built, or the tree has changed since, all of them run the tree.
"""

import importlib.util
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "compiled"
PACKAGES = ("supervisor", "worker", "sandbox", "configs")


def state() -> str:
    """`compiled`, or why they are not used."""
    if not any(BUILD.glob("*.so")):
        return "not compiled" if BUILD.is_dir() else "not compiled (`make build` does it)"
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".py", ".js", ".json", ".yaml") and not _same(path):
                return f"not compiled: {path.relative_to(ROOT)} has changed (`make build` compiles it)"
    return "compiled"


def use() -> str:
    """Have what is started from now on import them; their state."""
    found = state()
    places = [BUILD, ROOT] if found == "compiled" else [ROOT]
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, places))
    os.environ["PYTHONSAFEPATH"] = "1"  # the directory where a process or a script is started is none of them
    return found


def _same(path: Path) -> bool:
    """Whether the copy is the file's."""
    try:
        copy = (BUILD / path.relative_to(ROOT)).stat()
    except OSError:
        return False
    here = path.stat()
    return (copy.st_size, int(copy.st_mtime)) == (here.st_size, int(here.st_mtime))


def recipe() -> set[str]:
    """The modules that setup.py compiles, as paths from the root."""
    spec = importlib.util.spec_from_file_location("recipe", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return set(module.compiled())
