"""What follows exhaustion under each policy, and what simplifying changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.fallback import FEWEST_LINES, LEAST_COMPLEXITY, Step, halvings, next_step, simplified
from schemas.project import OnExhausted, Policy
from schemas.specification import TaskSpecification
from tests import strategies


@pytest.mark.parametrize(
    ("on_exhausted", "done", "has_best", "may_split", "step"),
    [
        (OnExhausted.PERSON, 0, True, True, Step.SIMPLIFY),
        (OnExhausted.PERSON, 1, False, True, Step.SIMPLIFY),
        (OnExhausted.PERSON, 2, True, True, Step.PERSON),
        (OnExhausted.PERSON, 0, True, False, Step.PERSON),
        (OnExhausted.PARTIAL, 0, True, True, Step.PARTIAL),
        (OnExhausted.PARTIAL, 0, False, True, Step.SIMPLIFY),
        (OnExhausted.PARTIAL, 2, False, True, Step.PERSON),
        (OnExhausted.PARTIAL, 2, True, True, Step.PARTIAL),
        (OnExhausted.PARTIAL, 0, False, False, Step.PERSON),
        (OnExhausted.FAIL, 0, True, True, Step.FAIL),
    ],
)
def test_follows_the_policy(on_exhausted: OnExhausted, done: int, has_best: bool, may_split: bool, step: Step) -> None:
    """Each policy has its own order of steps."""
    policy = Policy(on_exhausted=on_exhausted)
    assert next_step(policy, simplifications_done=done, has_best=has_best, splittable=may_split) is step


@given(strategies.policies(), st.booleans())
def test_ends_after_the_simplifications_allowed(policy: Policy, may_split: bool) -> None:
    """Going on from step to step never runs in a circle."""
    done = 0
    while next_step(policy, simplifications_done=done, has_best=False, splittable=may_split) is Step.SIMPLIFY:
        done += 1
        assert done <= policy.max_simplifications


@given(strategies.policies(), st.integers(0, 5), st.booleans(), st.booleans())
def test_takes_a_partial_answer_only_where_asked_and_there(
    policy: Policy, done: int, has_best: bool, may_split: bool
) -> None:
    """Less than the margin is accepted only by a policy that says so, and never without a candidate."""
    step = next_step(policy, simplifications_done=done, has_best=has_best, splittable=may_split)
    assert (step is Step.PARTIAL) == (policy.on_exhausted is OnExhausted.PARTIAL and has_best)
    assert (step is Step.FAIL) == (policy.on_exhausted is OnExhausted.FAIL)


def test_halves_the_limits() -> None:
    """Twenty lines become ten, then five, and stay five."""
    task = TaskSpecification.model_validate({"id": "a", "name": "a", "max_lines": 20, "max_complexity": 10})
    limits = [(s.max_lines, s.max_complexity) for s in (simplified(task, times) for times in range(5))]
    assert limits == [(20, 10), (10, 5), (5, 2), (5, 2), (5, 2)]
    assert halvings(task) == 2


@given(strategies.tasks(), st.integers(0, 20))
def test_only_ever_lowers_limits_and_never_below_the_floor(task: TaskSpecification, times: int) -> None:
    """A limit never rises, stops at its floor, and nothing but limits changes."""
    simpler = simplified(task, times)
    assert min(task.max_lines, FEWEST_LINES) <= simpler.max_lines <= task.max_lines
    assert min(task.max_complexity, LEAST_COMPLEXITY) <= simpler.max_complexity <= task.max_complexity
    same = {"max_lines": task.max_lines, "max_complexity": task.max_complexity}
    assert simpler.model_copy(update=same) == task


@given(strategies.tasks(), st.integers(0, 5), st.integers(0, 5))
def test_simplifying_in_steps_is_simplifying_at_once(task: TaskSpecification, first: int, second: int) -> None:
    """A workflow that resumes half way ends with the same limits."""
    assert simplified(simplified(task, first), second) == simplified(task, first + second)
