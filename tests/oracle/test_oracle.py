"""Every case of every scenario, as a test of its own."""

import pytest

from tests.oracle.cases import SCENARIOS
from tests.oracle.harness import Case, Oracle, named
from tests.oracle.known import KNOWN

ALL = [(scenario, name) for scenario, cases in SCENARIOS.items() for name, _ in named(cases)]


def _parameters() -> list[object]:
    marks = {key: [pytest.mark.xfail(reason=reason, strict=True)] for key, reason in KNOWN.items()}
    return [
        pytest.param(scenario, name, id=f"{scenario}: {name}", marks=marks.get(f"{scenario}: {name}", []))
        for scenario, name in ALL
    ]


@pytest.mark.parametrize(("scenario", "name"), _parameters())
def test_same_answer(oracle: Oracle, scenario: str, name: str) -> None:
    cases: list[Case] = SCENARIOS[scenario]
    outcome = oracle.outcomes(scenario, cases)[name]
    if outcome.found:
        oracle.forget(scenario)
        pytest.fail(outcome.report(), pytrace=False)


def test_known_differences_name_cases() -> None:
    assert KNOWN.keys() <= {f"{scenario}: {name}" for scenario, name in ALL}
