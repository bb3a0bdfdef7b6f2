"""Each layer's plan and judgement, from fabricated results: properties, lint, performance."""

import pytest

from millwright.core.verification.layer import Needs, Subject
from millwright.errors import SandboxUnavailable
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionRequest,
    Ending,
    Outcome,
    PropertyFailure,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
)
from schemas.identity import LayerName
from schemas.verification import (
    AnalysisReport,
    AnalysisRequest,
    AnalysisTool,
    Finding,
    VerdictStatus,
)
from tests.languages.in_process import encoded
from tests.unit.core.verification.layer_results import (
    CLAMP,
    COUNTS,
    LOST,
    judge,
    needs,
    plan,
    returned,
    subject,
    verdict,
)


class TestPropertyTests:
    """Layer 5."""

    def _asked(self) -> tuple[Subject, Needs]:
        of = subject("word_counts", COUNTS)
        return of, needs(plan(LayerName.PROPERTY_TESTS, of))

    def test_properties_are_run_over_examples_and_inputs(self) -> None:
        """Preconditions are asked first where there are any."""
        of, asked = self._asked()
        (request,) = asked.requests
        assert isinstance(request, PropertyRequest)
        assert len(request.calls) == len(of.task.test_cases) + len(of.inputs.vectors)
        assert request.input_names == ("text",)
        with_condition = subject("word_counts", COUNTS, preconditions=[{"name": "p", "expression": "text != ''"}])
        (first,) = needs(plan(LayerName.PROPERTY_TESTS, with_condition)).requests
        assert isinstance(first, ConditionRequest)

    def test_a_failure_rejects_and_shows_the_input(self) -> None:
        """The property, the input and the reason are named."""
        of, asked = self._asked()
        failure = PropertyFailure(call=3, reason="1 != 2")
        report = PropertyReport(results=(PropertyResult(name="every word is counted", checked=4, failure=failure),))
        rejection = verdict(judge(LayerName.PROPERTY_TESTS, of, asked, report))
        assert rejection.status is VerdictStatus.REJECTED
        assert rejection.findings[0].message == (
            "every word is counted does not hold for word_counts(text='a\\tb'): 1 != 2"
        )

    def test_a_broken_property_is_an_error_and_no_rejection(self) -> None:
        """Nothing is known of the candidate."""
        of, asked = self._asked()
        report = PropertyReport(
            results=(PropertyResult(name="every word is counted", checked=0, broken="does not compile"),)
        )
        settled = verdict(judge(LayerName.PROPERTY_TESTS, of, asked, report))
        assert settled.status is VerdictStatus.ERROR
        assert "every word is counted" in settled.reason

    def test_a_candidate_that_dies_under_its_properties_is_rejected(self) -> None:
        """A property speaks about every input, those on which nothing comes back too."""
        of, asked = self._asked()
        result = PropertyResult(name="every word is counted", checked=2)
        report = PropertyReport(results=(result,), ending=Ending.CRASHED)
        assert verdict(judge(LayerName.PROPERTY_TESTS, of, asked, report)).status is VerdictStatus.REJECTED

    def test_results_of_other_properties_are_the_sandboxs_fault(self) -> None:
        """A missing result is no pass."""
        of, asked = self._asked()
        with pytest.raises(SandboxUnavailable):
            judge(LayerName.PROPERTY_TESTS, of, asked, PropertyReport(results=()))

    def test_without_properties_it_does_not_apply(self) -> None:
        """And says why."""
        assert verdict(plan(LayerName.PROPERTY_TESTS, subject())).status is VerdictStatus.NOT_APPLICABLE


class TestLint:
    """Layers 6 and 7, which read one tool's answer."""

    @pytest.mark.parametrize(
        ("code", "layer"),
        [
            ("C901", LayerName.STATIC_ANALYSIS),
            ("E902", LayerName.STATIC_ANALYSIS),
            ("F632", LayerName.STATIC_ANALYSIS),
            ("F701", LayerName.STATIC_ANALYSIS),
            ("F821", LayerName.STATIC_ANALYSIS),
            ("S102", LayerName.SECURITY),
            ("S301", LayerName.SECURITY),
            ("S608", LayerName.SECURITY),
            ("F401", None),
            ("B905", None),
            ("S101", None),
            ("S311", None),
            ("SIM108", None),
        ],
    )
    def test_only_grave_codes_reject(self, code: str, layer: LayerName | None) -> None:
        """Style and doubtful rules warn; each code is judged by one layer only."""
        of = subject()
        rejecting = []
        for name in (LayerName.STATIC_ANALYSIS, LayerName.SECURITY):
            asked = needs(plan(name, of))
            report = AnalysisReport(findings=(Finding(code=code, message="m", line=1),))
            if verdict(judge(name, of, asked, report)).status is VerdictStatus.REJECTED:
                rejecting.append(name)
        assert rejecting == ([] if layer is None else [layer])

    def test_both_layers_ask_the_same_question(self) -> None:
        """An analyser that remembers answers it once."""
        of = subject()
        asked = [needs(plan(name, of)).requests for name in (LayerName.STATIC_ANALYSIS, LayerName.SECURITY)]
        assert asked[0] == asked[1]
        assert asked[0][0] == AnalysisRequest(
            tool=AnalysisTool.LINT, modules=dict(of.modules), target=of.target, max_complexity=of.task.max_complexity
        )

    def test_modules_of_the_project_may_be_imported(self) -> None:
        """Only those that are there: another package of the same name is not."""
        source = "from shop.money import cents\nfrom shop.other import x\n" + CLAMP
        of = subject(source=source)
        of = Subject(
            task=of.task,
            source=of.source,
            modules={**of.modules, "shop/money.py": "def cents() -> int:\n    return 1\n"},
            target=of.target,
            module=of.module,
            inputs=of.inputs,
        )
        asked = needs(plan(LayerName.SECURITY, of))
        rejection = verdict(judge(LayerName.SECURITY, of, asked, AnalysisReport(findings=())))
        assert [finding.message for finding in rejection.findings] == ["the module shop.other is not allowed"]


