"""What operators ask and see. Two doors, which are one to the arbiter (`operators`):

    control socket   `control` → `commands` → `tenancy` (what changes a tenant), `reports` (what is known)
    HTTP listener    `listener` → `metrics` (with `families`) for Prometheus, `health` for whoever sends clients here

`requests` are the commands' checked arguments, `figures` the forms of what is counted, `statement` what a tenant's own
superusers are told, `client` and `tables` the command line's side, `demo` the first tenant of an empty server.
"""
