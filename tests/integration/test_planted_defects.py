"""Every defect planted for a layer is rejected by that layer first, through the real ladder, at its line."""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping

import pytest

from millwright.commandline.candidates import Candidate
from millwright.commandline.checking import Checking, LayerLine, Verified
from schemas.identity import LayerName
from schemas.verification import Severity, VerdictStatus
from starter import Adapters
from tests.integration.planted.case import Defect
from tests.integration.planted.catalogue import DEFECTS

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

PROGRAMS_AT_ONCE = 2
LEAST = 10
"""Defects that each layer has to be shown at the least."""


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Verified]:
    """Climb the ladder once with all defects, as ``millwright verify`` does."""
    return asyncio.run(_climbed())


async def _climbed() -> Mapping[str, Verified]:
    candidates = [Candidate(defect.id, defect.task, defect.source) for defect in DEFECTS]
    async with Adapters(os.environ).ladder(PROGRAMS_AT_ONCE) as tools:
        return {answer.id: answer async for answer in Checking(tools, all_layers=False).verify(candidates)}


def test_every_layer_is_shown_enough_defects() -> None:
    """No layer goes with fewer than ten defects whose line is known, and no two defects share a name."""
    located = Counter(defect.layer for defect in DEFECTS if defect.line is not None)
    assert {layer: located[layer] for layer in LayerName if located[layer] < LEAST} == {}
    assert len({defect.id for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_a_planted_defect_is_rejected_by_its_layer(defect: Defect, answers: Mapping[str, Verified]) -> None:
    """The layer of the defect is the one that rejects; all before it let the candidate pass, none after it is asked."""
    answer = answers[defect.id]
    assert answer.error is None
    assert answer.rejected_by is defect.layer, _told(answer)
    order = list(LayerName)
    for verdict in answer.layers:
        if order.index(verdict.layer) < order.index(defect.layer):
            assert verdict.verdict in (VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE)
        if order.index(verdict.layer) > order.index(defect.layer):
            assert verdict.verdict is VerdictStatus.NOT_RUN


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.id)
def test_the_finding_says_what_and_where(defect: Defect, answers: Mapping[str, Verified]) -> None:
    """One of the findings that reject has the planted reason, at the planted line of the candidate's own text."""
    errors = [
        (finding.code, finding.line)
        for verdict in _rejecting(answers[defect.id])
        for finding in verdict.findings
        if finding.severity is Severity.ERROR
    ]
    assert (defect.code, defect.line) in errors, _told(answers[defect.id])


def _rejecting(answer: Verified) -> list[LayerLine]:
    return [verdict for verdict in answer.layers if verdict.verdict is VerdictStatus.REJECTED]


def _told(answer: Verified) -> str:
    return (
        "\n".join(
            f"{verdict.layer.value}: {finding.code}, line {finding.line}: {finding.message}"
            for verdict in answer.layers
            for finding in verdict.findings
        )
        or f"no finding; rejected by {answer.rejected_by}"
    )
