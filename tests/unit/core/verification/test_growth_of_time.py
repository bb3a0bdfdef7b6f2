"""What a winner is asked about its growth, and what is believed of the answer."""

from millwright.core.verification.confirmations.growth import OVERHEAD_SECONDS, GrowthOfTime
from millwright.core.verification.layer import Needs, Plan, Subject
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest, Ending, Outcome
from schemas.identity import Digest, LayerName
from schemas.verification import InputOrigin, InputSet, InputVector, Severity, VerdictStatus
from tests.languages.in_process import encoded
from tests.unit.core.verification.layer_results import (
    COUNTS,
    LOST,
    PYTHON,
    F,
    T,
    needs,
    raised,
    returned,
    subject,
    verdict,
)

_GROWTH = GrowthOfTime()


def _counts(stated: bool = False, sizes: tuple[int, ...] = (100, 200, 400), **changes: object) -> Subject:
    of = subject("word_counts", COUNTS, **changes)
    vectors = tuple(
        InputVector(arguments=(encoded("a" * size),), origin=InputOrigin.SIZED, size=size, stated=stated)
        for size in sizes
    )
    inputs = InputSet(specification_digest=Digest("0" * 64), generator="g", vectors=(*of.inputs.vectors, *vectors))
    return Subject(
        task=of.task, source=of.source, modules=of.modules, target=of.target, module=of.module, inputs=inputs
    )


def _ran(*seconds: float, **account: object) -> CallReport:
    outcomes = tuple(returned({}, seconds=second) for second in seconds)
    return CallReport.model_validate({"outcomes": outcomes, "cpu_seconds": sum(seconds) + 0.01} | account)


def _lost(seconds: float, ending: Ending = Ending.TIMED_OUT) -> CallReport:
    return CallReport(outcomes=(LOST,), ending=ending, cpu_seconds=seconds)


def _judge(of: Subject, asked: Needs, *reports: CallReport | ConditionReport) -> Plan:
    return _GROWTH.judge(of, asked, reports, PYTHON)


def _asked(of: Subject) -> Needs:
    return needs(_GROWTH.plan(of, PYTHON))


def test_each_size_is_timed_alone_and_for_a_second_at_most() -> None:
    """Nobody stated these sizes: they must not cost more than they tell."""
    asked = _asked(_counts())
    assert asked.alone
    assert [len(request.calls) for request in asked.requests if isinstance(request, CallRequest)] == [1, 1, 1]
    limits = [request.program.limits for request in asked.requests if isinstance(request, CallRequest)]
    assert all(limit.call_seconds <= 1.0 for limit in limits)


def test_growth_is_a_warning_that_shows_its_figures() -> None:
    """It is the verdict's reason too, and rejects nothing."""
    of = _counts()
    settled = verdict(_judge(of, _asked(of), _ran(0.04), _ran(0.171), _ran(0.689)))
    message = "time grows quadratically: 100 -> 40 ms, 200 -> 171 ms, 400 -> 689 ms of CPU"
    assert (settled.layer, settled.status, settled.reason) == (LayerName.PERFORMANCE, VerdictStatus.PASSED, message)
    (finding,) = settled.findings
    assert (finding.code, finding.severity, finding.message) == ("growth", Severity.WARNING, message)
    assert finding.line == PYTHON.definition_line(of.source, "word_counts")


def test_what_is_too_fast_once_is_repeated() -> None:
    """As often as it takes to be well above the noise, and the mean counts: the clock may go by ticks."""
    of = _counts()
    asked = _asked(of)
    again = needs(_judge(of, asked, _ran(0.002), _ran(0.01), _ran(0.04)))
    assert again.alone
    counts = [len(request.calls) for request in again.requests if isinstance(request, CallRequest)]
    assert counts == [60, 12]
    settled = verdict(_judge(of, again, _ran(*[0.0, 0.02] * 30), _ran(*[0.02] * 12)))
    assert settled.reason.startswith("time grows linearly: 100 -> 10 ms, 200 -> 20 ms, 400 -> 40 ms")


