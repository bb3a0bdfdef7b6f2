"""Takes an attack through the layer of unit tests on a real engine, as the product does, and names the reasons.

Limits are narrowed so that the suite is quick; nothing else of the way is special.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from activities.climbing import Climber
from millwright.core.verification.layer import Subject
from millwright.ports import Sandbox
from schemas.execution import (
    CallReport,
    CallRequest,
    CommandReport,
    CommandRequest,
    ConditionReport,
    ConditionRequest,
    Limits,
    Outcome,
    OutcomeKind,
    PropertyReport,
    PropertyRequest,
)
from schemas.identity import Digest, LayerName, TaskId
from schemas.specification import Parameter, TaskSpecification, TestCase
from schemas.verification import InputSet, Verdict, VerdictStatus
from tests.languages.in_process import SilentAnalyser

from .attack import ANSWER, ARGUMENT, Attack, Effect
from .canaries import GOOD, Canaries
from .unguarded import MEMORY

_OUTPUT: Final = 1 << 20
_USUAL = Limits(call_seconds=20, wall_seconds=40, cpu_seconds=20, memory_bytes=MEMORY, output_bytes=_OUTPUT)
_BRIEF = Limits(call_seconds=0.5, wall_seconds=2, cpu_seconds=20, memory_bytes=MEMORY, output_bytes=_OUTPUT)


@dataclass
class Narrowed:
    """An engine under other limits, which remembers its reports."""

    engine: Sandbox
    limits: Limits
    reports: list[CallReport] = field(default_factory=list)

    async def call(self, request: CallRequest) -> CallReport:
        """Call under these limits."""
        program = request.program.model_copy(update={"limits": self.limits})
        report = await self.engine.call(request.model_copy(update={"program": program}))
        self.reports.append(report)
        return report

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Pass it on."""
        return await self.engine.check_properties(request)

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Pass it on."""
        return await self.engine.evaluate(request)

    async def run(self, request: CommandRequest) -> CommandReport:
        """Pass it on."""
        return await self.engine.run(request)


@dataclass(frozen=True)
class Result:
    """What became of an attack: its verdict, the reasons of each run, what it reached, and how its neighbours fared."""

    verdict: Verdict
    reasons: tuple[frozenset[str], ...]
    reached: frozenset[Effect]
    neighbours: tuple[Verdict, ...]
    reports: tuple[CallReport, ...]

    @property
    def undisturbed(self) -> bool:
        """Whether the good candidates beside it and after it passed."""
        return all(verdict.status is VerdictStatus.PASSED for verdict in self.neighbours)


async def attempt(engine: Sandbox, attack: Attack, canaries: Canaries) -> Result:
    """Let an attack loose on an engine, a good candidate beside it and another one after it."""
    narrowed = Narrowed(engine, _BRIEF if attack.brief else _USUAL)
    verdict, beside = await asyncio.gather(
        _verify(narrowed, _subject(attack, canaries.source(attack))), _verify(engine, _good(f"beside {canaries.name}"))
    )
    after = await _verify(engine, _good(f"after {canaries.name}"))
    reached = canaries.touched()
    if any(canaries.secret in report.model_dump_json() for report in narrowed.reports):
        reached.add(Effect.LEAKED)
    reasons_ = tuple(map(reasons, narrowed.reports))
    return Result(verdict, reasons_, frozenset(reached), (beside, after), tuple(narrowed.reports))


def reasons(report: CallReport) -> frozenset[str]:
    """Name what became of the one call of a report; a class that was raised is named with all its bases."""
    if report.load_error is not None:
        early = report.load_error.startswith("while the module was loading")
        return frozenset({f"load {report.ending if early else report.load_error.partition(':')[0]}"})
    return _of(report.outcomes[0], report)


def _of(outcome: Outcome, report: CallReport) -> frozenset[str]:
    match outcome.kind:
        case OutcomeKind.RAISED:
            return frozenset(f"raised {name}" for name in (outcome.exception, *outcome.exception_bases))
        case OutcomeKind.LOST:
            return frozenset({f"lost {report.ending}"})
        case OutcomeKind.RETURNED:
            tag, *rest = outcome.value or ["nothing"]
            return frozenset({f"returned {tag}"} | ({f"returned {tag} {rest[0]}"[:60]} if rest else set()))


async def _verify(engine: Sandbox, subject: Subject) -> Verdict:
    (verdict,) = await Climber(engine, SilentAnalyser()).climb_layer(LayerName.UNIT_TESTS, [subject])
    return verdict


def _good(note: str) -> Subject:
    attack = Attack(note, Effect.PASSED, f"# {note}\n{GOOD}", "", "")
    return _subject(attack, attack.source)


def _subject(attack: Attack, source: str) -> Subject:
    task = TaskSpecification(
        id=TaskId("f"),
        name="f",
        inputs=(Parameter(name="n", type_annotation=attack.argument_type),),
        outputs=(Parameter(name="answer", type_annotation=attack.answer_type),),
        test_cases=(TestCase(name="example", inputs={"n": attack.argument}, expected_output=attack.answer),),
    )
    inputs = InputSet(specification_digest=Digest("0" * 64), generator="none", vectors=())
    return Subject(task, source, {"attacked.py": source}, "attacked.py", "attacked", inputs)


async def trust(engine: Sandbox) -> None:
    """See that an engine passes a good candidate, two of them at once, so that it is warm."""
    verdicts = await asyncio.gather(*(_verify(engine, _good(f"warm {number}")) for number in range(2)))
    assert all(verdict.status is VerdictStatus.PASSED for verdict in verdicts), verdicts
    assert (ARGUMENT, ANSWER) == (7, 7108)
