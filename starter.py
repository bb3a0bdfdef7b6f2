"""The ``millwright`` command: a composition root that makes the adapters the command line asks for, each when it asks.

Nothing heavy is imported before, so that help answers at once. Commands live in ``millwright.commandline``.
"""

import asyncio
import os
import shutil
import sys
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millwright.commandline.application import run
from millwright.commandline.composition import Check, Endpoints, LadderTools, Note, Probe, Session, Stores

if TYPE_CHECKING:
    from millwright.adapters.embedded.home import StackState
    from millwright.adapters.embedded.stack import EmbeddedStack
    from millwright.adapters.embedded.supervisor import Child
    from millwright.core.verification.layer import Subject
    from millwright.settings import Settings
    from schemas.identity import Archetype
    from schemas.presets import ModelProfile, Preset
    from schemas.red_flags import RuleSettings
    from schemas.requirements import FrontMatter
    from schemas.specification import TaskSpecification
    from schemas.verification import Verdict

ROOT = Path(__file__).resolve().parent
"""Where the packages lie: the repository, or site-packages."""

LADDER_TOOLS = ("mypy", "ruff", "hypothesis", "bandit", "crosshair-tool", "wasmtime", "componentize-py")
"""What the ladder and the looks at winners are made with, by the names of their packages."""


