"""The processes that run tenants' JavaScript, and can do nothing else. Imports nothing of the other packages.

    worker ── pool: Zygote.fork() ── serving ──►  zygote: loads the prelude once, walls itself in, forks
       │                                             └── child: locked down, runs one tenant's scripts
       └───────────── frames, one socket ────────────────┘

`pool` is what a worker uses: `Zygote`, `Child` (`process`), `Limits`, `SandboxUnavailable`; `serving` is one zygote as
its worker sees it, `process` any process. `zygote` and `child` are those processes' own code, `lockdown` sets up the
walls (`kernel`: the calls for it, `syscalls`: the filter, `limits`: how much of everything). `frames` is what host and
child say to each other, `engine` the JavaScript engine, `prelude` the JavaScript in `js/`. `doctor` tells an operator
which walls stand.
"""
