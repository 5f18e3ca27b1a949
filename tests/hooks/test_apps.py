"""Every app of `apps/`, request by request, then its tables and its logs."""

import importlib
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.hooks.harness import APPS, Pair, Place, Run, Scripts
from tests.oracle.harness import TRIES_MAX, named

MODULES = {
    path.parent.name: importlib.import_module(f"tests.hooks.apps.{path.parent.name}.requests")
    for path in sorted(APPS.glob("*/requests.py"))
}
ALL = [(app, name) for app, module in MODULES.items() for name, _ in named(module.CASES)]


class Runs:
    """The runs so far, by the app's name."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._made: dict[str, Run] = {}
        self._tries: Counter[str] = Counter()

    def of(self, app: str) -> Run:
        if app not in self._made:
            self._tries[app] += 1
            with getattr(MODULES[app], "beside", nullcontext)():
                self._made[app] = Run(Pair(self._place, Scripts.of(APPS / app)), MODULES[app].CASES)
        return self._made[app]

    def forget(self, app: str) -> None:
        """Run it once more when it is asked for again: for second tries, which are few."""
        if self._tries[app] < TRIES_MAX:
            self._made.pop(app).pair.stop()

    def stop(self) -> None:
        for run in self._made.values():
            run.pair.stop()


@pytest.fixture(scope="module")
def runs(place: Place) -> Iterator[Runs]:
    runs = Runs(place)
    yield runs
    runs.stop()


@pytest.mark.parametrize(("app", "name"), [pytest.param(*pair, id=": ".join(pair)) for pair in ALL])
def test_same_answer(runs: Runs, app: str, name: str) -> None:
    outcome = runs.of(app).outcomes[name]
    if outcome.found:
        runs.forget(app)
        pytest.fail(f"{app}\n{outcome.report()}", pytrace=False)


@pytest.mark.parametrize("app", [app for app, module in MODULES.items() if getattr(module, "TABLES", ())])
def test_same_tables(runs: Runs, app: str) -> None:
    runs.of(app).pair.compare_tables(MODULES[app].TABLES)


@pytest.mark.parametrize("app", [app for app, module in MODULES.items() if getattr(module, "LOGS", False)])
def test_same_logs(runs: Runs, app: str) -> None:
    runs.of(app).pair.compare_logs()
