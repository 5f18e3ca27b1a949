"""HTTP/1.1: `endpoint` (all connections of a worker) → `connection` → `heads`, `bodies`, `chunks` → `asgi`, `steps`,
`answer` → `replies`.

What a connection is, from the socket up: `stream` (writing, deadlines, ends) → `movable`, `handoff` (goes to the worker
that owns its tenant) → `booked` (its tenant's account) → `receiving` (bodies) → `gated` (waits at the gate, or gets one
of the `denials`) → `connection`. `relief` is what gives way when there are too many, or they keep too much in memory.
"""
