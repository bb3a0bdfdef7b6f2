"""Layer 8's rules, each from fabricated reports: what is a suspect, what is timed again alone, what rejects."""

from collections.abc import Sequence

import pytest

from millwright.core.verification.confirmations.growth import OVERHEAD_SECONDS
from millwright.core.verification.layer import Needs, Plan, Subject
from millwright.core.verification.trial import promise, trial
from millwright.errors import SandboxUnavailable
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest, Ending, Outcome, OutcomeKind
from schemas.identity import Digest, LayerName
from schemas.verification import InputOrigin, InputSet, InputVector, Severity, VerdictStatus
from tests.languages.in_process import encoded
from tests.unit.core.verification.layer_results import (
    COUNTS,
    LOST,
    PYTHON,
    F,
    T,
    judge,
    needs,
    plan,
    raised,
    returned,
    subject,
    verdict,
)

_LAYER = LayerName.PERFORMANCE
_LIMIT = 0.2


def _counts(*sizes: int, stated: bool = True, **changes: object) -> Subject:
    """Put word_counts into its setting: three examples, a few inputs, and texts of these sizes."""
    of = subject("word_counts", COUNTS, **({"timeout_ms": 200} | changes))
    sized = tuple(
        InputVector(arguments=(encoded("a" * size),), origin=InputOrigin.SIZED, size=size, stated=stated)
        for size in sizes
    )
    inputs = InputSet(specification_digest=Digest("0" * 64), generator="g", vectors=(*of.inputs.vectors, *sized))
    return Subject(
        task=of.task, source=of.source, modules=of.modules, target=of.target, module=of.module, inputs=inputs
    )


def _ran(*outcomes: Outcome, **account: object) -> CallReport:
    return CallReport.model_validate({"outcomes": outcomes} | account)


def _fine(count: int, seconds: float = 0.001) -> list[Outcome]:
    return [returned({}, seconds=seconds)] * count


def _calls(asked: Needs) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for request in asked.requests:
        assert isinstance(request, CallRequest)
        found.append(request.calls)
    return found


def _trial_of(of: Subject) -> Needs:
    return needs(plan(_LAYER, of))


def _after_trial(of: Subject, examples: Sequence[Outcome], **account: object) -> Plan:
    """Judge a trial whose examples came out so and whose further inputs were quick."""
    rest = _fine(len(trial(of, None).calls) - len(examples))
    return judge(_LAYER, of, _trial_of(of), _ran(*examples, *rest, **account))


def _alone(plan_: Plan, *expected: str) -> Needs:
    """Demand that just the examples with these texts are timed alone, each in a run of its own."""
    asked = needs(plan_)
    assert asked.alone
    assert _calls(asked) == [((encoded(text),),) for text in expected]
    return asked


class TestAsking:
    """What is timed at all."""

    def test_the_trial_is_asked_for_as_other_layers_ask(self) -> None:
        """Equal requests are answered once, so timing the examples costs nothing."""
        of = _counts()
        asked = _trial_of(of)
        assert asked.requests == (trial(of, None).request(of),)
        assert not asked.alone

    def test_preconditions_come_first_for_inputs_and_for_sizes(self) -> None:
        """The question on the inputs is the one that others ask; sizes that are not promised are left out."""
        of = _counts(10, 20, 40, preconditions=[{"name": "p", "expression": "len(text) < 30"}])
        asked = _trial_of(of)
        assert asked.requests[0] == promise(of)
        inputs, sizes = asked.requests
        assert isinstance(inputs, ConditionRequest)
        assert isinstance(sizes, ConditionRequest)
        assert len(sizes.bindings) == 3
        told = ConditionReport(truths=((T,),) * len(inputs.bindings))
        runs = needs(judge(_LAYER, of, asked, told, ConditionReport(truths=((T,), (T,), (F,)))))
        assert runs.requests[0] == trial(of, told).request(of)
        assert _calls(runs)[1] == ((encoded("a" * 10),), (encoded("a" * 20),))

    def test_only_stated_sizes_are_held_against_the_limit(self) -> None:
        """All three in one run; sizes that nobody stated are not even called."""
        assert len(_calls(_trial_of(_counts(10, 20, 40, stated=False)))) == 1
        assert len(_calls(_trial_of(_counts(10, 20, 40)))[1]) == 3

    def test_without_a_bound_there_is_nothing_to_judge(self) -> None:
        """And it says so instead of passing."""
        settled = verdict(plan(_LAYER, _counts(test_cases=[])))
        assert settled.status is VerdictStatus.NOT_APPLICABLE
        assert "no example and no size is stated" in settled.reason

    def test_stated_sizes_are_timed_without_any_example(self) -> None:
        """They are a bound of their own."""
        of = _counts(10, 20, 40, test_cases=[])
        asked = _trial_of(of)
        assert len(_calls(asked)) == 1
        assert verdict(judge(_LAYER, of, asked, _ran(*_fine(3)))).status is VerdictStatus.PASSED

    def test_an_answer_to_another_question_is_the_sandboxs_fault(self) -> None:
        """A missing outcome is no pass."""
        of = _counts()
        with pytest.raises(SandboxUnavailable):
            judge(_LAYER, of, _trial_of(of), _ran(*_fine(2)))

    def test_what_cannot_be_imported_is_rejected(self) -> None:
        """There is nothing to time then."""
        of = _counts()
        count = len(trial(of, None).calls)
        settled = verdict(judge(_LAYER, of, _trial_of(of), _ran(*[LOST] * count, load_error="NameError: x")))
        assert [finding.code for finding in settled.findings] == ["does-not-load"]

    def test_a_slow_import_is_timed_again_alone(self) -> None:
        """A busy machine must not decide."""
        of = _counts()
        count = len(trial(of, None).calls)
        report = _ran(*[LOST] * count, load_error="no answer in time", ending=Ending.TIMED_OUT)
        _alone(judge(_LAYER, of, _trial_of(of), report), "To be to")


