"""The part of the bundled time sheets that is planned anew, built with the demo model's answers as a node of its own.

The whole example is built by ``make demo EXAMPLE=timesheet``.
"""

import json
from collections import Counter
from typing import Any

import pytest

from millwright.errors import ModelRefused
from schemas.identity import ROOT_PATH, NodePath, TaskStatus
from schemas.models import ModelAnswer, ModelRequest
from tests.integration.example_project import EXAMPLES, Example
from tests.workflow.builds import PROJECT, build
from tests.workflow.environment import TableModel, staged

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

BILL = NodePath("root.bill")


class BookModel(TableModel):
    """Answers from an example's completions, as the demo model does."""

    def __init__(self, example: Example) -> None:
        super().__init__({})
        self._book = example.book

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer as the book has it; what it does not know is refused."""
        text = request.prompt.messages[-1].content
        task = text.partition("\n")[0].removeprefix("Task: ")
        self.calls.append((request.prompt.version, task))
        answer = self._book.answer(request)
        if answer is None:
            raise ModelRefused(f"no answer is written down for {request.prompt.archetype} {task}")
        return answer


async def test_the_time_sheets_bill_is_planned_anew_and_what_was_won_stays() -> None:
    """Nobody can round without the step; the new plan hands it on, and two parts keep their work without a call."""
    example = next(item for item in EXAMPLES if item.name == "timesheet")
    specification = json.dumps({"tasks": [_alone(example, "bill")]})
    async with staged(BookModel(example)) as stage:
        result = await build(stage, specification=specification, max_attempts=8, proposals=0)
        nodes = {node.path: node for node in await stage.store.nodes(PROJECT)}
        calls = stage.model.calls
    assert (result.exit_code, result.message) == (0, "")
    parts = {NodePath(f"{BILL}.{name}") for name in ("apart", "sums", "stepped")}
    assert set(nodes) == {ROOT_PATH, BILL} | parts
    assert all(nodes[path].status is TaskStatus.WON for path in (BILL, *parts))
    assert nodes[BILL].rework.replans == 1
    anew = next(place for place, (version, _) in enumerate(calls) if version.startswith("replanner"))
    assert "rounded" in {task for _, task in calls[:anew]}
    assert {task for _, task in calls[anew:]} == {"bill", "stepped"}
    counted = Counter(task for _, task in calls)
    assert all(counted[nodes[path].task] == nodes[path].samples for path in parts)


def _alone(example: Example, task: str) -> dict[str, Any]:
    """Return a task as a person gives it, without prose: with its declarations, and no requirement that it shows."""
    root = example.task("root")
    found = example.task(task)
    bare = found.model_copy(
        update={
            "records": root.records,
            "errors": root.errors,
            "test_cases": tuple(case.model_copy(update={"shows": ()}) for case in found.test_cases),
        }
    )
    return bare.model_dump(mode="json", exclude_defaults=True)
