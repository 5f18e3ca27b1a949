"""A tenant's SQLite files: `connection` (transactions, on `reading`: statements, on `handle`: the file; its `limits`),
`pages` (room for their pages), `faults` (failures as answers), `migrations` (what a new tenant holds).

`room` is what a tenant may still write: its disk quota, and what the disk has left.

`functions` replaces those of SQLite's that may take for ever, `burdens` is what a tenant's own schema adds to its
reads and writes, `tally` where threads count, `mending` reads texts that are no UTF-8. `memory` bounds SQLite's.

`console` runs statements of a superuser's own on a confined connection, `cells` is how their values are shown.
`scripted` runs SQL of a tenant's scripts on the tenant's own connections, `scriptvalues` is how its values go over.
"""
