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
from schemas.types import parse_type
from schemas.values import canonical_text, decode_json
from tests.integration.example_programs import Program, execute
from tests.integration.example_project import EXAMPLES, Example, code, structure

POLICY = Policy()

every_split_task = pytest.mark.parametrize(
    ("example", "task"),
    [(example, task) for example in EXAMPLES for task in example.inner],
    ids=[f"{example.name}-{task}" for example in EXAMPLES for task in example.inner],
)

every_task_planned_anew = pytest.mark.parametrize(
    ("example", "task"),
    [(example, task) for example in EXAMPLES for task in example.given_up],
    ids=[f"{example.name}-{task}" for example in EXAMPLES for task in example.given_up],
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


def test_one_example_is_planned_anew() -> None:
    """The time sheets are; the plans of the others can be carried out."""
    assert {example.name: example.given_up for example in EXAMPLES if example.given_up} == {"timesheet": ["bill"]}


@every_task_planned_anew
def test_first_plan_looks_sound_wins_and_differs_from_the_new_one_in_one_child(example: Example, task: str) -> None:
    """No rule refuses it and most agents propose it; whatever else it has the new plan repeats to the letter."""
    parent = _places(example)[task][0]
    answers = example.first_plans(task)
    firsts = [_read(example, task, structure(answer)) for answer in answers]
    plans = [plan for plan in firsts if isinstance(plan, Proposal)]
    assert plans == firsts
    assert len(plans) >= 3
    assert len({proposal_signature(plan, POLICY) for plan in plans}) == 1
    everything = example.book.get(Archetype.DECOMPOSER.value, task)
    assert everything is not None
    assert sum(item.weight for item in answers) > 0.6 * sum(item.weight for item in everything.completions)
    for answer in example.right(Archetype.DECOMPOSER, task):
        new = {child.id: child for child in _children(structure(answer), parent)}
        for plan in plans:
            old = {child.id: child for child in _children(plan.model_dump(), parent)}
            kept = {name for name in old if old[name] == new.get(name)}
            assert len(old.keys() - kept) == 1
            assert len(new.keys() - kept) == 1
            assert len(kept) >= 2


@every_task_planned_anew
def test_nobody_can_do_the_child_that_is_given_up(example: Example, task: str) -> None:
    """Whoever tries fails an example: what they expect does not follow from what the child is given."""
    parent = _places(example)[task][0]
    kept = {child.id for child in _children(structure(example.right(Archetype.DECOMPOSER, task)[0]), parent)}
    first = _children(structure(example.first_plans(task)[0]), parent)
    (child,) = [item for item in first if item.id not in kept]
    records = {record.name: record for record in child.records}
    types = {item.name: parse_type(item.type_annotation, records) for item in child.inputs}
    of = parse_type(child.outputs[0].type_annotation, records)
    calls = tuple([decode_json(case.inputs[name], types[name], records) for name in types] for case in child.test_cases)
    wanted = [canonical_text(decode_json(case.expected_output, of, records)) for case in child.test_cases]
    answers = [item for item in example.entry(Archetype.CODER, child.id).completions if item.kind != "hedging"]
    assert len(answers) >= 3
    assert {item.kind for item in answers} == {"wrong"}
    for report in execute(example, [Program((code(item),), child.name, calls) for item in answers]):
        assert [canonical_text(item) for item in report] != wanted


def _children(proposal: Any, parent: TaskSpecification) -> list[TaskSpecification]:
    return [inherit(child, parent, POLICY) for child in Proposal.model_validate(proposal).children]
