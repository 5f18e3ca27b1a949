"""The routes of scheduled jobs, for superusers: `/api/crons`, `/api/crons/:id`."""

from typing import Any

from worker.crons import begin
from worker.errors import not_found
from worker.hooks.jobs import OWN_PREFIX, Job, jobs_of
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply, no_content

NO_JOB = "Missing or invalid cron job."


class Crons:
    """Every job with its schedule."""

    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        jobs = sorted(jobs_of(req.context.tenant), key=_place)
        json_reply(resp, [{"id": job.id, "expression": job.expression} for job in jobs], req)


class OneCron:
    """Run one now; the answer does not wait for it."""

    async def on_post(self, req: Request, resp: Response, name: str) -> None:
        require_superuser(req)
        ctx = req.context.tenant
        job = next((job for job in jobs_of(ctx) if job.id == name), None)
        if job is None:
            raise not_found(NO_JOB)
        begin(ctx, job)
        no_content(resp)


def _place(job: Job) -> tuple[bool, str]:
    """The server's own come last, in their order."""
    own = job.id.startswith(OWN_PREFIX)
    return own, "" if own else job.id


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/crons", Crons())
    app.add_route("/api/crons/{name}", OneCron())
