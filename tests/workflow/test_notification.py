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
from schemas.people import Told
from tests.notices import notice
from tests.wire.endpoint import http, listening, reset
from tests.workflow.environment import server_program
from tests.workflow.telling import Telling
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
