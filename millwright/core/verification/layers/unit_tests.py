"""Layer 4: the specification's test cases hold, and no argument is changed that the specification does not speak of.

Expected values stay here: only inputs go into the sandbox.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from millwright.core.signature import equal, records_of
from millwright.core.verification.evidence import (
    MOST_FINDINGS,
    MOST_LOST,
    Example,
    ended,
    examples,
    input_names,
    line_of,
    not_loaded,
    output_type,
    program,
    shown,
    shown_call,
    shown_outcome,
)
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged, not_applicable
from millwright.core.verification.remembered import remembered
from millwright.core.verification.reports import calls
from millwright.core.verification.trial import Tried, follow, start
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
        """Ask for the trial, whose first calls are the test cases."""
        if not subject.task.test_cases:
            return not_applicable(self.name, "the specification has no test cases")
        return start(subject)

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Compare every outcome with its expectation; what was lost is tried once more.

        The first lost call is tried alone. Lost again it rejects, and what else was lost is not spoken of, since each
        call that loops costs its whole time; otherwise the rest is tried, each in a run of its own. Inputs that are no
        examples decide nothing here: an example that they lost answers when it is tried alone.
        """
        cases = examples(subject.task)
        state = needs.state
        if not isinstance(state, _Again):
            step = follow(subject, needs, results)
            if isinstance(step, Tried):
                return self._first(subject, cases, step, language)
            if step is None:
                raise AssertionError("the unit tests layer was given a state that is not its own")
            return step
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

    def _first(self, subject: Subject, cases: tuple[Example, ...], tried: Tried, language: Language) -> Plan:
        if tried.report.load_error is not None:
            return judged(self.name, [not_loaded(subject, language, tried.report.load_error, tried.report.load_line)])
        answers = tuple((tried.report, outcome) for outcome in tried.report.outcomes[: len(cases)])
        lost = _lost(answers, range(len(cases)))
        if lost:
            return _try_again(subject, cases, _Again(answers, lost[:1], lost[1:], last=True))
        return self._verdict(subject, cases, answers, (), language)

    def _verdict(
        self,
        subject: Subject,
        cases: tuple[Example, ...],
        answers: tuple[_Answer, ...],
        untried: tuple[int, ...],
        language: Language,
    ) -> Plan:
        findings: list[Finding] = []
        for index, (case, (report, outcome)) in enumerate(zip(cases, answers, strict=True)):
            if index not in untried:
                line = line_of(subject, language, outcome)
                findings.extend(_failures(subject.task, case, report, outcome, line))
        return judged(self.name, findings[:MOST_FINDINGS])


def _lost(answers: tuple[_Answer, ...], among: Iterable[int]) -> tuple[int, ...]:
    return tuple(index for index in among if answers[index][1].kind is OutcomeKind.LOST)


def _try_again(subject: Subject, cases: tuple[Example, ...], state: _Again) -> Plan:
    """Ask for each call of the state in a run of its own, alone where time may have decided.

    The bound on lost calls means nothing to a single one. It tells this try from the ones before, since equal requests
    share an answer.
    """
    slow = any(report.ending is Ending.TIMED_OUT for report, _ in state.answers)
    limit = MOST_LOST + (2 if state.last else 1)
    requests = tuple(
        CallRequest(program=program(subject, 1), calls=(cases[index].arguments,), lost_limit=limit)
        for index in state.asked
    )
    return Needs(requests, state=state, alone=slow)


def _failures(
    task: TaskSpecification, example: Example, report: CallReport, outcome: Outcome, line: int | None
) -> list[Finding]:
    wrong = list(_wrong(task, example, report, outcome))
    if not wrong:
        return []
    call = f"{example.case.name}: {shown_call(task, example.arguments)}"
    return [Finding(code=code, message=f"{call} {what}", line=line) for code, what in wrong]


def _wrong(
    task: TaskSpecification, example: Example, report: CallReport, outcome: Outcome
) -> Iterator[tuple[str, str]]:
    """Yield the code and the words of each way in which a call was not as the example has it."""
    if outcome.kind is OutcomeKind.LOST:
        yield "no-answer", f"gave no answer: {outcome.message or report.load_error or ended(report)}"
        return
    if outcome.kind is OutcomeKind.RAISED and not _raises_as_expected(example, outcome):
        wanted = example.case.raises or (shown(example.expected) if example.expected is not None else "a value")
        yield "raised", f"raised {shown_outcome(outcome)}; expected {wanted}"
    if outcome.kind is OutcomeKind.RETURNED:
        if example.expected is None:
            yield "did-not-raise", f"returned {shown_outcome(outcome)}; expected it to raise {example.case.raises}"
        elif not _as_expected(task, example, outcome):
            yield "wrong-result", f"returned {shown_outcome(outcome)}; expected {shown(example.expected)}"
    changed = _changed(task, example, outcome)
    if changed:
        yield "changes-argument", f"changed its argument {', '.join(changed)}"


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
        if before != after and name not in spoken_of and canonical_text(before) != canonical_text(after)
    ]


@remembered
def _spoken_of(task: TaskSpecification) -> frozenset[str]:
    names: set[str] = set()
    for condition in task.postconditions:
        for node in ast.walk(ast.parse(condition.expression, mode="eval")):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "old":
                names.add(node.attr)
    return frozenset(names)
