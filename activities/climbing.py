"""Takes candidates up the ladder: carries out what the layers ask for, and times it.

It holds ports and no rule: what is asked and what is judged is the core's. It knows nothing of Temporal, so that the
command line climbs with the same engine.
"""

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from activities.ahead import Ahead, Spare
from activities.gathering import Gathering
from activities.quiet import Quiet
from activities.recall import Recall
from millwright.core.signature import behaviour_signature, is_deterministic, is_useless, records_of
from millwright.core.verification.confirmations.catalogue import CONFIRMATIONS
from millwright.core.verification.evidence import MOST_LOST, output_type
from millwright.core.verification.ladder import LADDER, begin, confirmed, layer_named, rejected_by
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import (
    Layer,
    Missing,
    Needs,
    Request,
    Result,
    Settled,
    Subject,
    in_error,
    not_run,
)
from millwright.core.verification.remembered import remembered
from millwright.core.verification.reports import calls, conditions
from millwright.core.verification.trial import promise, trial
from millwright.errors import MillwrightError
from millwright.ports import Analyser, Sandbox
from schemas.election import Flag, Merit
from schemas.execution import CallReport, CallRequest, ConditionRequest, Outcome, OutcomeKind, PropertyRequest
from schemas.identity import Digest, LayerName
from schemas.specification import TaskSpecification
from schemas.verification import AnalysisRequest, Verdict, VerdictStatus

_TRYING = LayerName.CONTRACTS
"""The layer whose run of the candidate all later ones read."""

_MOST_ROUNDS = 32
"""Questions a layer may ask one after the other; those that shrink a counter-example ask most."""

NO_SECOND_ENGINE = "this installation has no second engine to run it on"

T = TypeVar("T")

_Identity = tuple[str, str, tuple[tuple[str, str], ...], str, str | None]


@dataclass(frozen=True)
class Observation:
    """How a candidate behaves: its vote (None where a flag stops it), and its merit among its equals."""

    signature: Digest | None
    flag: Flag | None
    merit: Merit
    detail: str = ""


Said = Callable[[int, Verdict], Awaitable[None]]
"""Told of each verdict as it falls: the subject's place in the batch, and the verdict."""


