"""Layer 5: properties over all inputs, contracts over generated ones, and the smallest input that breaks either."""

import pytest

from millwright.core.verification.layer import Needs, Subject
from millwright.errors import SandboxUnavailable
from schemas.execution import (
    CallReport,
    ConditionReport,
    ConditionRequest,
    Ending,
    Outcome,
    PropertyFailure,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
)
from schemas.identity import LayerName
from schemas.verification import VerdictStatus
from tests.languages.in_process import InProcessSandbox, encoded
from tests.unit.core.verification.layer_results import (
    CLAMP,
    COUNTS,
    LOST,
    T,
    call_of,
    climbed,
    judge,
    needs,
    plan,
    raised,
    returned,
    subject,
    tried,
    verdict,
)

PROPERTIES = LayerName.PROPERTY_TESTS
NAME = "every word is counted"


def asked_after(of: Subject, *outcomes: Outcome) -> Needs:
    """Take the layer to its properties, over these outcomes and a value for the rest."""
    asked = tried(PROPERTIES, of)
    rest = len(call_of(asked).calls) - len(outcomes)
    return needs(judge(PROPERTIES, of, asked, CallReport(outcomes=(*outcomes, *(returned({}, "x"),) * rest))))


def run_of(asked: Needs) -> PropertyRequest:
    """Demand that one run of properties is asked for."""
    (request,) = asked.requests
    assert isinstance(request, PropertyRequest)
    return request


def report(checked: int, failure: int | None = None, ending: Ending = Ending.COMPLETED) -> PropertyReport:
    """Make a report of the one property of ``word_counts``."""
    failed = PropertyFailure(call=failure, reason="1 != 2") if failure is not None else None
    return PropertyReport(results=(PropertyResult(name=NAME, checked=checked, failure=failed),), ending=ending)


class TestProperties:
    """What the specification's own properties are asked, and what their answers mean."""

    def test_they_are_run_over_the_trial_whose_outcomes_are_told(self) -> None:
        """So that the candidate need not be called again."""
        of = subject("word_counts", COUNTS)
        request = run_of(asked_after(of, returned({"a": 1}, "x"), raised("KeyError"), LOST))
        assert request.calls == call_of(tried(PROPERTIES, of)).calls
        assert len(request.calls) == len(of.task.test_cases) + len(of.inputs.vectors)
        assert request.known[:3] == (returned({"a": 1}, "x"), raised("KeyError"), LOST)
        assert len(request.known) == len(request.calls)
        assert request.input_names == ("text",)

    def test_layers_ask_for_one_trial_with_equal_requests(self) -> None:
        """It is made once."""
        of = subject()
        layers = (LayerName.CONTRACTS, LayerName.UNIT_TESTS, PROPERTIES)
        assert len({plan(layer, of).requests[0].model_dump_json() for layer in layers}) == 1  # type: ignore[union-attr]
        assert len({call_of(tried(layer, of)).model_dump_json() for layer in layers}) == 1

    def test_a_failure_is_shrunk_and_shown(self) -> None:
        """The property, the smallest input that fails and its reason are named."""
        of = subject("word_counts", COUNTS)
        shrinking = needs(judge(PROPERTIES, of, asked_after(of), report(5, failure=4)))
        request = run_of(shrinking)
        assert request.known == ()
        assert request.calls[0] == (["str", ""],)
        rejection = verdict(judge(PROPERTIES, of, shrinking, report(len(request.calls))))
        assert rejection.findings[0].message == f"{NAME} does not hold for word_counts(text='x x x'): 1 != 2"
        again = needs(judge(PROPERTIES, of, shrinking, report(2, failure=1)))
        (value,) = request.calls[1]
        rejection = verdict(judge(PROPERTIES, of, again, report(len(run_of(again).calls))))
        assert rejection.status is VerdictStatus.REJECTED
        assert rejection.findings[0].message == f"{NAME} does not hold for word_counts(text={value[1]!r}): 1 != 2"

    async def test_the_smallest_failing_input_is_found(self) -> None:
        """Through rounds that are bounded."""
        source = "def word_counts(text: str) -> dict[str, int]:\n    return {word: 1 for word in text.split()}\n"
        of = subject("word_counts", source)
        rejection, asked = await climbed(PROPERTIES, of, InProcessSandbox())
        assert "word_counts(text='a a')" in rejection.findings[0].message
        assert len(asked) <= 8

    def test_a_broken_property_is_an_error_and_no_rejection(self) -> None:
        """Nothing is known of the candidate."""
        of = subject("word_counts", COUNTS)
        broken = PropertyReport(results=(PropertyResult(name=NAME, checked=0, broken="does not compile"),))
        settled = verdict(judge(PROPERTIES, of, asked_after(of), broken))
        assert settled.status is VerdictStatus.ERROR
        assert NAME in settled.reason

    def test_a_candidate_that_dies_under_a_property_is_run_again_before_it_is_rejected(self) -> None:
        """The machine may have killed it; the run goes on from the input on which it died, and nothing is known."""
        of = subject("word_counts", COUNTS)
        asked = asked_after(of)
        again = needs(judge(PROPERTIES, of, asked, report(4, failure=3, ending=Ending.TIMED_OUT)))
        assert again.alone
        assert run_of(again).calls == run_of(asked).calls[3:]
        assert run_of(again).known == ()
        rest = len(run_of(again).calls)
        assert verdict(judge(PROPERTIES, of, again, report(rest))).status is VerdictStatus.PASSED
        rejection = verdict(judge(PROPERTIES, of, again, report(1, failure=0, ending=Ending.TIMED_OUT)))
        assert rejection.findings[0].message == f"{NAME} does not hold for word_counts(text='a\\tb'): 1 != 2"
        unfinished = verdict(judge(PROPERTIES, of, again, report(1, ending=Ending.CRASHED)))
        assert unfinished.status is VerdictStatus.REJECTED
        assert "4 of 7 inputs" in unfinished.findings[0].message

    def test_what_the_trial_lost_too_needs_no_further_run(self) -> None:
        """Twice is enough; and a call that gives no answer is not shrunk."""
        of = subject("word_counts", COUNTS)
        asked = asked_after(of, *(returned({}, "x"),) * 3, LOST)
        rejection = verdict(judge(PROPERTIES, of, asked, report(4, failure=3, ending=Ending.TIMED_OUT)))
        assert rejection.status is VerdictStatus.REJECTED

    def test_results_of_other_properties_are_the_sandboxs_fault(self) -> None:
        """A missing result is no pass."""
        of = subject("word_counts", COUNTS)
        with pytest.raises(SandboxUnavailable):
            judge(PROPERTIES, of, asked_after(of), PropertyReport(results=()))

    def test_the_line_that_raised_is_shown(self) -> None:
        """Where the trial saw the input raise."""
        of = subject("word_counts", COUNTS)
        outcome = raised("KeyError").model_copy(update={"line": 5})
        asked = asked_after(of, outcome)
        shrinking = needs(judge(PROPERTIES, of, asked, report(1, failure=0)))
        rejection = verdict(judge(PROPERTIES, of, shrinking, report(len(run_of(shrinking).calls))))
        assert rejection.findings[0].line == 5


