"""Takes candidates up the ladder: carries out what the layers ask for, and times it.

It holds ports and no rule: what is asked and what is judged is the core's. It knows nothing of Temporal, so that the
command line climbs with the same engine.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TypeVar

from activities.ahead import Ahead, Spare
from activities.comparing import Compared, Comparer
from activities.dividing import Divider
from activities.gathering import Gathering
from activities.observing import Observation, Observer
from activities.quiet import Quiet
from activities.recall import Recall
from activities.together import together
from millwright.core.asserts import Call
from millwright.core.dividing import Division
from millwright.core.verification.confirmations.catalogue import CONFIRMATIONS
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
from millwright.errors import MillwrightError
from millwright.ports import Analyser, Sandbox
from schemas.claims import Assertion, Claim
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest, PropertyRequest
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import AnalysisRequest, Verdict, VerdictStatus

_TRYING = LayerName.CONTRACTS
"""The layer whose run of the candidate all later ones read."""

_MOST_ROUNDS = 32
"""Questions a layer may ask one after the other; those that shrink a counter-example ask most."""

NO_SECOND_ENGINE = "this installation has no second engine to run it on"

T = TypeVar("T")

_Identity = tuple[str, str, tuple[tuple[str, str], ...], str, str | None]


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
        self._observer = Observer(sandbox, self._recall)
        self._comparer = Comparer(sandbox, self._recall, self._quiet)
        self._divider = Divider(sandbox, self._recall, self._quiet)
        self._spare = Spare(self._quiet, programs)

    async def climb_layer(self, layer: LayerName, subjects: Sequence[Subject]) -> tuple[Verdict, ...]:
        """Take a batch over one layer; one verdict per subject, in order. Equal subjects are looked at once.

        Raises:
            SandboxUnavailable, AnalyserUnavailable: nothing is known of any candidate.
            SpecificationInvalid: a task's own examples or types cannot be decoded.
        """
        chosen = layer_named(layer)

        async def climbed(unique: Sequence[Subject]) -> list[Verdict]:
            return await together([self._over(chosen, subject) for subject in unique])

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

        climbed = await together([up(alike) for alike in places.values()])
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
            await together(analyses)

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
        """Observe each subject by itself, as ``Observer.observe`` does. Raises as ``climb_layer`` does."""

        async def observed(unique: Sequence[Subject]) -> list[Observation]:
            return await together([self._observer.observe(subject) for subject in unique])

        return await self._distinct(subjects, observed)

    async def compare(self, subjects: Sequence[Subject], seed: int) -> Compared:
        """Compare candidates of one task, each with a text of its own, as ``Comparer.compare`` does.

        Without an input to try them on, each is observed by itself. Raises as ``climb_layer`` does.
        """
        compared = await self._comparer.compare(subjects, seed)
        return compared or Compared(await self.observe(subjects))

    async def choose(
        self, subjects: Sequence[Subject], claims: Sequence[Claim], assertions: Sequence[Assertion] = ()
    ) -> int:
        """Return the place of the best of candidates of one task, as ``Comparer.choose`` does."""
        return await self._comparer.choose(subjects, claims, assertions)

    async def divide(self, subjects: Sequence[Subject], votes: Sequence[int]) -> Division | None:
        """Find the input to ask a person about, as ``Divider.divide`` does."""
        return await self._divider.divide(subjects, votes)

    async def seen(self, subject: Subject) -> tuple[Call, ...]:
        """Return the calls of a candidate's trial with their outcomes. Raises as ``climb_layer`` does."""
        return await self._comparer.seen(subject)

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate expressions in the sandbox. Raises SandboxUnavailable."""
        return await self._recall.evaluate(request)

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
            told = await together([self._asked(request, needs) for request in needs.requests])
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


@remembered
def _written(task: TaskSpecification) -> str:
    return task.model_dump_json()


def _identity(subject: Subject) -> _Identity:
    """Return what makes two subjects the same: then one verdict holds for both."""
    modules: Mapping[str, str] = subject.modules
    inputs = f"{subject.inputs.specification_digest}/{subject.inputs.generator}/{len(subject.inputs.vectors)}"
    return _written(subject.task), subject.target, tuple(sorted(modules.items())), inputs, subject.records_module
