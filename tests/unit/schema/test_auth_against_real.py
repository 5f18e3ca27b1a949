"""Auth collections and system collections, by the same bodies here and by the real PocketBase: `auth_requests.txt`."""

from pathlib import Path

import pytest

from worker.context import Context

from .conftest import Ours, Real
from .test_against_real import compare

REQUESTS = Path(__file__).with_name("auth_requests.txt").read_text().splitlines()


@pytest.mark.slow
def test_same_answers_and_same_databases(real: Real, ours: Ours, tenant: Context) -> None:
    compare(real, ours, tenant, REQUESTS, good=100, bad=100)
