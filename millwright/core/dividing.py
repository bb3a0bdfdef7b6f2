"""On which input candidates divide, and what a person can choose between there.

It runs nothing, and says of no behaviour that it is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from millwright.core.grouping import Classes, rounding_noise
from millwright.core.recording import failing_case
from millwright.core.signature import records_of
from millwright.core.verification.evidence import Arguments, output_type, shown_outcome
from millwright.core.verification.simplicity import size
from schemas.carrying import json_length
from schemas.claims import digest_of_values
from schemas.execution import Outcome, OutcomeKind
from schemas.people import Choice
from schemas.specification import TaskSpecification, TestCase

LABELS = "ABCDEFGH"
"""The words of choices; what fewer votes stand for than these is told, and not offered."""

LONGEST_CARRIED = 20_000
"""Bytes of JSON of an input and of what is done on it, beyond which it is not offered: a history holds each several
times, eight choices a question, and a person reads none that is as long."""

_MADE = "What a person chose."


@dataclass(frozen=True)
class Division:
    """An input on which candidates do different things.

    ``case`` is an example with its inputs, ``choices`` what so many votes each give there, the most votes first, and
    ``silent`` how many votes do what no example can say: they give no value in time, or end in another way.
    """

    arguments: Arguments
    case: TestCase
    choices: tuple[Choice, ...]
    silent: int = 0


def divisions(
    calls: Sequence[Arguments], behaviours: Sequence[Sequence[Outcome]], votes: Sequence[int], task: TaskSpecification
) -> tuple[Division, ...]:
    """Return where candidates divide into two behaviours at least that can be chosen: the best to ask about first.

    ``behaviours`` is what each candidate, the leading one first, did on each of the calls, and ``votes`` what it stands
    for. Inputs that tell the leader from the runner-up come first; of these the simplest.
    """
    found = []
    for place, arguments in enumerate(calls):
        outcomes = [behaviour[place] for behaviour in behaviours]
        rank = first_pair(arguments, outcomes, task)
        division = division_at(arguments, outcomes, votes, task) if rank is not None else None
        if division is not None:
            found.append((rank, size(arguments), digest_of_values(arguments), division))
    return tuple(item[-1] for item in sorted(found, key=lambda item: item[:-1]))


def first_pair(arguments: Arguments, outcomes: Sequence[Outcome], task: TaskSpecification) -> tuple[int, int] | None:
    """Return the first two candidates, by their order, that an input tells apart; None where it tells none apart.

    Of a call that was lost nothing is known.
    """
    classes = _classes(arguments, outcomes, task)
    for one, other in sorted(combinations(range(len(outcomes)), 2), key=lambda pair: (pair[1], pair[0])):
        if classes[one] is not None and classes[other] is not None and classes[one] != classes[other]:
            return one, other
    return None


def division_at(
    arguments: Arguments, outcomes: Sequence[Outcome], votes: Sequence[int], task: TaskSpecification
) -> Division | None:
    """Return how candidates divide on one input; None where there are no two behaviours that an example can say."""
    first: dict[int, Outcome] = {}
    counted: dict[int, int] = {}
    for number, outcome, weight in zip(_classes(arguments, outcomes, task), outcomes, votes, strict=True):
        if number is not None:
            first.setdefault(number, outcome)
            counted[number] = counted.get(number, 0) + weight
    cases = {number: failing_case(task, arguments, outcome, _MADE) for number, outcome in first.items()}
    said = [(number, case) for number, case in cases.items() if case is not None and _carried(case)]
    said.sort(key=lambda item: -counted[item[0]])
    offered = said[: len(LABELS)]
    if len(offered) < 2:
        return None
    choices = tuple(
        Choice(
            label=label,
            votes=counted[number],
            returns=case.expected_output,
            raises=case.raises,
            shown=shown_outcome(first[number]),
        )
        for label, (number, case) in zip(LABELS, offered, strict=False)
    )
    silent = sum(votes) - sum(choice.votes for choice in choices)
    return Division(arguments, offered[0][1], choices, silent)


def _carried(case: TestCase) -> bool:
    """Say whether a question can hold an example: messages and histories carry no lone surrogate, and little text."""
    length = json_length([case.inputs, case.expected_output])
    return length is not None and length <= LONGEST_CARRIED


def _classes(arguments: Arguments, outcomes: Sequence[Outcome], task: TaskSpecification) -> list[int | None]:
    """Number the outcomes of one input: equal numbers for equal behaviour, None for one that was lost."""
    tolerance = min((case.tolerance for case in task.test_cases if case.tolerance), default=None)
    classes = Classes(1, output_type(task), tolerance, records_of(task), [rounding_noise(arguments)])
    return [None if outcome.kind is OutcomeKind.LOST else classes.number(0, outcome) for outcome in outcomes]
