"""What the command line needs from the outside, as a Protocol; the composition root implements it over adapters.

It loads nothing: the types are named for checking only, because `millwright --help` must not wait for libraries.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import JsonValue

    from millwright.client import Client
    from millwright.core.verification.layer import Subject
    from millwright.ports import ArtifactStore, ProjectStore
    from millwright.settings import Settings
    from schemas.capabilities import Capability
    from schemas.identity import Archetype, Digest
    from schemas.presets import ModelProfile, Preset
    from schemas.red_flags import RuleSettings
    from schemas.requirements import FrontMatter
    from schemas.specification import TaskSpecification
    from schemas.verification import InputSet, Verdict

Note = Callable[[str], None]
"""Tells the person at the terminal, on stderr, what is being waited for."""


@dataclass(frozen=True)
class Stores:
    """The two stores, open."""

    projects: "ProjectStore"
    artifacts: "ArtifactStore"


@dataclass(frozen=True)
class Endpoints:
    """Where the parts of a stack answer; None for one that is not ours or not known. Holds no secrets."""

    home: Path
    web_ui: str | None = None
    temporal: str | None = None
    database: str | None = None
    model: str | None = None
    model_name: str | None = None
    demo_model: bool = False


@dataclass(frozen=True)
class Session:
    """A client and stores over a running stack; ``owned``: the stack was started for this command and ends with it."""

    client: "Client"
    stores: Stores
    endpoints: Endpoints
    owned: bool


@dataclass(frozen=True)
class Check:
    """One thing that `doctor` looked at; ``needed`` is false for what only some uses need."""

    name: str
    passed: bool
    detail: str
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True)
class Probe:
    """What an endpoint was seen to do for a model; ``silence`` says why it did not answer."""

    model: str
    endpoint: str
    silence: str = ""
    capabilities: "tuple[Capability, ...]" = ()


@dataclass(frozen=True)
class LadderTools:
    """What `verify` climbs with, over the same engine as the activities; all raise ServiceUnavailable.

    ``inputs`` makes what a task's candidates are tried on; ``climb`` gives a candidate's eight verdicts, and stops at
    the first rejection where it is told so; ``confirm`` looks further at one that passed, and returns its verdicts.
    """

    inputs: "Callable[[TaskSpecification, Digest], Awaitable[InputSet]]"
    climb: "Callable[[Subject, bool], Awaitable[tuple[Verdict, ...]]]"
    confirm: "Callable[[Subject, Sequence[Verdict]], Awaitable[tuple[Verdict, ...]]]"


class Composition(Protocol):
    """Makes the adapters, each only when it is asked for."""

    def settings(self) -> "Settings":
        """Read the settings. Raises BadInput."""
        ...

    def read_requirements(self, content: bytes, origin: str) -> str:
        """Read prose. Raises BadInput."""
        ...

    def read_head(self, requirements: str, origin: str) -> "FrontMatter":
        """Read what the head of prose fixes. Raises BadInput."""
        ...

    def read_specification(self, content: bytes, origin: str) -> "tuple[TaskSpecification, ...]":
        """Read and resolve task specifications. Raises SpecificationInvalid."""
        ...

    def read_fields(self, content: bytes, origin: str) -> "dict[str, JsonValue]":
        """Read some fields of one task specification, YAML or JSON, unchecked. Raises BadInput."""
        ...

    def read_red_flags(self, content: bytes, origin: str) -> "Mapping[Archetype, RuleSettings]":
        """Read a file of red flags' rules, checked. Raises BadInput."""
        ...

    def assumed_model(self) -> "tuple[str, ModelProfile]":
        """Name the configured model, or else the demo's, and read what is assumed of it. Raises BadInput."""
        ...

    def presets(self) -> "Mapping[str, Preset]":
        """Read the presets that come with the program, by name. Raises BadInput."""
        ...

    def preset(self, chosen: str) -> "Preset":
        """Read a preset by name or path. Raises BadInput."""
        ...

    async def probes(self) -> tuple[Probe, ...]:
        """Ask every endpoint of the configured preset what it can do. Raises BadInput where none is configured."""
        ...

    def has_program(self, name: str) -> bool:
        """Say whether a program is on the path."""
        ...

    def run_program(self, command: Sequence[str]) -> int:
        """Run a program to its end, with its output on stderr; return its status."""
        ...

    async def start_server(
        self, command: Sequence[str], variables: Mapping[str, str], name: str, port: int
    ) -> tuple[int, Path]:
        """Start a server in the background and wait until it answers; return its process id and its log.

        Raises BadInput where the port is in use, ModelUnavailable where it does not start.
        """
        ...

    def stores(self, note: Note) -> AbstractAsyncContextManager[Stores]:
        """Open the stores; with no database running or configured, over the home's Postgres for as long as needed."""
        ...

    def session(self, note: Note, *, demo: bool = False, builds: bool = False) -> AbstractAsyncContextManager[Session]:
        """Reach the running or configured stack, or start the embedded one.

        ``demo`` asks for the demo model; ``builds`` demands that a model named in the settings of a stack that is
        started here answers. Raises ServiceUnavailable.
        """
        ...

    def scratch(self, preset: "Preset", note: Note) -> AbstractAsyncContextManager[Session]:
        """Run a server, workers and an empty store for this command alone, where only answers that are known count."""
        ...

    def stack(self, note: Note) -> AbstractAsyncContextManager[Endpoints]:
        """Run the embedded stack; a signal to end cancels the task. Raises BadInput when one runs on this home."""
        ...

    def ladder(self, jobs: int) -> AbstractAsyncContextManager[LadderTools]:
        """Open the ladder's tools, for at most ``jobs`` programs at once."""
        ...

    async def checks(self) -> tuple[Check, ...]:
        """Examine the machine and everything configured."""
        ...

    def examples(self) -> Mapping[str, Path]:
        """Return the folders of the bundled examples by name. Raises BadInput when this installation has none."""
        ...

    def work(self, role: str) -> int:
        """Run a worker until it is stopped; return its exit code."""
        ...

    def serve_demo_model(self, completions: Sequence[Path], port: int) -> int:
        """Serve recorded completions until stopped; return the exit code."""
        ...
