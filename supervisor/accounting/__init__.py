"""The figures: what the kernel says of the processes (`sampler`), what the workers tell of their tenants (`ledger`).

`ledger`   every tenant's `account` (totals since the start, gauges); its parts: `windows` (the last minute), `days`
           (unwritten sums)
`events`   what happened, and the table of kinds
`archive`  what outlives the supervisor: day totals and events; `keeping` writes it
`facts`    the shapes in which all of it is handed on
"""
