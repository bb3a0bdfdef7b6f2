"""Proposals: what is sound, what is the same vote, and which sibling waits for which."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.decomposition import (
    inherit,
    is_atomic,
    proposal_signature,
    read_proposal,
    read_root,
    root_signature,
    waits_for,
)
from schemas.election import Flag, RedFlag
from schemas.identity import NodePath, TaskId
from schemas.planning import Proposal, ProposedChild, SpecifiedRoot
from schemas.project import Policy
from schemas.specification import TaskSpecification, TaskType

POLICY = Policy()
RECORD = {"name": "Order", "fields": [{"name": "total", "type_annotation": "int"}]}


def _task(name: str, /, **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": name,
        "name": name.replace("-", "_"),
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [{"name": "one", "inputs": {"n": 1}, "expected_output": 2}],
    }
    return {**given, **fields}


def _child(name: str, /, lines: int = 5, complexity: int = 2, **fields: Any) -> dict[str, Any]:
    return {"specification": _task(name, **fields), "estimated_lines": lines, "estimated_complexity": complexity}


def _proposal(*children: dict[str, Any]) -> dict[str, Any]:
    return {"children": list(children)}


def _parent(**fields: Any) -> TaskSpecification:
    return TaskSpecification.model_validate(_task("whole", **{"task_type": "decomposition", **fields}))


def _refusal(
    *children: dict[str, Any],
    parent: TaskSpecification | None = None,
    available: tuple[str, ...] = (),
    depth: int = 1,
    policy: Policy = POLICY,
) -> str:
    names = tuple(TaskId(name) for name in available)
    found = read_proposal(_proposal(*children), parent or _parent(), names, depth, policy)
    assert isinstance(found, RedFlag)
    return found.detail


def test_a_sound_proposal_is_read() -> None:
    """Two children, the second on top of the first and of what the parent may use, make a proposal."""
    answer = _proposal(_child("a"), _child("b", dependencies=["a", "uncle"]))
    found = read_proposal(answer, _parent(), (TaskId("uncle"),), 1, POLICY)
    assert isinstance(found, Proposal)
    assert [child.specification.id for child in found.children] == ["a", "b"]


@pytest.mark.parametrize("answer", [{}, {"children": []}, {"children": [{"x": 1}]}, [], "text", None])
def test_an_answer_of_another_shape_is_malformed(answer: Any) -> None:
    """What does not fit the schema is flagged as malformed, with the place."""
    found = read_proposal(answer, _parent(), (), 0, POLICY)
    assert isinstance(found, RedFlag)
    assert found.flag is Flag.MALFORMED
    assert found.detail


def test_cycles_among_children_are_refused() -> None:
    """Children that depend on one another can never be built."""
    detail = _refusal(_child("a", dependencies=["b"]), _child("b", dependencies=["a"]))
    assert "depend on one another" in detail


def test_unknown_dependencies_are_refused() -> None:
    """A child depends on siblings and on what its parent may use, and on nothing else."""
    assert "unknown task 'stranger'" in _refusal(_child("a", dependencies=["stranger"]), _child("b"))


def test_a_child_may_not_take_an_id_that_is_available() -> None:
    """A shadowed id would hide a cycle among the siblings from the check."""
    detail = _refusal(_child("a", dependencies=["b"]), _child("b", dependencies=["a"]), available=("a", "b"))
    assert "already that of a task" in detail


def test_one_child_is_no_split() -> None:
    """A split makes at least two of one."""
    assert "at least two" in _refusal(_child("a"))


def test_fan_out_is_limited() -> None:
    """More children than the policy allows are refused."""
    policy = Policy(max_children=2)
    assert "limit of 2" in _refusal(_child("a"), _child("b"), _child("c"), policy=policy)


def test_depth_is_limited() -> None:
    """At the last level every child must be atomic, and may be."""
    policy = Policy(max_depth=3)
    large = _child("a", lines=80)
    assert "depth limit of 3" in _refusal(large, _child("b"), depth=2, policy=policy)
    assert isinstance(read_proposal(_proposal(large, _child("b")), _parent(), (), 1, policy), Proposal)
    assert isinstance(read_proposal(_proposal(_child("a"), _child("b")), _parent(), (), 2, policy), Proposal)


def test_the_parent_again_is_refused() -> None:
    """A child with the parent's id, or its whole interface, would be split for ever."""
    assert "its parent again" in _refusal(_child("whole"), _child("b"))
    assert "its parent again" in _refusal(_child("other", name="whole"), _child("b"))


