"""A tenant's SQLite files: `connection`, `pages` (room for their pages), `faults` (failures as answers), `migrations`
(what a new tenant holds).

`functions` replaces those of SQLite's that may take for ever.

`console` runs statements of a superuser's own on a confined connection, `cells` is how their values are shown.
"""
