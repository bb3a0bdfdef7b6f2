"""Plans through the checker: every sound one is accepted, every planted fault refused with a reason and a culprit."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.decomposition import Size, promises_of, proposal_signature, read_proposal
from millwright.core.room import Fork, room_below
from millwright.core.soundness import MOST_VALUES
from schemas.election import Flag, RedFlag
from schemas.identity import TaskId
from schemas.planning import Proposal
from schemas.project import Policy
from schemas.specification import TaskSpecification
from tests.plans import FAULTS, SIZE, Fault, Plan, culprit_of, sound_plans

POLICY = Policy()


def _read(
    answer: Any,
    parent: TaskSpecification,
    *,
    size: Size | None = SIZE,
    room: int | None = None,
    policy: Policy = POLICY,
) -> Proposal | RedFlag:
    return read_proposal(answer, parent, (TaskId("uncle"),), 1, policy, size=size, room=room)


def _refused(answer: Any, parent: TaskSpecification, **place: Any) -> str:
    found = _read(answer, parent, **place)
    assert isinstance(found, RedFlag)
    assert found.flag is Flag.UNSOUND
    assert "\n" not in found.detail
    return found.detail


@given(sound_plans(), st.booleans())
def test_every_sound_plan_is_accepted_and_its_examples_compose(plan: Plan, shown: bool) -> None:
    """With its composition or without it, the examples of the children reach every example of the parent."""
    answer = {**plan.answer, "composition": list(plan.composition)} if shown else plan.answer
    proposal = _read(answer, plan.parent)
    assert isinstance(proposal, Proposal), proposal
    promises = promises_of(proposal, plan.parent, POLICY)
    assert promises.examples == promises.composed == len(plan.parent.test_cases)
    assert promises.notes == ()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
@settings(max_examples=8)
@given(plan=sound_plans(), data=st.data())
def test_every_planted_fault_is_refused_with_its_culprit(fault: Fault, plan: Plan, data: st.DataObject) -> None:
    """Whatever else a plan is, one fault in one child is found and named."""
    place = data.draw(st.integers(0, len(plan.answer["children"]) - 1))
    detail = _refused(plan.changed(lambda children: fault.plant(children, place)), plan.parent)
    assert fault.words in detail
    assert not fault.culprit or culprit_of(plan, place) in detail


@settings(max_examples=40)
@given(sound_plans(), st.data())
def test_a_composition_that_examples_contradict_is_refused(plan: Plan, data: st.DataObject) -> None:
    """Where the children's examples lead to another result than the parent's, the plan cannot be right."""
    number = data.draw(st.integers(0, len(plan.parent.test_cases) - 1))
    case = plan.parent.test_cases[number]
    wrong = case.model_copy(update={"expected_output": None, "raises": "ValueError"})
    cases = (*plan.parent.test_cases[:number], wrong, *plan.parent.test_cases[number + 1 :])
    parent = plan.parent.model_copy(update={"test_cases": cases})
    detail = _refused({**plan.answer, "composition": list(plan.composition)}, parent)
    assert repr(case.name) in detail
    assert "which must raise ValueError" in detail


@settings(max_examples=30)
@given(sound_plans(), st.data())
def test_several_faults_are_told_at_once(plan: Plan, data: st.DataObject) -> None:
    """Three are shown and the others counted: whoever mends one sees the next."""
    chosen = data.draw(st.lists(st.sampled_from(FAULTS[6:14]), min_size=2, max_size=8, unique=True))
    answer = copy.deepcopy(plan.answer)
    for fault in chosen:
        fault.plant(answer["children"], 0)
    detail = _refused(answer, plan.parent)
    assert detail.count("; ") >= 1
    assert sum(fault.words in detail for fault in chosen) <= 3


@settings(max_examples=30)
@given(sound_plans(), st.data())
def test_order_and_words_are_no_part_of_a_vote(plan: Plan, data: st.DataObject) -> None:
    """Nor are examples, their names, the composition, or how a type is spelled."""
    answer = copy.deepcopy(plan.answer)
    answer["children"] = data.draw(st.permutations(answer["children"]))
    for child in answer["children"]:
        task = child["specification"]
        task["description"] = data.draw(st.text(max_size=10))
        task["dependencies"] = task["dependencies"][::-1]
        for case in task["test_cases"]:
            case["name"] = f"renamed {case['name']}"
        for item in task["inputs"]:
            item["type_annotation"] = item["type_annotation"].replace("list[int]", "List[ int ]")
    one, other = _read(plan.answer, plan.parent), _read(answer, plan.parent)
    assert isinstance(one, Proposal)
    assert isinstance(other, Proposal), other
    assert proposal_signature(one, POLICY) == proposal_signature(other, POLICY)


def _child(name: str, /, **fields: Any) -> dict[str, Any]:
    task = {
        "id": name,
        "name": name,
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        **fields,
    }
    return {"specification": task, "estimated_lines": 5, "estimated_complexity": 2}


def _parent(**fields: Any) -> TaskSpecification:
    given = {**_child("whole")["specification"], "task_type": "decomposition", **fields}
    return TaskSpecification.model_validate(given)


def _two(**fields: Any) -> dict[str, Any]:
    return {"children": [_child("a", **fields), _child("b")]}


def test_the_parent_under_another_name_is_refused() -> None:
    """A child that takes and gives the same, and promises all that its parent does, would be split for ever."""
    cases = [{"name": str(n), "inputs": {"n": n}, "expected_output": n * n} for n in (2, 3)]
    parent = _parent(test_cases=cases)
    more = [*cases, {"name": "four", "inputs": {"n": 4}, "expected_output": 16}]
    assert "a: a child may not be its parent again" in _refused(_two(test_cases=more), parent)
    assert isinstance(_read(_two(test_cases=more[1:]), parent), Proposal)
    renamed = _two(inputs=[{"name": "m", "type_annotation": "int"}], test_cases=[])
    assert isinstance(_read(renamed, parent), Proposal)


def test_the_parent_with_a_type_spelled_otherwise_is_refused() -> None:
    """One type has one spelling."""
    parent = _parent(inputs=[{"name": "n", "type_annotation": "int | None"}])
    child = _two(name="whole", inputs=[{"name": "n", "type_annotation": "Optional[int]"}])
    assert "its parent again" in _refused(child, parent)


def test_records_that_are_declared_again_alike_do_no_harm() -> None:
    """They are declared once all the same; another declaration under the same name is refused."""
    record = {"name": "Order", "fields": [{"name": "total", "type_annotation": "int"}]}
    parent = _parent(records=[record])
    assert isinstance(_read(_two(records=[{**record, "description": "In other words."}]), parent), Proposal)
    other = {"name": "Order", "fields": [{"name": "sum", "type_annotation": "int"}]}
    assert "a: it declares the record 'Order' otherwise" in _refused(_two(records=[other]), parent)


def test_size_and_room_are_asked_only_where_they_are_known() -> None:
    """The root has no estimate of its own; every split needs room for its children."""
    assert isinstance(_read(_two(), _parent(), size=None), Proposal)
    assert isinstance(_read(_two(), _parent(), room=2), Proposal)
    assert "more than the 1 nodes that are left" in _refused(_two(), _parent(), room=1)


def test_what_is_atomic_follows_the_policy() -> None:
    """At the depth limit children must be atomic by the project's own bounds."""
    policy = Policy(max_depth=2, atomic_lines=4)
    assert "a: at the depth limit of 2 every child must be atomic" in _refused(_two(), _parent(), policy=policy)
    assert isinstance(_read(_two(), _parent(), policy=Policy(max_depth=2, atomic_lines=5)), Proposal)


