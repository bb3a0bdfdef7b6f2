"""What verifiers assert of every call: which asserts are kept, and what each comes to on the calls of candidates.

An assert is a claim and judges nobody. It is evaluated in the sandbox alone; here are the questions and the counts.
"""

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from millwright.core.verification.evidence import Arguments, examples, input_names
from schemas.claims import Assertion
from schemas.execution import Binding, ConditionReport, ConditionRequest, Outcome, OutcomeKind, Truth
from schemas.expressions import check_expression, names_used
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import Confirmation, Verdict, VerdictStatus

MOST_READ = 20
"""Asserts that are read of one answer; what follows is dropped."""

MOST_KEPT = 12
"""Asserts that are kept of a node's verifiers: each is evaluated on every call of a winner."""

MOST_BINDINGS = 1000
"""Calls on which asserts are evaluated at once."""

TITLE = "what verifiers assert"
"""The title under which a winner's verdict says what came of the asserts."""

_RESULT, _OLD = "result", "old"

Call = tuple[Arguments, Outcome]
"""A call that was made of a candidate, and what came of it."""


@dataclass(frozen=True)
class Kept:
    """The asserts that are kept; ``refuted`` counts those that the task's own examples contradict."""

    assertions: tuple[Assertion, ...] = ()
    refuted: int = 0


@dataclass(frozen=True)
class Tally:
    """On how many of the calls that returned an assert holds."""

    assertion: Assertion
    holds: int
    calls: int


def read_asserted(answer: JsonValue, task: TaskSpecification) -> tuple[tuple[str, ...], int]:
    """Read the asserts of a verifier's answer, spelled alike, and count those that are dropped.

    Dropped is what is no expression of the safe subset, says nothing of the result, or repeats a promise of the task.
    """
    given = answer.get("asserts") if isinstance(answer, dict) else None
    if not isinstance(given, list):
        return (), 0
    known = {_spelled(item.expression) for item in (*task.postconditions, *task.invariants)}
    read = dict.fromkeys(text for item in given[:MOST_READ] if (text := _read(item, task)) and text not in known)
    return tuple(read), len(given) - len(read)


def _read(item: JsonValue, task: TaskSpecification) -> str | None:
    names = frozenset(input_names(task))
    if not isinstance(item, str) or names & {_RESULT, _OLD}:
        return None
    text = item.strip()
    fields = {field.name for record in task.known_records for field in record.fields}
    if check_expression(text, names | {_RESULT, _OLD}, fields) is not None or _RESULT not in names_used(text):
        return None
    return _spelled(text)


def _spelled(expression: str) -> str:
    """Write an expression in one way, so that spaces and brackets make no difference."""
    return ast.unparse(ast.parse(expression.strip(), mode="eval"))


def agreed_asserts(answers: Sequence[Sequence[str]]) -> tuple[Assertion, ...]:
    """Merge the asserts of many answers, each with the number of answers that state it; the first ones of all first."""
    votes = Counter(text for answer in answers for text in set(answer))
    turns = sorted((turn, number) for number, answer in enumerate(answers) for turn in range(len(answer)))
    order = dict.fromkeys(answers[number][turn] for turn, number in turns)
    return tuple(Assertion(expression=text, votes=votes[text]) for text in order)


def example_request(task: TaskSpecification, assertions: Sequence[Assertion]) -> ConditionRequest | None:
    """Ask what asserts come to on the task's examples, the inputs taken as unchanged; None where there is none to ask.

    An example that raises, or is known only within a tolerance, says nothing here. Raises SpecificationInvalid.
    """
    returning = [
        (item.arguments, Outcome(kind=OutcomeKind.RETURNED, value=item.expected))
        for item in examples(task)
        if item.case.raises is None and item.case.tolerance is None
    ]
    return calls_request(task, assertions, returning)


