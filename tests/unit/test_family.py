"""The children of a node: in the order that they wait for one another, a few at a time, none that is built already."""

import asyncio

from schemas.identity import NodePath, TaskStatus
from schemas.planning import ChildOutline
from schemas.project import NodeResult
from tests.strategies import digest_of
from workflows.family import built

A, B, C, D = (NodePath(f"root.{name}") for name in "abcd")


class Builder:
    """Builds children, each when it is told to; remembers the order, and how many were under way at once."""

    def __init__(self) -> None:
        self.order: list[NodePath] = []
        self.most = self.now = 0

    async def build(self, path: NodePath) -> NodeResult:
        """Build one child."""
        self.order.append(path)
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(3):
            await asyncio.sleep(0)
        self.now -= 1
        return NodeResult(path=path, status=TaskStatus.WON)


async def test_children_wait_for_their_siblings_and_results_keep_the_plans_order() -> None:
    """The last of a chain is built last, wherever it stands."""
    builder = Builder()
    outlines = [ChildOutline(path=C, after=(A, B)), ChildOutline(path=A), ChildOutline(path=B, after=(A,))]
    results = await built(outlines, 50, builder.build)
    assert [result.path for result in results] == [C, A, B]
    assert builder.order == [A, B, C]


async def test_a_delivered_child_keeps_its_part_and_holds_nobody_up() -> None:
    """It is not built, its artifact is told as it was, and who waits for it begins at once."""
    builder = Builder()
    kept = ChildOutline(path=A, after=(C,), standing=TaskStatus.PARTIAL, artifact=digest_of("a"))
    results = await built([kept, ChildOutline(path=B, after=(A,)), ChildOutline(path=C)], 50, builder.build)
    assert results[0] == NodeResult(path=A, status=TaskStatus.PARTIAL, artifact=digest_of("a"))
    assert sorted(builder.order) == [B, C]


async def test_no_more_children_are_under_way_than_the_window_allows() -> None:
    """A wide node does not start everything at once."""
    builder = Builder()
    await built([ChildOutline(path=path) for path in (A, B, C, D)], 2, builder.build)
    assert builder.most == 2
