"""Trying out the query of a view that nobody stores yet: its fields, and some records as everybody would see them."""

from typing import TYPE_CHECKING, Any
from zlib import crc32

from worker.errors import bad_request
from worker.schema import viewquery
from worker.schema.collection import VIEW
from worker.schema.viewquery import Trial
from worker.schema.viewtext import QueryError
from worker.unit import transaction

if TYPE_CHECKING:
    from worker.context import Context


class _Undone(Exception):  # noqa: N818 - it is no error
    """Ends the transaction with nothing kept of it."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial


async def dry_run_view(ctx: "Context", query: str) -> dict[str, Any]:
    """`{"fields": […], "sample": [up to ten records]}` of a view's query. ApiError 400 for one that can't be that."""
    try:
        async with transaction(ctx) as inner:
            raise _Undone(await viewquery.try_query(inner, query))
    except QueryError as error:
        raise bad_request(f"Invalid view query. Raw error: \n{error}", cause=error) from None
    except _Undone as done:
        trial = done.trial
    return {"fields": [field.dump() for field in trial.fields], "sample": _sample(trial)}


def _sample(trial: Trial) -> list[dict[str, Any]]:
    constants = {"collectionId": f"pbc_{crc32((VIEW + trial.name).encode())}", "collectionName": trial.name}
    places = [(place, field) for place, field in enumerate(trial.fields) if not field.hidden]
    return [
        dict(
            sorted(
                {
                    **constants,
                    **{
                        field.name: "" if field.type == "password" else field.from_db(row[place])
                        for place, field in places
                    },
                }.items()
            )
        )
        for row in trial.rows
    ]