def calls_request(
    task: TaskSpecification, assertions: Sequence[Assertion], calls: Sequence[Call]
) -> ConditionRequest | None:
    """Ask what asserts come to on calls, those that returned; None where there is nothing to ask."""
    bindings = [_bound(task, *call) for call in returned(calls)[:MOST_BINDINGS]]
    if not bindings or not assertions:
        return None
    expressions = tuple(item.expression for item in assertions)
    return ConditionRequest(expressions=expressions, bindings=tuple(bindings), records=task.known_records)


def returned(calls: Sequence[Call]) -> list[Call]:
    """Return the calls that returned a value."""
    return [call for call in calls if call[1].kind is OutcomeKind.RETURNED and call[1].value is not None]


def _bound(task: TaskSpecification, arguments: Arguments, outcome: Outcome) -> Binding:
    names = input_names(task)
    after = outcome.arguments_after if len(outcome.arguments_after) == len(names) else arguments
    result = {} if outcome.value is None else {_RESULT: outcome.value}
    return Binding(
        names={**dict(zip(names, after, strict=True)), **result}, old=dict(zip(names, arguments, strict=True))
    )


def keep(assertions: Sequence[Assertion], answers: int, report: ConditionReport | None) -> Kept:
    """Keep the asserts that hold for every example, or that most of several answers state and no example contradicts.

    ``report`` is what ``example_request`` was told; None where nothing could be asked.
    """
    kept: list[Assertion] = []
    refuted = 0
    for place, assertion in enumerate(assertions):
        truths = [] if report is None else [row[place] for row in report.truths]
        if any(truth in (Truth.FALSE, Truth.UNDEFINED) for truth in truths):
            refuted += 1
        elif (truths and all(truth is Truth.TRUE for truth in truths)) or (
            answers > 1 and 2 * assertion.votes > answers
        ):
            kept.append(assertion)
    return Kept(tuple(kept[:MOST_KEPT]), refuted)


def tallies(assertions: Sequence[Assertion], report: ConditionReport | None) -> tuple[Tally, ...]:
    """Count on how many calls each assert holds; what the evaluator did not survive is left out of the calls."""
    counted = []
    for place, assertion in enumerate(assertions):
        truths = [] if report is None else [row[place] for row in report.truths if row[place] is not Truth.LOST]
        counted.append(Tally(assertion, sum(truth is Truth.TRUE for truth in truths), len(truths)))
    return tuple(counted)


def with_tallies(verdicts: Sequence[Verdict], counted: Sequence[Tally]) -> tuple[Verdict, ...]:
    """Note beside the verdict on contracts what asserts come to on the winner's calls; its status stays as it is."""
    if not counted:
        return tuple(verdicts)
    told = "; ".join(
        f"{item.assertion.expression} holds on {item.holds} of {item.calls} calls (stated {item.assertion.votes}×)"
        for item in counted
    )
    note = Confirmation(title=TITLE, status=VerdictStatus.NOT_APPLICABLE, reason=f"claims, which judge nobody: {told}")
    return tuple(
        verdict.model_copy(
            update={"confirmations": (*(look for look in verdict.confirmations if look.title != TITLE), note)}
        )
        if verdict.layer is LayerName.CONTRACTS
        else verdict
        for verdict in verdicts
    )


def preferred(calls: Sequence[tuple[int, Arguments, Outcome]], report: ConditionReport) -> tuple[tuple[int, int], ...]:
    """Say which calls meet asserts that another call on the same input does not: (place among the calls, assert).

    ``calls`` are candidates' calls with the number of their input, and ``report`` has a row for each of them.
    """
    met = []
    for place in range(len(report.truths[0]) if report.truths else 0):
        on: dict[int, set[Truth]] = {}
        for (number, _, _), row in zip(calls, report.truths, strict=True):
            on.setdefault(number, set()).add(row[place])
        met += [
            (at, place)
            for at, ((number, _, _), row) in enumerate(zip(calls, report.truths, strict=True))
            if row[place] is Truth.TRUE and Truth.FALSE in on[number]
        ]
    return tuple(met)