def test_a_function_that_is_too_fast_for_that_too_stays_unknown() -> None:
    """Repetitions are bounded by number and by what has to be carried."""
    of = _counts(sizes=(100, 200, 200_000))
    again = needs(_judge(of, _asked(of), *[_ran(0.0)] * 3))
    counts = [len(request.calls) for request in again.requests if isinstance(request, CallRequest)]
    assert counts == [256, 256, 3]
    settled = verdict(_judge(of, again, *(_ran(*[1e-6] * count) for count in counts)))
    assert (settled.status, settled.reason, settled.findings) == (VerdictStatus.NOT_RUN, "too fast to tell", ())


def test_an_answer_that_is_remembered_is_not_taken_for_speed() -> None:
    """All repeated calls together must be above the noise."""
    of = _counts()
    again = needs(_judge(of, _asked(of), _ran(0.005), _ran(0.005), _ran(0.005)))
    counts = [len(request.calls) for request in again.requests if isinstance(request, CallRequest)]
    remembered = [_ran(0.005, *[1e-6] * (count - 1)) for count in counts]
    assert verdict(_judge(of, again, *remembered)).status is VerdictStatus.NOT_RUN


def test_a_clock_that_the_kernel_contradicts_is_not_believed() -> None:
    """Its own account may be falsified, the kernel's not."""
    of = _counts()
    settled = verdict(_judge(of, _asked(of), _ran(0.03), _ran(0.03), _ran(0.03, cpu_seconds=OVERHEAD_SECONDS + 0.9)))
    assert settled.status is VerdictStatus.NOT_RUN
    assert "its own clock says 0.03 s of CPU time, the kernel 1.15 s" in settled.reason


def test_a_size_without_an_answer_is_told() -> None:
    """Stopped at the last one it may still be told; memory, a crash and an exception say nothing of time."""
    of = _counts(sizes=(20, 40, 80))
    asked = _asked(of)
    settled = verdict(_judge(of, asked, _ran(0.03), _ran(0.6), _lost(15.0)))
    assert settled.reason == "time grows faster than cubically: 20 -> 30 ms, 40 -> 600 ms, 80 -> over 15000 ms of CPU"
    settled = verdict(_judge(of, asked, _lost(1.0), _lost(1.0), _lost(1.0)))
    assert settled.reason == "no answer within 1 s at size 20"
    settled = verdict(_judge(of, asked, _ran(0.003), _ran(0.01), _lost(0.1, Ending.OUT_OF_MEMORY)))
    assert settled.reason == "at a larger size it needed more memory than it may use"
    outcome: Outcome = raised("RecursionError")
    settled = verdict(_judge(of, asked, _ran(0.003), _ran(0.01), CallReport(outcomes=(outcome,))))
    assert settled.reason == "it raises RecursionError at a larger size"


def test_a_task_without_sizes_has_no_growth() -> None:
    """Numbers and records without a stated bound have no size."""
    settled = verdict(_GROWTH.plan(subject(), PYTHON))
    assert settled.status is VerdictStatus.NOT_APPLICABLE


def test_only_promised_sizes_are_timed() -> None:
    """Preconditions are asked first; fewer than three promised sizes tell nothing."""
    of = _counts(preconditions=[{"name": "p", "expression": "text != ''"}])
    asked = _asked(of)
    (request,) = asked.requests
    assert isinstance(request, ConditionRequest)
    assert len(request.bindings) == 3
    assert len(needs(_judge(of, asked, ConditionReport(truths=((T,),) * 3))).requests) == 3
    settled = verdict(_judge(of, asked, ConditionReport(truths=((T,), (T,), (F,)))))
    assert settled.status is VerdictStatus.NOT_APPLICABLE


def test_stated_sizes_have_the_whole_limit() -> None:
    """They are asked where there are no others."""
    of = _counts(stated=True, timeout_ms=5000)
    requests = [request for request in _asked(of).requests if isinstance(request, CallRequest)]
    assert all(request.program.limits.call_seconds > 5 for request in requests)
