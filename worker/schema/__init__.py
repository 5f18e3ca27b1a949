"""Collections: `collection`, `options` and `indexes` are the values, `catalog` a tenant's set of them.

Changing them: `scaffolds` → `binding` (what was submitted) → `validate` and `authcheck` → `sync` (the use cases) →
`tables` (DDL).
"""
