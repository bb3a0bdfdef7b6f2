"""The embedded stack as a whole: up, down, killed, twice, and side by side."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import psycopg
import pytest
from temporalio.client import Client

from millwright.adapters.embedded.home import Home, StackState, free_port, read_state
from millwright.adapters.embedded.postgres_server import EmbeddedPostgres
from millwright.adapters.embedded.processes import belonging_to, identify
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.adapters.embedded.supervisor import Child
from millwright.errors import BadInput, ServiceUnavailable
from millwright.settings import ModelSettings, Settings

pytestmark = [pytest.mark.postgres, pytest.mark.temporal]

_ROOT = Path(__file__).resolve().parents[2]
_SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.adapters.embedded.supervisor import Child
from millwright.settings import Settings

def children(state):
    return [Child("sleeper", ["/bin/sh", "-c", "sleep 600 & sleep 600"], {})]

async def main():
    stack = EmbeddedStack(Settings(home=Path(sys.argv[1])), children=children, ui=False)
    try:
        async with stack:
            print("up", flush=True)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        print(f"ended by {stack.ended_by.name}", flush=True)

asyncio.run(main())
"""


async def test_everything_is_still_there_after_down_and_up(tmp_path: Path) -> None:
    """Two runs on one home share rows and workflows, and take the same ports."""
    async with EmbeddedStack(_settings(tmp_path), ui=False) as first:
        await _write_to(first)
        assert read_state(tmp_path) == first
    assert read_state(tmp_path) is None
    assert belonging_to(tmp_path) == ()
    async with EmbeddedStack(_settings(tmp_path), ui=False) as second:
        await _read_from(second)
        assert second.temporal_address == first.temporal_address


async def test_a_killed_stack_leaves_no_process_and_no_loss(tmp_path: Path) -> None:
    """After SIGKILL of the process that ran it, its processes go too, and the next run finds everything."""
    async with _supervisor(tmp_path) as process:
        state = read_state(tmp_path)
        assert state is not None
        assert set(state.pids) == {"millwright", "postgres", "temporal", "sleeper"}
        await _write_to(state)
        process.kill()
        await process.wait()
        assert read_state(tmp_path) is None
        # Identified, not looked up: a zombie that process 1 has not collected yet is no process left behind.
        await _until(lambda: not any(identify(pid) for pid in state.pids.values()))
        async with EmbeddedStack(_settings(tmp_path), ui=False) as again:
            await _read_from(again)
            assert belonging_to(tmp_path, "sleep") == ()
    assert belonging_to(tmp_path) == ()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """The signal ends the stack cleanly, grandchildren included, however often it is sent."""
    async with _supervisor(tmp_path) as process:
        assert len(belonging_to(tmp_path)) >= 4
        process.send_signal(number)
        await asyncio.sleep(0.2)
        process.send_signal(number)
        output, _ = await process.communicate()
        assert output.decode().splitlines()[-1] == f"ended by {number.name}"
        assert process.returncode == 0
    assert belonging_to(tmp_path) == ()
    assert not Home(tmp_path).state_file.exists()
    assert "database system is shut down" in Home(tmp_path).log("postgres").read_text(encoding="utf-8")


async def test_a_second_stack_on_one_home_is_refused(tmp_path: Path) -> None:
    """The refusal names the addresses of the first, which goes on undisturbed."""
    async with EmbeddedStack(_settings(tmp_path), ui=False) as state:
        assert state.temporal_address is not None
        with pytest.raises(BadInput, match=state.temporal_address):
            async with EmbeddedStack(_settings(tmp_path), ui=False):
                pass
        await _write_to(state)


async def test_two_homes_run_side_by_side(tmp_path: Path) -> None:
    """Two stacks that start at once get different ports and different data."""
    async with contextlib.AsyncExitStack() as exits:
        one, two = await asyncio.gather(
            exits.enter_async_context(EmbeddedStack(_settings(tmp_path / "one"), handle_signals=False)),
            exits.enter_async_context(EmbeddedStack(_settings(tmp_path / "two"), handle_signals=False)),
        )
        assert one.temporal_address != two.temporal_address
        assert one.ui_url != two.ui_url
        await _write_to(one)
        await _write_to(two)