class TestTime:
    """CPU time against the limit."""

    def test_quick_examples_pass_at_once(self) -> None:
        """In the run that other layers read."""
        settled = verdict(_after_trial(_counts(), _fine(3), cpu_seconds=0.05, wall_seconds=0.1))
        assert settled.status is VerdictStatus.PASSED
        assert settled.findings == ()

    def test_a_slow_example_is_timed_again_alone_and_cleared(self) -> None:
        """What was slow once and is quick alone was the machine."""
        of = _counts()
        asked = _alone(_after_trial(of, [returned({}), returned({}, seconds=0.5), returned({})]), "")
        assert verdict(judge(_LAYER, of, asked, _ran(*_fine(1)))).status is VerdictStatus.PASSED

    def test_a_slow_example_that_is_slow_alone_rejects(self) -> None:
        """The finding names the example, the call, the seconds, the limit and the line of the definition."""
        of = _counts()
        asked = _alone(_after_trial(of, [returned({}), returned({}), returned({}, seconds=0.5)]), "a a")
        (finding,) = verdict(judge(_LAYER, of, asked, _ran(returned({}, seconds=0.4)))).findings
        assert finding.code == "slow"
        assert finding.line == PYTHON.definition_line(of.source, "word_counts")
        assert finding.message == (
            "twice: word_counts(text='a a'): it took 0.40 s of CPU time; the specification allows 0.2 s"
        )

    def test_a_clock_that_is_falsified_gains_nothing(self) -> None:
        """The kernel's account leaves room for a slow call: every example is timed alone, by the kernel's account."""
        of = _counts()
        asked = _alone(_after_trial(of, _fine(3, 0.0), cpu_seconds=0.9), "To be to", "", "a a")
        slow = _ran(returned({}, seconds=0.0), cpu_seconds=_LIMIT + OVERHEAD_SECONDS + 0.1)
        rejection = verdict(judge(_LAYER, of, asked, _ran(*_fine(1)), slow, _ran(*_fine(1))))
        assert rejection.status is VerdictStatus.REJECTED
        assert [finding.message[:5] for finding in rejection.findings] == ["none:"]
        assert "it took 0.30 s of CPU time" in rejection.findings[0].message

    def test_slow_generated_inputs_are_behaviour(self) -> None:
        """They leave room in the run's account; alone the examples are quick."""
        of = _counts()
        asked = _alone(_after_trial(of, _fine(3), cpu_seconds=40.0), "To be to", "", "a a")
        quick = [_ran(*_fine(1), cpu_seconds=OVERHEAD_SECONDS)] * 3
        assert verdict(judge(_LAYER, of, asked, *quick)).status is VerdictStatus.PASSED

    def test_lost_generated_inputs_are_behaviour(self) -> None:
        """Even where the run timed out on them."""
        of = _counts()
        count = len(trial(of, None).calls)
        report = _ran(*_fine(3), *[LOST] * (count - 3), ending=Ending.TIMED_OUT, cpu_seconds=0.1, wall_seconds=0.2)
        assert verdict(judge(_LAYER, of, _trial_of(of), report)).status is VerdictStatus.PASSED

    def test_the_overhead_is_allowed_for_once(self) -> None:
        """A run is a suspect above limit and overhead together, and not at them."""
        of = _counts()
        at = _LIMIT + OVERHEAD_SECONDS
        assert verdict(_after_trial(of, _fine(3), cpu_seconds=at)).status is VerdictStatus.PASSED
        needs(_after_trial(of, _fine(3), cpu_seconds=at + 0.01))


