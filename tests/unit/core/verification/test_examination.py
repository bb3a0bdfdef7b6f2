"""How layers 3 and 5 try a candidate: what is tried again, what is tried further, and where shrinking ends."""

import pytest

from millwright.core.verification.counterexamples import MOST_ROUNDS
from millwright.core.verification.layer import Needs
from millwright.core.verification.shrinking import MOST_PROPOSALS
from millwright.core.verification.trial import promise, trial
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
)
from schemas.identity import LayerName
from schemas.verification import Severity, VerdictStatus
from tests.languages.in_process import InProcessSandbox, encoded
from tests.languages.python.tasks import inputs_of
from tests.unit.core.verification.layer_results import (
    CLAMP,
    LOST,
    F,
    LosingSandbox,
    T,
    U,
    call_of,
    climbed,
    judge,
    needs,
    plan,
    returned,
    subject,
    tried,
    verdict,
)

CONTRACTS = LayerName.CONTRACTS
UNBOUNDED = CLAMP.replace("max(low, min(value, high))", "value")


def runs(asked: list[Needs]) -> list[CallRequest]:
    """Return the runs of calls that were asked for."""
    return [request for item in asked for request in item.requests if isinstance(request, CallRequest)]


def called_with(request: CallRequest) -> list[object]:
    """Return the first argument of each call, as text."""
    return [arguments[0][1] for arguments in request.calls]


class TestTrial:
    """Which inputs a candidate is tried on."""

    def test_examples_stand_first_and_are_kept(self) -> None:
        """They are promised by being stated; where one breaks a precondition that is remembered."""
        of = subject()
        asked = promise(of)
        assert asked is not None
        assert len(asked.bindings) == 7
        made = trial(of, ConditionReport(truths=((T,), (F,), (T,), (F,), (U,), (T,), (F,))))
        assert [arguments[0][1] for arguments in made.calls] == ["5", "12", "37", "1"]
        assert made.unpromised == {1}
        assert made.considered == 7

    @pytest.mark.parametrize(("accepted", "expected"), [(3, ["few-inputs"]), (9, ["few-inputs"]), (10, []), (20, [])])
    @pytest.mark.parametrize("layer", [LayerName.CONTRACTS, LayerName.PROPERTY_TESTS])
    async def test_a_promise_that_nearly_nothing_keeps_is_a_warning(
        self, layer: LayerName, accepted: int, expected: list[str]
    ) -> None:
        """A pass over few of many inputs says little; it is a pass nevertheless."""
        of = subject(
            test_cases=[
                {"name": str(number), "inputs": {"value": number, "low": 0, "high": 99}, "expected_output": number}
                for number in range(20)
            ],
            preconditions=[{"name": "few", "expression": f"value < {accepted} and high == 99"}],
        )
        passed, _ = await climbed(layer, of, InProcessSandbox())
        warnings = [finding for finding in passed.findings if finding.code == "few-inputs"]
        assert [finding.code for finding in warnings] == expected
        assert all(finding.severity is Severity.WARNING for finding in warnings)
        assert all(f"{accepted} of the 25 inputs" in finding.message for finding in warnings)
        assert passed.status in {VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE}


class TestFurtherRun:
    """What the trial did not reach is tried once more, so that contracts do not end at two lost calls."""

    async def test_inputs_after_the_second_lost_call_are_tried(self) -> None:
        """The smallest first, in one run that bears one more lost call."""
        of = subject(source=UNBOUNDED)
        rejection, asked = await climbed(CONTRACTS, of, LosingSandbox(37, -3))
        assert rejection.status is VerdictStatus.REJECTED
        first, second, *_ = runs(asked)
        assert called_with(first) == ["5", "12", "37", "-3", "50", "7"]
        assert called_with(second) == ["7", "50"]
        assert (first.lost_limit, second.lost_limit) == (2, 1)

    async def test_what_took_all_its_time_is_not_tried_again(self) -> None:
        """One lost call ends no trial."""
        passed, asked = await climbed(CONTRACTS, subject(), LosingSandbox(37))
        assert passed.status is VerdictStatus.PASSED
        assert len(runs(asked)) == 1

    async def test_what_was_lost_otherwise_is_tried_again(self) -> None:
        """A process may have been killed from outside."""
        of = subject(
            source=UNBOUNDED.replace("return value", "return 99 if value == 37 else max(low, min(value, high))")
        )

        class Once(LosingSandbox):
            async def call(self, request: CallRequest) -> CallReport:
                if runs_seen := [item for item in self.asked if isinstance(item, CallRequest)]:
                    assert runs_seen[0] != request, "an equal question would be answered from memory"
                    return await InProcessSandbox.call(self, request)
                return await super().call(request)

        rejection, asked = await climbed(CONTRACTS, of, Once(37, ending=Ending.CRASHED))
        assert called_with(runs(asked)[1]) == ["37"]
        assert "clamp(value=37, low=0, high=0) gave 99" in rejection.findings[0].message

    async def test_an_example_that_loops_ends_it(self) -> None:
        """The next layer has its reason, and every further call may take all its time as well."""
        settled, asked = await climbed(CONTRACTS, subject(), LosingSandbox(5, 12))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert len(runs(asked)) == 1

    @pytest.mark.parametrize("layer", [LayerName.CONTRACTS, LayerName.PROPERTY_TESTS])
    async def test_answers_that_are_not_well_formed_twice_reject(self, layer: LayerName) -> None:
        """They are neither exception nor time-out; else one forged line would hide every input from the contracts."""

        class Forging(InProcessSandbox):
            async def call(self, request: CallRequest) -> CallReport:
                report = await super().call(request)
                if ["int", "37"] not in [arguments[0] for arguments in request.calls]:
                    return report
                lost = LOST.model_copy(update={"message": "a line is not JSON"})
                return CallReport(outcomes=(lost,) * len(request.calls), ending=Ending.MALFORMED)

        rejection, _ = await climbed(layer, subject(), Forging())
        assert [finding.code for finding in rejection.findings] == ["malformed-answer"]
        assert "a line is not JSON" in rejection.findings[0].message

    async def test_contracts_that_saw_few_of_many_inputs_say_so(self) -> None:
        """No value came back for the others."""
        of = subject(source=CLAMP.replace("return max", "if value != 5:\n        raise ValueError\n    return max"))
        vectors = inputs_of(of.task).vectors * 5
        of = type(of)(
            of.task, of.source, of.modules, of.target, of.module, of.inputs.model_copy(update={"vectors": vectors})
        )
        passed, _ = await climbed(CONTRACTS, of, InProcessSandbox())
        assert passed.status is VerdictStatus.PASSED
        assert [finding.code for finding in passed.findings] == ["few-answers"]


