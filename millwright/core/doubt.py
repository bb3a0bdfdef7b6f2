"""Which inputs most likely lie outside of what a task promises: programs that hold elsewhere give no value there.

A specification seldom says all that it does not promise, and generated inputs go everywhere: an empty needle, a base of
one. What right programs do there is chance, and must not split their vote. Nothing is judged by it, and no program is
right for failing on few inputs.
"""

from collections.abc import Sequence

from schemas.execution import Outcome, OutcomeKind
from schemas.specification import TaskSpecification

MOST_FAILING = 0.2
"""The share of sound candidates that may give no value on an input that counts. On the recorded answers of
``benchmarks/voting`` (k 3, 20 attempts) any share from 0 to 0.3 accepts 32.5 to 33 % of the tasks where counting every
input accepts 29 %, with as many of them right."""

MOST_UNSOUND = 0.5
"""The share of inputs beyond which a candidate that gives no value on them says nothing of the inputs."""

LEAST_KEPT = 0.25
"""The share of inputs that must be left; with fewer, none is left out: then not the inputs are at fault."""


def fails(outcome: Outcome, task: TaskSpecification) -> bool:
    """Say whether a call gave no value: it was lost, or raised what neither the task nor an example of it speaks of."""
    if outcome.kind is OutcomeKind.RETURNED:
        return False
    return outcome.kind is OutcomeKind.LOST or not _spoken_of(outcome, task)


def reached(behaviour: Sequence[Outcome], lost_limit: int) -> tuple[bool, ...]:
    """Say of each input whether a run that ends after so many lost calls came to it; of the lost ones the first did."""
    found, bearable = [], lost_limit
    for outcome in behaviour:
        lost = outcome.kind is OutcomeKind.LOST
        found.append(not lost or bearable > 0)
        bearable -= lost
    return tuple(found)


def failures(behaviour: Sequence[Outcome], task: TaskSpecification, lost_limit: int) -> int:
    """Count the inputs that a candidate came to and gave no value on."""
    came = reached(behaviour, lost_limit)
    return sum(there and fails(outcome, task) for there, outcome in zip(came, behaviour, strict=True))


def doubtful(
    behaviours: Sequence[Sequence[Outcome]], examples: int, task: TaskSpecification, lost_limit: int
) -> frozenset[int]:
    """Return the positions of inputs that no vote should depend on; the first ``examples`` are not asked about.

    An input is one of them where more than ``MOST_FAILING`` of the sound candidates that came to it give no value. A
    candidate is sound that gives a value on at least half of what it came to.
    """
    came = [reached(behaviour, lost_limit) for behaviour in behaviours]
    failed = [[fails(outcome, task) for outcome in behaviour] for behaviour in behaviours]
    sound = [
        (there, bad)
        for there, bad in zip(came, failed, strict=True)
        if sum(a and b for a, b in zip(there, bad, strict=True)) <= MOST_UNSOUND * sum(there)
    ]
    count = len(behaviours[0]) if behaviours else 0
    found = []
    for place in range(examples, count):
        on_it = [bad[place] for there, bad in sound if there[place]]
        if sum(on_it) > MOST_FAILING * len(on_it):
            found.append(place)
    return frozenset(found) if count - len(found) >= LEAST_KEPT * count else frozenset()


def _spoken_of(outcome: Outcome, task: TaskSpecification) -> bool:
    stated = {error.name for error in task.errors} | {case.raises for case in task.test_cases}
    return not stated.isdisjoint((outcome.exception or "", *outcome.exception_bases))
