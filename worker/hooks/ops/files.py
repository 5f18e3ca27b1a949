"""`$os`, `$filepath` and `$filesystem`: the tenant's own directory, as files.

An answer is `{"v": value}`, or `{"fail": [Go's operation, Go's reason, path?]}` for what a file system says no to: the
script makes an error of it that has both. What takes long runs in a thread, at the tenant's expense.
"""

import stat
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from worker.errors import ApiError
from worker.hooks.calls import Call, GoError, Operation
from worker.hooks.root import Info, PathError, Tree
from worker.hooks.root.room import take, take_entry
from worker.hooks.root.tree import FILE_BYTES_MAX, READ_BYTES_MAX
from worker.hooks.wire import as_binary, as_bytes, as_text

T = TypeVar("T")
Answer = dict[str, Any]

# Reading or writing more, or a list that takes more, is a thread's.
INLINE_BYTES_MAX = 1 << 16

# Go's own bits of a mode.
GO_DIR, GO_SYMLINK, GO_DEVICE, GO_PIPE, GO_SOCKET = 1 << 31, 1 << 27, 1 << 26, 1 << 25, 1 << 24
GO_SETUID, GO_SETGID, GO_CHAR, GO_STICKY = 1 << 23, 1 << 22, 1 << 21, 1 << 20
KINDS = {
    stat.S_IFDIR: GO_DIR,
    stat.S_IFLNK: GO_SYMLINK,
    stat.S_IFBLK: GO_DEVICE,
    stat.S_IFCHR: GO_DEVICE | GO_CHAR,
    stat.S_IFIFO: GO_PIPE,
    stat.S_IFSOCK: GO_SOCKET,
}
SPECIAL = {stat.S_ISUID: GO_SETUID, stat.S_ISGID: GO_SETGID, stat.S_ISVTX: GO_STICKY}


def operation(fn: Callable[..., Awaitable[Any]]) -> Operation:
    """An operation on files: its value or its failure as an answer."""

    def answer(call: Call, *args: object) -> Coroutine[Any, Any, Answer]:
        return _told(fn(call, Tree(call.hooks.ctx.directory), *args))  # raises here what there is too much or little of

    return answer


async def _told(work: Awaitable[Any]) -> Answer:
    try:
        return {"v": await work}
    except PathError as failure:
        return {"fail": [failure.op, failure.reason, failure.path]}


async def read(call: Call, tree: Tree, path: object) -> str:
    """A file's bytes."""
    name = as_text(path)
    return as_binary(await _worked(call, tree.size(name), tree.read, name))


async def read_at(call: Call, tree: Tree, path: object, start: object, size: object) -> str:
    """So many bytes of a file, or what there is of them."""
    at, count = _number(start), min(_number(size), READ_BYTES_MAX)
    return as_binary(await _worked(call, count, tree.read, as_text(path), at, count))


async def write(call: Call, tree: Tree, path: object, data: object, mode: object) -> None:
    """Make bytes a file's content."""
    name, content, bits = as_text(path), as_bytes(data), _number(mode)
    await _grown(call, tree, name, len(content), "open")
    await _worked(call, len(content), tree.write, name, content, bits)


async def write_at(call: Call, tree: Tree, path: object, data: object, start: object) -> int:
    """Write into a file, at its end where there is no `start`. Where it has ended."""
    name, content = as_text(path), as_bytes(data)
    at = tree.size(name) if start is None else _number(start)
    take(call.hooks.ctx, "write", max(0, at + len(content) - tree.size(name)))
    return await _worked(call, len(content), tree.write_at, name, content, None if start is None else at)


async def create(call: Call, tree: Tree, path: object, mode: object, how: object) -> None:
    """Have a file there; `how` may say "new", so that there must be none, or "empty"."""
    name = as_text(path)
    await _grown(call, tree, name, 0, "open")
    tree.create(name, _number(mode), exclusive=how == "new", truncate=how == "empty")