class TestLostCalls:
    """Time-outs, sleep and memory."""

    def _lost(self, of: Subject, ending: Ending) -> Plan:
        count = len(trial(of, None).calls)
        return judge(_LAYER, of, _trial_of(of), _ran(*[LOST] * count, ending=ending))

    def test_a_loop_rejects_when_the_kernel_counts_it_alone(self) -> None:
        """The first lost example is timed alone before those that were not reached, which need not be tried then."""
        of = _counts()
        asked = _alone(self._lost(of, Ending.TIMED_OUT), "To be to")
        stopped = _ran(LOST, ending=Ending.TIMED_OUT, cpu_seconds=1.4, wall_seconds=1.5)
        (finding,) = verdict(judge(_LAYER, of, asked, stopped)).findings
        assert finding.code == "slow"
        assert "it had not ended after 1.15 s of CPU time; the specification allows 0.2 s" in finding.message

    def test_sleep_rejects_only_when_it_is_seen_alone_twice(self) -> None:
        """Wall-clock alone is the word of a busy machine."""
        of = _counts()
        asked = _alone(self._lost(of, Ending.TIMED_OUT), "To be to")
        sleeps = _ran(LOST, ending=Ending.TIMED_OUT, cpu_seconds=0.02, wall_seconds=1.4)
        again = _alone(judge(_LAYER, of, asked, sleeps), "To be to")
        rejection = verdict(judge(_LAYER, of, again, sleeps))
        assert rejection.status is VerdictStatus.REJECTED
        assert "it had not ended after 1.40 s, 0.02 s of them CPU time, twice" in rejection.findings[0].message
        _alone(judge(_LAYER, of, again, _ran(*_fine(1))), "", "a a")

    def test_sleep_that_ends_before_it_is_stopped_rejects_too(self) -> None:
        """Time that is spent waiting counts, where a run alone does hardly anything else."""
        of = _counts()
        asked = _alone(_after_trial(of, _fine(3), cpu_seconds=0.05, wall_seconds=0.9), "To be to", "", "a a")
        quick, sleeps = _ran(*_fine(1)), _ran(*_fine(1), cpu_seconds=0.02, wall_seconds=0.7)
        again = _alone(judge(_LAYER, of, asked, quick, sleeps, quick), "")
        rejection = verdict(judge(_LAYER, of, again, sleeps))
        assert "it took 0.70 s, 0.02 s of them CPU time, twice" in rejection.findings[0].message

    def test_a_busy_machine_rejects_nothing(self) -> None:
        """Wall-clock far over the limit, but of a run that had little of a core."""
        of = _counts()
        asked = needs(_after_trial(of, _fine(3), cpu_seconds=0.1, wall_seconds=5.0))
        starved = [_ran(*_fine(1), cpu_seconds=0.1, wall_seconds=0.9)] * 3
        assert verdict(judge(_LAYER, of, asked, *starved)).status is VerdictStatus.PASSED

    def test_memory_that_runs_out_twice_rejects(self) -> None:
        """Under a code of its own."""
        of = _counts()
        asked = _alone(self._lost(of, Ending.OUT_OF_MEMORY), "To be to")
        rejection = verdict(judge(_LAYER, of, asked, _ran(LOST, ending=Ending.OUT_OF_MEMORY, cpu_seconds=0.1)))
        assert [finding.code for finding in rejection.findings] == ["memory"]
        assert "512 MiB" in rejection.findings[0].message

    def test_a_crash_is_another_layers(self) -> None:
        """It is neither time nor memory."""
        assert verdict(self._lost(_counts(), Ending.CRASHED)).status is VerdictStatus.PASSED

    def test_what_was_not_reached_is_timed_and_is_not_rejected_for_one_slow_run(self) -> None:
        """Each by itself, once the first is cleared; then again if it was slow."""
        of = _counts()
        asked = _alone(self._lost(of, Ending.TIMED_OUT), "To be to")
        rest = _alone(judge(_LAYER, of, asked, _ran(*_fine(1))), "", "a a")
        slow = _ran(returned({}, seconds=0.3), cpu_seconds=0.3)
        again = _alone(judge(_LAYER, of, rest, slow, _ran(*_fine(1))), "")
        assert verdict(judge(_LAYER, of, again, _ran(*_fine(1)))).status is VerdictStatus.PASSED
        assert verdict(judge(_LAYER, of, again, slow)).status is VerdictStatus.REJECTED


