"""The climber: what it batches, what it stops, and whom it does not blame."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from activities.climbing import Climber
from millwright.core.verification.layer import Subject
from millwright.errors import AnalyserUnavailable, SandboxUnavailable
from schemas.election import Flag
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest, Outcome, OutcomeKind, Truth
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import AnalysisReport, AnalysisRequest, Verdict, VerdictStatus
from tests.languages.in_process import InProcessSandbox, SilentAnalyser, encoded
from tests.languages.python.tasks import TASKS, candidates, subject_in, subject_of

CLAMPS = [subject_in(path) for path in candidates("good") if path.stem.startswith("clamp__by_")]
BAD = subject_in(next(path for path in candidates("bad-contracts") if "upper" in path.stem))
UNPARSABLE = subject_in(next(path for path in candidates("bad-syntax") if "cut_off" in path.stem))


def statuses(verdicts: Sequence[Verdict]) -> list[VerdictStatus]:
    """Return what the verdicts say."""
    return [verdict.status for verdict in verdicts]


def clamp(body: str) -> Subject:
    """Make a candidate for ``clamp`` of a body."""
    return subject_of(TASKS["clamp"], f"def clamp(value: int, low: int, high: int) -> int:\n    {body}\n")


async def test_a_batch_is_analysed_in_one_call() -> None:
    """However many subjects there are; none that was rejected before."""
    analyser = SilentAnalyser()
    await Climber(InProcessSandbox(), analyser).climb([*CLAMPS, UNPARSABLE])
    assert analyser.batches == [3, 3]


async def test_equal_subjects_are_looked_at_once_and_answered_each() -> None:
    """Equal code costs nothing twice."""
    analyser, sandbox = SilentAnalyser(), InProcessSandbox()
    climber = Climber(sandbox, analyser)
    verdicts = await climber.climb_layer(LayerName.TYPES, [CLAMPS[0], CLAMPS[1], CLAMPS[0]])
    assert analyser.batches == [2]
    assert statuses(verdicts) == [VerdictStatus.PASSED] * 3
    await climber.climb_layer(LayerName.UNIT_TESTS, [CLAMPS[0]] * 5)
    assert [type(request) for request in sandbox.asked] == [ConditionRequest, CallRequest]


async def test_layers_share_the_run_of_a_trial() -> None:
    """Contracts, unit tests and performance read one run, and behaviour needs one more of its own."""
    sandbox = InProcessSandbox()
    climber = Climber(sandbox, SilentAnalyser())
    await climber.climb([CLAMPS[0]])
    await climber.observe([CLAMPS[0]])
    runs = [request for request in sandbox.asked if isinstance(request, CallRequest)]
    assert len(runs) == 2
    assert len({len(run.calls) for run in runs}) == 1


async def test_conditions_of_one_batch_are_evaluated_once() -> None:
    """No candidate takes part in the preconditions."""
    sandbox = InProcessSandbox()
    await Climber(sandbox, SilentAnalyser()).climb_layer(LayerName.CONTRACTS, CLAMPS)
    assert [type(request) for request in sandbox.asked].count(CallRequest) == 3
    first = [
        request
        for request in sandbox.asked
        if isinstance(request, ConditionRequest) and not request.bindings[0].names.get("result")
    ]
    assert len(first) == 1


async def test_above_a_rejection_nothing_is_run() -> None:
    """And each layer says which one rejected."""
    (verdicts,) = await Climber(InProcessSandbox(), SilentAnalyser()).climb([BAD])
    assert statuses(verdicts) == [VerdictStatus.PASSED] * 2 + [VerdictStatus.REJECTED] + [VerdictStatus.NOT_RUN] * 5
    assert {verdict.reason for verdict in verdicts[3:]} == {"rejected by contracts"}
    assert [verdict.layer for verdict in verdicts] == list(LayerName)


async def test_all_layers_are_run_when_asked_for() -> None:
    """A rejection then stops nothing but what needs a module."""
    climber = Climber(InProcessSandbox(), SilentAnalyser())
    (wrong, unparsable) = await climber.climb([BAD, UNPARSABLE], first_rejection_stops=False)
    assert statuses(wrong).count(VerdictStatus.REJECTED) == 2
    assert VerdictStatus.NOT_RUN not in statuses(wrong)
    assert statuses(unparsable) == [VerdictStatus.REJECTED] + [VerdictStatus.NOT_RUN] * 7


async def test_layer_by_layer_and_all_at_once_agree() -> None:
    """The granularity changes no verdict."""
    subjects = [*CLAMPS, BAD]
    climber = Climber(InProcessSandbox(), SilentAnalyser())
    whole = await climber.climb(subjects, first_rejection_stops=False)
    for index, layer in enumerate(LayerName):
        single = await climber.climb_layer(layer, subjects)
        assert [verdict.model_copy(update={"seconds": 0.0}) for verdict in single] == [
            verdicts[index].model_copy(update={"seconds": 0.0}) for verdicts in whole
        ]


async def test_an_empty_batch_asks_nothing() -> None:
    """No tool is started for nobody."""
    analyser = SilentAnalyser()
    climber = Climber(InProcessSandbox(), analyser)
    assert await climber.climb([]) == ()
    assert await climber.climb_layer(LayerName.TYPES, []) == ()
    assert await climber.observe([]) == ()
    assert analyser.batches == []


class BrokenSandbox(InProcessSandbox):
    """A sandbox that is down for calls, and counts those that were cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.cancelled = 0

    async def call(self, request: CallRequest) -> CallReport:
        """Fail on the first call, and hang on the others until they are cancelled."""
        self.waiting += 1
        if self.waiting == 1:
            await asyncio.sleep(0)
            raise SandboxUnavailable("no namespaces")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError("nothing sets the event")


