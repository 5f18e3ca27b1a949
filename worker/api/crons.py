"""The routes of scheduled jobs, for superusers: `/api/crons`, `/api/crons/:id`."""

import asyncio
from typing import Any

from worker.crons import run_job
from worker.errors import not_found
from worker.hooks.jobs import OWN_PREFIX, jobs_of
from worker.http.exchange import Request, Response
from worker.http.guards import require_superuser
from worker.http.reply import json_reply, no_content

NO_JOB = "Missing or invalid cron job."


class Crons:
    """Every job with its schedule."""

    async def on_get(self, req: Request, resp: Response) -> None:
        require_superuser(req)
        jobs = sorted(jobs_of(req.context.tenant), key=lambda job: job.id.startswith(OWN_PREFIX))
        json_reply(resp, [{"id": job.id, "expression": job.expression} for job in jobs], req)


class OneCron:
    """Run one now; the answer does not wait for it."""

    async def on_post(self, req: Request, resp: Response, name: str) -> None:
        require_superuser(req)
        ctx = req.context.tenant
        job = next((job for job in jobs_of(ctx) if job.id == name), None)
        if job is None:
            raise not_found(NO_JOB)
        ctx.busy += 1  # it stays open until the job has ended
        task = asyncio.get_running_loop().create_task(run_job(ctx, job))
        task.add_done_callback(lambda _: _let_go(ctx))
        no_content(resp)


def _let_go(ctx: Any) -> None:
    ctx.busy -= 1


def bind(app: Any) -> None:
    """Add the routes of this group."""
    app.add_route("/api/crons", Crons())
    app.add_route("/api/crons/{name}", OneCron())
