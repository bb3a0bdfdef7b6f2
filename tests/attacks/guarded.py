"""Takes an attack through the layer of unit tests on a real engine, as the product does, and names the reasons.

Limits are narrowed so that the suite is quick; nothing else of the way is special.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from activities.climbing import Climber
from millwright.core.verification.layer import Subject
from millwright.ports import Sandbox
from schemas.election import Flag
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
    Program,
    PropertyReport,
    PropertyRequest,
)
from schemas.identity import Digest, LayerName, TaskId
from schemas.specification import Parameter, Property, TaskSpecification, TestCase
from schemas.values import Value
from schemas.verification import InputSet, Verdict, VerdictStatus
from tests.languages.in_process import SilentAnalyser

from .attack import Attack, Effect
from .canaries import GOOD, Canaries
from .unguarded import MEMORY

SLOTS: Final = 2
"""How many candidates an engine is to work on at once: an attack, and a good one beside it."""

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

    def faults(self, wanted: str) -> list[str]:
        """List whatever an engine should not have let happen; ``wanted`` are the reasons that are right."""
        found = []
        if self.verdict.status is not VerdictStatus.REJECTED:
            found.append(f"the verdict is {self.verdict.status}: {self.verdict.reason}")
        try:
            self.verdict.model_dump_json()
        except ValueError as error:
            found.append(f"the verdict cannot be written down: {error}")
        found += [f"reached: {effect}" for effect in sorted(self.reached)]
        for verdict in self.neighbours:
            if verdict.status is not VerdictStatus.PASSED:
                found.append(f"a good candidate is {verdict.status}: {verdict.findings}")
        for report, given in zip(self.reports, self.reasons, strict=True):
            if not given & set(wanted.split("|")):
                found.append(f"the reason is {sorted(given)}, not {wanted}: {report.load_error or report.outcomes[0]}")
        return found


async def attempt(engine: Sandbox, attack: Attack, canaries: Canaries) -> Result:
    """Let an attack loose on an engine, a good candidate beside it and another one after it."""
    narrowed = Narrowed(engine, _limits(attack))
    verdict, beside = await asyncio.gather(
        _verify(narrowed, _subject(attack, canaries.source(attack))), _verify(engine, _good(f"beside {canaries.name}"))
    )
    after = await asyncio.gather(*(_verify(engine, _good(f"after {canaries.name} {slot}")) for slot in range(SLOTS)))
    reached = canaries.touched()
    if any(canaries.secret in repr(report) for report in narrowed.reports):
        reached.add(Effect.LEAKED)
    if attack.effect is Effect.UNEVEN and await _uneven(narrowed, attack, canaries):
        reached.add(Effect.UNEVEN)
    reasons_ = tuple(map(reasons, narrowed.reports))
    return Result(verdict, reasons_, frozenset(reached), (beside, *after), tuple(narrowed.reports))


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


async def _uneven(engine: Sandbox, attack: Attack, canaries: Canaries) -> bool:
    """Tell whether two observations differ and neither says so: the vote would depend on chance."""
    subject = _subject(attack, canaries.source(attack))
    seen = [(await Climber(engine, SilentAnalyser()).observe([subject]))[0] for _ in range(2)]
    flagged = any(observation.flag is Flag.NONDETERMINISTIC for observation in seen)
    return not flagged and seen[0].signature != seen[1].signature


async def satisfied(engine: Sandbox, attack: Attack, canaries: Canaries) -> bool:
    """Tell whether a property that wants the answer holds of an attack."""
    subject = _subject(attack, canaries.source(attack))
    program = Program(
        modules=dict(subject.modules), module=subject.module, function=subject.task.name, limits=_limits(attack)
    )
    wanted = Property(name="answers", property_function=f"def answers(n):\n    assert f(n) == {attack.answer!r}\n")
    calls: tuple[tuple[Value, ...], ...] = ((["int", str(attack.argument)],),)
    report = await engine.check_properties(
        PropertyRequest(program=program, properties=(wanted,), calls=calls, input_names=("n",))
    )
    if report.load_error is not None:
        return False
    assert [result.broken for result in report.results] == [None], report
    return report.results[0].failure is None


def _limits(attack: Attack) -> Limits:
    return _BRIEF if attack.brief else _USUAL


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
    verdicts = await asyncio.gather(*(_verify(engine, _good(f"warm {number}")) for number in range(SLOTS)))
    assert all(verdict.status is VerdictStatus.PASSED for verdict in verdicts), verdicts