class Climber:
    """Verifies and observes candidates through a sandbox and an analyser; ``second`` is the engine for winners.

    ``programs`` is how many the sandbox runs at once; while fewer run, candidates are tried before their types are
    known. With 0 each layer waits for its turn.
    """

    def __init__(
        self, sandbox: Sandbox, analyser: Analyser, second: Sandbox | None = None, *, programs: int = 0
    ) -> None:
        self._sandbox = sandbox
        self._recall = Recall(sandbox)
        self._gathering = Gathering(analyser)
        self._second = second
        self._quiet = Quiet()
        self._spare = Spare(self._quiet, programs)

    async def climb_layer(self, layer: LayerName, subjects: Sequence[Subject]) -> tuple[Verdict, ...]:
        """Take a batch over one layer; one verdict per subject, in order. Equal subjects are looked at once.

        Raises:
            SandboxUnavailable, AnalyserUnavailable: nothing is known of any candidate.
            SpecificationInvalid: a task's own examples or types cannot be decoded.
        """
        chosen = layer_named(layer)

        async def climbed(unique: Sequence[Subject]) -> list[Verdict]:
            return await _together([self._over(chosen, subject) for subject in unique])

        return await self._distinct(subjects, climbed)

    async def climb(
        self,
        subjects: Sequence[Subject],
        *,
        first_rejection_stops: bool = True,
        known: Sequence[Sequence[Verdict]] = (),
        said: Said | None = None,
    ) -> tuple[tuple[Verdict, ...], ...]:
        """Take a batch over all layers; per subject eight verdicts, each subject at its own pace.

        Above a rejection nothing is run, unless ``first_rejection_stops`` is off. ``known`` are verdicts that an
        earlier climb came to, per subject and without a gap. Raises as ``climb_layer`` does.
        """
        places: dict[_Identity, list[int]] = defaultdict(list)
        for index, subject in enumerate(subjects):
            places[_identity(subject)].append(index)
        begun = known or ((),) * len(subjects)

        async def up(alike: Sequence[int]) -> tuple[Verdict, ...]:
            first = alike[0]

            async def tell(verdict: Verdict) -> None:
                if said is not None:
                    for index in alike:
                        await said(index, verdict)

            return await self._up(subjects[first], begun[first], tell, first_rejection_stops)

        climbed = await _together([up(alike) for alike in places.values()])
        verdicts = dict(zip(places, climbed, strict=True))
        return tuple(verdicts[_identity(subject)] for subject in subjects)

    async def _up(
        self,
        subject: Subject,
        begun: Sequence[Verdict],
        tell: Callable[[Verdict], Awaitable[None]],
        first_rejection_stops: bool,
    ) -> tuple[Verdict, ...]:
        verdicts = list(begun)
        async with AsyncExitStack() as stack:
            trying: Ahead[Verdict] | None = None
            for layer in LADDER[len(verdicts) :]:
                stopped = rejected_by(verdicts) if first_rejection_stops else None
                if stopped is not None:
                    verdicts.append(not_run(layer.name, f"rejected by {stopped.value}").verdict)
                    continue
                if layer.name is LayerName.TYPES:
                    trying = await self._look_ahead(subject, stack)
                if trying is not None and layer.name is _TRYING:
                    verdicts.append(await trying.take())
                else:
                    verdicts.append(await self._over(layer, subject))
                await tell(verdicts[-1])
        return tuple(verdicts)

    async def _look_ahead(self, subject: Subject, stack: AsyncExitStack) -> Ahead[Verdict]:
        """While the types are checked, have the lint made, and on an idle machine the trial as well."""
        lint = asyncio.ensure_future(self._lint(subject))
        stack.push_async_callback(asyncio.wait, [lint])
        stack.callback(lint.cancel)
        return await stack.enter_async_context(self._spare.begin(partial(self._over, layer_named(_TRYING), subject)))

    async def _lint(self, subject: Subject) -> None:
        """Have the lint made when a batch is together; the layer finds it remembered."""
        plan = begin(layer_named(LayerName.STATIC_ANALYSIS), subject, language_named(subject.task.target_language))
        requests = plan.requests if isinstance(plan, Needs) else ()
        analyses = [self._gathering.analyse(item) for item in requests if isinstance(item, AnalysisRequest)]
        with suppress(MillwrightError):  # the layer asks again, and then it is the layer's
            await _together(analyses)

    async def confirm(self, subject: Subject, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
        """Look further at a winner; returns its verdicts with what came of it. Raises as ``climb_layer`` does.

        Nothing more is asked once a look has rejected. What a layer did not have to answer is not deepened.
        """
        deepened = {verdict.layer: verdict for verdict in verdicts}
        for confirmation in CONFIRMATIONS:
            before = deepened.get(confirmation.name)
            if before is None:
                continue
            answer = await self._over(confirmation, subject)
            deepened[confirmation.name] = confirmed(before, confirmation.title, answer)
            if answer.status is VerdictStatus.REJECTED:
                break
        return tuple(deepened[verdict.layer] for verdict in verdicts)

    async def observe(self, subjects: Sequence[Subject]) -> tuple[Observation, ...]:
        """Run each subject twice over the promised examples and inputs, and digest what it did.

        A run ends at a few lost calls; the second one leaves out what the first one lost, since lost calls are not
        compared. Raises as ``climb_layer`` does.
        """

        async def observed(unique: Sequence[Subject]) -> list[Observation]:
            return await _together([self._observe(subject) for subject in unique])

        return await self._distinct(subjects, observed)

    async def _distinct(
        self, subjects: Sequence[Subject], work: Callable[[Sequence[Subject]], Awaitable[Sequence[T]]]
    ) -> tuple[T, ...]:
        keys = [_identity(subject) for subject in subjects]
        unique = dict(zip(keys, subjects, strict=True))
        answers = dict(zip(unique, await work(list(unique.values())), strict=True)) if unique else {}
        return tuple(answers[key] for key in keys)

    async def _over(self, layer: Layer, subject: Subject) -> Verdict:
        """Take one subject over one layer; the verdict's seconds are those of the work, and not of the queue."""
        language = language_named(subject.task.target_language)
        started = time.perf_counter()
        plan = begin(layer, subject, language)
        seconds = time.perf_counter() - started
        for _ in range(_MOST_ROUNDS):
            if isinstance(plan, Settled):
                return plan.verdict.model_copy(update={"seconds": round(seconds, 6)})
            needs = plan
            told = await _together([self._asked(request, needs) for request in needs.requests])
            started = time.perf_counter()
            plan = layer.judge(subject, needs, tuple(result for result, _ in told), language)
            seconds += time.perf_counter() - started + sum(spent for _, spent in told)
        return in_error(layer.name, "it asked without end").verdict

    async def _asked(self, request: Request, needs: Needs) -> tuple[Result, float]:
        """Carry out a request; returns the result, and the seconds of work that it took."""
        if isinstance(request, AnalysisRequest):
            told = await self._gathering.analyse(request)
            return told.report, told.seconds
        async with self._quiet.alone() if needs.alone else self._quiet.shared():
            started = time.perf_counter()
            result = await (self._second_opinion(request) if needs.second else self._run(request, needs))
            spent = time.perf_counter() - started
        # An engine's own account leaves out the queue for it; what was remembered took no time now.
        return result, min(spent, result.wall_seconds) if isinstance(result, CallReport) else spent

    async def _run(self, request: CallRequest | PropertyRequest | ConditionRequest, needs: Needs) -> Result:
        match request:
            case CallRequest():
                return await self._recall.call(request, alone=needs.alone)
            case PropertyRequest():
                return await self._recall.check_properties(request)
            case ConditionRequest():
                return await self._recall.evaluate(request)

    async def _second_opinion(self, request: CallRequest | PropertyRequest | ConditionRequest) -> Result:
        if self._second is None or not isinstance(request, CallRequest):
            return Missing(NO_SECOND_ENGINE)
        return await self._second.call(request)

    async def _observe(self, subject: Subject) -> Observation:
        language = language_named(subject.task.target_language)
        merit = language.measure(subject.source)
        asked = promise(subject)
        told = conditions(await self._recall.evaluate(asked), asked) if asked is not None else None
        tried = trial(subject, told)
        if not tried.calls:
            # Without a call there is no behaviour to compare: only equal code is then the same vote.
            text = f"not called\n{language.canonical(subject.source)}"
            signature = Digest(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
            return Observation(signature, None, merit, "no promised input could be tried")
        request = tried.request(subject)
        first = calls(await self._recall.call(request), len(tried.calls))
        answered = [index for index, outcome in enumerate(first.outcomes) if outcome.kind is not OutcomeKind.LOST]
        second = list(first.outcomes)
        if answered:
            calls_again = tuple(tried.calls[index] for index in answered)
            again = await self._called(CallRequest(program=request.program, calls=calls_again, lost_limit=MOST_LOST))
            for index, outcome in zip(answered, again.outcomes, strict=True):
                second[index] = outcome
        flag, detail = _flagged(subject, first, second)
        return Observation(None if flag else _signature(subject, first), flag, merit, detail)

    async def _called(self, request: CallRequest) -> CallReport:
        return calls(await self._sandbox.call(request), len(request.calls))


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


@remembered
def _written(task: TaskSpecification) -> str:
    return task.model_dump_json()


def _identity(subject: Subject) -> _Identity:
    """Return what makes two subjects the same: then one verdict holds for both."""
    modules: Mapping[str, str] = subject.modules
    inputs = f"{subject.inputs.specification_digest}/{subject.inputs.generator}/{len(subject.inputs.vectors)}"
    return _written(subject.task), subject.target, tuple(sorted(modules.items())), inputs, subject.records_module


async def _together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; when one fails, end the others before its exception goes on."""
    if len(work) == 1:
        return [await work[0]]
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
