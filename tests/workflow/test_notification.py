"""Telling people through Temporal itself, to a receiver that is away for a while."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.notification import Notification
from millwright.adapters.embedded.temporal_server import executable
from millwright.adapters.notification.command import CommandNotifier
from millwright.adapters.notification.webhook import WebhookNotifier
from millwright.ports import Notifier
from millwright.settings import Webhook
from millwright.temporal import data_converter
from schemas.identity import NodePath
from schemas.people import Told
from tests.notices import notice
from tests.wire.endpoint import http, listening, reset
from tests.workflow.builds import DISAGREEING, PROJECT, start, until_waiting
from tests.workflow.environment import TableModel, server_program, staged
from tests.workflow.telling import Telling
from workflows.identifiers import node_workflow_id
from workflows.sandbox import runner

pytestmark = pytest.mark.temporal

TOLD = http(200, b"ok")


@asynccontextmanager
async def server(kind: str) -> AsyncIterator[WorkflowEnvironment]:
    """Run the time-skipping server, or the development server that the embedded stack runs."""
    starting = (
        WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=server_program(), data_converter=data_converter
        )
        if kind == "skipping"
        else WorkflowEnvironment.start_local(
            dev_server_existing_path=str(executable()), dev_server_log_level="error", data_converter=data_converter
        )
    )
    async with await starting as environment:
        yield environment


async def told(environment: WorkflowEnvironment, *notifiers: Notifier) -> Told | int:
    """Tell of a notice by a workflow, with the policy that workflows tell people by."""
    async with Worker(
        environment.client,
        task_queue="telling",
        workflows=[Telling],
        activities=[Notification(notifiers).notify],
        workflow_runner=runner(),
    ):
        return await environment.client.execute_workflow(
            Telling.run, notice(), id=f"telling-{uuid4().hex}", task_queue="telling"
        )


@pytest.mark.parametrize("kind", ["skipping", "development"])
async def test_a_receiver_that_was_away_is_told_later_and_nobody_twice(kind: str, tmp_path: Path) -> None:
    """After a 503 and a lost connection the third attempt gets through; the program that was reached is left alone.

    Whom earlier attempts reached is in their heartbeats, which outlive failures though there is no heartbeat timeout.
    """

    async def lost(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    script = tmp_path / "tell"
    script.write_text(f"#!/bin/sh\necho told >>'{tmp_path}/log'\n", encoding="utf-8")
    script.chmod(stat.S_IRWXU)
    async with server(kind) as environment, listening(http(503, b"later"), lost, TOLD) as endpoint:
        webhook = WebhookNotifier(Webhook(url=f"{endpoint.url}/hook", key=b"k"))
        found = await told(environment, CommandNotifier([str(script)], {}), webhook)
    assert found == Told(reached=("command", "webhook"))
    assert (tmp_path / "log").read_text(encoding="utf-8") == "told\n"
    assert [body["id"] for body in endpoint.bodies] == [notice().id] * 3
    identities = {
        line for head in endpoint.heads for line in head.splitlines() if line.lower().startswith("webhook-id:")
    }
    assert len(identities) == 1


async def test_a_receiver_that_refuses_ends_the_telling_at_once() -> None:
    """A wrong address is asked once, and the result says why nobody was told."""
    async with server("skipping") as environment, listening(http(404, b"no")) as endpoint:
        found = await told(environment, WebhookNotifier(Webhook(url=f"{endpoint.url}/T0KEN", key=b"k")))
    assert isinstance(found, Told)
    assert found.reached == ()
    assert "answered 404" in found.refused["webhook"]
    assert "T0KEN" not in found.refused["webhook"]
    assert len(endpoint.bodies) == 1


async def test_a_receiver_that_never_comes_back_is_given_up_after_a_day() -> None:
    """The attempts come at longer and longer intervals, 15 minutes at most, until the policy's limit."""
    async with server("skipping") as environment, listening(http(503, b"never")) as endpoint:
        with pytest.raises(WorkflowFailureError):
            await told(environment, WebhookNotifier(Webhook(url=f"{endpoint.url}/hook", key=b"k")))
    # Doubled from 1 s on, the pauses reach 15 minutes with the eleventh attempt; 94 of those make up the day.
    assert 100 <= len(endpoint.bodies) <= 106


@pytest.mark.sandbox
async def test_people_are_told_of_what_a_build_waits_for_and_reminded() -> None:
    """The receiver hears of the question with the command that answers it, and is reminded after an hour.

    It is away from the second reminder on, which holds up neither the answer nor the build.
    """
    replies = (TOLD, TOLD, http(503, b"away"))
    async with listening(*replies) as endpoint:
        webhook = WebhookNotifier(Webhook(url=f"{endpoint.url}/hook", key=b"k"))
        async with staged(TableModel(DISAGREEING), notifiers=[webhook]) as stage:
            waiting = {"remind_after_seconds": 3600, "assignee": "ada"}
            handle = await start(stage, k=6, max_attempts=8, waiting=waiting)
            await until_waiting(stage, "root.quadruple")
            await stage.environment.sleep(4 * 3600)
            question = (await stage.store.questions(PROJECT))[-1]
            node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
            answer = {"question": question.id, "decision_id": "1", "value": "accept_partial", "by": "ada"}
            await node.execute_update("answer", answer)
            assert (await handle.result()).exit_code == 6
    told = [(body["event"], body["question"]["id"]) for body in endpoint.bodies]
    assert told[:3] == [("opened", question.id), ("reminder", question.id), ("reminder", question.id)]
    first = endpoint.bodies[0]
    assert first["command"] == f"millwright answer sums/{question.id} {question.options[0]}"
    assert first["command"] in first["text"]
    assert "waits for ada" in first["text"]
    assert "for ada, since 1 hour" in endpoint.bodies[1]["text"]
    assert len({body["id"] for body in endpoint.bodies}) == 3