class BrokenAnalyser(SilentAnalyser):
    """An analyser whose tool is missing."""

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Fail."""
        raise AnalyserUnavailable("no mypy")


async def test_a_broken_sandbox_is_nobodys_rejection() -> None:
    """The fault goes on as it is, and what still ran is ended first."""
    sandbox = BrokenSandbox()
    with pytest.raises(SandboxUnavailable, match="no namespaces"):
        await Climber(sandbox, SilentAnalyser()).climb(CLAMPS)
    assert sandbox.cancelled == sandbox.waiting - 1


async def test_a_broken_analyser_is_nobodys_rejection() -> None:
    """The fault goes on as it is."""
    with pytest.raises(AnalyserUnavailable, match="no mypy"):
        await Climber(InProcessSandbox(), BrokenAnalyser()).climb(CLAMPS)


class BusySandbox(InProcessSandbox):
    """A sandbox on a busy machine: slow the first time, and watching how many calls run at once."""

    def __init__(self) -> None:
        super().__init__()
        self.running = 0
        self.beside: list[int] = []
        self.beside_timed: list[int] = []

    async def call(self, request: CallRequest) -> CallReport:
        """Report a slow first example to whole batches, and a fast one to single calls."""
        self.running += 1
        await asyncio.sleep(0.01)
        timed = len(request.calls) == 1
        (self.beside_timed if timed else self.beside).append(self.running)
        report = await super().call(request)
        self.running -= 1
        seconds = 0.0 if timed else 9.0
        return report.model_copy(
            update={"outcomes": tuple(item.model_copy(update={"cpu_seconds": seconds}) for item in report.outcomes)}
        )


async def test_what_is_timed_again_runs_alone() -> None:
    """First all beside each other, then one after the other."""
    sandbox = BusySandbox()
    verdicts = await Climber(sandbox, SilentAnalyser()).climb_layer(LayerName.PERFORMANCE, CLAMPS)
    assert statuses(verdicts) == [VerdictStatus.PASSED] * 3
    assert max(sandbox.beside) > 1
    assert set(sandbox.beside_timed) == {1}


class TestObservation:
    """How survivors behave."""

    async def test_equal_behaviour_is_one_vote_with_its_own_merit(self) -> None:
        """Signatures agree; lines, complexity and size are each candidate's own."""
        seen = await Climber(InProcessSandbox(), SilentAnalyser()).observe([*CLAMPS, BAD])
        assert [item.flag for item in seen] == [None] * 4
        assert len({item.signature for item in seen[:3]}) == 1
        assert seen[3].signature not in {None, seen[0].signature}
        assert len({item.merit for item in seen[:3]}) > 1

    async def test_inputs_outside_the_promise_do_not_split_a_vote(self) -> None:
        """Nobody asked what happens when the bounds are the wrong way round."""
        strict = clamp("if low > high:\n        raise ValueError\n    return max(low, min(value, high))")
        seen = await Climber(InProcessSandbox(), SilentAnalyser()).observe([CLAMPS[0], strict])
        assert seen[0].signature == seen[1].signature

    async def test_a_candidate_that_only_raises_is_useless(self) -> None:
        """And has no vote."""
        (seen,) = await Climber(InProcessSandbox(), SilentAnalyser()).observe([clamp("raise KeyError(value)")])
        assert (seen.flag, seen.signature) == (Flag.USELESS, None)

    async def test_a_module_that_cannot_be_imported_is_useless(self) -> None:
        """The reason stands in the detail."""
        broken = clamp("return value\n\n\nraise KeyError")
        (seen,) = await Climber(InProcessSandbox(), SilentAnalyser()).observe([broken])
        assert seen.flag is Flag.USELESS
        assert "KeyError" in seen.detail

    async def test_a_candidate_that_differs_between_runs_has_no_vote(self) -> None:
        """Two runs over the same inputs must agree."""

        class Dice(InProcessSandbox):
            async def call(self, request: CallRequest) -> CallReport:
                self.asked.append(request)
                value = encoded(len(self.asked))
                outcome = Outcome(kind=OutcomeKind.RETURNED, value=value)
                return CallReport(outcomes=(outcome,) * len(request.calls))

        (seen,) = await Climber(Dice(), SilentAnalyser()).observe([CLAMPS[0]])
        assert (seen.flag, seen.signature) == (Flag.NONDETERMINISTIC, None)

    async def test_what_the_first_run_lost_is_not_tried_again(self) -> None:
        """Each run bears two lost calls; what is not tried is lost in the signature, and no flag is raised for it."""

        class Hanging(InProcessSandbox):
            async def call(self, request: CallRequest) -> CallReport:
                report = await super().call(request)
                lost = Outcome(kind=OutcomeKind.LOST)
                kept = 3 if len(request.calls) > 3 else len(request.calls)
                outcomes = report.outcomes[:kept] + (lost,) * (len(request.calls) - kept)
                return report.model_copy(update={"outcomes": outcomes})

        sandbox = Hanging()
        (seen,) = await Climber(sandbox, SilentAnalyser()).observe([CLAMPS[0]])
        (whole,) = await Climber(InProcessSandbox(), SilentAnalyser()).observe([CLAMPS[0]])
        first, second = (request for request in sandbox.asked if isinstance(request, CallRequest))
        assert (first.lost_limit, second.lost_limit) == (2, 2)
        assert len(first.calls) > 3
        assert second.calls == first.calls[:3]
        assert seen.flag is None
        assert seen.signature not in {None, whole.signature}

    async def test_a_run_that_lost_every_call_is_not_repeated(self) -> None:
        """There is nothing to compare."""

        class Dead(InProcessSandbox):
            async def call(self, request: CallRequest) -> CallReport:
                self.asked.append(request)
                return CallReport(outcomes=(Outcome(kind=OutcomeKind.LOST),) * len(request.calls))

        sandbox = Dead()
        (seen,) = await Climber(sandbox, SilentAnalyser()).observe([CLAMPS[0]])
        assert seen.flag is Flag.USELESS
        assert [type(request) for request in sandbox.asked].count(CallRequest) == 1

    async def test_without_a_promised_input_only_equal_code_is_one_vote(self) -> None:
        """No behaviour was seen, so none can agree."""

        class Refusing(InProcessSandbox):
            async def evaluate(self, request: ConditionRequest) -> ConditionReport:
                report = await super().evaluate(request)
                width = len(request.expressions)
                return report.model_copy(update={"truths": ((Truth.FALSE,) * width,) * len(report.truths)})

        silent = [replace(one, task=one.task.model_copy(update={"test_cases": ()})) for one in CLAMPS[:2]]
        seen = await Climber(Refusing(), SilentAnalyser()).observe([silent[0], silent[0], silent[1]])
        assert seen[0].signature == seen[1].signature != seen[2].signature


async def test_a_specification_without_inputs_and_examples_is_called_once() -> None:
    """A constant is a behaviour too."""
    task = TaskSpecification.model_validate(
        {"id": "answer", "name": "answer", "outputs": [{"name": "r", "type_annotation": "int"}]}
    )
    base = subject_in(candidates("good")[0])
    source = "def answer() -> int:\n    return 42\n"
    made = [
        Subject(
            task,
            text,
            {"shop/answer.py": text},
            "shop/answer.py",
            "shop.answer",
            base.inputs.model_copy(update={"vectors": ()}),
        )
        for text in (source, source.replace("42", "6 * 7"), source.replace("42", "43"))
    ]
    seen = await Climber(InProcessSandbox(), SilentAnalyser()).observe(made)
    assert seen[0].signature == seen[1].signature != seen[2].signature
