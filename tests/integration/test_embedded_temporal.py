"""The embedded Temporal server: its ports, its data, its failures."""

import asyncio
import os
import signal
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from millwright.adapters.embedded import temporal_server
from millwright.adapters.embedded.home import Home
from millwright.adapters.embedded.processes import belonging_to
from millwright.adapters.embedded.temporal_server import (
    RETENTION,
    TemporalServer,
    missing_search_attributes,
    reach_temporal,
)
from millwright.errors import NotFound, TemporalUnavailable

pytestmark = pytest.mark.temporal


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with its folders made."""
    home = Home(tmp_path)
    home.prepare()
    return home


async def test_the_server_is_ready_for_our_workflows(home: Home) -> None:
    """When the start returns, the search attributes are there and closed workflows are kept for long."""
    async with TemporalServer(home, ui=False) as server:
        client = await Client.connect(server.address)
        assert await missing_search_attributes(client) == []
        described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
        assert described.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION > timedelta(days=1)
        assert server.ui_url is None
    assert belonging_to(home.path) == ()


async def test_a_started_workflow_survives_a_killed_server_on_the_same_address(home: Home) -> None:
    """After SIGKILL the next start of the same server keeps the history and the port."""
    async with TemporalServer(home, ui=False) as server:
        client = await Client.connect(server.address)
        project = SearchAttributePair(SearchAttributeKey.for_keyword("MillwrightProject"), "kept")
        await client.start_workflow(
            "Nobody", id="kept", task_queue="none", search_attributes=TypedSearchAttributes([project])
        )
        address = server.address
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        await server.start()
        assert server.address == address
        client = await Client.connect(server.address)
        assert (await client.get_workflow_handle("kept").describe()).id == "kept"


async def test_a_busy_port_is_passed_over(home: Home) -> None:
    """With its preferred ports taken the server takes others, and serves its Web UI there."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        taken = busy.getsockname()[1]
        async with TemporalServer(home, port=taken, ui_port=taken) as server:
            assert taken not in (server.port, server.ui_port)
            assert server.ui_port is not None
            _, writer = await asyncio.open_connection("127.0.0.1", server.ui_port)
            writer.close()
            await writer.wait_closed()


async def test_a_port_lost_between_choice_and_start_is_chosen_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two homes that start at once may choose the same port; the later one chooses again."""
    async with TemporalServer(home, ui=False) as first:
        choices = iter([first.port, 0])

        def stale(preferred: object) -> int:
            return next(choices, 0) or _any_free_port()

        monkeypatch.setattr(temporal_server, "free_port", stale)
        other = Home(home.path / "other")
        other.prepare()
        async with TemporalServer(other, ui=False) as second:
            assert second.port != first.port


async def test_a_server_that_cannot_start_shows_its_log(home: Home) -> None:
    """The reason is in the message, not only in a file."""
    home.temporal_database.mkdir()
    with pytest.raises(TemporalUnavailable, match=r"temporal\.log"):
        await TemporalServer(home, ui=False).start()
    assert belonging_to(home.path) == ()


async def test_the_configured_service_is_asked_for_its_namespace(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal's own variables choose the service; a namespace that it lacks is told from a service that is down."""
    async with TemporalServer(home, ui=False) as server:
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        assert await reach_temporal() == (f"{server.address}, namespace default", [])
        monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
        with pytest.raises(NotFound, match="elsewhere"):
            await reach_temporal()
    with pytest.raises(TemporalUnavailable, match=server.address):
        await reach_temporal()


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
