"""Conditions over which the evaluator is lost: the specification's fault, unless something else is clearly wrong."""

import pytest

from millwright.core.verification.layer import Needs, Subject
from schemas.execution import CallReport, ConditionReport, ConditionRequest, Truth
from schemas.identity import LayerName
from schemas.verification import VerdictStatus
from tests.unit.core.verification.layer_results import GONE, F, T, U, judge, needs, returned, subject, tried, verdict


def _evaluating(of: Subject) -> Needs:
    """Take the contracts layer to the conditions after two calls that returned."""
    asked = tried(LayerName.CONTRACTS, of, (True, True, *(False,) * 5))
    return needs(judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=(returned(5), returned(9)))))


@pytest.mark.parametrize("second", [((GONE, GONE), (T, T)), ((U, GONE), (GONE, GONE))])
def test_a_condition_over_which_the_evaluator_is_lost_twice_is_an_error(second: tuple[tuple[Truth, ...], ...]) -> None:
    """It is the specification's, and nothing becomes known of the candidate."""
    of = subject()
    asked = _evaluating(of)
    again = needs(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((T, T), (T, GONE)))))
    told = verdict(judge(LayerName.CONTRACTS, of, again, ConditionReport(truths=second)))
    assert told.status is VerdictStatus.ERROR
    assert "specification's own condition cannot be evaluated" in told.reason
    assert not told.findings


def test_a_condition_that_is_false_rejects_whatever_was_lost() -> None:
    """Also where the second question is lost altogether."""
    of = subject()
    asked = _evaluating(of)
    again = needs(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((T, T), (F, GONE)))))
    step = judge(LayerName.CONTRACTS, of, again, ConditionReport(truths=((GONE, GONE), (GONE, GONE))))
    while isinstance(step, Needs):  # rounds of shrinking, in which nothing is promised
        (request,) = step.requests
        assert isinstance(request, ConditionRequest)
        truths = ((F,) * len(request.expressions),) * len(request.bindings)
        step = judge(LayerName.CONTRACTS, of, step, ConditionReport(truths=truths))
    rejection = verdict(step)
    assert rejection.status is VerdictStatus.REJECTED
    assert [finding.code for finding in rejection.findings] == ["contract-broken"]
