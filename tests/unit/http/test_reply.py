"""Long pages are made JSON of in steps: byte for byte what one step would have made."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from worker.errors import ApiError
from worker.http.reply import json_reply, page_reply
from worker.records.listing import STEP_ROWS


class Breathing:
    """The part of a context that a long answer needs."""

    def __init__(self) -> None:
        self.breaths = 0

    async def breathe(self) -> None:
        self.breaths += 1


def page(size: int) -> dict[str, Any]:
    items = [{"id": f"r{number}", "n": number / 3, "j": {"a": [number], "b": "é\u2028<"}} for number in range(size)]
    return {"items": items, "page": 1, "perPage": 1000, "totalItems": size, "totalPages": 1}


def asked(fields: str | None) -> Any:
    query = {} if fields is None else {"fields": fields}
    return SimpleNamespace(scope={"query_string": b"?" if query else b""}, context=SimpleNamespace(query=query))


@pytest.mark.parametrize("size", [0, STEP_ROWS, STEP_ROWS + 1, 2 * STEP_ROWS, 1000])
@pytest.mark.parametrize("fields", [None, "", "id", "*", "j.a,n", "nothing", "items", "id:excerpt(2,true)", " , "])
def test_steps_make_no_difference(size: int, fields: str | None) -> None:
    whole, stepped, ctx = SimpleNamespace(data=b""), SimpleNamespace(data=b""), Breathing()
    json_reply(whole, page(size), asked(fields))  # type: ignore[arg-type]
    asyncio.run(page_reply(stepped, page(size), asked(fields), ctx))  # type: ignore[arg-type]
    assert stepped.data == whole.data
    assert ctx.breaths == (0 if size <= STEP_ROWS else -(-size // STEP_ROWS))


def test_bad_fields_are_refused_all_the_same() -> None:
    with pytest.raises(ApiError):
        asyncio.run(page_reply(SimpleNamespace(), page(1000), asked("id:excerpt("), Breathing()))  # type: ignore[arg-type]
