"""What a build of one tree would keep of another, told beforehand."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.difference import REPLANNED, difference, planned
from millwright.core.specification import resolve
from schemas.difference import Change, NodeDifference, Planned
from schemas.identity import NodePath, TaskStatus
from schemas.specification import SpecificationDocument, TaskSpecification

Tree = dict[NodePath, Planned]


def _task(name: str, **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"id": name, "name": name, "inputs": [{"name": "n", "type_annotation": "int"}]}
    base["outputs"] = [{"name": "result", "type_annotation": "int"}]
    return {**base, "test_cases": [{"name": "one", "inputs": {"n": 1}, "expected_output": 2}], **fields}


def _tree(*tasks: dict[str, Any]) -> Tree:
    document = SpecificationDocument(tasks=tuple(TaskSpecification.model_validate(task) for task in tasks))
    return planned(resolve(document), "shop")


def _told(before: Tree, after: Tree) -> dict[str, tuple[str, ...]]:
    """Return what is not used again as it stands, by path: the change, and why."""
    found: tuple[NodeDifference, ...] = difference(before, after)
    return {item.path: (item.change.value, *item.why) for item in found if item.change is not Change.SAME}


A, B, C = _task("a"), _task("b", dependencies=["a"]), _task("c", dependencies=["b"])
TO_SPLIT, CALLER = _task("whole", task_type="decomposition"), _task("c", dependencies=["whole"])
BUILT = _tree(A, B, C)


def test_the_same_tree_is_all_the_same() -> None:
    """Every part is listed, groups are not, and nothing is to be done."""
    assert _told(BUILT, _tree(A, B, C)) == {}
    assert [item.path for item in difference(BUILT, BUILT)] == ["root.a", "root.b", "root.c"]


def test_a_changed_part_is_built_and_all_that_may_call_it_is_verified_again() -> None:
    """Wording changes no interface: what lies above keeps its code, and names what it is verified again for."""
    told = _told(BUILT, _tree({**A, "description": "Otherwise."}, B, C))
    assert told == {
        "root.a": ("changed", "description"),
        "root.b": ("verified_again", "root.a"),
        "root.c": ("verified_again", "root.a"),
    }


def test_a_changed_interface_changes_what_sees_it() -> None:
    """The direct dependent is another node; beyond it only code differs."""
    changed = {**A, "outputs": [{"name": "result", "type_annotation": "int | None"}]}
    told = _told(BUILT, _tree(changed, B, C))
    assert told["root.b"] == ("changed", "dependencies")
    assert told["root.c"] == ("verified_again", "root.a", "root.b")


def test_new_gone_and_moved_parts() -> None:
    """What moved keeps its code, but not the place that its verdicts were reached in."""
    moved = {**A, "id": "z"}
    told = _told(_tree(A, B), _tree(moved, _task("d")))
    assert told == {
        "root.a": ("gone",),
        "root.b": ("gone",),
        "root.d": ("new",),
        "root.z": ("verified_again", "it has moved: that was root.a"),
    }


def test_what_was_not_accepted_is_built_although_nothing_changed() -> None:
    """Failed and partial parts are elected anew; what a person accepted is kept."""
    statuses = (TaskStatus.FAILED, TaskStatus.PARTIAL, TaskStatus.RESOLVED)
    before = dict(BUILT)
    for name, status in zip("abc", statuses, strict=True):
        path = NodePath(f"root.{name}")
        before[path] = before[path].model_copy(update={"status": status})
    assert _told(before, BUILT) == {
        "root.a": ("not_accepted", "it was failed"),
        "root.b": ("not_accepted", "it was partial"),
        "root.c": ("verified_again", "root.a", "root.b"),
    }


def test_labels_and_declarations_are_verified_again_only() -> None:
    """Inputs are drawn from the specification as it is written, and declared records are code that is met."""
    labelled = {**A, "test_cases": [{"name": "uno", "inputs": {"n": 1}, "expected_output": 2}]}
    assert _told(_tree(A), _tree(labelled)) == {
        "root.a": ("verified_again", "labels, or the order in which things are listed")
    }
    declared = {**A, "errors": [{"name": "Lost"}]}
    assert _told(_tree(A), _tree(declared)) == {"root.a": ("verified_again", "records or errors that are declared")}


def test_a_task_that_is_to_be_split_keeps_its_plan_and_all_below_it() -> None:
    """A specification does not say how it was split; the same task keeps the plan that was accepted for it."""
    before = _tree(TO_SPLIT, {**A, "parent": "whole"}, {**B, "parent": "whole"}, CALLER)
    whole = before[NodePath("root.whole")]
    before[whole.path] = whole.model_copy(update={"task": whole.task.model_copy(update={"children": ()})})
    assert _told(before, _tree(TO_SPLIT, CALLER)) == {}
    moved = _told(before, _tree({**TO_SPLIT, "id": "all"}, {**CALLER, "dependencies": ["all"]}))
    assert moved["root.all.a"] == ("verified_again", "it has moved: that was root.whole.a")
    assert moved["root.whole.a"] == ("gone",)
    changed = _told(before, _tree({**TO_SPLIT, "description": "Otherwise."}, CALLER))
    assert changed == {"root.whole": ("changed", "description", REPLANNED), "root.c": ("verified_again", "root.whole")}


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True), st.sets(st.sampled_from(["a", "b", "c", "d"])))
def test_every_part_of_both_trees_is_told_of_once(names: list[str], reworded: set[str]) -> None:
    """In order of path; what is the same, changed, new and gone adds up to all of them."""
    before = _tree(*(_task(name) for name in "abc"))
    after = _tree(*(_task(name, description="Otherwise." if name in reworded else "") for name in names))
    found = {item.path: item.change for item in difference(before, after)}
    for name in "abcd":
        path = NodePath(f"root.{name}")
        if name not in names:
            assert found.pop(path, Change.GONE) is Change.GONE
        elif name == "d":
            assert found.pop(path) is Change.NEW
        else:
            assert found.pop(path) is (Change.CHANGED if name in reworded else Change.SAME)
    assert not [path for path in found if path != "root"]
