"""The process that shards tenants over workers, watches them, and takes the operators' commands.

`cli` → `app` (the server as gunicorn runs it) → `assembly` (builds and wires the parts) → `arbiter` (gunicorn's,
subclassed) with `pump` (its event loop), `crew` (the workers as it talks to them), `berths` (what each of them has
of its own), `respawn` (patience with those that die) and `tick` (sample → decide → `act`, through `measures`).

Who serves whom changes while all serve: `moves` (a fresh worker, another number of shards, another shard for a tenant)
by the steps of `handover`; `upgrade` has new code go on in place, with what `takeover` hands from image to image.

`contract/` is what a worker may know, `tenants/` the registry and the life cycle, `ops/` what operators ask and see,
`commandline/` their side of it, `logs` the form of the log, `accounting/` and `policy/` the figures and what follows
from them, `premises` and `descriptors` what must hold before a start.
"""
