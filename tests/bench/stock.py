"""What the parts of a run are given: made once, before anything is measured, and copied by whoever uses it."""

import dataclasses
import shutil
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from supervisor.contract.layout import TENANTS
from tests.bench.data import Seed, fill
from tests.bench.machine import Plan
from tests.bench.population import Resident
from tests.bench.settlement import copied, settled

COLLECTIONS = 5  # of a resident's own
FEW_RECORDS = 100
NO_DATA = shutil.ignore_patterns("types.d.ts", ".*")  # what the real one leaves beside the databases


class Stock:
    """Seeds that the real PocketBase has filled, and residents. Whatever failed is raised to whoever asks for it."""

    def __init__(self, directory: Path, plan: Plan, parts: Collection[str]) -> None:
        """All that these parts want, ready. The seeds are the real one's work, so they are filled beside the rest."""
        self._directory = directory
        directory.mkdir(parents=True)
        # named by what they are for
        self._seeds: dict[str, Future[Seed]] = {}
        few = dataclasses.replace(plan, records=FEW_RECORDS, posts=0)
        with ThreadPoolExecutor(1) as beside:
            if "requests" in parts:
                for name, filled in (("requests", plan), ("active", few)):
                    self._seeds[name] = beside.submit(self._filled, name, filled)
            self._residents: Future[list[Resident]] = Future()
            try:
                wanted = max((plan.residents.get(part, 0) for part in parts), default=0)
                everybody = [Resident(number, COLLECTIONS) for number in range(wanted)]
                self._residents.set_result(settled(directory / "residents", everybody) if everybody else [])
            except Exception as error:  # it is the business of those parts
                self._residents.set_exception(error)

    def seed(self, name: str, pb_data: Path) -> Seed:
        """Copies a seed's files to `pb_data`; who there is in it."""
        seed = self._seeds[name].result()
        shutil.copytree(self._directory / name / "pb_data", pb_data, ignore=NO_DATA)
        return seed

    def residents(self, data: Path, count: int, there: int = 0) -> list[Resident]:
        """Those that are missing to have so many in a data directory, where the first are `there`."""
        some: Sequence[Resident] = self._residents.result()[there:count]
        copied(data, [(self._directory / "residents" / TENANTS / one.name, one.name) for one in some])
        return list(some)

    def _filled(self, name: str, plan: Plan) -> Seed:
        pb_data = self._directory / name / "pb_data"
        pb_data.mkdir(parents=True)
        return fill(pb_data, plan)
