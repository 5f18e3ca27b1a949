"""HTTP/1.1: `endpoint` (all connections of a worker) → `connection` → `heads`, `bodies` → `asgi`, `steps`, `stream` →
`replies`.

`movable` and `handoff` pass a connection to the shard that owns its tenant.
"""
