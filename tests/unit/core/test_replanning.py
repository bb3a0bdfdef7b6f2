"""What a new plan keeps, and what is verified again when a part is: exactly what a change touches."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.reopening import layer_of, may_reopen, standing_on
from millwright.core.replanning import below_fresh, dropped, replanned
from schemas.evidence import NodeRecord, Rework
from schemas.identity import DELIVERED, LayerName, NodePath, ProjectId, TaskId, TaskStatus
from tests.strategies import digest_of

PARENT = NodePath("root.p")
OUTSIDE = "root.before"


def _node(
    path: str,
    task: str = "",
    *,
    needs: tuple[str, ...] = (),
    status: TaskStatus = TaskStatus.PENDING,
    edition: str = "",
) -> NodeRecord:
    return NodeRecord(
        project=ProjectId("shop"),
        path=NodePath(path),
        task=TaskId(path.rpartition(".")[2]),
        name=path,
        parent=NodePath(path.rpartition(".")[0]) if "." in path else None,
        specification=digest_of(task or path),
        dependencies=tuple(map(NodePath, needs)),
        status=status,
        rework=Rework(edition=edition),
    )


def _won(path: str, task: str = "", *, needs: tuple[str, ...] = (), children: tuple[str, ...] = ()) -> NodeRecord:
    return _node(path, task, needs=(*children, *needs), status=TaskStatus.WON).model_copy(
        update={"children": tuple(map(NodePath, children)), "artifact": digest_of(path)}
    )


def _by_path(nodes: tuple[NodeRecord, ...]) -> Mapping[str, NodeRecord]:
    return {node.path: node for node in nodes}


def test_an_unchanged_child_keeps_its_part_and_another_task_at_its_place_gets_keys_of_its_own() -> None:
    """The finished one is as it was; the changed one and the new one are pending, with editions by their tasks."""
    known = [_won(OUTSIDE), _won("root.p.a", needs=(OUTSIDE,)), _won("root.p.b", "old")]
    plan = [_node("root.p.a", needs=(OUTSIDE,)), _node("root.p.b", "new"), _node("root.p.c")]
    found = _by_path(replanned(plan, known))
    assert found["root.p.a"] == known[1]
    assert {found[f"root.p.{name}"].status for name in "bc"} == {TaskStatus.PENDING}
    assert found["root.p.b"].rework.edition == digest_of("new")[:8]
    assert found["root.p.c"].rework.edition
    assert dropped(PARENT, list(found.values()), known) == ("root.p.b",)


def test_what_depends_on_a_changed_part_is_verified_again_and_keeps_its_calls() -> None:
    """The dependent is pending, under its old edition; so is what lies below it, and nothing of it is dropped."""
    known = [
        _won("root.p.a", "old"),
        _won("root.p.b", children=("root.p.b.x",)),
        _won("root.p.b.x", needs=("root.p.a",)),
        _won("root.p.c"),
        _won("root.p.d", needs=("root.p.b",)),
    ]
    plan = [_node("root.p.a", "new"), _node("root.p.b"), _node("root.p.c"), _node("root.p.d", needs=("root.p.b",))]
    children = replanned(plan, known)
    found = _by_path(children)
    assert {path: node.status for path, node in found.items()} == {
        "root.p.a": TaskStatus.PENDING,
        "root.p.b": TaskStatus.PENDING,
        "root.p.c": TaskStatus.WON,
        "root.p.d": TaskStatus.PENDING,
    }
    assert found["root.p.d"].rework.edition == ""
    assert found["root.p.b"].children == ("root.p.b.x",)
    assert [(node.path, node.status) for node in below_fresh(children, known)] == [("root.p.b.x", TaskStatus.PENDING)]
    assert dropped(PARENT, children, known) == ("root.p.a",)


def test_everything_below_a_part_that_the_plan_left_out_is_dropped() -> None:
    """A subtree goes as a whole; nodes beside the parent are not touched."""
    known = [_won("root.p"), _won("root.p.a"), _won("root.p.a.x"), _won("root.pa"), _won("root.p.b")]
    children = replanned([_node("root.p.b")], known)
    assert dropped(PARENT, children, known) == ("root.p.a", "root.p.a.x")


NAMES = st.sampled_from("abcde")
PLANS = st.dictionaries(NAMES, st.integers(0, 1), min_size=1)


@st.composite
def _plans(draw: st.DrawFn) -> list[NodeRecord]:
    tasks = draw(PLANS)
    plan = []
    for name, version in sorted(tasks.items()):
        earlier = [other for other in sorted(tasks) if other < name]
        needs = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        task = f"{name}{version}{needs}"
        plan.append(_node(f"root.p.{name}", task, needs=tuple(f"root.p.{other}" for other in sorted(needs))))
    return plan


@given(_plans(), _plans())
def test_a_plan_settled_twice_is_settled_once(before: list[NodeRecord], plan: list[NodeRecord]) -> None:
    """A retry over what the first attempt stored gives the same rows and drops nothing more."""
    known = [node.model_copy(update={"status": TaskStatus.WON}) for node in before]
    first = replanned(plan, known)
    assert replanned(plan, first) == first
    assert dropped(PARENT, first, first) == ()


@given(_plans(), _plans())
def test_nothing_that_is_kept_stands_on_something_done_anew(before: list[NodeRecord], plan: list[NodeRecord]) -> None:
    """Kept parts have the same task as before, and so has all that they depend on; everything else is pending."""
    known = _by_path(tuple(node.model_copy(update={"status": TaskStatus.WON}) for node in before))
    found = _by_path(replanned(plan, list(known.values())))
    assert list(found) == [node.path for node in plan]
    for path, node in found.items():
        same = path in known and known[path].specification == node.specification
        sound = same and all(found[target].status in DELIVERED for target in node.dependencies)
        assert (node.status is TaskStatus.WON) == sound
        assert (node.rework.edition == "") == same


def test_what_stands_on_a_part_is_found_however_far_and_nothing_else() -> None:
    """Dependents and parents below the top are reached; siblings that do not depend on it, and the top, are not."""
    nodes = [
        _won("root", children=("root.p",)),
        _won("root.p", children=("root.p.a", "root.p.b", "root.p.c")),
        _won("root.p.a"),
        _won("root.p.b", children=("root.p.b.x",), needs=("root.p.a",)),
        _won("root.p.b.x", needs=("root.p.a",)),
        _won("root.p.c"),
    ]
    assert standing_on([NodePath("root.p.a")], nodes, PARENT) == {"root.p.a", "root.p.b", "root.p.b.x"}
    assert standing_on([NodePath("root.p.c")], nodes, NodePath("root")) == {"root.p.c", "root.p"}
    assert standing_on([NodePath("root")], nodes, NodePath("root")) == {"root"}


def test_elections_are_held_again_within_their_bound_and_every_check_has_a_layer() -> None:
    """What a first attempt of the same activity reopened stays open; complaints go to the layer that they are of."""
    node = _won("root.p.a").model_copy(update={"rework": Rework(reopenings=2)})
    assert not may_reopen(node, 2, reopened=False)
    assert may_reopen(node, 2, reopened=True)
    assert may_reopen(node, 3, reopened=False)
    checks = ("types", "lint", "security", "imports", "tests", "examples", "command")
    assert {check: layer_of(check) for check in checks} == {
        "types": LayerName.TYPES,
        "lint": LayerName.STATIC_ANALYSIS,
        "security": LayerName.SECURITY,
        "imports": LayerName.SYNTAX,
        **dict.fromkeys(("tests", "examples", "command"), LayerName.UNIT_TESTS),
    }
