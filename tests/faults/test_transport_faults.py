"""The campaign, first part: each fault of transport at 30 % of all calls, all of them mixed, and faults of content."""

import asyncio
from pathlib import Path

import pytest

from schemas.identity import Archetype, TaskStatus
from schemas.models import LedgerStatus
from tests.faults.building import Outcome, build
from tests.faults.conftest import Shown
from tests.faults.judging import demand_counted, demand_unharmed
from tests.faults.plans import CONTENT, TRANSPORT, Fault, mixed, one
from tests.faults.sample import TASKS, answers
from tests.faults.server import FaultyEndpoint

SHARE = 0.3

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]


@pytest.mark.parametrize("fault", TRANSPORT)
def test_one_fault_costs_requests_and_nothing_else(fault: Fault, calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """With each fault at 30 % of calls the artifacts are those without, and every request is in the ledger."""
    outcome = asyncio.run(build(tmp_path / "build", TASKS, FaultyEndpoint(answers(), one(fault, SHARE))))
    shown(f"{fault.value} at 30 %", outcome, calm)
    assert set(outcome.injected) == {fault.value}
    demand_unharmed(outcome, calm)


def test_all_faults_together_cost_requests_and_nothing_else(calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """The same with all of them, each as often as any other."""
    outcome = asyncio.run(build(tmp_path / "build", TASKS, FaultyEndpoint(answers(), mixed(SHARE))))
    shown("all mixed at 30 %", outcome, calm)
    assert len(outcome.injected) > len(TRANSPORT) / 2
    demand_unharmed(outcome, calm)


@pytest.mark.parametrize("fault", CONTENT)
def test_answers_of_another_kind_are_red_flags(fault: Fault, calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """An answer that was cut off, or that declines, is no fault of transport: it has no vote, and others are drawn."""
    outcome = asyncio.run(build(tmp_path / "build", TASKS, FaultyEndpoint(answers(), one(fault, SHARE))))
    shown(f"{fault.value} at 30 %", outcome, calm)
    assert outcome.exit_code == 0, outcome.output
    assert {node.status for node in outcome.nodes} == {TaskStatus.WON}
    code = [entry for entry in outcome.ledger if entry.archetype is Archetype.CODER]
    assert {entry.status for entry in code} == {LedgerStatus.SETTLED}, "an answer of another kind is an answer"
    assert sum(node.red_flags for node in outcome.nodes) > sum(node.red_flags for node in calm.nodes)
    demand_counted(outcome)


def test_an_endpoint_that_refuses_for_good_fails_the_build(calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """A wrong key is not tried again: the build ends, says what to set, and the ledger has what was refused."""
    outcome = asyncio.run(build(tmp_path / "build", TASKS, FaultyEndpoint(answers(), one(Fault.REFUSED, 1.0))))
    shown("401 always", outcome, calm)
    assert outcome.exit_code == 1
    assert outcome.manifest is None
    assert "401" in outcome.output
    assert outcome.statuses[LedgerStatus.REFUSED] > 0
    # What was asked at the same time is broken off, and counts: the endpoint may have done its work.
    assert set(outcome.statuses) <= {LedgerStatus.REFUSED, LedgerStatus.RESERVED}
    assert all(number == 1 for calls in outcome.asked.values() for number in calls.values())
    demand_counted(outcome)