class Adapters:
    """The composition over the real adapters, for one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def settings(self) -> "Settings":
        """Read the settings. Raises BadInput."""
        from millwright.settings import Settings

        return Settings.read(self._environment)

    def read_requirements(self, content: bytes, origin: str) -> str:
        """Read prose. Raises BadInput."""
        from millwright.adapters.documents.specification_file import read_requirements

        return read_requirements(content, origin)

    def read_head(self, requirements: str, origin: str) -> "FrontMatter":
        """Read what the head of prose fixes. Raises BadInput."""
        from millwright.adapters.documents.front_matter import read_front_matter
        from millwright.core.requirements import head_of

        return read_front_matter(head_of(requirements), origin)

    def read_specification(self, content: bytes, origin: str) -> "tuple[TaskSpecification, ...]":
        """Read and resolve task specifications. Raises SpecificationInvalid."""
        from millwright.adapters.documents.specification_file import read_specification
        from millwright.core.specification import check_document, resolve
        from millwright.errors import BadInput

        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{origin} is not text in UTF-8: save it as UTF-8 and try again") from error
        return resolve(read_specification(text, origin, check_document))

    def read_fields(self, content: bytes, origin: str) -> dict[str, Any]:
        """Read some fields of one task specification, YAML or JSON, unchecked. Raises BadInput."""
        from millwright.adapters.documents.specification_file import read_fields

        return read_fields(content, origin)

    def read_red_flags(self, content: bytes, origin: str) -> "Mapping[Archetype, RuleSettings]":
        """Read a file of red flags' rules, checked. Raises BadInput."""
        from millwright.adapters.documents.red_flag_rules import read_red_flags
        from millwright.core.red_flags.rule_set import settings_faults

        return read_red_flags(content, origin, settings_faults)

    def assumed_model(self) -> "tuple[str, ModelProfile]":
        """Name the configured model, or else the demo's, and read what is assumed of it. Raises BadInput."""
        from millwright.core.basis import planned_by
        from millwright.model_setup import assumed_preset

        entry = planned_by(assumed_preset(self.settings()))
        return entry.name, entry

    def presets(self) -> "Mapping[str, Preset]":
        """Read the presets that come with the program, by name. Raises BadInput."""
        from millwright.adapters.documents.preset_files import presets_in
        from millwright.model_setup import PRESETS

        return presets_in(PRESETS)

    def preset(self, chosen: str) -> "Preset":
        """Read a preset by name or path. Raises BadInput."""
        from millwright.adapters.documents.model_presets import preset_of
        from millwright.model_setup import PRESETS

        return preset_of(None, chosen, PRESETS)

    async def probes(self) -> tuple[Probe, ...]:
        """Ask every endpoint of the configured preset what it can do. Raises BadInput where none is configured."""
        from millwright.model_setup import probed

        return tuple([Probe(*each) for each in await probed(self.settings(), self._environment)])

    def has_program(self, name: str) -> bool:
        """Say whether a program is on the path."""
        return shutil.which(name, path=self._environment.get("PATH")) is not None

    def run_program(self, command: Sequence[str]) -> int:
        """Run a program to its end, with its output on stderr; return its status."""
        from millwright.adapters.embedded.model_servers import run_program

        return run_program(command, self._environment)

    async def start_server(
        self, command: Sequence[str], variables: Mapping[str, str], name: str, port: int
    ) -> tuple[int, Path]:
        """Start a server in the background and wait until it answers; return its process id and its log.

        Raises BadInput where the port is in use, ModelUnavailable where it does not start.
        """
        from millwright.adapters.embedded.home import Home
        from millwright.adapters.embedded.model_servers import start_server

        log = Home(self.settings().home).log(f"vllm-{name}")
        return await start_server(command, {**self._environment, **variables}, port=port, log=log), log

    @asynccontextmanager
    async def stores(self, note: Note) -> AsyncIterator[Stores]:
        """Open the stores; with no database running or configured, over the home's Postgres for as long as needed."""
        from millwright.adapters.embedded.home import Home, read_state

        settings = self.settings()
        url = _database(settings, read_state(settings.home))
        if url is not None:
            async with _opened(url) as stores:
                yield stores
        elif not Home(settings.home).postgres_data.exists():
            from millwright.adapters.storage.memory import MemoryStore

            # Nothing was ever built on this home: an empty store says so, and no cluster is made for it.
            empty = MemoryStore()
            yield Stores(empty, empty)
        else:
            from millwright.adapters.embedded.postgres_server import EmbeddedPostgres
            from millwright.adapters.storage.migration import upgrade

            async with EmbeddedPostgres(settings.home) as url:
                await asyncio.to_thread(upgrade, url)
                async with _opened(url) as stores:
                    yield stores

    @asynccontextmanager
    async def session(self, note: Note, *, demo: bool = False, builds: bool = False) -> AsyncIterator[Session]:
        """Reach the running or configured stack, or start the embedded one; as ``Composition.session`` says."""
        from millwright.adapters.embedded.guests import guests_gone, visiting
        from millwright.adapters.embedded.home import Home, running_on
        from millwright.errors import ModelUnavailable
        from millwright.model_setup import model_silence

        settings = self.settings()
        running = await running_on(settings.home)
        if settings.database_url and settings.temporal_address:
            async with self._joined(settings, None) as session:
                yield session
        elif running is not None:
            _tell_of_unused(settings, running, note)
            with visiting(Home(settings.home)):
                async with self._joined(settings, running) as session:
                    yield session
        else:
            if builds and not demo and (trouble := await model_silence(settings, self._environment)):
                raise ModelUnavailable(trouble)
            note(f"starting the embedded stack on {settings.home}{_configured_parts(settings)}")
            async with self._stack(note, demo=demo) as state, self._joined(settings, state, owned=True) as session:
                yield session
                await guests_gone(Home(settings.home), note)

    @asynccontextmanager
    async def scratch(self, preset: "Preset", note: Note) -> AsyncIterator[Session]:
        """Run a server, workers and an empty store for this command alone; as ``Composition.scratch`` says."""
        import worker
        from millwright.replay_setup import open_scratch

        note("starting a server for this replay alone")
        async with open_scratch(self.settings(), preset, worker.workers_of_record) as (client, store, home):
            yield Session(client, Stores(store, store), Endpoints(home), owned=True)

    @asynccontextmanager
    async def stack(self, note: Note) -> AsyncIterator[Endpoints]:
        """Run the embedded stack; a signal to end cancels the task. Raises BadInput when one runs on this home."""
        from millwright.model_setup import model_silence

        settings = self.settings()
        if parts := _configured_parts(settings):
            note(f"starting the embedded stack on {settings.home}{parts}")
        if trouble := await model_silence(settings, self._environment):
            note(f"warning: {trouble}; builds wait until it answers")
        async with self._stack(note, demo=False) as state:
            yield self._endpoints(state)

    @asynccontextmanager
    async def ladder(self, jobs: int) -> AsyncIterator[LadderTools]:
        """Open the ladder's tools, for at most ``jobs`` programs at once."""
        from activities.climbing import Climber
        from millwright.toolbox import open_toolbox, spare_collections

        async with open_toolbox(self.settings().cache, slots=jobs) as tools:
            climber = Climber(tools.sandbox, tools.analyser, tools.second, programs=tools.programs)
            spare_collections()

            async def climb(subject: "Subject", first_rejection_stops: bool) -> "tuple[Verdict, ...]":
                (verdicts,) = await climber.climb([subject], first_rejection_stops=first_rejection_stops)
                return verdicts

            yield LadderTools(inputs=tools.inputs.inputs, climb=climb, confirm=climber.confirm)

    async def checks(self) -> tuple[Check, ...]:
        """Examine the machine and everything configured."""
        from millwright.adapters.embedded.checks import check_everything
        from millwright.model_setup import endpoints_configured

        settings = self.settings()
        found = await check_everything(settings, endpoints_configured(settings, self._environment))
        return (*(Check(one.name, one.ok, one.detail, one.remedy) for one in found), *map(_tool_check, LADDER_TOOLS))

    def examples(self) -> dict[str, Path]:
        """Return the folders of the bundled examples by name. Raises BadInput when this installation has none."""
        from millwright.adapters.embedded.demo_sampling import bundled_examples
        from millwright.errors import BadInput

        found = bundled_examples()
        if not found:
            raise BadInput(f"no bundled example is in {ROOT / 'examples'}: install millwright again")
        return found

    def work(self, role: str) -> int:
        """Run a worker until it is stopped; return its exit code."""
        import worker

        return worker.main(["--role", role])

    def serve_demo_model(self, completions: Sequence[Path], port: int) -> int:
        """Serve recorded completions until stopped; return the exit code."""
        from millwright.adapters.embedded.demo_model import main as serve

        return serve(["--port", str(port), "--completions", *map(str, completions)])

    def _stack(self, note: Note, *, demo: bool) -> "EmbeddedStack":
        import dataclasses

        from millwright.adapters.embedded.stack import EmbeddedStack
        from millwright.model_setup import first_asked

        settings = self.settings()
        if demo:
            settings = dataclasses.replace(settings, model=None, model_preset=None)
        return EmbeddedStack(
            settings,
            children=lambda state: self._children(settings, state),
            serves_model=True,
            model=first_asked(settings) if settings.names_model else None,
            report=note,
        )

    def _children(self, settings: "Settings", state: "StackState") -> "Sequence[Child]":
        """Bring the home's own database up to date, and name the programs of the stack: the demo model, the worker."""
        from millwright.adapters.embedded.demo_model import DEMO_MODEL_NAME
        from millwright.adapters.embedded.supervisor import Child
        from millwright.adapters.storage.migration import check_up_to_date, upgrade
        from millwright.settings import DEMO_PRESET

        if state.database_url is not None:
            upgrade(state.database_url)
        elif settings.database_url is not None:
            check_up_to_date(settings.database_url)
        environment = {**self._environment, **state.environment(), "PYTHONPATH": self._python_path()}
        children = []
        if state.model_url is not None:
            port = int(state.model_url.removesuffix("/v1").rpartition(":")[2])
            command = [sys.executable, "-m", "millwright.adapters.embedded.demo_model", "--port", str(port)]
            children.append(Child("demo-model", command, environment=environment, ready_port=port))
            environment |= {"MILLWRIGHT_MODEL_NAME": DEMO_MODEL_NAME, "MILLWRIGHT_MODEL_KEY": ""}
            environment["MILLWRIGHT_MODEL_PRESET"] = DEMO_PRESET
        children.append(Child("worker", [sys.executable, "-m", "worker", "--role", "all"], environment=environment))
        return children

    def _python_path(self) -> str:
        """Let children find the packages although they run in the home, installed or not."""
        given = self._environment.get("PYTHONPATH", "")
        return os.pathsep.join(filter(None, (str(ROOT), given)))

    @asynccontextmanager
    async def _joined(
        self, settings: "Settings", state: "StackState | None", *, owned: bool = False
    ) -> AsyncIterator[Session]:
        from millwright.client import Client
        from millwright.errors import BadInput
        from millwright.temporal import connect

        url = _database(settings, state)
        if url is None:
            raise BadInput(
                f"the stack running on {settings.home} uses a database of yours: set MILLWRIGHT_DATABASE_URL to it"
            )
        temporal = await connect(state.temporal_address if state else None)
        endpoints = self._endpoints(state) if state else Endpoints(settings.home, temporal=settings.temporal_address)
        async with _opened(url) as stores:
            yield Session(Client(temporal, stores.projects, stores.artifacts), stores, endpoints, owned)

    def _endpoints(self, state: "StackState") -> Endpoints:
        from millwright.adapters.embedded.demo_sampling import DEMO_MODEL_NAME

        return Endpoints(
            home=state.home,
            web_ui=state.ui_url,
            temporal=state.temporal_address,
            database=state.database_url,
            model=state.model_url or state.external_model_url,
            model_name=DEMO_MODEL_NAME if state.model_url else state.model_name,
            demo_model=state.model_url is not None,
        )


