"""A worker process: serves the tenants of one shard.

From the wire down: `process` (gunicorn's worker) → `wire/` (HTTP/1.1, hand-off) → `http/` (the front every request
passes) → `api/` (routes) → `records/`, `schema/`, `auth/`, `services/` (use cases) → `fields/`, `filters/` → `db/`.
`app` builds and wires them all; `tenants` and `context` are the live tenants, `orders` and `provision` what the
supervisor asks for, `lanes` where work runs, `unit` one transaction, `events` the handlers around every action.
"""
