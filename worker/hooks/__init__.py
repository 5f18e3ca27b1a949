"""A tenant's scripts on the host's side: found, loaded, bound, run. `docs/architecture.md` has the picture.

From files to handlers
    `files`         which scripts there are, and the state they are in
    `loader`        run once in a process that is thrown away; `manifest` is what came of it, checked like foreign data
    `scripts`       the scripts of all tenants of a worker: opened, replaced, closed; `starting`, what requests wait for
    `reload`        notices changed files; `lifecycle`, onBootstrap and onTerminate; `report`, what operators are told
    `migrations`    applied and reverted; `automigrate` writes them; `jobs`, what is scheduled
    `hooks`         one live tenant's scripts: handlers on its bus, routes, jobs

A run
    `processes`     the sandbox processes of a worker; `children`, those of a tenant, leased for a run
    `line`          whole frames of one child's socket
    `session`       one run: calls of the script, their answers, its limits. `calls` is what operations see of it
    `shared`, `wire`  records on both sides
    `events`        an event told to a script, and what it has changed; `errors`, exceptions on their way
    `routes`, `requests`  routes and middlewares of scripts, and the request in their hands; `patterns`, `pages` below

What scripts may ask for: `ops`, one module an area, with `root` (the tenant's files) and `net` (other servers) below.
"""
