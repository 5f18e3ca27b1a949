"""The operators' commands: `control` (socket) → `commands` → `tenancy` (what changes a tenant) and `reports` (what is
known).

`requests` are their checked arguments, `client` and `tables` the command line's side, `demo` the first tenant of an
empty server.
"""