class TestPerformance:
    """Layer 8."""

    def _asked(self) -> tuple[Subject, Needs]:
        of = subject()
        return of, needs(plan(LayerName.PERFORMANCE, of))

    def _report(self, *outcomes: Outcome, ending: Ending = Ending.COMPLETED) -> CallReport:
        return CallReport(outcomes=outcomes, ending=ending)

    def test_a_slow_generated_input_is_behaviour(self) -> None:
        """No bound is stated for its size: it is not called beside examples, and without them it rejects nothing."""
        of, asked = self._asked()
        (request,) = asked.requests
        assert isinstance(request, CallRequest)
        assert request.calls == (tuple(map(encoded, (5, 0, 9))), tuple(map(encoded, (12, 0, 9))))
        report = self._report(returned(5), returned(9))
        assert verdict(judge(LayerName.PERFORMANCE, of, asked, report)).status is VerdictStatus.PASSED
        of = subject(test_cases=[])
        asked = needs(plan(LayerName.PERFORMANCE, of))
        (request,) = asked.requests
        assert isinstance(request, CallRequest)
        assert request.calls == tuple(vector.arguments for vector in of.inputs.vectors)[:5]
        slow = (returned(0, seconds=99.0),) * (len(request.calls) - 1)
        report = self._report(*slow, LOST, ending=Ending.TIMED_OUT)
        assert verdict(judge(LayerName.PERFORMANCE, of, asked, report)).status is VerdictStatus.PASSED

    def test_examples_after_a_lost_one_are_timed_each_by_itself(self) -> None:
        """Once it is known that the first one keeps to the limits; none is rejected for one slow run."""
        of, asked = self._asked()
        (request,) = asked.requests
        assert isinstance(request, CallRequest)
        assert request.lost_limit == 1
        alone = needs(judge(LayerName.PERFORMANCE, of, asked, self._report(LOST, LOST, ending=Ending.TIMED_OUT)))
        lost, fast = self._report(LOST, ending=Ending.TIMED_OUT), self._report(returned(5))
        assert alone.alone
        assert len(alone.requests) == 1
        rejection = verdict(judge(LayerName.PERFORMANCE, of, alone, lost))
        assert [finding.message[:6] for finding in rejection.findings] == ["inside"]
        rest = needs(judge(LayerName.PERFORMANCE, of, alone, fast))
        assert verdict(judge(LayerName.PERFORMANCE, of, rest, fast)).status is VerdictStatus.PASSED
        again = needs(judge(LayerName.PERFORMANCE, of, rest, self._report(returned(9, seconds=0.3))))
        assert verdict(judge(LayerName.PERFORMANCE, of, again, fast)).status is VerdictStatus.PASSED
        rejection = verdict(judge(LayerName.PERFORMANCE, of, again, lost))
        assert [finding.message[:5] for finding in rejection.findings] == ["above"]

    def test_a_slow_example_is_timed_again_alone_before_it_rejects(self) -> None:
        """A busy machine must not decide."""
        of, asked = self._asked()
        again = needs(judge(LayerName.PERFORMANCE, of, asked, self._report(returned(5), returned(9, seconds=0.3))))
        assert again.alone
        (request,) = again.requests
        assert isinstance(request, CallRequest)
        assert request.calls == (tuple(map(encoded, (12, 0, 9))),)
        fast = CallReport(outcomes=(returned(9, seconds=0.1),))
        assert verdict(judge(LayerName.PERFORMANCE, of, again, fast)).status is VerdictStatus.PASSED
        slow = CallReport(outcomes=(returned(9, seconds=0.3),))
        rejection = verdict(judge(LayerName.PERFORMANCE, of, again, slow))
        assert rejection.status is VerdictStatus.REJECTED
        assert "0.30 s of CPU time; the specification allows 0.2 s" in rejection.findings[0].message

    @pytest.mark.parametrize(
        ("ending", "code"), [(Ending.TIMED_OUT, "slow"), (Ending.OUT_OF_MEMORY, "memory"), (Ending.CRASHED, None)]
    )
    def test_time_and_memory_reject_and_a_crash_is_another_layers(self, ending: Ending, code: str | None) -> None:
        """Only what was exceeded on an example, twice."""
        of, asked = self._asked()
        plan_ = judge(LayerName.PERFORMANCE, of, asked, self._report(returned(5), LOST, ending=ending))
        if code is None:
            assert verdict(plan_).status is VerdictStatus.PASSED
            return
        rejection = verdict(judge(LayerName.PERFORMANCE, of, needs(plan_), CallReport(outcomes=(LOST,), ending=ending)))
        assert [finding.code for finding in rejection.findings] == [code]

    def test_a_task_without_inputs_has_one_call(self) -> None:
        """A constant function is called once, with nothing."""
        of = subject(
            inputs=[], test_cases=[], preconditions=[], postconditions=[], source="def clamp() -> int:\n    return 1\n"
        )
        (request,) = needs(plan(LayerName.PERFORMANCE, of)).requests
        assert isinstance(request, CallRequest)
        assert request.calls == ((),)
