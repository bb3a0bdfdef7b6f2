"""Takes candidates of many tasks up the ladder without Temporal or Postgres, each at its own pace.

The layers and their verdicts are the engine's; here candidates are only put in their setting and their verdicts summed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from pydantic import SerializerFunctionWrapHandler, model_serializer

from millwright.commandline.candidates import Candidate, Feed, Listed
from millwright.commandline.composition import LadderTools
from millwright.core.specification import digest_of, input_types
from millwright.core.verification.ladder import is_verified
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Subject
from millwright.errors import BadInput, ServiceUnavailable, SpecificationInvalid
from schemas.base import Schema
from schemas.identity import Digest, LayerName
from schemas.specification import TaskSpecification
from schemas.verification import Confirmation, Finding, InputSet, Verdict, VerdictStatus

AT_ONCE = 48
"""Candidates under way at once: enough to fill a tool's batch while others run, few enough that answers keep coming."""

_PACKAGE = "candidate"
_TRIES = 4
_PAUSE_SECONDS = 0.2


class LayerLine(Schema):
    """What one layer said, in an answer of `verify`."""

    layer: LayerName
    verdict: VerdictStatus
    seconds: float
    findings: tuple[Finding, ...]
    confirmations: tuple[Confirmation, ...] = ()

    @model_serializer(mode="wrap")
    def _without_what_was_not_asked(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = write(self)
        if not self.confirmations:
            del written["confirmations"]
        return written


class Verified(Schema):
    """The answer for one candidate; ``error`` is set when it could not be checked, which rejects nothing."""

    id: str
    task: str
    passed: bool
    rejected_by: LayerName | None
    error: str | None
    layers: tuple[LayerLine, ...]


class Checking:
    """Verifies many candidates, a bounded number at once and each at its own pace; a task's inputs are made once."""

    def __init__(self, tools: LadderTools, *, all_layers: bool, confirm: bool = False, at_once: int = AT_ONCE) -> None:
        self._tools = tools
        self._all_layers = all_layers
        self._confirm = confirm
        self._at_once = at_once
        self._inputs: dict[int, asyncio.Task[InputSet]] = {}  # by the identity of the task, which candidates share

    async def verify(self, candidates: Sequence[Candidate] | Feed) -> AsyncIterator[Verified]:
        """Verify candidates and yield each answer as it comes; what could not be checked is an error, no rejection.

        Raises:
            BadInput: the feed has something that is no candidate; all before it are answered first.
        """
        feed = Listed(candidates) if isinstance(candidates, Sequence) else candidates
        waiting: set[asyncio.Task[Verified]] = set()
        taking: asyncio.Task[Sequence[Candidate]] | None = None
        fault: BadInput | None = None
        ended = False
        try:
            while True:
                if not ended and taking is None and len(waiting) < self._at_once:
                    taking = asyncio.ensure_future(feed.take(self._at_once - len(waiting)))
                if taking is None and not waiting:
                    break
                await asyncio.wait({*waiting, *((taking,) if taking else ())}, return_when=asyncio.FIRST_COMPLETED)
                if taking is not None and taking.done():
                    try:
                        taken = taking.result()
                    except BadInput as error:
                        taken, fault = (), error
                    taking, ended = None, not taken
                    waiting |= {asyncio.ensure_future(self._answer(candidate)) for candidate in taken}
                for task in [task for task in waiting if task.done()]:
                    waiting.discard(task)
                    yield task.result()
        finally:
            for under_way in (*waiting, *self._inputs.values(), *((taking,) if taking else ())):
                under_way.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if fault is not None:
            raise fault

    async def _answer(self, candidate: Candidate) -> Verified:
        """Verify a candidate; a service that fails is asked again, for a child may have been killed by a stranger."""
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._attempt(candidate)
            except SpecificationInvalid as error:
                return _answer(candidate, (), f"the task cannot be verified: {error}")
            except ServiceUnavailable as error:
                if attempt == _TRIES:
                    return _answer(candidate, (), str(error))
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
        raise AssertionError("the last try returns")

    async def _attempt(self, candidate: Candidate) -> Verified:
        subject = await self.subject(candidate)
        verdicts = await self._tools.climb(subject, not self._all_layers)
        if self._confirm and is_verified(verdicts):
            verdicts = await self._tools.confirm(subject, verdicts)
        return _answer(candidate, _in_own_lines(verdicts, subject.source, candidate.source), None)

    async def subject(self, candidate: Candidate) -> Subject:
        """Put a candidate in its setting: a package of its own with the declared records."""
        task = candidate.task
        language = language_named(task.target_language)
        name = task.id.replace("-", "_")
        records_module = f"{_PACKAGE}.records" if task.records or task.errors else None
        target = language.module_path(_PACKAGE, (f"task_{name}",), False)
        source = language.assemble(task, candidate.source, (), records_module)
        modules = {language.module_path(_PACKAGE, (), True): "", target: source}
        if records_module:
            records = language.records_source(task.records, task.errors)
            modules[language.module_path(_PACKAGE, ("records",), False)] = records
        return Subject(
            task=task,
            source=source,
            modules=modules,
            target=target,
            module=language.module_name(target),
            inputs=await self._input_set(task),
            records_module=records_module,
        )

    async def _input_set(self, task: TaskSpecification) -> InputSet:
        made = self._inputs.get(id(task))
        if made is None or (made.done() and made.exception() is not None):
            made = self._inputs[id(task)] = asyncio.ensure_future(self._made(task, digest_of(task)))
        return await asyncio.shield(made)

    async def _made(self, task: TaskSpecification, digest: Digest) -> InputSet:
        if input_types(task):
            return await self._tools.inputs(task, digest)
        return InputSet(specification_digest=digest, generator="none", vectors=())


def _in_own_lines(verdicts: tuple[Verdict, ...], module: str, source: str) -> tuple[Verdict, ...]:
    """Count the lines of findings in the candidate's own text and not in the module that was made of it."""
    text = source.strip()
    before = module.find(text)
    if before < 0 or not text:
        return verdicts
    shift = source.count("\n", 0, source.find(text)) - module.count("\n", 0, before)
    return tuple(
        verdict.model_copy(update={"findings": tuple(_shifted(finding, shift) for finding in verdict.findings)})
        for verdict in verdicts
    )


def _shifted(finding: Finding, shift: int) -> Finding:
    if finding.line is None or finding.line + shift < 1:
        return finding
    return finding.model_copy(update={"line": finding.line + shift})


def _answer(candidate: Candidate, verdicts: Sequence[Verdict], error: str | None) -> Verified:
    rejected = next((verdict.layer for verdict in verdicts if verdict.status is VerdictStatus.REJECTED), None)
    broken = next((verdict for verdict in verdicts if verdict.status is VerdictStatus.ERROR), None)
    if error is None and rejected is None and broken is not None:
        error = f"{broken.layer.value} could not be run: {broken.reason}"
    return Verified(
        id=candidate.id,
        task=candidate.task.id,
        passed=rejected is None and error is None,
        rejected_by=rejected,
        error=error,
        layers=tuple(
            LayerLine(
                layer=verdict.layer,
                verdict=verdict.status,
                seconds=round(verdict.seconds, 6),
                findings=verdict.findings,
                confirmations=verdict.confirmations,
            )
            for verdict in verdicts
        ),
    )
