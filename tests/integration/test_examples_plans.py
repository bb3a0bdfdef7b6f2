"""The bundled examples' scripted plans through the checker: right ones are sound and one vote, wrong ones are not."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from millwright.core.decomposition import Size, inherit, promises_of, proposal_signature, read_proposal
from schemas.election import RedFlag
from schemas.identity import Archetype
from schemas.planning import Proposal
from schemas.project import Policy
from schemas.specification import TaskSpecification
from tests.integration.example_project import EXAMPLES, Example, structure

POLICY = Policy()

every_split_task = pytest.mark.parametrize(
    ("example", "task"),
    [(example, task) for example in EXAMPLES for task in example.inner],
    ids=[f"{example.name}-{task}" for example in EXAMPLES for task in example.inner],
)


@cache
def _places(example: Example) -> dict[str, tuple[TaskSpecification, int, Size | None]]:
    """Return every task that is split, with its depth and its own size by its parent's likeliest plan."""

    def below(task: TaskSpecification, depth: int, size: Size | None) -> Iterator[tuple[str, int, Size | None]]:
        yield task.id, depth, size
        if task.id in example.inner:
            plan = Proposal.model_validate(structure(example.right(Archetype.DECOMPOSER, task.id)[0]))
            for child in plan.children:
                own = Size(child.estimated_lines, child.estimated_complexity)
                yield from below(inherit(child, task, POLICY), depth + 1, own)

    found = below(example.task("root"), 0, None)
    return {name: (example.task(name), depth, size) for name, depth, size in found if name in example.inner}


def _read(example: Example, task: str, answer: Any) -> Proposal | RedFlag:
    specification, depth, size = _places(example)[task]
    return read_proposal(answer, specification, specification.dependencies, depth, POLICY, size=size)


@every_split_task
def test_right_plans_are_sound_and_one_vote(example: Example, task: str) -> None:
    """Whatever their wording and estimates, and without a contradiction among their examples."""
    plans = [_read(example, task, structure(answer)) for answer in example.right(Archetype.DECOMPOSER, task)]
    sound = [plan for plan in plans if isinstance(plan, Proposal)]
    assert plans == sound
    assert len({proposal_signature(plan, POLICY) for plan in sound}) == 1
    assert promises_of(sound[0], _places(example)[task][0], POLICY).examples == len(
        _places(example)[task][0].test_cases
    )


@every_split_task
def test_wrong_plans_are_refused_or_another_vote(example: Example, task: str) -> None:
    """A cycle is a red flag; another structure is a vote of its own."""
    good = _read(example, task, structure(example.right(Archetype.DECOMPOSER, task)[0]))
    assert isinstance(good, Proposal)
    wrong = [item for item in example.entry(Archetype.DECOMPOSER, task).completions if item.kind == "wrong"]
    found = [_read(example, task, structure(answer)) for answer in wrong]
    assert any(isinstance(plan, RedFlag) and "depend on one another" in plan.detail for plan in found)
    for plan in found:
        assert isinstance(plan, RedFlag) or proposal_signature(plan, POLICY) != proposal_signature(good, POLICY)
