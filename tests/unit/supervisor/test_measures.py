"""The hands of the policy: what goes wrong with a measure is told, and ends nothing."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from supervisor.crew import CrewError
from supervisor.measures import Measures
from supervisor.ops.tenancy import Refused
from supervisor.tenants.lifecycle import LifecycleError
from supervisor.tenants.registry import RegistryError


@pytest.mark.parametrize(
    ("error", "trace"),
    [
        (RegistryError("registry.db: the disk is full"), False),
        (LifecycleError("tenant a is suspended"), False),
        (CrewError("shard 1 did not confirm"), False),
        (Refused("there is no tenant a"), False),
        (KeyError("what nobody has thought of"), True),
    ],
)
def test_a_suspension_that_fails_is_told(error: Exception, trace: bool, caplog: pytest.LogCaptureFixture) -> None:
    begun: list[Coroutine[Any, Any, None]] = []

    class Tenancy:
        async def step(self, step: str, name: str, reason: str) -> None:
            assert (step, name, reason) == ("suspend", "a", "why")
            raise error

    nobody: Any = None
    hands = Measures(begun.append, nobody, nobody, Tenancy(), {}, logging.getLogger("test"))  # type: ignore[arg-type]
    hands.suspend("a", "why")
    asyncio.run(*begun)
    (record,) = caplog.records
    assert "the suspension of tenant a" in record.getMessage()
    assert (record.exc_info is not None) == trace
    assert trace or str(error) in record.getMessage()
