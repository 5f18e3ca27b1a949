"""The process that shards tenants over workers, watches them, and takes the operators' commands.

`cli` → `app` (builds and wires the parts) → `arbiter` (gunicorn's, subclassed) with `pump` (its event loop), `crew`
(the workers as it talks to them) and `tick` (sample → decide → `act`). `contract/` is what a worker may know,
`tenants/` the registry and the life cycle, `ops/` the commands, `accounting/` and `policy/` the figures and what
follows from them.
"""
