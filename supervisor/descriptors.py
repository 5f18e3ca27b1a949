"""How many descriptors a process may have, and what the settings ask of them.

A worker takes, at most:

    OWN                       of its own: streams, loop, heartbeat, lock, channel, listeners
    2 a berth                 the links' ends, all of which it has just after its fork
    1 a connection            `http.connections_max`
    8 + reads a live tenant   data.db, its log and shared memory (3); a transaction's connection to the first two; the
                              same three of its request log while it is written. A slow read's connection to data.db
                              stays with the tenant (closing it would drop the locks that the others have on the file)
    pool and consoles         a write-ahead log a reading thread, the pipes of the consoles

The limit is raised as far as it goes; what does not fit even so is sized down, both parts alike, and said once.
"""

import resource

from msgspec.structs import replace

from supervisor.contract.settings import Settings
from supervisor.premises import StartError

WANTED = 1_048_576
OWN = 64
SPARE = 64  # for what lasts a moment: an export's files, a module that is imported late
A_BERTH = 2
A_TENANT = 8
A_CONSOLE = 6
CONNECTIONS_MIN = 16
LIVE_MIN = 4


def raise_limit() -> int:
    """Raises the limit of descriptors as far as it goes; how many a process may have now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def fit(settings: Settings, limit: int, berths: int) -> tuple[Settings, str]:
    """The settings as far as `limit` descriptors a process allow, and what to tell the operator ("": they fit).

    Raises StartError where so few are left that no server would be worth its name.
    """
    http, sql = settings.http, settings.sql
    # one tenant gets half of the reading threads
    a_tenant = A_TENANT + max(1, sql.pool_threads // 2)
    base = OWN + SPARE + A_BERTH * berths + settings.shards + sql.pool_threads + A_CONSOLE * sql.consoles
    asked = http.connections_max + settings.live_tenants_max * a_tenant
    if base + asked <= limit:
        return settings, ""
    left = limit - base
    connections_min = min(CONNECTIONS_MIN, http.connections_max)
    live_min = min(LIVE_MIN, settings.live_tenants_max)
    least = base + connections_min + live_min * a_tenant
    if limit < least:
        raise StartError(f"a process may have only {limit} open files (ulimit -Hn): at least {least} are needed")
    connections = min(http.connections_max * left // asked, left - live_min * a_tenant)
    connections = max(connections_min, connections)
    live = min(settings.live_tenants_max, (left - connections) // a_tenant)
    fitted = replace(settings, http=replace(http, connections_max=connections), live_tenants_max=live)
    told = (
        f"a process may have only {limit} open files (ulimit -Hn), where http.connections_max "
        f"{http.connections_max} and live_tenants_max {settings.live_tenants_max} can take {base + asked}: each worker "
        f"keeps to {connections} connections and {live} live tenants"
    )
    return fitted, told