SHAPES: st.SearchStrategy[list[Any]] = st.recursive(
    st.just([]), lambda below: st.lists(below, min_size=2, max_size=4), max_leaves=40
)


@given(st.integers(1, 50), SHAPES)
def test_no_tree_grows_over_its_limit(most: int, shape: Any) -> None:
    """Splitting wherever there is room, in any order, never makes more nodes than the project may have."""

    def grown(tree: Any, way: list[Fork]) -> int:
        if not tree or len(tree) > room_below(most, way):
            return 1
        weights = tuple(len(str(child)) for child in tree)
        return 1 + sum(grown(child, [*way, Fork(weights, index)]) for index, child in enumerate(tree))

    assert grown(shape, []) <= most


def test_floods_are_refused_before_they_are_read() -> None:
    """A thousand children, or a list without end inside one, cost no more than counting them."""
    crowd = {"children": [{"no": "child"}] * 1000}
    assert _refused(crowd, _parent()) == "1000 children are more than the limit of 20"
    many = _two(dependencies=["b"] * 250_000)
    told = _refused(many, _parent())
    assert told.startswith(
        f"the answer holds more than {MOST_VALUES} values; children[0]: 250000 dependencies are more"
    )


def test_long_names_do_not_flood_the_reason() -> None:
    """What a model wrote may be long; the reason is not, and keeps its end."""
    detail = _refused(_two(id="a" * 100_000), _parent())
    assert len(detail) < 1000
    assert "is not an id" in detail
