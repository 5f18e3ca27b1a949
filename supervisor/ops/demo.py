"""`pocker serve --demo`: a first tenant on an empty server, and what to try with it."""

import logging
import secrets
from typing import Any

from supervisor.contract.shardmap import Directory
from supervisor.crew import Crew
from supervisor.ops.commands import CommandError, Commands
from supervisor.ops.tenancy import ignore

NAME = "demo"
EMAIL = "admin@example.com"
READY_TIMEOUT_S = 60.0
TEXT = """
  Tenant {name} is ready: {url}
  Superuser {email} with password {password} (it is not shown again)

  Try:
    curl {url}/api/health
    {program} tenant create shop
    {program} superuser upsert shop you@example.com
    {program} status

  With the official SDK (npm install pocketbase):
    import PocketBase from 'pocketbase'
    const pb = new PocketBase('{url}')
    await pb.collection('_superusers').authWithPassword('{email}', '{password}')
    console.log(await pb.collections.getFullList())
"""


async def make_demo(
    commands: Commands, directory: Directory, crew: Crew, program: str, log: logging.Logger
) -> str | None:
    """Creates the demo tenant once the workers serve; what to tell about it, or None if there are tenants already.

    `program` begins a command line of the operator for this server, for example "pocker".
    """
    if len(directory):
        return None
    if not await crew.all_ready(READY_TIMEOUT_S):
        log.error("no demo tenant: the workers have not started within %.0f s", READY_TIMEOUT_S)
        return None
    password = secrets.token_urlsafe(9)
    try:
        tenant: dict[str, Any] = await commands.run("tenant.create", {"name": NAME}, ignore)
        superuser = {"name": NAME, "email": EMAIL, "password": password}
        await commands.run("superuser.upsert", superuser, ignore)
    except CommandError as error:
        log.error("no demo tenant: %s", error)
        return None
    return TEXT.format(name=NAME, url=tenant["url"], email=EMAIL, password=password, program=program)
