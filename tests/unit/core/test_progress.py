"""Where a project stands: counts, stalling and how it ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.progress import STATUS_OF, counts, exit_number, exit_of, is_stalled
from schemas.evidence import NodeRecord
from schemas.identity import NodePath, ProjectId, TaskId, TaskStatus, parent_path
from schemas.project import Counts, ExitCode
from tests.strategies import digest_of

RUNNING, WAITING, PENDING = TaskStatus.RUNNING, TaskStatus.WAITING, TaskStatus.PENDING
WON, FAILED, BLOCKED = TaskStatus.WON, TaskStatus.FAILED, TaskStatus.BLOCKED


def _tree(statuses: dict[str, TaskStatus], needs: dict[str, list[str]] | None = None) -> list[NodeRecord]:
    nodes = []
    for path, status in statuses.items():
        children = tuple(NodePath(other) for other in statuses if parent_path(NodePath(other)) == path)
        nodes.append(
            NodeRecord(
                project=ProjectId("p"),
                path=NodePath(path),
                task=TaskId(path.rpartition(".")[2]),
                name="f",
                parent=parent_path(NodePath(path)),
                status=status,
                specification=digest_of(path),
                children=children,
                dependencies=(*children, *map(NodePath, (needs or {}).get(path, ()))),
            )
        )
    return nodes


def test_nothing_stalls_unless_someone_waits() -> None:
    """A project that failed or is done does not wait for a person."""
    assert not is_stalled([])
    assert not is_stalled(_tree({"root": RUNNING, "root.a": FAILED}))


def test_a_project_whose_only_open_part_waits_is_stalled() -> None:
    """What stands above a waiting part cannot go on."""
    assert is_stalled(_tree({"root": RUNNING, "root.a": WON, "root.b": WAITING}))
    assert is_stalled(_tree({"root": WAITING}))


def test_a_part_that_runs_keeps_a_project_going() -> None:
    """As long as any part draws answers, nobody is waited for by the whole."""
    assert not is_stalled(_tree({"root": RUNNING, "root.a": RUNNING, "root.b": WAITING}))


def test_a_part_that_may_begin_keeps_a_project_going() -> None:
    """A pending part goes on when what it waits for has ended, however that ended."""
    for ended in (WON, FAILED, BLOCKED):
        nodes = {"root": RUNNING, "root.a": ended, "root.b": PENDING, "root.c": WAITING}
        assert not is_stalled(_tree(nodes, {"root.b": ["root.a"]}))


def test_parts_behind_the_waiting_one_do_not_keep_it_going() -> None:
    """Whatever depends on the waiting part, at any depth and through others, cannot go on."""
    nodes = {
        "root": RUNNING,
        "root.a": RUNNING,
        "root.a.x": WAITING,
        "root.b": PENDING,
        "root.b.y": PENDING,
        "root.c": PENDING,
    }
    assert is_stalled(_tree(nodes, {"root.b.y": ["root.a.x"], "root.c": ["root.b"]}))


def test_a_parent_whose_parts_have_ended_goes_on_to_its_glue() -> None:
    """A running parent without open children elects its own code."""
    nodes = {"root": RUNNING, "root.a": RUNNING, "root.a.x": WON, "root.b": WAITING}
    assert not is_stalled(_tree(nodes))


def test_children_of_a_parent_that_has_not_begun_cannot_go_on() -> None:
    """They begin when their parent does, and that waits here."""
    nodes = {"root": RUNNING, "root.a": WAITING, "root.b": PENDING, "root.b.x": PENDING}
    assert is_stalled(_tree(nodes, {"root.b": ["root.a"]}))


@given(st.lists(st.sampled_from([WON, FAILED, BLOCKED, TaskStatus.PARTIAL]), max_size=6))
def test_one_waiting_among_ended_parts_always_stalls(ended: list[TaskStatus]) -> None:
    """Neither a premature end nor a hang: with everything else ended, a question stalls the project."""
    nodes = {"root": RUNNING, "root.q": WAITING} | {f"root.n{i}": status for i, status in enumerate(ended)}
    assert is_stalled(_tree(nodes))


def test_counts_leave_out_parts_without_code() -> None:
    """Groups are counted by their children; reused counts as won, cancelled as failed."""
    statuses = {"root": FAILED, "root.a": WON, "root.b": TaskStatus.REUSED, "root.c": TaskStatus.CANCELLED}
    nodes = _tree({**statuses, "root.d": PENDING, "root.e": TaskStatus.RESOLVED})
    assert counts(nodes, {NodePath("root"): False}) == Counts(tasks=5, won=2, failed=1, resolved=1)


@pytest.mark.parametrize(
    ("figures", "budget", "sound", "number"),
    [
        (Counts(failed=1, waiting=1, partial=1), True, False, 4),
        (Counts(failed=1, waiting=1, partial=1), False, True, 1),
        (Counts(blocked=1, waiting=1), False, True, 1),
        (Counts(won=3), False, False, 1),
        (Counts(waiting=1, partial=1), False, True, 3),
        (Counts(partial=1), False, True, 6),
        (Counts(resolved=1), False, True, 6),
        (Counts(won=1), False, True, 0),
    ],
)
def test_the_worst_outcome_gives_the_exit_code(figures: Counts, budget: bool, sound: bool, number: int) -> None:
    """The order is 4 > 1 > 3 > 6 > 0."""
    assert exit_number(exit_of(figures, budget_reached=budget, sound=sound)) == number


@given(st.builds(Counts, **{name: st.integers(0, 2) for name in Counts.model_fields}), st.booleans(), st.booleans())
def test_getting_worse_never_helps(figures: Counts, budget: bool, sound: bool) -> None:
    """One more failure never gives a better exit code, and every exit code has a status."""
    order = [ExitCode.BUDGET, ExitCode.FAILED, ExitCode.WAITING, ExitCode.BELOW_MARGIN, ExitCode.BUILT]
    code = exit_of(figures, budget_reached=budget, sound=sound)
    worse = exit_of(figures.model_copy(update={"failed": figures.failed + 1}), budget_reached=budget, sound=sound)
    assert order.index(worse) <= order.index(code)
    assert code in STATUS_OF
