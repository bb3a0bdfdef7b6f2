"""What people are shown at gates: the tree with what it takes, and the outcome with what stands against it."""

from typing import Any

from millwright.core.basis import Basis
from millwright.core.estimation import forecast
from millwright.core.gate_words import delivery_shown, plan_shown
from millwright.core.sizes import Interval
from schemas.digests import digest_of_bytes
from schemas.evidence import ManifestEntry, NodeRecord
from schemas.identity import NodePath, ProjectId, TaskId, TaskStatus
from schemas.project import Counts
from schemas.requests import IntegrationResult
from schemas.specification import TaskSpecification, TaskType

ANY = digest_of_bytes(b"any")
FORECAST = forecast(Basis(), lines=Interval(10, 20, 40))


def node(path: str, **fields: Any) -> NodeRecord:
    """Make a row."""
    own = path.rpartition(".")[2]
    row = {"project": ProjectId("shop"), "path": path, "task": TaskId(own), "name": own, "specification": ANY}
    return NodeRecord.model_validate({**row, **fields})


def task(name: str, **fields: Any) -> TaskSpecification:
    """Make a specification."""
    return TaskSpecification.model_validate({"id": name, "name": name, "description": f"Do\n{name}.", **fields})


def test_a_plan_is_shown_as_a_tree_with_what_is_split_further() -> None:
    """Each part has its size and what it uses; what is not known yet is said."""
    nodes = (
        node("root", children=["root.a", "root.b"], dependencies=["root.a", "root.b"]),
        node("root.a", estimated_lines=7),
        node("root.b", dependencies=["root.a"], estimated_lines=60),
    )
    tasks = {
        NodePath("root"): task("shop", task_type=TaskType.DECOMPOSITION),
        NodePath("root.a"): task("a"),
        NodePath("root.b"): task("b", task_type=TaskType.DECOMPOSITION),
    }
    shown = plan_shown(nodes, tasks, FORECAST, k=3)
    assert shown.startswith(
        "the plan:\n- root: shop: Do shop.\n  - root.a: a: Do a.; about 7 lines\n"
        "  - root.b: b: Do b.; about 60 lines; uses root.a; split further\n\nSplit further: root.b.\n\nExpected: "
    )
    assert " calls (" in shown
    assert " in cost (" in shown
    assert "k = " in shown


def test_a_plan_of_thousands_of_parts_is_shown_in_part() -> None:
    """What passes through history is bounded."""
    nodes = [node("root"), *(node(f"root.p{number}") for number in range(5000))]
    tasks = {item.path: task(item.name) for item in nodes}
    shown = plan_shown(nodes, tasks, FORECAST, k=3)
    assert "- and 4941 more" in shown
    assert len(shown) < 20_000


def test_an_outcome_is_shown_with_what_stands_against_it() -> None:
    """What was not won, problems, checks, files with sizes, and where a wrong part is likeliest."""
    nodes = (
        node("root.a", status=TaskStatus.WON, defect=0.02),
        node("root.b", status=TaskStatus.WON, defect=0.3),
        node("root.c", status=TaskStatus.PARTIAL, note="accepted below\nthe margin"),
    )
    shown = delivery_shown(
        nodes,
        Counts(tasks=3, won=2, partial=1),
        IntegrationResult(problems=("types: root.c",), passed=("lint", "tests")),
        [ManifestEntry(path="shop/a.py", digest=ANY, size_bytes=1234)],
    )
    assert shown.startswith("the deliverable of 3 tasks: 2 won, 1 partial\n\n")
    for part in (
        "Not won by their margin:\n- root.c: partial (accepted below the margin)",
        "Problems of the whole:\n- types: root.c",
        "Checks that passed: lint, tests.",
        "Files:\n- shop/a.py, 1,234 bytes",
        "Predicted: 0.32 wrong parts of the 2 that were won; look first at root.b (30.0%), root.a (2.0%).",
    ):
        assert part in shown


def test_an_outcome_without_anything_says_why() -> None:
    """A build that failed shows its message, and no empty list."""
    shown = delivery_shown((), Counts(), IntegrationResult(), (), message="no decomposition won its vote")
    assert "no decomposition won its vote" in shown
    assert "Files" not in shown
