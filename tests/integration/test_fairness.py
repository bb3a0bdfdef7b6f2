"""Projects that flood the queue of model calls take turns, and what others wait for goes first; counted, not timed."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from millwright.adapters.embedded.home import Home
from millwright.adapters.embedded.temporal_server import TemporalServer
from schemas.identity import ProjectId
from schemas.requests import Purpose
from workflows import policies
from workflows.identifiers import MODEL_QUEUE

pytestmark = pytest.mark.temporal

CALLS = 12
FLOODS = "floods"
PATIENCE = timedelta(minutes=5)


@workflow.defn
class Flood:
    """Queues many model calls of one project at once."""

    @workflow.run
    async def run(self, project: str, purpose: Purpose) -> None:
        """Queue them, and wait for all."""
        await asyncio.gather(
            *(
                workflow.execute_activity(
                    "answer",
                    f"{project} {purpose.value}",
                    task_queue=MODEL_QUEUE,
                    start_to_close_timeout=PATIENCE,
                    priority=policies.urgency(ProjectId(project), purpose),
                )
                for _ in range(CALLS)
            )
        )


async def answered(home: Home, *floods: tuple[str, Purpose]) -> list[str]:
    """Queue each flood as a whole, one after the other, then serve the queue one call at a time; returns the order."""
    order: list[str] = []

    @activity.defn
    async def answer(whose: str) -> None:
        order.append(whose)

    async with TemporalServer(home, ui=False) as server:
        client = await Client.connect(server.address)
        async with Worker(client, task_queue=FLOODS, workflows=[Flood], workflow_runner=UnsandboxedWorkflowRunner()):
            handles = []
            for number, flood in enumerate(floods):
                handle = await client.start_workflow(Flood.run, args=list(flood), id=f"{number}", task_queue=FLOODS)
                await _until_queued(handle)
                handles.append(handle)
            async with Worker(client, task_queue=MODEL_QUEUE, activities=[answer], max_concurrent_activities=1):
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    for handle in handles:
                        await handle.result()
    return order


async def _until_queued(handle: WorkflowHandle[Flood, None]) -> None:
    async with asyncio.timeout(60):
        while True:
            events = (await handle.fetch_history()).events
            queued = [item for item in events if item.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
            if len(queued) == CALLS:
                return
            await asyncio.sleep(0.1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with its folders made."""
    home = Home(tmp_path)
    home.prepare()
    return home


async def test_a_project_that_came_later_is_not_served_last(home: Home) -> None:
    """With one slot, of what is served while both have calls queued each project has about half."""
    order = await answered(home, ("first", Purpose.CODE), ("second", Purpose.CODE))
    assert len(order) == 2 * CALLS
    half = [item.split()[0] for item in order[:CALLS]]
    # In turns from the start would be 6; the server hands tasks out by queue partition, which is not exact.
    assert CALLS // 4 <= half.count("second") <= CALLS - CALLS // 4, order


async def test_what_others_wait_for_goes_first(home: Home) -> None:
    """A plan that was asked for last is drawn before most of the code that was queued before it."""
    order = await answered(home, ("one", Purpose.CODE), ("one", Purpose.DECOMPOSE))
    first = [item.split()[1] for item in order[:CALLS]]
    assert first.count("decompose") >= CALLS * 3 // 4, order
