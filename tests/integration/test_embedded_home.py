"""The home of the embedded stack: its lock, its state, its ports."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from millwright.adapters.embedded.home import (
    Home,
    Ports,
    ProcessMark,
    Purpose,
    StackState,
    StateFile,
    free_port,
    held,
    is_free,
    read_state,
)
from millwright.adapters.embedded.processes import own_identity
from millwright.errors import BadInput, ServiceUnavailable


async def test_a_second_stack_is_refused_and_told_who_holds_the_home(tmp_path: Path) -> None:
    """The message is one line and names the process."""
    home = Home(tmp_path / "home")
    async with held(home, Purpose.STACK):
        with pytest.raises(BadInput, match=f"process {os.getpid()}") as refusal:
            async with held(home, Purpose.STACK):
                pass
    assert "\n" not in str(refusal.value)


async def test_the_refusal_names_the_addresses_of_the_running_stack(tmp_path: Path) -> None:
    """Whoever meets the refusal learns where the running stack is."""
    home = Home(tmp_path)
    async with held(home, Purpose.STACK):
        home.write(home.state_file, _state(home, ready=True))
        with pytest.raises(BadInput, match=r"127\.0\.0\.1:7233.*http://127\.0\.0\.1:8233"):
            async with held(home, Purpose.STACK):
                pass


async def test_a_stack_waits_for_a_reading_command(tmp_path: Path) -> None:
    """A home held for reading is not refused but waited for."""
    home = Home(tmp_path)
    entered: list[str] = []

    async def up() -> None:
        async with held(home, Purpose.STACK, patience=10.0):
            entered.append("stack")

    async with held(home, Purpose.POSTGRES):
        waiting = asyncio.create_task(up())
        await asyncio.sleep(0.2)
        assert entered == []
    await waiting
    assert entered == ["stack"]


async def test_waiting_for_a_reading_command_has_an_end(tmp_path: Path) -> None:
    """A reading command that does not end is named after the patience is used up."""
    home = Home(tmp_path)
    async with held(home, Purpose.POSTGRES):
        with pytest.raises(ServiceUnavailable, match=f"by process {os.getpid()}"):
            async with held(home, Purpose.STACK, patience=0.0):
                pass


async def test_the_lock_of_a_dead_holder_is_free(tmp_path: Path) -> None:
    """What a killed process wrote into the lock refuses nobody."""
    home = Home(tmp_path)
    home.prepare()
    home.lock_file.write_text('{"process":{"pid":1,"started":-1},"purpose":"stack"}', encoding="utf-8")
    async with held(home, Purpose.STACK, patience=0.0):
        pass


def test_a_state_is_read_only_while_its_stack_lives_and_is_ready(tmp_path: Path) -> None:
    """A starting, a dead and an absent stack all read as none."""
    home = Home(tmp_path)
    assert read_state(tmp_path) is None
    home.write(home.state_file, _state(home, ready=False))
    assert read_state(tmp_path) is None
    home.write(home.state_file, _state(home, ready=True, started=-1))
    assert read_state(tmp_path) is None
    home.write(home.state_file, _state(home, ready=True))
    state = read_state(tmp_path)
    assert state is not None
    assert state.environment()["TEMPORAL_ADDRESS"] == "127.0.0.1:7233"


def test_a_state_of_another_version_is_refused_with_its_path(tmp_path: Path) -> None:
    """A file that does not fit is named, not guessed at."""
    home = Home(tmp_path)
    home.state_file.write_text('{"version": 99}', encoding="utf-8")
    with pytest.raises(BadInput, match=r"stack\.json"):
        read_state(tmp_path)


async def test_a_home_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    """The message names the variable to change."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="MILLWRIGHT_HOME"):
        async with held(Home(tmp_path / "file" / "home"), Purpose.STACK):
            pass


def test_the_home_is_closed_to_others(tmp_path: Path) -> None:
    """Only the owner may look into the data."""
    home = Home(tmp_path / "home")
    home.prepare()
    assert {folder.stat().st_mode & 0o777 for folder in (home.path, home.data)} == {0o700}


def test_a_busy_port_is_passed_over() -> None:
    """The first preferred port that is free wins, and a listening one is not free."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        taken = busy.getsockname()[1]
        other = free_port([None])
        assert not is_free(taken)
        assert free_port([taken, other]) == other
        assert free_port([taken]) != taken


def test_damaged_ports_are_no_loss(tmp_path: Path) -> None:
    """Ports that cannot be read are chosen anew."""
    home = Home(tmp_path)
    home.ports_file.write_text("not json", encoding="utf-8")
    assert home.last_ports() == Ports()


def _state(home: Home, *, ready: bool, started: int | None = None) -> StateFile:
    own = ProcessMark.of(own_identity())
    supervisor = own if started is None else own.model_copy(update={"started": started})
    return StateFile(
        supervisor=supervisor,
        ready=ready,
        state=StackState(
            home=home.path,
            temporal_address="127.0.0.1:7233",
            ui_url="http://127.0.0.1:8233",
            database_url="postgresql+psycopg://",
            pids={"millwright": own.pid},
        ),
    )
