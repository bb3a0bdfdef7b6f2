"""Takes candidates of many tasks up the ladder without Temporal or Postgres, a batch at a time.

The layers and their verdicts are the engine's; here candidates are only put in their setting and their verdicts summed.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from millwright.commandline.composition import LadderTools
from millwright.core.specification import digest_of, input_types
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Subject
from millwright.errors import ServiceUnavailable
from schemas.base import Schema
from schemas.identity import Digest, LayerName
from schemas.specification import TaskSpecification
from schemas.verification import Finding, InputSet, Verdict, VerdictStatus

_PACKAGE = "candidate"
_BATCH = 16
"""Candidates a batch: enough to share a static tool's start, few enough that answers keep coming."""


@dataclass(frozen=True)
class Candidate:
    """A source to verify against one task."""

    id: str
    task: TaskSpecification
    source: str


class LayerLine(Schema):
    """What one layer said, in an answer of `verify`."""

    layer: LayerName
    verdict: VerdictStatus
    seconds: float
    findings: tuple[Finding, ...]


class Verified(Schema):
    """The answer for one candidate; ``error`` is set when it could not be checked, which rejects nothing."""

    id: str
    task: str
    passed: bool
    rejected_by: LayerName | None
    error: str | None
    layers: tuple[LayerLine, ...]


class Checking:
    """Verifies batches; the inputs of a task are made once."""

    def __init__(self, tools: LadderTools, *, all_layers: bool) -> None:
        self._tools = tools
        self._all_layers = all_layers
        self._inputs: dict[Digest, InputSet] = {}

    async def verify(self, candidates: Sequence[Candidate]) -> AsyncIterator[Verified]:
        """Verify candidates in order; an engine that fails makes an error of its batch, never a rejection.

        Raises:
            SpecificationInvalid: a task cannot be verified at all (no input satisfies its constraints).
        """
        for start in range(0, len(candidates), _BATCH):
            batch = candidates[start : start + _BATCH]
            try:
                verdicts = await self._climb(batch)
            except ServiceUnavailable as error:
                for candidate in batch:
                    yield _answer(candidate, (), str(error))
                continue
            for candidate, found in zip(batch, verdicts, strict=True):
                yield _answer(candidate, found, None)

    async def _climb(self, batch: Sequence[Candidate]) -> list[tuple[Verdict, ...]]:
        subjects = [await self._subject(candidate) for candidate in batch]
        found: list[list[Verdict]] = [[] for _ in batch]
        alive = list(range(len(batch)))
        for layer in LayerName:
            verdicts = await self._tools.climb_layer(layer, [subjects[index] for index in alive]) if alive else ()
            for index, verdict in zip(alive, verdicts, strict=True):
                found[index].append(verdict)
            alive = [index for index in alive if self._goes_on(found[index][-1])]
        return [
            _in_own_lines((*verdicts, *_not_run_after(verdicts)), subject.source, candidate.source)
            for verdicts, subject, candidate in zip(found, subjects, batch, strict=True)
        ]

    def _goes_on(self, verdict: Verdict) -> bool:
        """Say whether the next layer may be climbed; nothing can be asked of what has no syntax."""
        if verdict.status is VerdictStatus.REJECTED:
            return self._all_layers and verdict.layer is not LayerName.SYNTAX
        return self._all_layers or verdict.status is not VerdictStatus.ERROR

    async def _subject(self, candidate: Candidate) -> Subject:
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
        digest = digest_of(task)
        if digest not in self._inputs:
            if input_types(task):
                self._inputs[digest] = await self._tools.inputs(task, digest)
            else:
                self._inputs[digest] = InputSet(specification_digest=digest, generator="none", vectors=())
        return self._inputs[digest]


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


def _not_run_after(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    last = verdicts[-1]
    reason = f"{last.layer.value} {last.status.value}"
    climbed = {verdict.layer for verdict in verdicts}
    return tuple(
        Verdict(layer=layer, status=VerdictStatus.NOT_RUN, reason=reason) for layer in LayerName if layer not in climbed
    )


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
            )
            for verdict in verdicts
        ),
    )
