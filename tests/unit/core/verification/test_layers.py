"""Each layer's plan and judgement, from fabricated results: types, contracts, unit tests."""

import pytest

from millwright.core.verification.layer import Needs, Subject
from millwright.errors import AnalyserUnavailable, SandboxUnavailable, SpecificationInvalid
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Outcome,
    Truth,
)
from schemas.identity import LayerName
from schemas.verification import (
    AnalysisReport,
    AnalysisRequest,
    AnalysisTool,
    Finding,
    Severity,
    VerdictStatus,
)
from tests.languages.in_process import encoded
from tests.unit.core.verification.layer_results import (
    CLAMP,
    COUNTS,
    LOST,
    F,
    T,
    U,
    judge,
    needs,
    plan,
    raised,
    returned,
    subject,
    verdict,
)


class TestTypes:
    """Layer 2."""

    def test_it_asks_the_type_checker_about_the_candidates_own_module(self) -> None:
        """One request for types, with everything importable and the target named."""
        of = subject()
        (request,) = needs(plan(LayerName.TYPES, of)).requests
        assert request == AnalysisRequest(tool=AnalysisTool.TYPES, modules=dict(of.modules), target=of.target)

    def test_a_signature_that_differs_is_rejected_without_the_tool(self) -> None:
        """What the syntax tree shows needs no checker."""
        of = subject(source=CLAMP.replace("value: int", "value: float"))
        rejection = verdict(plan(LayerName.TYPES, of))
        assert rejection.status is VerdictStatus.REJECTED
        assert [finding.code for finding in rejection.findings] == ["annotation-differs"]

    def test_an_error_of_the_checker_rejects_and_a_note_does_not(self) -> None:
        """Severity decides, not the tool's code."""
        of = subject()
        asked = needs(plan(LayerName.TYPES, of))
        error = Finding(code="arg-type", message="no", line=3)
        note = error.model_copy(update={"severity": Severity.WARNING})
        rejection = verdict(judge(LayerName.TYPES, of, asked, AnalysisReport(findings=(error,))))
        assert rejection.status is VerdictStatus.REJECTED
        assert rejection.findings == (error,)
        passed = verdict(judge(LayerName.TYPES, of, asked, AnalysisReport(findings=(note,))))
        assert passed.status is VerdictStatus.PASSED

    def test_another_kind_of_answer_is_the_analysers_fault(self) -> None:
        """It says nothing of the candidate."""
        of = subject()
        with pytest.raises(AnalyserUnavailable):
            judge(LayerName.TYPES, of, needs(plan(LayerName.TYPES, of)), CallReport(outcomes=()))