def test_children_name_no_family_and_have_an_interface() -> None:
    """The tree is the decomposer's only through the proposal itself."""
    assert "neither parent nor children" in _refusal(_child("a", parent="whole"), _child("b"))
    assert "needs inputs or outputs" in _refusal(_child("a", inputs=[], outputs=[], test_cases=[]), _child("b"))


def test_another_language_is_refused() -> None:
    """Children are written in their parent's language."""
    assert "target language is python" in _refusal(_child("a", target_language="rust"), _child("b"))


def test_examples_that_do_not_fit_their_types_are_refused() -> None:
    """What check_document finds in a child makes the proposal unsound."""
    wrong = [{"name": "one", "inputs": {"n": "x"}, "expected_output": 2}]
    assert "not of type int" in _refusal(_child("a", test_cases=wrong), _child("b"))


def test_equal_function_names_are_refused_where_they_meet() -> None:
    """Two functions of one name cannot both be imported into the parent's module, nor one into its namesake's."""
    assert "mean two things" in _refusal(_child("a", name="same"), _child("b", name="same", outputs=[]))
    only_types: dict[str, Any] = {"inputs": [{"name": "n", "type_annotation": "str"}], "test_cases": []}
    assert "mean two things" in _refusal(_child("a", name="whole", **only_types), _child("b"))


def test_a_top_level_child_leaves_the_records_module_alone() -> None:
    """Under the root the id records is that of the module with the declared records; deeper it is free."""
    parent = _parent(records=[RECORD])
    assert "choose another id" in _refusal(_child("records"), _child("b"), parent=parent, depth=0)
    proposal = _proposal(_child("records"), _child("b"))
    assert isinstance(read_proposal(proposal, parent, (), 1, POLICY), Proposal)
    assert isinstance(read_proposal(proposal, _parent(), (), 0, POLICY), Proposal)


def test_ids_that_differ_only_in_hyphens_are_refused() -> None:
    """They would be one module."""
    assert "name the same module" in _refusal(_child("a-b", name="x"), _child("a_b", name="y"))


@pytest.mark.parametrize(("lines", "complexity", "atomic"), [(20, 5, True), (21, 5, False), (20, 6, False)])
def test_atomic_is_twenty_lines_and_complexity_five(lines: int, complexity: int, atomic: bool) -> None:
    """The customer's bounds are inclusive."""
    assert is_atomic(ProposedChild.model_validate(_child("a", lines, complexity)), POLICY) is atomic


def test_a_child_inherits_records_and_its_kind_follows_from_its_size() -> None:
    """Children share the parent's records and errors; large ones are split again."""
    parent = _parent(records=[RECORD])
    small, large = (ProposedChild.model_validate(_child("a", lines)) for lines in (5, 50))
    assert inherit(small, parent, POLICY).records == parent.records
    assert inherit(small, parent, POLICY).task_type is TaskType.CODE_GENERATION
    assert inherit(large, parent, POLICY).task_type is TaskType.DECOMPOSITION


@given(st.permutations(["a", "b", "c"]))
def test_order_and_wording_are_no_part_of_a_proposals_vote(order: list[str]) -> None:
    """Proposals with the same interfaces and edges agree, in whatever order and words."""
    base = Proposal.model_validate(_proposal(*(_child(name) for name in "abc")))
    other = Proposal.model_validate(_proposal(*(_child(name, description=f"Says {name}.") for name in order)))
    assert proposal_signature(base, POLICY) == proposal_signature(other, POLICY)