async def truncate(call: Call, tree: Tree, path: object, size: object) -> None:
    """Cut a file, or fill it up."""
    name = as_text(path)
    if type(size) is not int or size < 0:
        tree.info(name)
        raise PathError("truncate", "invalid argument")
    if size <= FILE_BYTES_MAX:
        take(call.hooks.ctx, "truncate", max(0, size - tree.size(name)))
    tree.truncate(name, size)


async def info(_: Call, tree: Tree, path: object, follow: object) -> list[Any]:
    """What there is about an entry."""
    return _wire(tree.info(as_text(path), follow=follow is True))


async def listed(call: Call, tree: Tree, path: object) -> list[list[Any]]:
    """The entries of a directory."""
    name = as_text(path)
    found: list[Info] = await _worked(call, tree.size(name), tree.listed, name)
    return [_wire(each) for each in found]


async def mkdir(call: Call, tree: Tree, path: object, mode: object) -> None:
    """Make a directory."""
    await _entry(call, tree, "mkdir")
    tree.mkdir(as_text(path), _number(mode))


async def mkdir_all(call: Call, tree: Tree, path: object, mode: object) -> None:
    """Make a directory and those above it."""
    await _entry(call, tree, "mkdir")
    tree.mkdir_all(as_text(path), _number(mode))


async def rename(call: Call, tree: Tree, old: object, new: object) -> None:
    """Give an entry another name."""
    source, target = as_text(old), as_text(new)
    try:
        is_dir = stat.S_ISDIR(tree.info(source, follow=False).mode)
    except PathError as failure:
        raise PathError("rename", failure.reason) from None
    await _worked(call, INLINE_BYTES_MAX + is_dir, tree.rename, source, target)


async def remove(call: Call, tree: Tree, path: object) -> None:
    """Remove a file or an empty directory."""
    del call
    tree.remove(as_text(path))


async def remove_all(call: Call, tree: Tree, path: object) -> None:
    """Remove an entry and all below."""
    ctx = call.hooks.ctx
    await ctx.lanes.blocking(ctx.account, tree.remove_all, as_text(path))


async def temp_dir(_: Call, tree: Tree) -> str:
    """The folder for what is not kept."""
    return tree.temp()


async def _worked(call: Call, size: int, fn: Callable[..., T], *args: object) -> T:
    """What `fn` answers; in a thread where it has to do with many bytes."""
    if size <= INLINE_BYTES_MAX:
        return fn(*args)
    ctx = call.hooks.ctx
    try:
        return await ctx.lanes.blocking(ctx.account, fn, *args)
    except ApiError as error:
        raise GoError(error.message) from error


async def _grown(call: Call, tree: Tree, path: str, size: int, op: str) -> None:
    """Room for a file that is about to have so many bytes."""
    try:
        before = tree.info(path).size
    except PathError:
        before = 0
        await _entry(call, tree, op)
    take(call.hooks.ctx, op, max(0, size - before))


async def _entry(call: Call, tree: Tree, op: str) -> None:
    await take_entry(call.hooks.ctx, call.hooks.extras, tree, op)


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= FILE_BYTES_MAX << 8:
        raise PathError("open", "invalid argument")
    return value


def _wire(found: Info) -> list[Any]:
    """Name, size, Go's mode, nanoseconds as text (they are beyond JavaScript's whole numbers)."""
    mode = found.mode & 0o777 | KINDS.get(stat.S_IFMT(found.mode), 0)
    for bit, go_bit in SPECIAL.items():
        if found.mode & bit:
            mode |= go_bit
    return [found.name, found.size, mode, str(found.modified_ns)]


OPS: dict[str, Operation] = {
    "fs.read": operation(read),
    "fs.read_at": operation(read_at),
    "fs.write": operation(write),
    "fs.write_at": operation(write_at),
    "fs.create": operation(create),
    "fs.truncate": operation(truncate),
    "fs.info": operation(info),
    "fs.list": operation(listed),
    "fs.mkdir": operation(mkdir),
    "fs.mkdir_all": operation(mkdir_all),
    "fs.rename": operation(rename),
    "fs.remove": operation(remove),
    "fs.remove_all": operation(remove_all),
    "fs.temp_dir": operation(temp_dir),
}