def _database(settings: "Settings", state: "StackState | None") -> str | None:
    """Choose the database: a running stack's own, unless both services are configured and no stack is used."""
    if settings.database_url and settings.temporal_address:
        return settings.database_url
    return (state.database_url if state else None) or settings.database_url


def _configured_parts(settings: "Settings") -> str:
    """Say which of the stack's services are the caller's own, as the end of a phrase; nothing where none is."""
    parts = []
    for what, variable, configured in (
        ("Postgres", "MILLWRIGHT_DATABASE_URL", settings.database_url),
        ("Temporal", "TEMPORAL_ADDRESS", settings.temporal_address),
    ):
        parts.append(f"{what} as {variable} says" if configured else f"{what} embedded")
    return f": {', '.join(parts)}" if settings.database_url or settings.temporal_address else ""


def _tell_of_unused(settings: "Settings", running: "StackState", note: Note) -> None:
    """Say which configured service is passed over because the running stack has one of its own."""
    for what, variable, configured, own in (
        ("Postgres", "MILLWRIGHT_DATABASE_URL", settings.database_url, running.database_url),
        ("Temporal", "TEMPORAL_ADDRESS", settings.temporal_address, running.temporal_address),
    ):
        if configured and own and configured != own:
            note(f"the stack running on {settings.home} has a {what} of its own, which is used: {variable} is not")


def _tool_check(name: str) -> Check:
    """Check that a tool of the ladder is installed beside this program."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "is not installed, and candidates cannot be verified without it", "make setup")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Stores]:
    from millwright.adapters.storage.postgres import open_store

    async with open_store(url) as store:
        yield Stores(store, store)


def main() -> None:
    """Run the command line of this process, and end the process."""
    try:
        code = run(sys.argv[1:], Adapters(os.environ), traceback=bool(os.environ.get("MILLWRIGHT_TRACEBACK")))
    except Exception:  # noqa: BLE001 - the process's edge: a traceback was asked for, and this is it
        traceback.print_exc()
        code = 1
    # Not sys.exit: Temporal's client runs native threads that call into Python when an answer comes late, and an
    # interpreter that is being torn down around them hangs for ever or aborts (PyGILState_Release). All that had to
    # be closed was closed by ``run``; only what is still buffered has to leave.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