class TestStatedSizes:
    """What the specification's own constraints allow."""

    def test_a_slow_stated_size_rejects_after_a_second_look(self) -> None:
        """The finding names the size; what is larger is not tried."""
        of = _counts(10, 20, 40)
        asked = _trial_of(of)
        quick = _ran(*_fine(len(trial(of, None).calls)))
        sizes = _ran(returned({}), LOST, LOST, ending=Ending.TIMED_OUT, cpu_seconds=0.3)
        alone = _alone(judge(_LAYER, of, asked, quick, sizes), "a" * 20)
        stopped = _ran(LOST, ending=Ending.TIMED_OUT, cpu_seconds=1.4)
        (finding,) = verdict(judge(_LAYER, of, alone, stopped)).findings
        assert finding.message.startswith("size 20: word_counts(")
        assert finding.code == "slow"

    def test_each_run_is_held_against_its_own_account(self) -> None:
        """A trial that leaves no room clears its examples, whatever the sizes took."""
        of = _counts(10, 20, 40)
        quick = _ran(*_fine(len(trial(of, None).calls)), cpu_seconds=0.1)
        sizes = _ran(*_fine(3, 0.0), cpu_seconds=0.6)
        _alone(judge(_LAYER, of, _trial_of(of), quick, sizes), "a" * 10, "a" * 20, "a" * 40)

    def test_a_recursion_that_is_too_deep_for_a_stated_size_warns(self) -> None:
        """Once: how deep one may go is no bound of the specification's."""
        of = _counts(10, 20, 40)
        quick = _ran(*_fine(len(trial(of, None).calls)))
        sizes = _ran(returned({}), raised("RecursionError"), raised("RecursionError"))
        settled = verdict(judge(_LAYER, of, _trial_of(of), quick, sizes))
        assert settled.status is VerdictStatus.PASSED
        (finding,) = settled.findings
        assert (finding.code, finding.severity) == ("too-deep", Severity.WARNING)
        assert finding.message.startswith("size 20: ")


class TestNearTheLimit:
    """Growth is told where one doubling may be too much."""

    def test_a_candidate_near_its_limit_is_told_its_growth(self) -> None:
        """As a warning beside a pass."""
        of = _counts(100, 200, 400, timeout_ms=2000)
        asked = _trial_of(of)
        quick = _ran(*_fine(len(trial(of, None).calls)))
        near = [returned({}, seconds=seconds) for seconds in (0.08, 0.3, 1.2)]
        grown = needs(judge(_LAYER, of, asked, quick, _ran(*near, cpu_seconds=1.6)))
        assert grown.alone
        assert _calls(grown) == [((encoded("a" * size),),) for size in (100, 200, 400)]
        reports = [_ran(outcome, cpu_seconds=outcome.cpu_seconds + 0.01) for outcome in near]
        settled = verdict(judge(_LAYER, of, grown, *reports))
        assert settled.status is VerdictStatus.PASSED
        (finding,) = settled.findings
        assert (finding.code, finding.severity) == ("growth", Severity.WARNING)
        assert finding.message == "time grows quadratically: 100 -> 80 ms, 200 -> 300 ms, 400 -> 1200 ms of CPU"

    def test_a_candidate_far_from_its_limit_is_not_asked(self) -> None:
        """Below half of it nothing more is run."""
        of = _counts(100, 200, 400)
        quick = _ran(*_fine(len(trial(of, None).calls)))
        assert isinstance(verdict(judge(_LAYER, of, _trial_of(of), quick, _ran(*_fine(3, 0.09)))).findings, tuple)

    def test_growth_that_cannot_be_told_takes_nothing_from_the_pass(self) -> None:
        """There may be no size at all to grow."""
        settled = verdict(_after_trial(_counts(), [returned({}, seconds=0.15), *_fine(2)], cpu_seconds=0.2))
        assert settled.status is VerdictStatus.PASSED
        assert settled.findings == ()


def test_outcomes_are_told_by_kind_alone() -> None:
    """A call that raised in time kept to its limits."""
    assert raised("ValueError").kind is OutcomeKind.RAISED
    settled = verdict(_after_trial(_counts(), [raised("ValueError"), *_fine(2)]))
    assert settled.status is VerdictStatus.PASSED
