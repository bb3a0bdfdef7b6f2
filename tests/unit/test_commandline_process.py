"""The command as a process: that it always ends, and what its composition root does with the settings."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import starter
from millwright.adapters.embedded.checks import check_temporal_service, model_trouble
from millwright.adapters.embedded.demo_model import demo_server
from millwright.adapters.embedded.home import LOOPBACK, StackState, free_port
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.errors import BadInput, ModelUnavailable
from millwright.model_setup import first_asked, model_silence
from millwright.settings import ModelSettings, Settings

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0


def ended(arguments: Sequence[str], home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python on ``arguments`` over a home of its own; fails when it has not ended by the deadline."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MILLWRIGHT_", "TEMPORAL_"))
    }
    environment |= {"MILLWRIGHT_HOME": str(home), "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [(["--help"], 0, "Usage"), (["list"], 0, "nothing was built here"), (["status", "nobody"], 2, "")],
)
def test_a_command_ends_with_its_code(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    """A real process delivers its text and its exit code in time."""
    found = ended(["-m", "starter", *arguments], tmp_path / "home")
    assert found.returncode == code, found.stderr
    assert told in found.stdout


def test_a_thread_that_never_ends_does_not_hold_the_process(tmp_path: Path) -> None:
    """Native threads of a library may still run at the end; code and buffered text are delivered all the same."""
    program = (
        "import sys, threading, starter\n"
        "def run(*_, **__):\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    sys.stdout.write('waiting')\n"
        "    return 3\n"
        "starter.run = run\n"
        "starter.main()\n"
    )
    found = ended(["-c", program], tmp_path / "home")
    assert (found.returncode, found.stdout) == (3, "waiting")


def test_a_wanted_traceback_ends_the_process_as_failed(tmp_path: Path) -> None:
    """What the command line lets through is printed whole, with exit code 1."""
    program = (
        "import starter\ndef run(*_, **__):\n    raise ZeroDivisionError('seen')\nstarter.run = run\nstarter.main()\n"
    )
    found = ended(["-c", program], tmp_path / "home")
    assert found.returncode == 1
    assert "ZeroDivisionError: seen" in found.stderr


def test_a_build_on_a_dead_model_is_refused_before_the_stack_starts(tmp_path: Path) -> None:
    """Nothing answers at the endpoint: one line, exit code 5, and no stack."""
    requirements = tmp_path / "orders.md"
    requirements.write_text("Price orders.")
    with socket.socket() as bound:  # bound and not listening: every connection is refused
        bound.bind((LOOPBACK, 0))
        url = f"http://{LOOPBACK}:{bound.getsockname()[1]}/v1"
        found = ended(
            ["-m", "starter", "build", str(requirements)],
            tmp_path / "home",
            MILLWRIGHT_MODEL_URL=url,
            MILLWRIGHT_MODEL_NAME="large",
            MILLWRIGHT_MODEL_KEY="hush",
        )
    assert found.returncode == 5
    assert found.stderr.count("\n") == 1
    assert f"the model endpoint {url} does not answer" in found.stderr
    assert "hush" not in found.stderr
    assert not (tmp_path / "home" / "data").exists()


async def test_only_a_build_demands_that_the_model_answers(tmp_path: Path) -> None:
    """The session of a build refuses to start on a dead endpoint."""
    variables = {
        "MILLWRIGHT_HOME": str(tmp_path),
        "MILLWRIGHT_MODEL_URL": f"http://{LOOPBACK}:{free_port([])}/v1",
        "MILLWRIGHT_MODEL_NAME": "large",
    }
    notes: list[str] = []
    with pytest.raises(ModelUnavailable, match="MILLWRIGHT_MODEL_URL"):
        async with starter.Adapters(variables).session(notes.append, builds=True):
            pass
    assert notes == []


async def test_any_answer_of_the_model_endpoint_counts() -> None:
    """A status that refuses is an answer too: the probe asks only whether somebody is there."""
    with demo_server() as server:
        assert await model_trouble(ModelSettings(url=server.url, name="large")) is None
        assert await model_trouble(ModelSettings(url=f"{server.url}/nowhere/v1", name="large")) is None


async def test_the_state_names_the_model_of_the_caller(tmp_path: Path) -> None:
    """URL and name are written down, a password in the URL and the key are not."""
    settings = Settings(
        home=tmp_path,
        database_url="postgresql://nowhere/none",
        temporal_address="nowhere:1",
        model=ModelSettings(url="http://me:secret@model.example:8000/v1", name="large", key="hush"),
    )
    async with EmbeddedStack(settings, serves_model=True, handle_signals=False) as state:
        written = (tmp_path / "stack.json").read_text()
    assert (state.model_url, state.external_model_url) == (None, "http://model.example:8000/v1")
    assert state.model_name == "large"
    assert "hush" not in written
    assert "secret" not in written
    endpoints = starter.Adapters({})._endpoints(state)
    assert (endpoints.model, endpoints.model_name) == ("http://model.example:8000/v1", "large")
    assert not endpoints.demo_model


async def test_a_preset_is_told_by_the_model_that_coders_ask_first(tmp_path: Path) -> None:
    """A stack with a preset serves no demo model, and its state names the preset's."""
    services = {"MILLWRIGHT_DATABASE_URL": "postgresql://nowhere/none", "TEMPORAL_ADDRESS": "nowhere:1"}
    settings = Settings.read({**services, "MILLWRIGHT_HOME": str(tmp_path), "MILLWRIGHT_MODEL_PRESET": "dual"})
    stack = EmbeddedStack(settings, serves_model=True, model=first_asked(settings), handle_signals=False)
    async with stack as state:
        assert state.model_url is None
        assert state.model_name == "TheBloke/deepseek-coder-6.7B-instruct-AWQ"
        assert state.external_model_url == "http://127.0.0.1:8000/v1"


