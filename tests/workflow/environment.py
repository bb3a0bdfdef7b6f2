"""A real Temporal test server with our workflows and activities, an in-memory store and a model of a few lines."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client as TemporalClient
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import ModelRefused
from millwright.ports import Notifier, Sandbox
from millwright.settings import Settings
from millwright.temporal import data_converter
from millwright.toolbox import open_toolbox
from schemas.models import (
    EARLIER_PLAN_LINE,
    REJECTED_LINE,
    ROLE_LINE,
    TASK_LINE,
    Choice,
    FinishReason,
    ModelAnswer,
    ModelRequest,
    Usage,
)
from schemas.presets import ModelProfile
from tests.unit.activity_fakes import single
from worker import Ports, activities_of
from workflows.identifiers import (
    NODE_ATTRIBUTE,
    PROJECT_ATTRIBUTE,
    SPEND_ATTRIBUTE,
    STATE_ATTRIBUTE,
    WAITS_FOR_ATTRIBUTE,
)
from workflows.node import NodeWorkflow
from workflows.project import ProjectWorkflow
from workflows.sandbox import runner

_ROLE = re.compile(rf"^{re.escape(ROLE_LINE)}(\w+)$", re.MULTILINE)
_TASK = re.compile(rf"^{re.escape(TASK_LINE)}(\S+)$", re.MULTILINE)


@dataclass
class TableModel:
    """Answers from a table by (archetype, task), the texts of an entry in turn by seed; counts its calls.

    A prompt that tells of an earlier plan is answered from ("<archetype> again", task), and so is one that tells what a
    person rejected, where there is such an entry. ``told`` are the prompts, as they were sent.
    """

    answers: Mapping[tuple[str, str], Sequence[str]]
    calls: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer by the prompt's role and task."""
        text = "\n".join(message.content for message in request.prompt.messages)
        role, task = _ROLE.search(text), _TASK.search(text)
        again = " again" if EARLIER_PLAN_LINE in text else ""
        key = (role[1] + again if role else "", task[1] if task else "")
        if REJECTED_LINE in text and (f"{key[0]} again", key[1]) in self.answers:
            key = (f"{key[0]} again", key[1])
        self.told.append(text)
        if key not in self.answers:
            raise ModelRefused(f"no answer is written down for {key}", sent=False)
        self.calls.append(key)
        texts = self.answers[key]
        return ModelAnswer(
            choices=(Choice(text=texts[request.seed % len(texts)], finish_reason=FinishReason.STOP),),
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="table",
            endpoint="memory",
        )


@dataclass
class Stage:
    """Everything that a workflow test needs.

    ``restart`` puts workers that know nothing in the place of all, ``stop`` leaves none.
    """

    client: TemporalClient
    environment: WorkflowEnvironment
    store: MemoryStore
    model: TableModel
    restart: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]


def server_program() -> str:
    """Find the time-skipping test server that the development dependencies install."""
    beside = Path(sys.executable).with_name("temporal-test-server")
    found = str(beside) if beside.exists() else shutil.which("temporal-test-server")
    if not found:
        raise RuntimeError("temporal-test-server is not installed: run `make setup`")
    return found


@asynccontextmanager
async def staged(
    model: TableModel,
    *,
    workflow_runner: SandboxedWorkflowRunner | None = None,
    sandbox: Callable[[Sandbox], Sandbox] = lambda real: real,
    cached_workflows: int = 1000,
    recalls_all: bool = False,
    notifiers: Sequence[Notifier] = (),
    store: MemoryStore | None = None,
) -> AsyncIterator[Stage]:
    """Run a time-skipping server and workers on every queue; ``sandbox`` may put something around the real one."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=server_program(), data_converter=data_converter
    ) as environment:
        await _add_search_attributes(environment.client)
        store = store or MemoryStore()
        async with AsyncExitStack() as serving:
            tools = await serving.enter_async_context(open_toolbox(Settings.read(os.environ).cache))
            ports = Ports(
                model=model,
                projects=store,
                artifacts=store,
                breakers=store,
                preset=single("table", "http://memory/v1", ModelProfile()),
                sandbox=sandbox(tools.sandbox),
                analyser=tools.analyser,
                inputs=tools.inputs,
                second=tools.second,
                recalls_all=recalls_all,
                notifiers=notifiers,
            )

            async def serve() -> None:
                for queue, activities in activities_of(ports).items():
                    await working.enter_async_context(
                        Worker(
                            environment.client,
                            task_queue=queue,
                            activities=activities,
                            workflows=[ProjectWorkflow, NodeWorkflow] if "control" in queue else [],
                            workflow_runner=workflow_runner or runner(),
                            max_concurrent_activities=4,
                            max_cached_workflows=cached_workflows,
                        )
                    )

            async def stop() -> None:
                await working.aclose()

            async def restart() -> None:
                await stop()
                await serve()

            working = await serving.enter_async_context(AsyncExitStack())
            await serve()
            yield Stage(environment.client, environment, store, model, restart, stop)


async def _add_search_attributes(client: TemporalClient) -> None:
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    keys = (PROJECT_ATTRIBUTE, NODE_ATTRIBUTE, STATE_ATTRIBUTE, WAITS_FOR_ATTRIBUTE)
    attributes = {key.name: keyword for key in keys}
    attributes[SPEND_ATTRIBUTE.name] = IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
    )
    await asyncio.sleep(0)
