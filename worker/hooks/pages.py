"""Files of a tenant's as answers to requests: which one a path means, where to go instead, and its type."""

import posixpath
import stat
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from worker.hooks.root import Info, PathError, Tree
from worker.services.sniffing import sniffed, type_of

if TYPE_CHECKING:
    from worker.context import Context

INDEX = "index.html"
SNIFFED_BYTES = 512


class Page(NamedTuple):
    """A file, as a path of the tenant's own root, and its type."""

    path: str
    type: str


class Place(NamedTuple):
    """What a path means: a file, or the path to go to instead."""

    path: str = ""
    redirect: str = ""


def _inside(name: str) -> bool:
    """Whether a name is one of Go's file systems: no empty parts, no `.` and `..`, no slash at either end."""
    return name == "." or all(part not in {"", ".", ".."} for part in name.split("/"))


def _stat(tree: Tree, path: str) -> Info | None:
    try:
        return tree.info(path)
    except PathError:
        return None


def _is_directory(info: Info) -> bool:
    return stat.S_ISDIR(info.mode)


def _typed(tree: Tree, path: str) -> Page | None:
    info = _stat(tree, path)
    if info is not None and _is_directory(info):
        path = posixpath.join(path, INDEX)
        info = _stat(tree, path)
    if info is None or not stat.S_ISREG(info.mode):
        return None
    known = type_of(path)
    if known:
        return Page(path, known)
    try:
        return Page(path, sniffed(tree.read(path, 0, SNIFFED_BYTES)))
    except PathError:
        return None


async def file_at(ctx: "Context", root: str, name: str) -> Page | None:
    """The file of that name under the directory `root`; of a directory its index. None: there is none."""
    if not _inside(name):
        return None
    path = posixpath.join("/", root, name)
    return await ctx.lanes.blocking(ctx.account, _typed, Tree(ctx.directory), path)


async def place_of(ctx: "Context", root: str, path: str, url: str, *, fallback: bool) -> Place | None:
    """What is answered for `path` under the directory `root`, asked for by the URL's path `url`."""
    return await ctx.lanes.blocking(
        ctx.account, _placed, Tree(ctx.directory), posixpath.join("/", root), path, url, fallback
    )


def _placed(tree: Tree, root: str, path: str, url: str, fallback: bool) -> Place | None:
    name = path.rstrip("/") or "."
    info = _stat(tree, posixpath.join(root, name)) if _inside(name) else None
    found: Place | None = None
    if info is not None and name != "." and posixpath.basename(name) == INDEX and not _is_directory(info):
        return Place(redirect=_location(url.rstrip("/")[: -len(INDEX)]))
    if info is not None and _is_directory(info):
        if not url.endswith("/"):
            return Place(redirect=_location(url + "/"))
        found = _regular(tree, posixpath.join(root, name, INDEX))
    elif info is not None:
        if url.endswith("/"):
            return Place(redirect=_location(url.rstrip("/")))
        found = _regular(tree, posixpath.join(root, name))
    if found is None and fallback:
        found = _regular(tree, posixpath.join(root, INDEX))
    return found


def _regular(tree: Tree, path: str) -> Place | None:
    info = _stat(tree, path)
    return Place(posixpath.normpath(path)) if info is not None and stat.S_ISREG(info.mode) else None


def _location(url: str) -> str:
    """A path on this very server, whatever stands in it."""
    return "/" + quote(url.lstrip("/\\"), safe="/:;=@!$&'()*+,~%")
