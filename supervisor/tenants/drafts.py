"""The files of tenants that are being made: aside until the registry has the tenant, then in their place.

    worker: writes .drafts/NAME  ─►  registry: NAME is active (durable)  ─►  rename to tenants/NAME  ─►  it serves

Whatever is cut off, the next start finds either a draft that is nobody's, which goes, or one of an active tenant, which
takes its place. A draft is whole and on the disk before the registry is told.

Those made ahead (`supervisor.tenants.ready`) stand beside them, as .drafts/.ready-ID. The registry's word says whose
such a one is, too: the rename need not be on the disk when the tenant serves, so that only the registry is waited for.
"""

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from supervisor.contract.layout import DRAFTS, READY_PREFIX
from supervisor.contract.settings import Settings, tenant_dir, tenants_dir
from supervisor.contract.shardmap import Directory
from supervisor.contract.tenant import TenantState


class DraftError(Exception):
    """A draft cannot take its place; one line for the operator."""


def place(draft: Path, final: Path) -> None:
    """Moves a draft to where its tenant is served from. Raises DraftError."""
    try:
        draft.rename(final)
    except OSError as error:
        raise DraftError(f"{draft} cannot become {final}: {error.strerror}") from error


def settle(settings: Settings, directory: Directory, log: logging.Logger, taken: Mapping[str, str]) -> None:
    """What the previous run has left aside takes its place or goes. For a start, while no worker lives. Raises
    DraftError: a tenant that is acknowledged is not left without its files.

    `taken` says by tenant's name which one made ahead it has taken up; when this returns, nobody need know any more.
    """
    _settle_ready(settings, directory, taken)
    try:
        drafts = sorted((tenants_dir(settings) / DRAFTS).iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise DraftError(f"{error.filename}: cannot be read: {error.strerror}") from error
    for draft in drafts:
        tenant = directory.get(draft.name)
        final = tenant_dir(settings, draft.name)
        if tenant is not None and tenant.state is TenantState.ACTIVE and not final.exists():
            place(draft, final)
            log.warning("tenant %s was being created by the previous run: it serves", draft.name)
        else:
            shutil.rmtree(draft, ignore_errors=True)
            log.warning("tenant %s was being created by the previous run: what there was of it is removed", draft.name)


def _settle_ready(settings: Settings, directory: Directory, taken: Mapping[str, str]) -> None:
    """Those of tenants take their places, for good. All others go: nobody else may get what was somebody's."""
    root = tenants_dir(settings)
    aside = root / DRAFTS
    for name, draft in taken.items():
        if directory.get(name) is not None and not (root / name).exists() and (aside / draft).exists():
            place(aside / draft, root / name)
    for stray in aside.glob(f"{READY_PREFIX}*"):
        shutil.rmtree(stray, ignore_errors=True)
    for folder in (root, aside) if taken else ():
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
