"""Takes candidates up the ladder: carries out what the layers ask for, and times it.

It holds ports and no rule: what is asked and what is judged is the core's. It knows nothing of Temporal, so that the
command line climbs with the same engine.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from millwright.core.signature import (
    behaviour_signature,
    is_deterministic,
    is_useless,
    records_of,
)
from millwright.core.verification.evidence import MOST_LOST, Arguments, every_input, output_type, program
from millwright.core.verification.ladder import LADDER, begin, layer_named
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import (
    Layer,
    Needs,
    Plan,
    Result,
    Settled,
    Subject,
    in_error,
    not_run,
)
from millwright.core.verification.preconditions import accepted, precondition_request
from millwright.core.verification.reports import calls, conditions
from millwright.ports import Analyser, Sandbox
from schemas.election import Flag, Merit
from schemas.execution import CallReport, CallRequest, ConditionRequest, Outcome, OutcomeKind, PropertyRequest
from schemas.identity import Digest, LayerName
from schemas.verification import AnalysisRequest, Verdict, VerdictStatus

_MOST_ROUNDS = 8
"""Questions a layer may ask one after the other; the ladder's own ask three at most."""

T = TypeVar("T")


@dataclass(frozen=True)
class Observation:
    """How a candidate behaves: its vote (None where a flag stops it), and its merit among its equals."""

    signature: Digest | None
    flag: Flag | None
    merit: Merit
    detail: str = ""


@dataclass
class _Climb:
    """One subject on one layer: where it stands, and the seconds spent on it."""

    subject: Subject
    plan: Plan
    seconds: float = 0.0
    results: list[Result | None] = field(default_factory=list)


