"""`require`: where a module of the tenant's own stands, by Node's rules as far as the real one keeps to them.

A name that begins with `/`, `./` or `../` is a path; any other is looked for in the `node_modules` of the folder that
asks and of those above it. A file is taken as it is named, with `.js` or `.json`, or as a folder with `package.json`'s
`main` or `index.js`, `index.json`. The tenant's own root is as far up as it goes, whatever links point to.
"""

import json
import posixpath
from pathlib import Path

from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.files import HOOKS, FilesError, content, inside

NAME_CHARS_MAX = 1_000
INVALID = "Invalid module"
ENDINGS = ("", ".js", ".json")
INDEXES = ("index.js", "index.json")
# Where names are looked for that files and handlers ask for, rather than modules.
OUTER = ("/", f"/{HOOKS}")


async def require(call: Call, folder: object, name: object) -> tuple[str, str]:
    """Path and source of the module that is called `name` in `folder` (empty: asked for by a file or handler)."""
    if not isinstance(folder, str) or not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
        raise GoError(INVALID)
    if "\0" in name or "\0" in folder or len(folder) > NAME_CHARS_MAX:
        raise GoError(INVALID)
    root = call.hooks.ctx.directory
    for path in _candidates(folder, name):
        try:
            found = _file(root, path) or _folder(root, path)
            if found is not None:
                real, shown = found
                return shown, content(real).decode("utf-8", "replace")
        except FilesError as error:
            raise GoError(f"{INVALID}: {error}") from None
        except OSError:
            raise GoError(INVALID) from None
    raise GoError(INVALID)


def _candidates(folder: str, name: str) -> list[str]:
    """The paths it may mean, the likeliest first."""
    if name.startswith("/"):
        return [name]
    folders = (folder,) if folder else OUTER
    if name in {".", ".."} or name.startswith(("./", "../")):
        return [posixpath.join(each, name) for each in folders]
    found = []
    for each in reversed(folders):
        above = posixpath.normpath(each)
        while True:
            found.append(posixpath.join(above, "node_modules", name))
            if above in {"/", "//", ""}:
                break
            above = posixpath.dirname(above)
    return list(dict.fromkeys(found))


def _file(root: Path, path: str) -> tuple[Path, str] | None:
    """The file on disk, and how its tenant calls it."""
    for ending in ENDINGS:
        shown = posixpath.normpath("/" + path.lstrip("/") + ending)
        real = inside(root, root / shown[1:])
        if real is not None and real.is_file():
            return real, shown
    return None


def _folder(root: Path, path: str) -> tuple[Path, str] | None:
    """The same for a folder."""
    package = _file(root, posixpath.join(path, "package.json"))
    if package is not None:
        try:
            main = json.loads(content(package[0]))["main"]
        except (ValueError, KeyError, TypeError, RecursionError):
            main = None
        if isinstance(main, str) and main and "\0" not in main and len(main) <= NAME_CHARS_MAX:
            inner = posixpath.join(path, main)
            return _file(root, inner) or _first(root, inner)
    return _first(root, path)


def _first(root: Path, path: str) -> tuple[Path, str] | None:
    """The index of a folder."""
    return next((found for name in INDEXES if (found := _file(root, posixpath.join(path, name)))), None)


OPS: dict[str, Operation] = {"require": require}
