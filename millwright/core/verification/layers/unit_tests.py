"""Layer 4: the specification's test cases hold, and no argument is changed that the specification does not speak of.

Expected values stay here: only inputs go into the sandbox.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from millwright.core.signature import equal, records_of
from millwright.core.verification.evidence import (
    Example,
    ended,
    examples,
    input_names,
    output_type,
    program,
    shown,
    shown_call,
    shown_outcome,
)
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged, not_applicable
from millwright.core.verification.reports import calls
from schemas.execution import CallReport, CallRequest, Ending, Outcome, OutcomeKind
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.values import canonical_text
from schemas.verification import Finding

_Answer = tuple[CallReport, Outcome]


@dataclass(frozen=True)
class _Again:
    """Waiting for calls that are tried once more, each in a run of its own: a busy machine must not decide.

    ``asked`` are the examples of this try, ``untried`` those that wait until it is known that it was not the candidate
    that lost the first of them, and ``last`` says that what is lost in this try stays lost.
    """

    answers: tuple[_Answer, ...]
    asked: tuple[int, ...]
    untried: tuple[int, ...]
    last: bool


class UnitTestsLayer:
    """Rejects a candidate that fails an example."""

    name = LayerName.UNIT_TESTS

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask for a call per test case."""
        if not subject.task.test_cases:
            return not_applicable(self.name, "the specification has no test cases")
        cases = examples(subject.task)
        return Needs((_request(subject, tuple(cases)),))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Compare every outcome with its expectation; what was lost is tried once more.

        The first lost call is tried alone. Lost again it rejects, and what comes after it stays untried, since each
        call that loops costs its whole time; otherwise the rest is tried, each in a run of its own.
        """
        cases = examples(subject.task)
        state = needs.state
        if not isinstance(state, _Again):
            report = calls(results[0], len(cases))
            answers = tuple((report, item) for item in report.outcomes)
            lost = _lost(answers, range(len(cases)))
            if not lost or report.load_error is not None:
                return self._verdict(subject, cases, answers, (), language)
            return _try_again(subject, cases, _Again(answers, lost[:1], lost[1:], last=True))
        merged = list(state.answers)
        for index, result in zip(state.asked, results, strict=True):
            again = calls(result, 1)
            merged[index] = (again, again.outcomes[0])
        answers = tuple(merged)
        lost = _lost(answers, state.asked)
        if lost and not state.last:
            return _try_again(subject, cases, _Again(answers, lost, (), last=True))
        if state.untried and not lost:
            return _try_again(subject, cases, _Again(answers, state.untried, (), last=False))
        return self._verdict(subject, cases, answers, state.untried, language)

    def _verdict(
        self,
        subject: Subject,
        cases: tuple[Example, ...],
        answers: tuple[_Answer, ...],
        untried: tuple[int, ...],
        language: Language,
    ) -> Plan:
        line = language.definition_line(subject.source, subject.task.name)
        error = answers[0][0].load_error
        if error is not None:
            finding = Finding(code="does-not-load", message=f"importing it fails: {error}", line=line)
            return judged(self.name, [finding])
        findings: list[Finding] = []
        for index, (case, (report, outcome)) in enumerate(zip(cases, answers, strict=True)):
            if index in untried:
                continue
            if outcome.kind is OutcomeKind.LOST:
                how = outcome.message or ended(report)
                message = f"{case.case.name}: {shown_call(subject.task, case.arguments)} gave no answer: {how}"
                findings.append(Finding(code="no-answer", message=message, line=line))
            else:
                findings.extend(_failures(subject.task, case, outcome, line))
        return judged(self.name, findings)


def _lost(answers: tuple[_Answer, ...], among: Iterable[int]) -> tuple[int, ...]:
    return tuple(index for index in among if answers[index][1].kind is OutcomeKind.LOST)


def _request(subject: Subject, cases: tuple[Example, ...]) -> CallRequest:
    whole = program(subject, len(cases))
    return CallRequest(program=whole, calls=tuple(case.arguments for case in cases), lost_limit=1)


def _try_again(subject: Subject, cases: tuple[Example, ...], state: _Again) -> Plan:
    """Ask for each call of the state in a run of its own, alone where time may have decided."""
    slow = any(report.ending is Ending.TIMED_OUT for report, _ in state.answers)
    return Needs(tuple(_request(subject, (cases[index],)) for index in state.asked), state=state, alone=slow)


def _failures(task: TaskSpecification, example: Example, outcome: Outcome, line: int | None) -> list[Finding]:
    found: list[Finding] = []
    call = f"{example.case.name}: {shown_call(task, example.arguments)}"
    got = shown_outcome(outcome)
    if outcome.kind is OutcomeKind.RAISED and not _raises_as_expected(example, outcome):
        wanted = example.case.raises or (shown(example.expected) if example.expected is not None else "a value")
        found.append(Finding(code="raised", message=f"{call} raised {got}; expected {wanted}", line=line))
    if outcome.kind is OutcomeKind.RETURNED:
        if example.expected is None:
            message = f"{call} returned {got}; expected it to raise {example.case.raises}"
            found.append(Finding(code="did-not-raise", message=message, line=line))
        elif not _as_expected(task, example, outcome):
            message = f"{call} returned {got}; expected {shown(example.expected)}"
            found.append(Finding(code="wrong-result", message=message, line=line))
    changed = _changed(task, example, outcome)
    if changed:
        message = f"{call} changed its argument {', '.join(changed)}"
        found.append(Finding(code="changes-argument", message=message, line=line))
    return found


def _raises_as_expected(example: Example, outcome: Outcome) -> bool:
    return example.case.raises is not None and example.case.raises in (outcome.exception, *outcome.exception_bases)


def _as_expected(task: TaskSpecification, example: Example, outcome: Outcome) -> bool:
    if outcome.value is None or example.expected is None:
        return False
    tolerance = example.case.tolerance
    return equal(outcome.value, example.expected, output_type(task), tolerance, records_of(task))


def _changed(task: TaskSpecification, example: Example, outcome: Outcome) -> list[str]:
    """Name the arguments that the call changed, those apart whose earlier value a postcondition speaks of."""
    spoken_of = _spoken_of(task)
    triples = zip(input_names(task), example.arguments, outcome.arguments_after, strict=False)
    return [
        name
        for name, before, after in triples
        if name not in spoken_of and canonical_text(before) != canonical_text(after)
    ]


def _spoken_of(task: TaskSpecification) -> set[str]:
    names: set[str] = set()
    for condition in task.postconditions:
        for node in ast.walk(ast.parse(condition.expression, mode="eval")):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "old":
                names.add(node.attr)
    return names
