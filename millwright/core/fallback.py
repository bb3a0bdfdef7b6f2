"""Says what follows an election that nobody won, and which proposals of a coordinator may take its place.

It takes no step itself, and never makes a candidate that did not win look like one that did.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from schemas.coordination import Remedy
from schemas.project import OnExhausted, Policy
from schemas.specification import TaskSpecification

FEWEST_LINES = 5
LEAST_COMPLEXITY = 2


class Step(StrEnum):
    """What to do next: take the best verified candidate, ask for less and draw again, have the parent plan anew, ask a
    person, or give up."""

    PARTIAL = "partial"
    SIMPLIFY = "simplify"
    REPLAN = "replan"
    PERSON = "person"
    FAIL = "fail"


def next_step(policy: Policy, *, simplifications_done: int, has_best: bool, splittable: bool) -> Step:
    """Choose the step after exhaustion, by the policy's ``on_exhausted``.

    ``person``: simplify, at most ``max_simplifications`` times, then a person. ``partial``: the best verified candidate
    at once where there is one (``has_best``), else as ``person``. ``fail``: none. A task that is not ``splittable``
    cannot be made simpler, and skips that step.
    """
    may_simplify = splittable and simplifications_done < policy.max_simplifications
    match policy.on_exhausted:
        case OnExhausted.FAIL:
            return Step.FAIL
        case OnExhausted.PARTIAL if has_best:
            return Step.PARTIAL
        case OnExhausted.PARTIAL | OnExhausted.PERSON:
            return Step.SIMPLIFY if may_simplify else Step.PERSON
        case _ as unreachable:
            assert_never(unreachable)


def open_remedies(own: Step, *, replannable: bool) -> tuple[Remedy, ...]:
    """Return the steps that a coordinator may propose where the policy's ``own`` is this, which comes first.

    Nothing is open where the policy takes the best candidate or gives up. A task that is ``replannable`` goes back to
    its parent before a person is asked, unless a proposal says otherwise.
    """
    if own not in (Step.SIMPLIFY, Step.PERSON):
        return ()
    further = (Remedy.REPLAN, Remedy.PERSON) if replannable else (Remedy.PERSON,)
    return (Remedy.SIMPLIFY, *further) if own is Step.SIMPLIFY else further


def checked(proposed: Remedy | None, open_: Sequence[Remedy]) -> Remedy:
    """Return the proposed step where it is open, else the policy's own, which is the first that is."""
    return proposed if proposed is not None and proposed in open_ else open_[0]


def simplified(task: TaskSpecification, times: int) -> TaskSpecification:
    """Return the task with its limits halved ``times`` times: simpler answers agree more often.

    Lines stop at 5 and complexity at 2; a limit already below stays as it is. Nothing else of the task changes: what
    it promises must hold for an answer of any size.
    """
    return task.model_copy(
        update={
            "max_lines": _halved(task.max_lines, times, FEWEST_LINES),
            "max_complexity": _halved(task.max_complexity, times, LEAST_COMPLEXITY),
        }
    )


def halvings(task: TaskSpecification) -> int:
    """Return how often a task's limits can be halved before that changes nothing."""
    times = 0
    while simplified(task, times + 1) != simplified(task, times):
        times += 1
    return times


def _halved(limit: int, times: int, floor: int) -> int:
    return min(limit, max(floor, limit >> max(0, times)))