def test_edges_and_size_are_part_of_a_proposals_vote() -> None:
    """Another edge, or a child that must be split again, is another vote."""
    base = _proposal(_child("a"), _child("b"))
    edge = _proposal(_child("a"), _child("b", dependencies=["a"]))
    large = _proposal(_child("a"), _child("b", lines=90))
    signatures = {proposal_signature(Proposal.model_validate(item), POLICY) for item in (base, edge, large)}
    assert len(signatures) == 3


def _root(**fields: Any) -> dict[str, Any]:
    return {"specification": _task("root", **{"name": "whole", **fields})}


def test_a_sound_root_is_read() -> None:
    """A root with an interface and an example is accepted."""
    assert isinstance(read_root(_root(), "python"), SpecifiedRoot)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": "other"}, "the id root"),
        ({"dependencies": ["a"]}, "the id root"),
        ({"target_language": "rust"}, "the target language is python"),
        ({"test_cases": []}, "at least one example"),
        ({"outputs": [{"name": "result", "type_annotation": "Money"}]}, "Money"),
    ],
)
def test_an_unsound_root_is_refused(fields: dict[str, Any], words: str) -> None:
    """Each rule of the root has its reason in the flag."""
    found = read_root(_root(**fields), "python")
    assert isinstance(found, RedFlag)
    assert found.flag is Flag.UNSOUND
    assert words in found.detail


def test_examples_are_part_of_a_roots_vote_and_wording_is_not() -> None:
    """Two roots that promise the same are one vote."""
    base = SpecifiedRoot.model_validate(_root())
    worded = SpecifiedRoot.model_validate(_root(description="In other words."))
    cases = [{"name": "one", "inputs": {"n": 1}, "expected_output": 3}]
    other = SpecifiedRoot.model_validate(_root(test_cases=cases))
    assert root_signature(base) == root_signature(worded) != root_signature(other)


def _paths(*names: str) -> list[NodePath]:
    return [NodePath(name) for name in names]


def test_dependencies_below_are_lifted_to_siblings() -> None:
    """A sibling waits when anything in it depends on anything in the other; prefixes of names do not count."""
    a, b, ab = siblings = _paths("root.a", "root.b", "root.ab")
    dependencies = {NodePath("root.a.x"): _paths("root.b.y.z"), ab: _paths("root.a"), NodePath("root.a.y"): [a]}
    assert waits_for(siblings, dependencies) == {a: (b,), b: (), ab: (a,)}


def test_many_siblings_are_lifted_quickly() -> None:
    """A flat project of a thousand tasks is no quadratic affair."""
    siblings = _paths(*(f"root.t{number}" for number in range(1000)))
    dependencies = {path: siblings[:number][-1:] for number, path in enumerate(siblings)}
    assert sum(map(len, waits_for(siblings, dependencies).values())) == 999


@given(st.data())
def test_lifting_is_the_rule_as_it_is_stated(data: st.DataObject) -> None:
    """The lifted edges are those of the plain definition over every pair."""
    names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: ".".join(["root", *parts]))
    nodes = data.draw(st.lists(names, unique=True, max_size=6))
    edges = {NodePath(node): _paths(*data.draw(st.lists(names, max_size=3))) for node in nodes}
    siblings = _paths("root.a", "root.b", "root.c")

    def inside(path: str, top: str) -> bool:
        return path == top or path.startswith(f"{top}.")

    expected = {
        one: tuple(
            other
            for other in siblings
            if other != one
            and any(inside(node, one) and any(inside(t, other) for t in targets) for node, targets in edges.items())
        )
        for one in siblings
    }
    assert waits_for(siblings, edges) == expected