async def test_a_model_is_silent_when_none_of_its_endpoints_answers(tmp_path: Path) -> None:
    """One endpoint of several is enough; a model without any is told, with what to set."""
    with demo_server() as server:
        dead = f"http://{LOOPBACK}:{free_port([])}/v1"
        told = "name: x\nmodels:\n  a: {name: a, endpoints: [%s, %s]}\n  b: {name: b, endpoints: [%s]}\n"
        preset = tmp_path / "mine.yaml"
        settings = Settings.read({"MILLWRIGHT_MODEL_PRESET": str(preset)})
        preset.write_text(told % (dead, server.url, server.url) + "default: {models: [a, b]}\n")
        assert await model_silence(settings, {}) is None
        preset.write_text(told % (dead, server.url, dead) + "default: {models: [a, b]}\n")
        silence = await model_silence(settings, {})
    assert silence is not None
    assert dead in silence
    assert "MILLWRIGHT_MODEL_HOST" in silence
    hosted = Settings.read({"MILLWRIGHT_MODEL_PRESET": "hosted"})
    assert "set MILLWRIGHT_MODEL_URL" in str(await model_silence(hosted, {}))
    assert await model_silence(Settings.read({}), {}) is None


async def test_a_probe_asks_every_endpoint_of_the_settings() -> None:
    """One that answers is really asked, and the demo's knows no such task; one that is gone is silent."""
    with demo_server() as server:
        environment = {"MILLWRIGHT_MODEL_URL": server.url, "MILLWRIGHT_MODEL_NAME": "millwright-demo"}
        (found,) = await starter.Adapters(environment).probes()
    assert (found.model, found.endpoint, found.silence) == ("millwright-demo", server.url, "")
    (seen,) = found.capabilities
    assert (seen.name, seen.ok) == ("completion", False)
    assert server.url in seen.detail
    (gone,) = await starter.Adapters(environment).probes()
    assert server.url in gone.silence
    with pytest.raises(BadInput, match="set MILLWRIGHT_MODEL_PRESET"):
        await starter.Adapters({}).probes()


def test_the_demo_model_is_known_as_such(tmp_path: Path) -> None:
    """A stack that serves its own model serves the demo model."""
    endpoints = starter.Adapters({})._endpoints(
        StackState(home=tmp_path, model_url="http://127.0.0.1:8234/v1", pids={})
    )
    assert (endpoints.model_name, endpoints.demo_model) == ("millwright-demo", True)


@pytest.mark.parametrize(
    ("database", "temporal", "told"),
    [
        (None, None, ""),
        ("postgresql://mine/db", None, ": Postgres as MILLWRIGHT_DATABASE_URL says, Temporal embedded"),
        (None, "mine:7233", ": Postgres embedded, Temporal as TEMPORAL_ADDRESS says"),
    ],
)
def test_a_stack_says_which_parts_are_configured(
    tmp_path: Path, database: str | None, temporal: str | None, told: str
) -> None:
    """One service may be the caller's own and the other embedded."""
    settings = Settings(home=tmp_path, database_url=database, temporal_address=temporal)
    assert starter._configured_parts(settings) == told


def test_reading_and_building_use_the_same_database(tmp_path: Path) -> None:
    """A running stack's own comes first, unless both services are configured; what is passed over is told."""
    running = StackState(home=tmp_path, database_url="postgresql://own/db", temporal_address="own:1", pids={})
    mine = Settings(home=tmp_path, database_url="postgresql://mine/db")
    both = Settings(home=tmp_path, database_url="postgresql://mine/db", temporal_address="mine:1")
    assert starter._database(mine, None) == "postgresql://mine/db"
    assert starter._database(mine, running) == "postgresql://own/db"
    assert starter._database(both, running) == "postgresql://mine/db"
    notes: list[str] = []
    starter._tell_of_unused(mine, running, notes.append)
    assert len(notes) == 1
    assert "MILLWRIGHT_DATABASE_URL is not" in notes[0]


async def test_the_remedy_for_a_dead_temporal_names_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy can be run as it stands."""
    address = f"{LOOPBACK}:{free_port([])}"
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    check = await check_temporal_service(address)
    assert not check.ok
    assert check.remedy == f"temporal operator cluster health --address {address}"
