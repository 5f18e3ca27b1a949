"""Tenants by the thousand in a data directory: what `pocker tenant create` leaves of each, but written all at once.

Each has files of its own with secrets of its own, and a row in the registry; nothing waits for the disk, so it takes
about a millisecond a tenant. No server may use the directory meanwhile.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from supervisor.contract.layout import TEMPLATE, TENANTS
from tests.bench.population import register
from worker.provision import template, write_databases


def names_of(count: int, first: int = 0) -> list[str]:
    """Names of a crowd, from the number `first` on."""
    return [f"crowd-{number:06}" for number in range(first, first + count)]


def settle(data: Path, names: Sequence[str]) -> None:
    """Makes and registers these tenants."""
    tenants = data / TENANTS
    tenants.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = template(data / TEMPLATE)
    for name in names:
        (tenants / name).mkdir()
        write_databases(source, tenants / name / "pb_data", lambda _: None)
    register(data, names)
    os.sync()  # what is measured next does not share the disk with this