class TestContracts:
    """Layer 3."""

    def _called(self, of: Subject, truths: list[bool]) -> Needs:
        asked = needs(plan(LayerName.CONTRACTS, of))
        (request,) = asked.requests
        assert isinstance(request, ConditionRequest)
        assert len(request.bindings) == len(truths)
        report = ConditionReport(truths=tuple((T if truth else F,) for truth in truths))
        return needs(judge(LayerName.CONTRACTS, of, asked, report))

    def test_without_conditions_it_does_not_apply(self) -> None:
        """And says why."""
        settled = verdict(plan(LayerName.CONTRACTS, subject("word_counts", COUNTS)))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "postconditions" in settled.reason

    def test_inputs_that_break_a_precondition_are_not_called(self) -> None:
        """The third generated input has its bounds the wrong way round."""
        of = subject()
        asked = self._called(of, [True, True, True, True, True, False, True])
        (request,) = asked.requests
        assert isinstance(request, CallRequest)
        assert len(request.calls) == 6
        assert tuple(map(encoded, (1, 5, 2))) not in request.calls

    def test_an_undefined_precondition_does_not_count_as_true(self) -> None:
        """No promise is read out of an expression that raised."""
        of = subject()
        asked = needs(plan(LayerName.CONTRACTS, of))
        settled = verdict(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((U,),) * 7)))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "preconditions" in settled.reason

    def test_conditions_see_the_inputs_after_the_call_and_old_before(self) -> None:
        """Names are bound to what the call left, ``old`` to what it was given, ``result`` to what it returned."""
        of = subject()
        asked = self._called(of, [True] + [False] * 6)
        (request,) = needs(judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=(returned(7, 6, 0, 9),)))).requests
        assert isinstance(request, ConditionRequest)
        assert request.expressions == tuple(item.expression for item in of.task.postconditions)
        (binding,) = request.bindings
        assert binding.names == {
            "value": ["int", "6"],
            "low": ["int", "0"],
            "high": ["int", "9"],
            "result": ["int", "7"],
        }
        assert binding.old["value"] == ["int", "5"]

    @pytest.mark.parametrize(("truth", "code"), [(F, "contract-broken"), (U, "contract-undefined")])
    def test_a_postcondition_that_is_not_true_rejects_with_the_input(self, truth: Truth, code: str) -> None:
        """False and undefined both reject; the finding shows the call, its result and the function's line."""
        of = subject()
        asked = self._called(of, [True, True] + [False] * 5)
        asked = needs(judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=(returned(5), returned(12)))))
        report = ConditionReport(truths=((T, T), (truth, T)))
        rejection = verdict(judge(LayerName.CONTRACTS, of, asked, report))
        assert rejection.status is VerdictStatus.REJECTED
        (finding,) = rejection.findings
        assert finding.code == code
        assert "clamp(value=12, low=0, high=9) gave 12" in finding.message
        assert of.source.splitlines()[(finding.line or 0) - 1].startswith("def clamp")

    def test_an_exception_is_behaviour_and_breaks_nothing(self) -> None:
        """Where no call returned, there is nothing to judge; where one did, the others are left out."""
        of = subject()
        asked = self._called(of, [True, True] + [False] * 5)
        silent = verdict(judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=(raised("ValueError"), LOST))))
        assert silent.status is VerdictStatus.NOT_APPLICABLE
        (request,) = needs(
            judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=(raised("ValueError"), returned(9))))
        ).requests
        assert isinstance(request, ConditionRequest)
        assert len(request.bindings) == 1

    def test_an_invariant_is_demanded_after_an_exception_too(self) -> None:
        """One that does not speak of the result holds however the call ended."""
        of = subject(invariants=[{"name": "kept", "expression": "low >= 0"}], preconditions=[])
        asked = needs(plan(LayerName.CONTRACTS, of))
        asked = needs(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((T,), *((F,),) * 6))))
        asked = needs(judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=(raised("ValueError"),))))
        (request,) = asked.requests
        assert isinstance(request, ConditionRequest)
        assert request.expressions == ("low >= 0",)
        rejection = verdict(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((F,),))))
        assert rejection.status is VerdictStatus.REJECTED

    def test_a_module_that_cannot_be_imported_is_rejected(self) -> None:
        """The reason stands in the finding."""
        of = subject(preconditions=[])
        asked = needs(plan(LayerName.CONTRACTS, of))
        report = CallReport(outcomes=(LOST,) * 7, load_error="NameError: x")
        rejection = verdict(judge(LayerName.CONTRACTS, of, asked, report))
        assert rejection.status is VerdictStatus.REJECTED
        assert "NameError: x" in rejection.findings[0].message

    def test_an_answer_of_another_size_is_the_sandboxs_fault(self) -> None:
        """A truth too few is no truth."""
        of = subject()
        with pytest.raises(SandboxUnavailable):
            judge(LayerName.CONTRACTS, of, needs(plan(LayerName.CONTRACTS, of)), ConditionReport(truths=((T,),)))


