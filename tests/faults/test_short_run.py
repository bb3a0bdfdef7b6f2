"""The campaign's short part, which a build server runs: a few tasks, with all faults of transport mixed."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.building import Outcome, build
from tests.faults.conftest import Shown
from tests.faults.judging import demand_unharmed
from tests.faults.plans import mixed
from tests.faults.sample import FEW, answers
from tests.faults.server import FaultyEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]


def test_mixed_faults_cost_requests_and_nothing_else(shown: Shown, tmp_path: Path) -> None:
    """With 30 % of all calls failing the artifacts are those without, and every request is in the ledger."""
    outcome, calm = asyncio.run(_both(tmp_path))
    shown("few tasks, mixed", outcome, calm)
    assert len(outcome.injected) > 1
    demand_unharmed(outcome, calm)


async def _both(place: Path) -> tuple[Outcome, Outcome]:
    """Build with faults and without, at the same time."""
    faulty, calm = FaultyEndpoint(answers(), mixed(0.3, seed=3)), FaultyEndpoint(answers())
    return await asyncio.gather(build(place / "faulty", FEW, faulty), build(place / "calm", FEW, calm))
