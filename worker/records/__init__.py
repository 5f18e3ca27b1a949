"""The records engine. `actions` are the use cases; start there.

Rules and filters: `request`, `requested`, `resolver`, `joins`, `compiled`, `rules`. Reading: `plan`, `reading`,
`store`, `listing`, `expand`, `present`. Writing: `upsert`, `saving`, `references`, `removal`, `accounts` (auth
records). `events` names them all.
"""