class TestUnitTests:
    """Layer 4."""

    def test_expected_values_stay_outside(self) -> None:
        """Only the examples' inputs are in the request."""
        of = subject("parse_amount", "def parse_amount(text: str) -> int:\n    return 0\n")
        (request,) = needs(plan(LayerName.UNIT_TESTS, of)).requests
        assert isinstance(request, CallRequest)
        assert request.calls == ((["str", "12.50"],), (["str", "much"],))
        assert "1250" not in request.model_dump_json()
        assert "much" not in request.program.model_dump_json()

    def test_without_test_cases_it_does_not_apply(self) -> None:
        """And says why."""
        settled = verdict(plan(LayerName.UNIT_TESTS, subject(test_cases=[])))
        assert settled.status is VerdictStatus.NOT_APPLICABLE

    def test_each_failing_case_is_named_with_input_expectation_and_result(self) -> None:
        """Enough to repair the candidate by."""
        of = subject()
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        report = CallReport(outcomes=(returned(4, 5, 0, 9), raised("KeyError")))
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, asked, report))
        assert rejection.status is VerdictStatus.REJECTED
        assert [finding.message for finding in rejection.findings] == [
            "inside: clamp(value=5, low=0, high=9) returned 4; expected 5",
            "above: clamp(value=12, low=0, high=9) raised KeyError: why; expected 9",
        ]

    @pytest.mark.parametrize("value", [True, 5.0, "5", None])
    def test_a_value_of_another_type_is_another_value(self, value: object) -> None:
        """Whatever a candidate's own ``==`` would say."""
        of = subject()
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        report = CallReport(outcomes=(returned(value), returned(9)))
        assert verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).status is VerdictStatus.REJECTED

    @pytest.mark.parametrize(
        ("outcome", "status"),
        [
            (raised("AmountError", "ValueError"), VerdictStatus.PASSED),
            (raised("TooMuch", "AmountError", "ValueError"), VerdictStatus.PASSED),
            (raised("ValueError", "Exception"), VerdictStatus.REJECTED),
            (returned(0, "much"), VerdictStatus.REJECTED),
            (returned(None, "much"), VerdictStatus.REJECTED),
        ],
    )
    def test_an_expected_exception_may_be_a_subclass(self, outcome: Outcome, status: VerdictStatus) -> None:
        """The class or one of its bases must be the one named; a returned value never is."""
        of = subject("parse_amount", "def parse_amount(text: str) -> int:\n    return 0\n")
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        report = CallReport(outcomes=(returned(1250, "12.50"), outcome))
        assert verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).status is status

    def test_a_changed_argument_rejects_unless_a_postcondition_speaks_of_its_old_value(self) -> None:
        """Sorting in place is a fault where a result is asked for, and the task where ``old`` is."""
        source = "def average(values: list[float]) -> float | None:\n    return None\n"
        outcomes = (returned(None, []), returned(3.0, [2.0, 1.0, 6.0]), returned(0.15, [0.1, 0.2]))
        of = subject("average", source)
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, asked, CallReport(outcomes=outcomes)))
        assert [finding.code for finding in rejection.findings] == ["changes-argument"]
        of = subject("average", source, postconditions=[{"name": "x", "expression": "values == sorted(old.values)"}])
        passed = verdict(judge(LayerName.UNIT_TESTS, of, asked, CallReport(outcomes=outcomes)))
        assert passed.status is VerdictStatus.PASSED

    def _calls(self, asked: Needs) -> list[int]:
        requests = [request for request in asked.requests if isinstance(request, CallRequest)]
        assert all(request.lost_limit == 1 for request in requests)
        return [len(request.calls) for request in requests]

    def test_the_first_lost_call_is_tried_again_alone_before_it_rejects(self) -> None:
        """What comes after it is then neither tried nor spoken of, since each call that loops costs its whole time."""
        of = subject("word_counts", COUNTS)
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        assert self._calls(asked) == [3]
        counted = returned({"To": 1, "be": 1, "to": 1}, "To be to")
        first = CallReport(outcomes=(counted, LOST, LOST), ending=Ending.TIMED_OUT)
        again = needs(judge(LayerName.UNIT_TESTS, of, asked, first))
        assert again.alone
        (request,) = again.requests
        assert isinstance(request, CallRequest)
        assert request.calls == ((["str", ""],),)
        lost = CallReport(outcomes=(LOST,), ending=Ending.TIMED_OUT)
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, again, lost))
        assert rejection.status is VerdictStatus.REJECTED
        (finding,) = rejection.findings
        assert finding.code == "no-answer"
        assert finding.message.startswith("none:")
        assert "time limit" in finding.message

    def test_lost_calls_are_tried_again_in_runs_of_their_own(self) -> None:
        """The first one alone, then each of the others; what then answers counts, and what is lost is lost twice."""
        of = subject("word_counts", COUNTS)
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        first = CallReport(outcomes=(LOST, returned({}, ""), LOST), ending=Ending.TIMED_OUT)
        alone = needs(judge(LayerName.UNIT_TESTS, of, asked, first))
        assert alone.alone
        assert self._calls(alone) == [1]
        good = CallReport(outcomes=(returned({"To": 1, "be": 1, "to": 1}, "To be to"),))
        bad = CallReport(outcomes=(LOST,), ending=Ending.CRASHED)
        twice = CallReport(outcomes=(returned({"a": 2}, "a a"),))
        rest = needs(judge(LayerName.UNIT_TESTS, of, alone, good))
        assert rest.alone
        assert self._calls(rest) == [1]
        assert verdict(judge(LayerName.UNIT_TESTS, of, rest, twice)).status is VerdictStatus.PASSED
        last = needs(judge(LayerName.UNIT_TESTS, of, rest, bad))
        assert self._calls(last) == [1]
        assert verdict(judge(LayerName.UNIT_TESTS, of, last, twice)).status is VerdictStatus.PASSED
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, last, bad))
        (finding,) = rejection.findings
        assert finding.code == "no-answer"
        assert finding.message.startswith("twice:")
        assert "crashed" in finding.message

    def test_a_long_value_is_shortened_in_a_finding(self) -> None:
        """A finding must fit into a prompt."""
        of = subject()
        asked = needs(plan(LayerName.UNIT_TESTS, of))
        report = CallReport(outcomes=(returned("x" * 10_000), returned(9)))
        (finding,) = verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).findings
        assert len(finding.message) < 400

    def test_an_example_that_does_not_fit_its_type_is_the_specifications_fault(self) -> None:
        """It says nothing of the candidate."""
        broken = [{"name": "a", "inputs": {"value": "x", "low": 1, "high": 2}, "expected_output": 1}]
        with pytest.raises(SpecificationInvalid, match=r"test_cases\[0\]"):
            plan(LayerName.UNIT_TESTS, subject(test_cases=broken))
