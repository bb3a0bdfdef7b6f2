"""Each layer's plan and judgement, from fabricated results: types, contracts, unit tests."""

import pytest

from millwright.core.verification.layer import Needs, Plan, Subject
from millwright.errors import AnalyserUnavailable, SandboxUnavailable, SpecificationInvalid
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Outcome,
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
from tests.languages.in_process import InProcessSandbox, encoded
from tests.unit.core.verification.layer_results import (
    CLAMP,
    COUNTS,
    LOST,
    T,
    U,
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

    def _after(self, of: Subject, *outcomes: Outcome, promised: tuple[bool, ...] = ()) -> Plan:
        asked = tried(LayerName.CONTRACTS, of, promised)
        assert len(call_of(asked).calls) == len(outcomes)
        return judge(LayerName.CONTRACTS, of, asked, CallReport(outcomes=outcomes))

    def test_without_conditions_it_does_not_apply(self) -> None:
        """And says why."""
        settled = verdict(plan(LayerName.CONTRACTS, subject("word_counts", COUNTS)))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "postconditions" in settled.reason

    def test_inputs_that_break_a_precondition_are_not_called(self) -> None:
        """The fourth generated input has its bounds the wrong way round."""
        asked = tried(LayerName.CONTRACTS, subject(), [True, True, True, True, True, False, True])
        request = call_of(asked)
        assert len(request.calls) == 6
        assert tuple(map(encoded, (1, 5, 2))) not in request.calls

    def test_an_undefined_precondition_does_not_count_as_true(self) -> None:
        """No promise is read out of an expression that raised; how many inputs there were is said."""
        of = subject(test_cases=[])
        asked = needs(plan(LayerName.CONTRACTS, of))
        settled = verdict(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((U,),) * 5)))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert settled.reason == "none of the 5 inputs that were tried satisfies the preconditions"

    def test_conditions_see_the_inputs_after_the_call_and_old_before(self) -> None:
        """Names are bound to what the call left, ``old`` to what it was given, ``result`` to what it returned."""
        of = subject()
        plan_ = self._after(of, returned(7, 6, 0, 9), returned(1), promised=(True, *(False,) * 6))
        (request,) = needs(plan_).requests
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

    async def test_a_postcondition_that_is_not_true_rejects_with_the_smallest_input(self) -> None:
        """Each condition is named once, with the simplest call that breaks it; the smallest stands first."""
        of = subject(source=CLAMP.replace("max(low, min(value, high))", "value"))
        rejection, _ = await climbed(LayerName.CONTRACTS, of, InProcessSandbox())
        assert rejection.status is VerdictStatus.REJECTED
        (finding,) = rejection.findings
        assert finding.code == "contract-broken"
        assert finding.message == (
            "within bounds (low <= result <= high) does not hold: clamp(value=1, low=0, high=0) gave 1"
        )
        assert of.source.splitlines()[(finding.line or 0) - 1].startswith("def clamp")

    async def test_a_condition_without_a_truth_value_rejects(self) -> None:
        """After it was asked for once more, since the evaluator may have died over it."""
        of = subject(source=CLAMP.replace("max(low, min(value, high))", "[value]"))
        rejection, asked = await climbed(LayerName.CONTRACTS, of, InProcessSandbox())
        assert {finding.code for finding in rejection.findings} == {"contract-broken", "contract-undefined"}
        first, second = (item.requests[0] for item in asked[2:4])
        assert isinstance(first, ConditionRequest)
        assert isinstance(second, ConditionRequest)
        assert first != second
        assert first.bindings == second.bindings[:-1]

    def test_a_condition_that_has_a_truth_value_at_last_rejects_nothing(self) -> None:
        """The first evaluation was lost by the machine."""
        of = subject()
        asked = needs(self._after(of, returned(5), returned(9), promised=(True, True, *(False,) * 5)))
        again = needs(judge(LayerName.CONTRACTS, of, asked, ConditionReport(truths=((T, T), (U, U)))))
        (request,) = again.requests
        assert isinstance(request, ConditionRequest)
        assert [binding.old["value"] for binding in request.bindings] == [["int", "12"]] * 2
        passed = verdict(judge(LayerName.CONTRACTS, of, again, ConditionReport(truths=((T, T), (T, T)))))
        assert passed.status is VerdictStatus.PASSED

    def test_an_exception_is_behaviour_and_breaks_nothing(self) -> None:
        """Where no call returned, there is nothing to judge; where one did, the others are left out."""
        two = (True, True, *(False,) * 5)
        silent = verdict(self._after(subject(), raised("ValueError"), raised("KeyError"), promised=two))
        assert silent.status is VerdictStatus.NOT_APPLICABLE
        (request,) = needs(self._after(subject(), raised("ValueError"), returned(9), promised=two)).requests
        assert isinstance(request, ConditionRequest)
        assert len(request.bindings) == 1

    async def test_an_invariant_is_demanded_after_an_exception_too(self) -> None:
        """One that does not speak of the result holds however the call ended; the raising line is shown."""
        source = "def average(values: list[float]) -> float | None:\n    values.append(1.0)\n    raise ValueError\n"
        of = subject("average", source, invariants=[{"name": "kept", "expression": "values == old.values"}])
        (request,) = needs(plan(LayerName.CONTRACTS, of)).requests
        assert isinstance(request, ConditionRequest)
        rejection, _ = await climbed(LayerName.CONTRACTS, of, InProcessSandbox())
        (finding,) = rejection.findings
        assert "average(values=[]) gave ValueError" in finding.message

    def test_an_invariant_of_the_result_alone_is_not_passed_by_raising(self) -> None:
        """Nothing was evaluated, and that is said."""
        of = subject(invariants=[{"name": "kept", "expression": "result >= low"}], postconditions=[])
        silent = verdict(self._after(of, *(raised("ValueError"),) * 7))
        assert silent.status is VerdictStatus.NOT_APPLICABLE

    def test_a_module_that_cannot_be_imported_is_rejected(self) -> None:
        """The reason stands in the finding."""
        of = subject(preconditions=[])
        asked = tried(LayerName.CONTRACTS, of)
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
        """Only inputs are in the request: the examples' first, then the others of the trial."""
        of = subject("parse_amount", "def parse_amount(text: str) -> int:\n    return 0\n")
        request = call_of(needs(plan(LayerName.UNIT_TESTS, of)))
        assert request.calls[:2] == ((["str", "12.50"],), (["str", "much"],))
        assert "1250" not in request.model_dump_json()
        assert "much" not in request.program.model_dump_json()

    def test_without_test_cases_it_does_not_apply(self) -> None:
        """And says why."""
        settled = verdict(plan(LayerName.UNIT_TESTS, subject(test_cases=[])))
        assert settled.status is VerdictStatus.NOT_APPLICABLE

    def test_each_failing_case_is_named_with_input_expectation_and_result(self) -> None:
        """Enough to repair the candidate by."""
        of = subject()
        asked = tried(LayerName.UNIT_TESTS, of)
        report = CallReport(outcomes=(returned(4, 5, 0, 9), raised("KeyError"), *(LOST,) * 5))
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
        asked = tried(LayerName.UNIT_TESTS, of)
        report = CallReport(outcomes=(returned(value), returned(9), *(LOST,) * 5))
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
        asked = tried(LayerName.UNIT_TESTS, of)
        report = CallReport(outcomes=(returned(1250, "12.50"), outcome, *(LOST,) * 4))
        assert verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).status is status

    def test_a_changed_argument_rejects_unless_a_postcondition_speaks_of_its_old_value(self) -> None:
        """Sorting in place is a fault where a result is asked for, and the task where ``old`` is."""
        source = "def average(values: list[float]) -> float | None:\n    return None\n"
        outcomes = (returned(None, []), returned(3.0, [2.0, 1.0, 6.0]), returned(0.15, [0.1, 0.2]), LOST, LOST)
        of = subject("average", source)
        asked = tried(LayerName.UNIT_TESTS, of)
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, asked, CallReport(outcomes=outcomes)))
        assert [finding.code for finding in rejection.findings] == ["changes-argument"]
        of = subject("average", source, postconditions=[{"name": "x", "expression": "values == sorted(old.values)"}])
        asked = tried(LayerName.UNIT_TESTS, of)
        passed = verdict(judge(LayerName.UNIT_TESTS, of, asked, CallReport(outcomes=outcomes)))
        assert passed.status is VerdictStatus.PASSED

    def _calls(self, asked: Needs) -> list[int]:
        requests = [request for request in asked.requests if isinstance(request, CallRequest)]
        return [len(request.calls) for request in requests]

    def test_the_first_lost_call_is_tried_again_alone_before_it_rejects(self) -> None:
        """What comes after it is then neither tried nor spoken of, since each call that loops costs its whole time."""
        of = subject("word_counts", COUNTS)
        asked = tried(LayerName.UNIT_TESTS, of)
        assert self._calls(asked) == [7]
        counted = returned({"To": 1, "be": 1, "to": 1}, "To be to")
        first = CallReport(outcomes=(counted, *(LOST,) * 6), ending=Ending.TIMED_OUT)
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
        asked = tried(LayerName.UNIT_TESTS, of)
        first = CallReport(outcomes=(LOST, returned({}, ""), *(LOST,) * 5), ending=Ending.TIMED_OUT)
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
        assert last.requests != rest.requests, "an equal question would be answered from memory"
        assert verdict(judge(LayerName.UNIT_TESTS, of, last, twice)).status is VerdictStatus.PASSED
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, last, bad))
        (finding,) = rejection.findings
        assert finding.code == "no-answer"
        assert finding.message.startswith("twice:")
        assert "crashed" in finding.message

    def test_a_generated_input_that_is_lost_decides_nothing(self) -> None:
        """What a candidate does there is behaviour."""
        of = subject()
        asked = tried(LayerName.UNIT_TESTS, of)
        report = CallReport(outcomes=(returned(5), returned(9), *(LOST,) * 5), ending=Ending.TIMED_OUT)
        assert verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).status is VerdictStatus.PASSED

    async def test_examples_that_a_generated_input_took_with_it_are_tried_by_themselves(self) -> None:
        """A report that is malformed from some input on is believed in nothing, the examples before it included."""

        class Voiding(InProcessSandbox):
            async def call(self, request: CallRequest) -> CallReport:
                report = await super().call(request)
                if len(request.calls) == 1:
                    return report
                return CallReport(outcomes=(LOST,) * len(request.calls), ending=Ending.MALFORMED)

        passed, asked = await climbed(LayerName.UNIT_TESTS, subject(), Voiding())
        assert passed.status is VerdictStatus.PASSED
        assert [self._calls(item) for item in asked] == [[], [6], [1], [1]]
        wrong = subject(source=CLAMP.replace("min(value, high)", "value"))
        rejection, _ = await climbed(LayerName.UNIT_TESTS, wrong, Voiding())
        assert [finding.code for finding in rejection.findings] == ["wrong-result"]

    @pytest.mark.parametrize("layer", [LayerName.CONTRACTS, LayerName.UNIT_TESTS, LayerName.PROPERTY_TESTS])
    def test_a_module_that_was_lost_while_loading_is_tried_again(self, layer: LayerName) -> None:
        """Only one that failed to load by itself, or was lost twice, is rejected."""
        of = subject()
        asked = tried(layer, of)
        count = len(call_of(asked).calls)
        killed = CallReport(outcomes=(LOST,) * count, load_error="while loading: killed", ending=Ending.TIMED_OUT)
        again = needs(judge(layer, of, asked, killed))
        assert again.alone
        assert call_of(again).calls == call_of(asked).calls
        assert call_of(again) != call_of(asked), "an equal question would be answered from memory"
        rejection = verdict(judge(layer, of, again, killed))
        assert [finding.code for finding in rejection.findings] == ["does-not-load"]
        fine = judge(layer, of, again, CallReport(outcomes=(returned(5), returned(9), *(returned(1),) * (count - 2))))
        assert isinstance(fine, Needs) or verdict(fine).status is VerdictStatus.PASSED

    @pytest.mark.parametrize(("raised_on", "shown_on"), [(5, 5), (None, 4), (0, 4), (99, 4)])
    def test_an_exception_is_shown_where_it_was_raised(self, raised_on: int | None, shown_on: int) -> None:
        """Where the sandbox tells a line of the module, else where the function is defined."""
        of = subject()
        assert of.source.splitlines()[3].startswith("def clamp")
        outcome = raised("KeyError").model_copy(update={"line": raised_on})
        report = CallReport(outcomes=(outcome, returned(9), *(LOST,) * 5))
        rejection = verdict(judge(LayerName.UNIT_TESTS, of, tried(LayerName.UNIT_TESTS, of), report))
        assert [finding.line for finding in rejection.findings] == [shown_on]

    def test_findings_are_few(self) -> None:
        """Five are enough to repair by."""
        cases = [
            {"name": str(number), "inputs": {"value": number, "low": 0, "high": 99}, "expected_output": number}
            for number in range(20)
        ]
        of = subject(test_cases=cases)
        asked = tried(LayerName.UNIT_TESTS, of)
        report = CallReport(outcomes=(returned(100),) * len(call_of(asked).calls))
        assert len(verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).findings) == 5

    def test_a_long_value_is_shortened_in_a_finding(self) -> None:
        """A finding must fit into a prompt."""
        of = subject()
        asked = tried(LayerName.UNIT_TESTS, of)
        report = CallReport(outcomes=(returned("x" * 10_000), returned(9), *(LOST,) * 5))
        (finding,) = verdict(judge(LayerName.UNIT_TESTS, of, asked, report)).findings
        assert len(finding.message) < 400

    def test_an_example_that_does_not_fit_its_type_is_the_specifications_fault(self) -> None:
        """It says nothing of the candidate."""
        broken = [{"name": "a", "inputs": {"value": "x", "low": 1, "high": 2}, "expected_output": 1}]
        with pytest.raises(SpecificationInvalid, match=r"test_cases\[0\]"):
            plan(LayerName.UNIT_TESTS, subject(test_cases=broken))
