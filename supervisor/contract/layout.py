"""Names of the files in the data directory. Imports nothing: the operator's client needs it and must start fast.

DATA/
├── registry.db        tenants as the supervisor knows them
├── ledger.db          day totals of the tenants, and events
├── supervisor.lock    held while a supervisor or one of its workers lives
├── control.sock       operator's commands, 0600
├── shard-N.sock       listener of one shard, for a proxy that hashes by Host
├── template/          what a new tenant is copied from
└── tenants/
    ├── NAME/          pb_data, pb_hooks, pb_migrations, pb_public
    └── .drafts/       NAME/ of a tenant that is being made: renamed once the registry has it; .ready-ID/ of none yet
"""

REGISTRY = "registry.db"
LEDGER = "ledger.db"
LOCK = "supervisor.lock"
CONTROL_SOCKET = "control.sock"
SHARD_SOCKET = "shard-{}.sock"
TEMPLATE = "template"
TENANTS = "tenants"
DRAFTS = ".drafts"  # no name begins with a dot
READY_PREFIX = ".ready-"
DATA_DEFAULT = "./pocker_data"
