"""A file of a tenant's as an answer: whole or a range of it, in pieces where it is large, or 304."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from worker.errors import not_found
from worker.hooks.root import Info, PathError, Tree
from worker.http.exchange import Request, Response
from worker.http.faults import FILE_NOT_FOUND

if TYPE_CHECKING:
    from worker.context import Context

# What is larger is sent in pieces of this size, each read in a thread.
PIECE_BYTES = 256 << 10
NO_OVERLAP = b"invalid range: failed to overlap\n"

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


async def serve_file(req: Request, resp: Response, ctx: "Context", path: str) -> None:
    """Answer with the file at `path` of the tenant's own root. ApiError 404 where it is not there any more."""
    tree = Tree(ctx.directory)
    try:
        info = await ctx.lanes.blocking(ctx.account, tree.info, path)
        if not await _head(req, resp, info):
            return
        start, size = _wanted(req, resp, info.size)
        if size < 0:
            return
        resp._headers["accept-ranges"] = "bytes"
        if size <= PIECE_BYTES:
            resp.data = await ctx.lanes.blocking(ctx.account, tree.read, path, start, size) if size else b""
            return
        first = await ctx.lanes.blocking(ctx.account, tree.read, path, start, PIECE_BYTES)
    except PathError:
        raise not_found(FILE_NOT_FOUND) from None
    resp.data = None
    resp.set_stream(_pieces(ctx, tree, path, first, start, size), size)


async def _head(req: Request, resp: Response, info: Info) -> bool:
    """The headers of the file; False where the client has it already."""
    modified = datetime.fromtimestamp(info.modified_ns // 1_000_000_000, UTC)
    resp._headers["last-modified"] = format_datetime(modified, usegmt=True)
    since = _date(req.context.header(b"if-modified-since"))
    if since is not None and req.method in {"GET", "HEAD"} and modified <= since:
        resp.status = 304
        resp.data = None
        resp._headers.pop("content-type", None)
        return False
    return True


def _wanted(req: Request, resp: Response, whole: int) -> tuple[int, int]:
    """Which part of `whole` bytes is asked for: its start and size; a size below 0 where there is none."""
    found = _RANGE.fullmatch(req.context.header(b"range"))
    if found is None or not (found[1] or found[2]) or resp.status_code != 200:
        return 0, whole
    if found[1]:
        start, end = int(found[1]), int(found[2]) + 1 if found[2] else whole
    else:
        start, end = max(0, whole - int(found[2])), whole
    if found[2] and found[1] and end <= start:
        return 0, whole
    if start >= whole:
        resp.status = 416
        resp._headers["content-range"] = f"bytes */{whole}"
        resp._headers["content-type"] = "text/plain; charset=utf-8"
        resp._headers.pop("last-modified", None)
        resp.data = NO_OVERLAP
        return 0, -1
    end = min(end, whole)
    resp.status = 206
    resp._headers["content-range"] = f"bytes {start}-{end - 1}/{whole}"
    return start, end - start


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


async def _pieces(  # noqa: PLR0917 (all of what is sent)
    ctx: "Context", tree: Tree, path: str, first: bytes, start: int, size: int
) -> AsyncIterator[bytes]:
    """The file from `start` on; one that has shrunk meanwhile is cut off, so that the client sees it."""
    yield first
    sent = len(first)
    while sent < size:
        piece = await ctx.lanes.blocking(ctx.account, tree.read, path, start + sent, min(PIECE_BYTES, size - sent))
        if not piece:
            return
        sent += len(piece)
        yield piece