async def test_a_reading_command_uses_the_running_stack(tmp_path: Path) -> None:
    """The database of a running stack is used as it is, and left running."""
    async with EmbeddedStack(_settings(tmp_path), ui=False) as state:
        async with EmbeddedPostgres(tmp_path) as url:
            assert url == state.database_url
        await _write_to(state)


async def test_a_crashed_part_is_started_again(tmp_path: Path) -> None:
    """A killed child, server or database comes back, at the same address and with the state up to date."""
    reports: list[str] = []

    def children(state: StackState) -> Sequence[Child]:
        return [Child("sleeper", ["sleep", "600"], {"PATH": os.defpath})]

    stack = EmbeddedStack(_settings(tmp_path), children=children, ui=False, report=reports.append)
    async with stack as before:
        await _write_to(before)
        killed = {"sleeper", "temporal", "postgres"}
        for name in killed:
            os.kill(before.pids[name], signal.SIGKILL)
        await _until(lambda: {report.split()[0] for report in reports if report.endswith("runs again")} == killed)
        await _read_from(stack.state)
        published = read_state(tmp_path)
        assert published == stack.state
        assert published is not None
        assert all(published.pids[name] != before.pids[name] for name in killed)


async def test_a_child_learns_the_addresses_and_is_waited_for(tmp_path: Path) -> None:
    """A child that serves a model is up, at the announced address, when the block is entered."""

    def children(state: StackState) -> Sequence[Child]:
        assert state.model_url is not None
        port = state.model_url.split(":")[2].partition("/")[0]
        serve = [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", str(tmp_path)]
        return [Child("model", serve, state.environment(), ready_port=int(port))]

    async with EmbeddedStack(_settings(tmp_path), children=children, serves_model=True, ui=False) as state:
        assert state.model_url is not None
        _, writer = await asyncio.open_connection("127.0.0.1", int(state.model_url.split(":")[2].partition("/")[0]))
        writer.close()
        await writer.wait_closed()


async def test_a_child_that_does_not_come_up_takes_the_stack_down(tmp_path: Path) -> None:
    """The error carries the end of the child's log, and nothing is left running."""

    def children(state: StackState) -> Sequence[Child]:
        return [Child("broken", ["/bin/sh", "-c", "echo no such wheel; exit 3"], {}, ready_port=free_port([]))]

    with pytest.raises(ServiceUnavailable, match="no such wheel"):
        async with EmbeddedStack(_settings(tmp_path), children=children, ui=False):
            pass
    assert belonging_to(tmp_path) == ()
    assert read_state(tmp_path) is None


async def test_services_of_the_callers_are_not_started(tmp_path: Path) -> None:
    """With all three named in the settings the stack runs only the children, and publishes no address."""
    settings = Settings(
        home=tmp_path,
        database_url="postgresql+psycopg://user:secret@db/x",
        temporal_address="temporal:7233",
        model=ModelSettings(url="http://model/v1", name="m"),
    )
    async with EmbeddedStack(settings, serves_model=True) as state:
        assert (state.database_url, state.temporal_address, state.model_url) == (None, None, None)
        assert set(state.pids) == {"millwright"}
        assert "secret" not in Home(tmp_path).state_file.read_text(encoding="utf-8")


def _settings(home: Path) -> Settings:
    return Settings(home=home)


@contextlib.asynccontextmanager
async def _supervisor(home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a stack in a process of its own, and end that process whatever happens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SUPERVISOR, str(home), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"up\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)


async def _write_to(state: StackState) -> None:
    assert state.database_url is not None
    assert state.temporal_address is not None
    async with await psycopg.AsyncConnection.connect(state.database_url.replace("+psycopg", "")) as connection:
        await connection.execute("create table kept (word text)")
        await connection.execute("insert into kept values ('here')")
    client = await Client.connect(state.temporal_address)
    await client.start_workflow("Nobody", id="kept", task_queue="none")


async def _read_from(state: StackState) -> None:
    assert state.database_url is not None
    assert state.temporal_address is not None
    async with await psycopg.AsyncConnection.connect(state.database_url.replace("+psycopg", "")) as connection:
        assert await (await connection.execute("select word from kept")).fetchall() == [("here",)]
    client = await Client.connect(state.temporal_address)
    assert (await client.get_workflow_handle("kept").describe()).id == "kept"
