"""A worker process: serves the tenants of one shard.

From the wire down: `process` (gunicorn's worker) → `wire/` (HTTP/1.1, hand-off) → `http/` (the front every request
passes) → `api/` (routes) → `records/`, `schema/`, `auth/`, `services/` (use cases) → `fields/`, `filters/` → `db/`.
`app` builds and wires them all; `tenants` and `context` are the live tenants, `orders` and `provision` what the
supervisor asks for, `lanes` where work runs, `unit` one transaction, `writing` the short ones, `events` the handlers
around every action.

Who owns a tenant, and when it is open: `handover` takes the supervisor's orders about owners, `ownership` answers
whether a tenant is this worker's now, `holds` why its requests wait, `closing` closes its files off the loop,
`hibernation` finds who need not be open, `heap` gives memory back. `fair/` shares the worker out between its tenants,
`asking` asks the supervisor.
"""
