"""A pretended composition for the command line: a store in memory, a client that builds at once, tools that say yes."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import JsonValue

from millwright.adapters.documents.front_matter import read_front_matter
from millwright.adapters.documents.model_presets import preset_of
from millwright.adapters.documents.preset_files import presets_in
from millwright.adapters.documents.red_flag_rules import read_red_flags
from millwright.adapters.documents.specification_file import read_fields, read_requirements, read_specification
from millwright.adapters.storage.memory import MemoryStore
from millwright.client import Build, Client
from millwright.commandline.composition import Check, Endpoints, LadderTools, Note, Probe, Session, Stores
from millwright.core.basis import planned_by
from millwright.core.red_flags.rule_set import settings_faults
from millwright.core.requirements import head_of
from millwright.core.specification import check_document, resolve
from millwright.core.verification.ladder import confirmed, rejected_by
from millwright.core.verification.layer import Subject, not_run
from millwright.errors import NotFound, SandboxUnavailable, SpecificationInvalid, TemporalUnavailable
from millwright.model_setup import PRESETS
from millwright.settings import ModelSettings, Settings
from schemas.evidence import Manifest, ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import ROOT_PATH, Archetype, Digest, Gate, LayerName, ProjectId, TaskId, TaskStatus
from schemas.people import Question
from schemas.presets import ModelProfile, Preset
from schemas.project import ApprovalDecision, ProjectProgress, ProjectResult
from schemas.red_flags import RuleSettings
from schemas.requirements import FrontMatter
from schemas.specification import Fault, TaskSpecification
from schemas.verification import Finding, InputSet, Verdict, VerdictStatus

ROOT = Path(__file__).resolve().parents[2]
TASKS = """
tasks:
  - id: double
    name: double
    description: Double a number.
    inputs: [{name: n, type_annotation: int}]
    outputs: [{name: result, type_annotation: int}]
    test_cases: [{name: two, inputs: {n: 2}, expected_output: 4}]
