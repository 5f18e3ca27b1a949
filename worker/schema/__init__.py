"""Collections: `collection`, `options` and `indexes` are the values, `catalog` a tenant's set of them, which makes each
when it is asked for; on the `shelf` is what tenants share.

Changing them: `scaffolds` → `binding` (what was submitted) → `validate` and `authcheck` → `sync` (the use cases) and
`importing` (many at once; `misfit` has the words for what can't be read) → `storing` (rows, `events`, dependent views)
→ `tables` (DDL).

Views: `viewtext` (what a query's text says) and `viewquery` (what SQLite says) → `viewfields`; `viewddl` makes them and
keeps their SQL confined; `dryrun` tries a query out.
"""
