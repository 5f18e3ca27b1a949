"""Every app of `apps/`, request by request, then its tables and its logs."""

import importlib
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.hooks.harness import APPS, Pair, Place, Run, Scripts
from tests.oracle.harness import named

MODULES = {
    path.parent.name: importlib.import_module(f"tests.hooks.apps.{path.parent.name}.requests")
    for path in sorted(APPS.glob("*/requests.py"))
}
ALL = [(app, name) for app, module in MODULES.items() for name, _ in named(module.CASES)]


@pytest.fixture(scope="module")
def runs(place: Place) -> Iterator[dict[str, Run]]:
    """The runs so far, by the app's name."""
    made: dict[str, Run] = {}
    yield made
    for run in made.values():
        run.pair.stop()


@pytest.fixture
def run(runs: dict[str, Run], place: Place, app: str) -> Run:
    """The app's run."""
    if app not in runs:
        with getattr(MODULES[app], "beside", nullcontext)():
            runs[app] = Run(Pair(place, Scripts.of(APPS / app)), MODULES[app].CASES)
    return runs[app]


@pytest.mark.parametrize(("app", "name"), [pytest.param(*pair, id=": ".join(pair)) for pair in ALL])
def test_same_answer(run: Run, app: str, name: str) -> None:
    outcome = run.outcomes[name]
    if outcome.found:
        pytest.fail(f"{app}\n{outcome.report()}", pytrace=False)


@pytest.mark.parametrize("app", [app for app, module in MODULES.items() if getattr(module, "TABLES", ())])
def test_same_tables(run: Run, app: str) -> None:
    run.pair.compare_tables(MODULES[app].TABLES)


@pytest.mark.parametrize("app", [app for app, module in MODULES.items() if getattr(module, "LOGS", False)])
def test_same_logs(run: Run, app: str) -> None:
    del app
    run.pair.compare_logs()