"""


class PretendedClient:
    """Builds at once: stores a project as the worker would, and ends it as told."""

    def __init__(self, store: MemoryStore, ending: TaskStatus, exit_code: int) -> None:
        self._store = store
        self._ending = ending
        self._exit_code = exit_code
        self.asked: dict[str, Any] = {}
        self.without_row = ""
        self.gate: Gate | None = None
        self.decided: list[tuple[str, Any, dict[str, Any]]] = []
        self.refusals: list[Exception] = []
        self.follow_up: Question | None = None

    async def build(self, requirements: str, language: str, **options: Any) -> Build:
        """Store an ended or waiting project."""
        self.asked = {"requirements": requirements, "language": language, **options}
        project = ProjectId(options["project"])
        await store_project(self._store, project, self._ending, self._exit_code)
        if self.gate is not None:
            question = (await self._store.questions(project))[0]
            await self._store.save_question(question.model_copy(update={"open": False}))
        return Build(project, attached=False, _client=cast(Client, self))

    async def answer(self, question: Question, value: Any, **options: Any) -> str:
        """Refuse as told, else close the question, and open the one that follows from it."""
        self.decided.append((question.address, value, options))
        if self.refusals:
            raise self.refusals.pop(0)
        await self._store.save_question(question.model_copy(update={"open": False}))
        if self.follow_up is not None:
            await self._store.save_question(self.follow_up)
            self.follow_up = None
        return f"understood: {value}"

    async def approve(self, project: str, decision: ApprovalDecision, **options: Any) -> str:
        """Refuse as told, else consent."""
        self.decided.append((project, decision, options))
        if self.refusals:
            raise self.refusals.pop(0)
        return f"{decision.value}: {project}"

    async def progress(self, project: str) -> ProjectProgress:
        """Name the gate that was set."""
        return ProjectProgress(project=ProjectId(project), phase="specifying", waits_for=self.gate)

    async def is_running(self, project: str) -> bool:
        """Say whether it waits for a person; a project that was only just started stores its row and ends."""
        if project == self.without_row:
            await store_project(self._store, ProjectId(project), self._ending, self._exit_code)
        try:
            await self._store.project(ProjectId(project))
        except NotFound:
            raise NotFound(f"project {project!r} does not run here: `millwright list` shows the projects") from None
        return self._ending is TaskStatus.WAITING

    async def result(self, project: str) -> ProjectResult:
        """End as told."""
        assert self._ending is not TaskStatus.WAITING, "a call for the result of a waiting build would never return"
        record = await self._store.project(ProjectId(project))
        return ProjectResult(
            project=record.id,
            status=record.status,
            exit_code=self._exit_code,
            manifest=record.manifest,
            report=record.report,
        )


async def store_project(store: MemoryStore, project: ProjectId, status: TaskStatus, exit_code: int) -> None:
    """Store a project of one task and one file."""
    content = b"def double(n: int) -> int:\n    return 2 * n\n"
    source = await store.put(content, "text/x-python")
    entry = ManifestEntry(path="double.py", digest=source, size_bytes=len(content))
    manifest = Manifest(project=project, package="double", files=(entry,)).model_dump_json().encode()
    waiting = status is TaskStatus.WAITING
    record = ProjectRecord(
        id=project,
        input_digest=Digest("0" * 64),
        status=status,
        exit_code=None if waiting else exit_code,
        manifest=None if waiting else await store.put(manifest, "application/json"),
        report=await store.put(b"# Report\n", "text/markdown"),
    )
    await store.open_project(record)
    (task,) = resolve(read_specification(TASKS, "tasks", check_document))
    specification = await store.save_specification(task)
    node = NodeRecord(
        project=project,
        path=ROOT_PATH,
        task=TaskId("double"),
        name="double",
        specification=specification,
        status=status,
        artifact=source,
    )
    await store.save_nodes([node])
    if waiting:
        question = Question(id="q1", project=project, path=ROOT_PATH, text="Which?", options=("a", "b"))
        await store.save_question(question)


@dataclass
class Pretended:
    """A composition over a store in memory; counts what it starts."""

    home: Path
    ending: TaskStatus = TaskStatus.WON
    exit_code: int = 0
    unreachable: bool = False
    verdicts: dict[LayerName, VerdictStatus] = field(default_factory=dict)
    broken: bool = False
    failures: int = 0
    unsatisfiable: bool = False
    found: tuple[Check, ...] = ()
    model: ModelSettings | None = None
    model_preset: str | None = None
    used: Endpoints | None = None
    sessions: int = 0
    roles: list[str] = field(default_factory=list)
    probed: tuple[Probe, ...] = ()
    programs: tuple[str, ...] = ("hf", "vllm")
    status: int = 0
    ran: list[tuple[str, ...]] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.client = PretendedClient(self.store, self.ending, self.exit_code)

    def settings(self) -> Settings:
        """Name the home, and the model or the preset that was set."""
        return Settings(home=self.home, model=self.model, model_preset=self.model_preset)

    def read_requirements(self, content: bytes, origin: str) -> str:
        """Read as in earnest."""
        return read_requirements(content, origin)

    def read_head(self, requirements: str, origin: str) -> FrontMatter:
        """Read as in earnest."""
        return read_front_matter(head_of(requirements), origin)

    def read_specification(self, content: bytes, origin: str) -> tuple[TaskSpecification, ...]:
        """Read as in earnest."""
        return resolve(read_specification(content.decode(), origin, check_document))

    def read_fields(self, content: bytes, origin: str) -> dict[str, JsonValue]:
        """Read as in earnest."""
        return read_fields(content, origin)

    def read_red_flags(self, content: bytes, origin: str) -> Mapping[Archetype, RuleSettings]:
        """Read as in earnest."""
        return read_red_flags(content, origin, settings_faults)

    def assumed_model(self) -> tuple[str, ModelProfile]:
        """Assume of the model what the demo's preset does."""
        entry = planned_by(preset_of(None, "demo", PRESETS))
        return entry.name, entry

    def presets(self) -> dict[str, Preset]:
        """Read those that come with the program."""
        return presets_in(PRESETS)

    def preset(self, chosen: str) -> Preset:
        """Read as in earnest."""
        return preset_of(None, chosen, PRESETS)

    async def probes(self) -> tuple[Probe, ...]:
        """Give what was set."""
        return self.probed

    def has_program(self, name: str) -> bool:
        """Say so of the programs that were set."""
        return name in self.programs

    def run_program(self, command: Sequence[str]) -> int:
        """Remember the command, and end as told."""
        self.ran.append(tuple(command))
        return self.status

    async def start_server(
        self, command: Sequence[str], variables: Mapping[str, str], name: str, port: int
    ) -> tuple[int, Path]:
        """Remember the command with its variables."""
        self.ran.append((*(f"{key}={value}" for key, value in variables.items()), *command))
        return 1000 + port, self.home / f"vllm-{name}.log"

    @asynccontextmanager
    async def stores(self, note: Note) -> AsyncIterator[Stores]:
        """Open the store in memory."""
        yield Stores(self.store, self.store)

    @asynccontextmanager
    async def session(self, note: Note, *, demo: bool = False, builds: bool = False) -> AsyncIterator[Session]:
        """Count a start."""
        self.sessions += 1
        if self.unreachable:
            raise TemporalUnavailable("no Temporal service answers at localhost:7233")
        stores, endpoints = Stores(self.store, self.store), self.used or Endpoints(self.home)
        yield Session(cast(Client, self.client), stores, endpoints, owned=self.used is None)

    @asynccontextmanager
    async def scratch(self, preset: Preset, note: Note) -> AsyncIterator[Session]:
        """Have a session over another store in memory."""
        store = MemoryStore()
        yield Session(cast(Client, self.client), Stores(store, store), Endpoints(self.home), owned=True)

    @asynccontextmanager
    async def stack(self, note: Note) -> AsyncIterator[Endpoints]:
        """Come up, and be stopped at once, as by a signal."""
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        yield self.used or Endpoints(self.home, web_ui="http://127.0.0.1:8233")

    @asynccontextmanager
    async def ladder(self, jobs: int) -> AsyncIterator[LadderTools]:
        """Give the verdicts that were set; passed where none was."""

        async def inputs(task: TaskSpecification, digest: Digest) -> InputSet:
            if self.unsatisfiable:
                raise SpecificationInvalid([Fault(where=task.id, what="no input satisfies the constraints")])
            return InputSet(specification_digest=digest, generator="none", vectors=())

        def verdict(layer: LayerName, line: int) -> Verdict:
            status = self.verdicts.get(layer, VerdictStatus.PASSED)
            findings = (Finding(code="X1", message="wrong", line=line),) if status is VerdictStatus.REJECTED else ()
            return Verdict(layer=layer, status=status, findings=findings)

        async def climb(subject: Subject, first_rejection_stops: bool) -> tuple[Verdict, ...]:
            if self.broken or self.failures > 0:
                self.failures -= 1
                raise SandboxUnavailable("bwrap is not installed")
            line = subject.source.count("\n", 0, subject.source.index("def double")) + 1
            climbed: list[Verdict] = []
            for layer in LayerName:
                stopped = rejected_by(climbed) if first_rejection_stops else None
                climbed.append(not_run(layer, f"rejected by {stopped}").verdict if stopped else verdict(layer, line))
            return tuple(climbed)

        async def confirm(subject: Subject, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
            look = Verdict(layer=LayerName.TYPES, status=VerdictStatus.PASSED)
            return tuple(
                confirmed(found, "once more", look) if found.layer is LayerName.TYPES else found for found in verdicts
            )

        yield LadderTools(inputs=inputs, climb=climb, confirm=confirm)

    async def checks(self) -> tuple[Check, ...]:
        """Give what was set."""
        return self.found

    def examples(self) -> dict[str, Path]:
        """Return two folders with requirements."""
        found = {name: self.home / name for name in ("order-pricing", "tide-tables")}
        for folder in found.values():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "requirements.md").write_text(f"Build {folder.name}.")
        return found

    def work(self, role: str) -> int:
        """Remember the role."""
        self.roles.append(role)
        return 0

    def serve_demo_model(self, completions: Sequence[Path], port: int) -> int:
        """Stop at once."""
        return 0


@pytest.fixture
def composition(tmp_path: Path) -> Pretended:
    """A composition that builds well."""
    return Pretended(tmp_path / "home")


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """A file of requirements."""
    path = tmp_path / "orders.md"
    path.write_text("Price orders.")
    return path


def one_line(captured: pytest.CaptureFixture[str]) -> str:
    """Demand that nothing is on stdout and one line on stderr; return it."""
    out, error = captured.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    return error


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A specification of one task."""
    path = tmp_path / "tasks.yaml"
    path.write_text(TASKS)
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Two candidates as JSON lines."""
    path = tmp_path / "candidates.jsonl"
    source = "def double(n: int) -> int:\n    return 2 * n\n"
    path.write_text("".join(json.dumps({"id": str(n), "task": "double", "source": source}) + "\n" for n in range(2)))
    return path
