"""Starts builds of the small samples, and waits for them."""

import asyncio
from typing import Any

from temporalio.client import WorkflowHandle

from schemas.identity import NodePath, ProjectId, TaskStatus
from schemas.project import ProjectInput, ProjectResult
from tests.workflow.environment import Stage
from tests.workflow.samples import (
    ANSWERS,
    SPECIFICATION,
    fenced,
)
from workflows.identifiers import CONTROL_QUEUE, project_workflow_id

PROJECT = ProjectId("sums")


async def start(stage: Stage, **options: Any) -> WorkflowHandle[Any, ProjectResult]:
    """Start a project as the command line does."""
    given = ProjectInput.model_validate({"specification": SPECIFICATION, "project": PROJECT, "k": 2, **options})
    return await stage.client.start_workflow(
        "ProjectWorkflow", given, id=project_workflow_id(PROJECT), task_queue=CONTROL_QUEUE, result_type=ProjectResult
    )


async def build(stage: Stage, **options: Any) -> ProjectResult:
    """Build a project to its end."""
    return await (await start(stage, **options)).result()


async def until_waiting(stage: Stage, path: str) -> None:
    """Wait until a node waits for a person; bounded."""
    for _ in range(600):
        if any(node.path == path for node in await stage.store.nodes(PROJECT)):
            node = await stage.store.node(PROJECT, NodePath(path))
            if node.status is TaskStatus.WAITING:
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} never waited")


async def until_project(stage: Stage, status: TaskStatus) -> None:
    """Wait until the project has a status; bounded."""
    for _ in range(600):
        if await stage.store.projects() and (await stage.store.project(PROJECT)).status is status:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the project never was {status.value}")


DISAGREEING = {
    ("coder", "double"): ANSWERS[("coder", "double")],
    ("coder", "quadruple"): (
        fenced("def quadruple(n: int) -> int:\n    return n * 4 if n < 500 else 0\n"),
        fenced("def quadruple(n: int) -> int:\n    return n * 4 if n < 501 else n\n"),
        fenced("def quadruple(n: int) -> int:\n    return 4 * n if n > -500 else 0\n"),
        fenced("def quadruple(n: int) -> int:\n    return 4 * n if n > -501 else n\n"),
    ),
}
