"""Random worlds on the real PocketBase and on Pocker: the same data, the same requests, the same answers.

`values` (random field values) → `schemas` (random collections and rules) → `worlds` (built through the real one's API,
copied, served by both) → `filters` (random filter, sort, expand, fields) → `reads` (random requests) → `runner`
(asks both, compares, shrinks what differs). Everything random comes from a seed. `python -m tests.differential --help`.

`writes*` (random records written by anybody) and `changes*` (random changes of collections) send both servers the same
sequence of requests from equal databases, and compare the databases as well: `--writes`, `--changes`.

`target` is what fuzzers of the filter language call; `fuzz` is the coverage-guided one, to be run by hand.
"""