class Climber:
    """Verifies and observes candidates through a sandbox and an analyser."""

    def __init__(self, sandbox: Sandbox, analyser: Analyser) -> None:
        self._sandbox = sandbox
        self._analyser = analyser

    async def climb_layer(self, layer: LayerName, subjects: Sequence[Subject]) -> tuple[Verdict, ...]:
        """Take a batch over one layer; one verdict per subject, in order. Equal subjects are looked at once.

        Raises:
            SandboxUnavailable, AnalyserUnavailable: nothing is known of any candidate.
            SpecificationInvalid: a task's own examples or types cannot be decoded.
        """
        return await self._distinct(subjects, lambda unique: self._climb_distinct(layer_named(layer), unique))

    async def climb(
        self, subjects: Sequence[Subject], *, first_rejection_stops: bool = True
    ) -> tuple[tuple[Verdict, ...], ...]:
        """Take a batch over all layers in order; per subject eight verdicts.

        Above a rejection nothing is run, unless ``first_rejection_stops`` is off. Raises as ``climb_layer`` does.
        """
        verdicts: list[list[Verdict]] = [[] for _ in subjects]
        stopped: dict[int, LayerName] = {}
        for layer in LADDER:
            alive = [index for index in range(len(subjects)) if index not in stopped]
            climbed = await self.climb_layer(layer.name, [subjects[index] for index in alive])
            for index, verdict in zip(alive, climbed, strict=True):
                verdicts[index].append(verdict)
            for index, rejected_by in stopped.items():
                verdicts[index].append(not_run(layer.name, f"rejected by {rejected_by.value}").verdict)
            for index, verdict in zip(alive, climbed, strict=True):
                if verdict.status is VerdictStatus.REJECTED and first_rejection_stops:
                    stopped[index] = layer.name
        return tuple(map(tuple, verdicts))

    async def observe(self, subjects: Sequence[Subject]) -> tuple[Observation, ...]:
        """Run each subject twice over the promised examples and inputs, and digest what it did.

        A run ends at a few lost calls; the second one leaves out what the first one lost, since lost calls are not
        compared. Raises as ``climb_layer`` does.
        """

        async def observed(unique: Sequence[Subject]) -> list[Observation]:
            memory: dict[str, asyncio.Task[Result]] = {}
            return await _together([self._observe(subject, memory) for subject in unique])

        return await self._distinct(subjects, observed)

    async def _distinct(
        self, subjects: Sequence[Subject], work: Callable[[Sequence[Subject]], Awaitable[Sequence[T]]]
    ) -> tuple[T, ...]:
        keys = [_identity(subject) for subject in subjects]
        unique = dict(zip(keys, subjects, strict=True))
        answers = dict(zip(unique, await work(list(unique.values())), strict=True)) if unique else {}
        return tuple(answers[key] for key in keys)

    async def _climb_distinct(self, layer: Layer, subjects: Sequence[Subject]) -> list[Verdict]:
        climbs: list[_Climb] = []
        for subject in subjects:
            started = time.perf_counter()
            plan = begin(layer, subject, language_named(subject.task.target_language))
            climbs.append(_Climb(subject, plan, time.perf_counter() - started))
        for _ in range(_MOST_ROUNDS):
            waiting = [climb for climb in climbs if isinstance(climb.plan, Needs)]
            if not waiting:
                break
            await self._answer(waiting)
            for climb in waiting:
                _judge(layer, climb)
        return [_verdict(layer, climb) for climb in climbs]

    async def _answer(self, climbs: Sequence[_Climb]) -> None:
        """Carry out what is asked: all analyses in one call, runs beside each other, timed runs after all others."""
        asked = [(climb, climb.plan) for climb in climbs if isinstance(climb.plan, Needs)]
        for climb, needs in asked:
            climb.results = [None] * len(needs.requests)
        memory: dict[str, asyncio.Task[Result]] = {}
        together: list[Coroutine[Any, Any, None]] = []
        alone: list[Coroutine[Any, Any, None]] = []
        analyses: list[tuple[_Climb, int, AnalysisRequest]] = []
        for climb, needs in asked:
            for index, request in enumerate(needs.requests):
                if isinstance(request, AnalysisRequest):
                    analyses.append((climb, index, request))
                else:
                    chosen = alone if needs.alone else together
                    chosen.append(self._run(climb, index, request, memory))
        if analyses:
            together.append(self._analyse(analyses))
        try:
            await _together(together)
            while alone:
                await alone.pop(0)
        finally:
            for coroutine in alone:
                coroutine.close()

    async def _analyse(self, asked: Sequence[tuple[_Climb, int, AnalysisRequest]]) -> None:
        started = time.perf_counter()
        reports = await self._analyser.analyse([request for _, _, request in asked])
        share = (time.perf_counter() - started) / len(asked)
        for (climb, index, _), report in zip(asked, reports, strict=True):
            climb.results[index] = report
            climb.seconds += share

    async def _run(
        self,
        climb: _Climb,
        index: int,
        request: CallRequest | PropertyRequest | ConditionRequest,
        memory: dict[str, asyncio.Task[Result]],
    ) -> None:
        started = time.perf_counter()
        climb.results[index] = await self._asked(request, memory)
        climb.seconds += time.perf_counter() - started

    async def _asked(
        self, request: CallRequest | PropertyRequest | ConditionRequest, memory: dict[str, asyncio.Task[Result]]
    ) -> Result:
        """Ask the sandbox; equal conditions of one batch are evaluated once, since no candidate takes part in them."""
        match request:
            case CallRequest():
                return await self._sandbox.call(request)
            case PropertyRequest():
                return await self._sandbox.check_properties(request)
            case ConditionRequest():
                key = request.model_dump_json()
                if key not in memory:
                    memory[key] = asyncio.ensure_future(self._evaluate(request))
                return await memory[key]

    async def _evaluate(self, request: ConditionRequest) -> Result:
        return await self._sandbox.evaluate(request)

    async def _observe(self, subject: Subject, memory: dict[str, asyncio.Task[Result]]) -> Observation:
        language = language_named(subject.task.target_language)
        merit = language.measure(subject.source)
        inputs = await self._promised(subject, memory)
        if not inputs:
            # Without a call there is no behaviour to compare: only equal code is then the same vote.
            text = f"not called\n{language.canonical(subject.source)}"
            signature = Digest(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
            return Observation(signature, None, merit, "no promised input could be tried")
        whole = program(subject, len(subject.task.test_cases))
        first = await self._called(CallRequest(program=whole, calls=inputs, lost_limit=MOST_LOST))
        answered = [index for index, outcome in enumerate(first.outcomes) if outcome.kind is not OutcomeKind.LOST]
        second = list(first.outcomes)
        if answered:
            calls_again = tuple(inputs[index] for index in answered)
            again = await self._called(CallRequest(program=whole, calls=calls_again, lost_limit=MOST_LOST))
            for index, outcome in zip(answered, again.outcomes, strict=True):
                second[index] = outcome
        flag, detail = _flagged(subject, first, second)
        return Observation(None if flag else _signature(subject, first), flag, merit, detail)

    async def _called(self, request: CallRequest) -> CallReport:
        return calls(await self._sandbox.call(request), len(request.calls))

    async def _promised(self, subject: Subject, memory: dict[str, asyncio.Task[Result]]) -> tuple[Arguments, ...]:
        """Return the inputs that the specification promises: what is done with others is nobody's vote."""
        inputs = every_input(subject)
        request = precondition_request(subject.task, inputs)
        if request is None:
            return inputs
        return accepted(inputs, conditions(await self._asked(request, memory), request))


def _judge(layer: Layer, climb: _Climb) -> None:
    started = time.perf_counter()
    if isinstance(climb.plan, Needs):
        language = language_named(climb.subject.task.target_language)
        results = tuple(result for result in climb.results if result is not None)
        climb.plan = layer.judge(climb.subject, climb.plan, results, language)
    climb.seconds += time.perf_counter() - started


def _verdict(layer: Layer, climb: _Climb) -> Verdict:
    settled = climb.plan if isinstance(climb.plan, Settled) else in_error(layer.name, "it asked without end")
    return settled.verdict.model_copy(update={"seconds": round(climb.seconds, 6)})


def _flagged(subject: Subject, first: CallReport, second: Sequence[Outcome]) -> tuple[Flag | None, str]:
    if first.load_error is not None:
        return Flag.USELESS, f"importing it fails: {first.load_error}"
    if is_useless(first.outcomes, subject.task):
        return Flag.USELESS, "it gives no value for any input"
    if not is_deterministic(first.outcomes, second):
        return Flag.NONDETERMINISTIC, "two runs over the same inputs differ"
    return None, ""


def _signature(subject: Subject, report: CallReport) -> Digest:
    task = subject.task
    tolerances = [case.tolerance for case in task.test_cases if case.tolerance]
    return behaviour_signature(report.outcomes, output_type(task), min(tolerances, default=None), records_of(task))


def _identity(subject: Subject) -> tuple[str, str, tuple[tuple[str, str], ...], str, str | None]:
    """Return what makes two subjects the same: then one verdict holds for both."""
    modules: Mapping[str, str] = subject.modules
    inputs = f"{subject.inputs.specification_digest}/{subject.inputs.generator}/{len(subject.inputs.vectors)}"
    task = subject.task.model_dump_json()
    return task, subject.target, tuple(sorted(modules.items())), inputs, subject.records_module


async def _together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; when one fails, end the others before its exception goes on."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