class TestShrinking:
    """Smaller inputs that break the same."""

    async def test_rounds_and_proposals_are_bounded(self) -> None:
        """However far away the simplest input is."""
        source = "def word_counts(text: str) -> dict[str, int]:\n    return {'': 0} if len(text) > 3 else {}\n"
        of = subject("word_counts", source, postconditions=[{"name": "p", "expression": "all(result.values())"}])
        long = of.inputs.vectors[0].model_copy(update={"arguments": (encoded("Quick, brown! " * 99),)})
        vectors = (long,)
        of = type(of)(
            of.task, of.source, of.modules, of.target, of.module, of.inputs.model_copy(update={"vectors": vectors})
        )
        rejection, asked = await climbed(CONTRACTS, of, InProcessSandbox())
        assert rejection.status is VerdictStatus.REJECTED
        first, *rounds = runs(asked)
        assert len(first.calls) == 4
        assert 1 <= len(rounds) <= MOST_ROUNDS
        assert all(len(request.calls) <= MOST_PROPOSALS for request in rounds)

    async def test_proposals_keep_constraints_and_preconditions(self) -> None:
        """The input that is shown is one that the specification promises."""
        inputs = subject().task.model_dump()["inputs"]
        inputs[2]["constraints"] = ["high >= 7"]
        of = subject(source=UNBOUNDED, inputs=inputs)
        rejection, asked = await climbed(CONTRACTS, of, InProcessSandbox())
        assert "clamp(value=-1, low=0, high=7) gave -1" in rejection.findings[0].message
        admissions = [
            request
            for item in asked
            for request in item.requests
            if isinstance(request, ConditionRequest) and "high >= 7" in request.expressions
        ]
        assert {request.expressions for request in admissions} == {("high >= 7", "low <= high")}

    async def test_where_nothing_smaller_breaks_the_original_is_shown(self) -> None:
        """And one round is enough to know."""
        of = subject(source=CLAMP.replace("return ", "if value == 37 and high == 50:\n        return 99\n    return "))
        rejection, asked = await climbed(CONTRACTS, of, InProcessSandbox())
        (first, second) = rejection.findings
        assert "clamp(value=37, low=0, high=50) gave 99" in first.message
        assert first.message != second.message
        assert len(runs(asked)) == 2

    async def test_a_lost_call_ends_it(self) -> None:
        """Each may cost its whole time; what was found before stays."""
        rejection, asked = await climbed(CONTRACTS, subject(source=UNBOUNDED), LosingSandbox(1))
        assert rejection.status is VerdictStatus.REJECTED
        assert len(runs(asked)) == 2

    def test_what_a_lost_run_says_of_a_property_is_no_smaller_failure(self) -> None:
        """It shows another fault than the one that is shrunk."""
        of = subject("word_counts", "def word_counts(text: str) -> dict[str, int]:\n    return {}\n")
        name = of.task.properties[0].name
        asked = tried(LayerName.PROPERTY_TESTS, of)
        calls = len(call_of(asked).calls)
        asked = needs(judge(LayerName.PROPERTY_TESTS, of, asked, CallReport(outcomes=(returned({}, ""),) * calls)))
        failed = PropertyResult.model_validate({"name": name, "checked": 1, "failure": {"call": 0, "reason": "why"}})
        shrinking = needs(judge(LayerName.PROPERTY_TESTS, of, asked, PropertyReport(results=(failed,))))
        (request,) = shrinking.requests
        assert isinstance(request, PropertyRequest)
        lost = PropertyReport(results=(failed,), ending=Ending.TIMED_OUT)
        rejection = verdict(judge(LayerName.PROPERTY_TESTS, of, shrinking, lost))
        assert "word_counts(text='To be to')" in rejection.findings[0].message


@pytest.mark.parametrize("layer", [LayerName.CONTRACTS, LayerName.UNIT_TESTS, LayerName.PROPERTY_TESTS])
async def test_no_layer_asks_more_often_than_it_may(layer: LayerName) -> None:
    """The worst case of all: doubts, a second run, and every round of shrinking."""
    of = subject(source=UNBOUNDED.replace("return value", "return value * 1000 + 1 if value > 3 else None"))
    _, asked = await climbed(layer, of, LosingSandbox(37, -3))
    assert len(asked) <= 24


def test_an_answer_that_fits_no_state_is_refused() -> None:
    """It is a fault of whoever climbs."""
    of = subject()
    for layer in (LayerName.CONTRACTS, LayerName.UNIT_TESTS, LayerName.PROPERTY_TESTS):
        strange = Needs(needs(plan(layer, of)).requests, state="strange")
        with pytest.raises(AssertionError):
            judge(layer, of, strange, CallReport(outcomes=(LOST,)))
