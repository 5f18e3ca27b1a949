"""The records engine. `actions` are the use cases; start there.

Rules and filters: `request`, `requested`, `resolver`, `joins`, `compiled`, `rules`. Reading: `plan`, `reading`,
`store`, `listing`, `expand`, `present`. Writing: `upsert`, `saving`, `references`, `removal`, `accounts` (auth
records), `truncation` (all of a collection). Several at once: `batch`, `batchform`. `guessing` brakes those who list to
find out. `events` names them all.

`catalogue` lists the collections themselves.
"""