class TestContractsOnGeneratedInputs:
    """What the layer adds where a specification states contracts."""

    def test_it_applies_where_there_are_contracts(self) -> None:
        """And says why where it does not."""
        assert isinstance(plan(PROPERTIES, subject(test_cases=[])), Needs)
        settled = verdict(plan(PROPERTIES, subject(postconditions=[])))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "no properties and no contracts" in settled.reason

    def test_without_generated_inputs_contracts_are_another_layers(self) -> None:
        """The examples alone are looked at there."""
        of = subject()
        of = Subject(of.task, of.source, of.modules, of.target, of.module, of.inputs.model_copy(update={"vectors": ()}))
        settled = verdict(plan(PROPERTIES, of))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "generated" in settled.reason

    async def test_a_breach_on_a_generated_input_rejects(self) -> None:
        """With the code of a broken contract."""
        of = subject(source=CLAMP.replace("max(low, min(value, high))", "min(value, high)"))
        rejection, asked = await climbed(PROPERTIES, of, InProcessSandbox())
        assert rejection.status is VerdictStatus.REJECTED
        assert [finding.code for finding in rejection.findings] == ["contract-broken"]
        assert len(asked) <= 20
        _, others = await climbed(LayerName.CONTRACTS, of, InProcessSandbox())
        assert [item.requests for item in asked] == [item.requests for item in others], "nothing is evaluated twice"

    async def test_a_breach_on_an_example_alone_is_another_layers(self) -> None:
        """Here only generated inputs count."""
        of = subject(source=CLAMP.replace("return ", "if value == 12:\n        return 99\n    return "))
        passed, _ = await climbed(PROPERTIES, of, InProcessSandbox())
        assert passed.status is VerdictStatus.PASSED
        rejection, _ = await climbed(LayerName.CONTRACTS, of, InProcessSandbox())
        assert rejection.status is VerdictStatus.REJECTED

    async def test_contracts_and_properties_are_asked_together(self) -> None:
        """And both kinds of findings are shown, each with its smallest input."""
        source = "def word_counts(text: str) -> dict[str, int]:\n    return {word: 0 for word in text.split()}\n"
        of = subject("word_counts", source, postconditions=[{"name": "p", "expression": "all(result.values())"}])
        rejection, asked = await climbed(PROPERTIES, of, InProcessSandbox())
        assert [finding.code for finding in rejection.findings] == ["property-fails", "contract-broken"]
        assert all("word_counts(text='0')" in finding.message for finding in rejection.findings)
        kinds = [tuple(type(request) for request in item.requests) for item in asked]
        assert (ConditionRequest, PropertyRequest) in kinds

    def test_where_no_generated_input_returned_it_does_not_apply(self) -> None:
        """No contract was evaluated there."""
        of = subject()
        asked = tried(PROPERTIES, of)
        outcomes = (returned(5), returned(9), *(raised("KeyError"),) * 5)
        evaluating = needs(judge(PROPERTIES, of, asked, CallReport(outcomes=outcomes)))
        settled = verdict(judge(PROPERTIES, of, evaluating, ConditionReport(truths=((T, T), (T, T)))))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "returned a value" in settled.reason


def test_a_value_that_was_expected_never_leaves() -> None:
    """Not even the properties' process is told."""
    of = subject("word_counts", COUNTS)
    request = run_of(asked_after(of))
    expected = encoded({"To": 1, "be": 1, "to": 1})
    assert str(expected) not in str(request.model_dump())
