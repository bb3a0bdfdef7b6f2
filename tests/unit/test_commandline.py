"""The command line over a pretended composition: exit codes, one-line errors and JSON."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from millwright.adapters.documents.specification_file import read_requirements, read_specification
from millwright.adapters.storage.memory import MemoryStore
from millwright.client import Build, Client
from millwright.commandline.application import COMMANDS, run
from millwright.commandline.composition import Check, Endpoints, LadderTools, Note, Session, Stores
from millwright.commandline.failures import explain
from millwright.commandline.options import Exhausted, Ladder, Role
from millwright.commandline.reference import reference
from millwright.commandline.requests import read_tasks
from millwright.core.specification import check_document, resolve
from millwright.core.verification.layer import Subject
from millwright.errors import NotFound, SandboxUnavailable, SpecificationInvalid, TemporalUnavailable
from millwright.settings import ModelSettings, Settings
from schemas.digests import digest_of_bytes
from schemas.evidence import Manifest, ManifestEntry, NodeRecord, ProjectRecord, Question
from schemas.identity import ROOT_PATH, Digest, LayerName, ProjectId, TaskId, TaskStatus
from schemas.project import LadderMode, OnExhausted, ProjectResult
from schemas.specification import TaskSpecification
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

    async def build(self, requirements: str, language: str, **options: Any) -> Build:
        """Store an ended or waiting project."""
        self.asked = {"requirements": requirements, "language": language, **options}
        project = ProjectId(options["project"])
        await store_project(self._store, project, self._ending, self._exit_code)
        return Build(project, attached=False, _client=cast(Client, self))

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
    found: tuple[Check, ...] = ()
    model: ModelSettings | None = None
    used: Endpoints | None = None
    sessions: int = 0
    roles: list[str] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.client = PretendedClient(self.store, self.ending, self.exit_code)

    def settings(self) -> Settings:
        """Name the home, and the model that was set."""
        return Settings(home=self.home, model=self.model)

    def read_requirements(self, content: bytes, origin: str) -> str:
        """Read as in earnest."""
        return read_requirements(content, origin)

    def read_specification(self, content: bytes, origin: str) -> tuple[TaskSpecification, ...]:
        """Read as in earnest."""
        return resolve(read_specification(content.decode(), origin, check_document))

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
            return InputSet(specification_digest=digest, generator="none", vectors=())

        async def climb_layer(layer: LayerName, subjects: Sequence[object]) -> tuple[Verdict, ...]:
            if self.broken:
                raise SandboxUnavailable("bwrap is not installed")
            status = self.verdicts.get(layer, VerdictStatus.PASSED)
            module = cast(Subject, subjects[0]).source
            line = module.count("\n", 0, module.index("def double")) + 1
            findings = (Finding(code="X1", message="wrong", line=line),) if status is VerdictStatus.REJECTED else ()
            return tuple(Verdict(layer=layer, status=status, findings=findings) for _ in subjects)

        yield LadderTools(inputs=inputs, climb_layer=climb_layer)

    async def checks(self) -> tuple[Check, ...]:
        """Give what was set."""
        return self.found

    def example(self) -> Path:
        """Return a folder with requirements."""
        folder = self.home / "order-pricing"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.md").write_text("Price orders.")
        return folder

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


BAD_FILES = {
    "empty": (b"", "is empty"),
    "white": (b" \n\t\n", "is empty"),
    "binary": (b"\x7fELF\x00\x01", "is not text"),
    "undecodable": (b"\xff\xfe\xfa", "UTF-8"),
    "huge": (b"x" * 10_000_000, "at most 1 MiB"),
}


@pytest.mark.parametrize(("content", "told"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_unusable_requirements_start_nothing(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    """Bad input is refused before a stack or a workflow is started, in one line."""
    path = tmp_path / "orders.md"
    path.write_bytes(content)
    assert run(["build", str(path)], composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--language", "cobol"], "cobol"),
        (["--project", "My Shop"], "'my-shop' would do"),
        (["--approve", "plan,everything"], "'everything' is no gate to wait at"),
        (["--max-time", "soon"], "not a duration"),
        (["--k", "0"], "--k"),
        (["--on-exhausted", "despair"], "--on-exhausted"),
        (["--colour"], "--colour"),
        (["--spec", "missing.yaml"], "missing.yaml"),
    ],
)
def test_unusable_options_start_nothing(
    composition: Pretended,
    requirements: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    told: str,
) -> None:
    """Every bad option is one line on stderr and exit code 2."""
    assert run(["build", str(requirements), *options], composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


def test_missing_files_and_nothing_at_all_are_refused(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there, a folder, and no file are told apart."""
    for arguments, told in (
        (["build", str(tmp_path / "none.md")], "No such file"),
        (["build", str(tmp_path)], "is a folder"),
        (["build"], "nothing to build"),
    ):
        assert run(arguments, composition) == 2
        assert told in one_line(capsys)


def test_a_specification_with_faults_is_refused_before_anything_starts(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fault is listed, still in one line."""
    path = tmp_path / "tasks.yaml"
    path.write_text(TASKS.replace("type_annotation: int", "type_annotation: integer"))
    assert run(["build", "--spec", str(path)], composition) == 2
    line = one_line(capsys)
    assert line.count("integer") >= 2
    assert composition.sessions == 0


@pytest.mark.parametrize("command", ["build", "estimate", "verify"])
def test_a_specification_in_an_unknown_language_is_refused_before_anything_starts(
    composition: Pretended, tmp_path: Path, lines: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The line names the task, the languages there are and the next step."""
    path = tmp_path / "tasks.yaml"
    path.write_text(TASKS + "    target_language: cobol\n")
    arguments = [str(path), "--jsonl", str(lines)] if command == "verify" else ["--spec", str(path)]
    assert run([command, *arguments], composition) == 2
    line = one_line(capsys)
    assert "task double: target_language: 'cobol' is not a target language" in line
    assert "correct it and run the command again" in line
    assert composition.sessions == 0


def test_a_specification_in_another_language_than_the_project_is_refused(composition: Pretended) -> None:
    """A known language is not enough: it has to be the one of --language."""
    assert read_tasks(composition, TASKS.encode(), "tasks.yaml", "python")
    with pytest.raises(SpecificationInvalid, match="'python' where --language is 'rust'"):
        read_tasks(composition, TASKS.encode(), "tasks.yaml", "rust")


def test_a_refused_specification_is_to_be_corrected() -> None:
    """What its faults quote never hides the next step, and the list of commands is none."""
    refusal = SpecificationInvalid(())
    refusal.args = ("task double: the example 'give' breaks `n > 0`",)
    assert explain(refusal)[0] == 2
    assert "correct it and run the command again" in explain(refusal)[1]
    assert "--help" not in explain(refusal)[1]


@pytest.mark.parametrize(
    ("url", "name", "warned"),
    [
        ("http://127.0.0.1:1/v1", "large", False),
        ("http://127.0.0.1:1/v1", "small", True),
        ("http://127.0.0.1:2/v1", "large", True),
    ],
)
def test_a_build_warns_when_the_running_worker_uses_another_model(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str], url: str, name: str, warned: bool
) -> None:
    """URL and name are both compared with those of the running stack; the key never shows."""
    used = Endpoints(tmp_path, model="http://127.0.0.1:1/v1", model_name="large")
    composition = Pretended(tmp_path, model=ModelSettings(url=url, name=name, key="hush"), used=used)
    assert run(["build", str(requirements)], composition) == 0
    error = capsys.readouterr().err
    assert ("worker uses the model large at http://127.0.0.1:1/v1, not" in error) is warned
    assert "hush" not in error


def test_up_names_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose model it may be, its name and its endpoint stand among the parts of the stack."""
    used = Endpoints(tmp_path, model="http://127.0.0.1:1/v1", model_name="large")
    assert run(["up"], Pretended(tmp_path, used=used)) == 0
    assert "model     large at http://127.0.0.1:1/v1" in capsys.readouterr().out


def test_a_project_that_has_no_row_yet_is_watched(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Temporal knows of a build before the database does, and is asked before `watch` says that there is none."""
    composition.client.without_row = "shop"
    assert run(["watch", "shop"], composition) == 0
    assert run(["watch", "nobody"], composition) == 2
    assert "'nobody' does not run here" in capsys.readouterr().err


def test_moments_are_shown_to_the_second_in_utc(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds and the database's own zone tell people nothing."""
    began = datetime(2026, 1, 2, 5, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    record = ProjectRecord(
        id=ProjectId("shop"), input_digest=Digest("0" * 64), status=TaskStatus.RUNNING, started_at=began
    )
    asyncio.run(composition.store.open_project(record))
    for command in ("status", "list"):
        assert run([command], composition) == 0
        out = capsys.readouterr().out
        assert "2026-01-02 03:04:05 UTC" in out
        assert "678901" not in out


def test_a_build_prints_one_json_object(
    composition: Pretended, requirements: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """stdout holds the outcome and nothing else; the deliverable is written where it was asked for."""
    out = tmp_path / "out"
    options = ["--out", str(out), "--json", "--seed", "7", "--max-time", "2m"]
    assert run(["build", str(requirements), *options], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"project", "status", "exit_code", "counts", "spend"} <= set(found)
    assert (found["project"], found["status"], found["counts"]["won"]) == ("orders", "won", 1)
    assert (out / "double.py").read_text().startswith("def double")
    assert composition.client.asked["seed"] == 7
    assert composition.client.asked["budget"].max_time_seconds == 120


@pytest.mark.parametrize(("ending", "code"), [(TaskStatus.FAILED, 1), (TaskStatus.FAILED, 4), (TaskStatus.PARTIAL, 6)])
def test_a_build_exits_as_the_project_ended(tmp_path: Path, requirements: Path, ending: TaskStatus, code: int) -> None:
    """The exit code is the project's own."""
    assert run(["build", str(requirements)], Pretended(tmp_path, ending=ending, exit_code=code)) == code


def test_a_build_that_waits_for_a_person_returns(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When only a person can go on, the command ends with 3 and says how to answer."""
    composition = Pretended(tmp_path, ending=TaskStatus.WAITING, exit_code=3)
    assert run(["build", str(requirements)], composition) == 3
    out = capsys.readouterr().out
    assert "Which?" in out
    assert "--workflow-id millwright/orders/node/root --name answer" in out


def test_a_service_that_is_not_reachable_is_exit_code_five(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, with the next step."""
    assert run(["build", str(requirements)], Pretended(tmp_path, unreachable=True)) == 5
    assert "`millwright doctor`" in one_line(capsys)


def test_detaching_returns_at_once(
    composition: Pretended, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A detached build is exit code 0 and one JSON object."""
    assert run(["build", str(requirements), "--detach", "--json"], composition) == 0
    out, error = capsys.readouterr()
    assert json.loads(out)["status"] == "running"
    assert "millwright watch orders" in error


def test_the_project_is_named_after_its_file_or_its_folder(composition: Pretended, tmp_path: Path) -> None:
    """requirements.md takes its folder's name; a specification alone gives its own."""
    folder = tmp_path / "Corner Shop"
    folder.mkdir()
    (folder / "requirements.md").write_text("Price orders.")
    assert run(["build", str(folder / "requirements.md")], composition) == 0
    assert composition.client.asked["project"] == "corner-shop"
    (tmp_path / "doubling.yaml").write_text(TASKS)
    assert run(["build", "--spec", str(tmp_path / "doubling.yaml")], composition) == 0
    assert composition.client.asked["project"] == "doubling"
    assert "id: double" in composition.client.asked["specification"]


def test_the_demo_says_what_comes_next(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with where the result lies, how the Web UI comes back and the next thing to try; twice."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run(["demo"], composition) == 0
        out = capsys.readouterr().out
        for told in ("order-pricing", "`millwright up`", "MILLWRIGHT_MODEL_URL", "millwright build"):
            assert told in out
    assert (tmp_path / "order-pricing" / "double.py").is_file()


async def test_reading_commands_show_what_is_stored(tmp_path: Path) -> None:
    """They run over the store alone; an own thread keeps their event loops apart from this one."""
    composition = Pretended(tmp_path / "home")
    await store_project(composition.store, ProjectId("shop"), TaskStatus.WON, 0)
    for arguments in (
        ["list"],
        ["list", "--json"],
        ["status"],
        ["status", "shop", "--json"],
        ["tree", "shop"],
        ["tree", "shop", "--json"],
        ["results", "shop"],
        ["results", "shop", "--jsonl"],
        ["report", "shop"],
        ["watch", "shop"],
        ["fetch", "shop", "--into", str(tmp_path / "out"), "--json"],
    ):
        assert await asyncio.to_thread(run, arguments, composition) == 0, arguments
    assert composition.sessions == 0
    assert (tmp_path / "out" / "double.py").is_file()


def test_an_unknown_project_is_bad_input(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Every reading command names the one that lists the projects."""
    for arguments in (
        ["status", "nobody"],
        ["tree", "nobody"],
        ["results", "nobody"],
        ["report", "nobody"],
        ["watch", "nobody"],
        ["fetch", "nobody", "--into", "out"],
    ):
        assert run(arguments, composition) == 2
        assert "millwright list" in one_line(capsys)


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


def test_verify_answers_each_line_with_a_line(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers' keys are documented; all eight layers are in each."""
    assert run(["verify", str(tasks), "--jsonl", str(lines)], composition) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == ["0", "1"]
    assert list(answers[0]) == ["id", "task", "passed", "rejected_by", "error", "layers"]
    assert [layer["layer"] for layer in answers[0]["layers"]] == [layer.value for layer in LayerName]
    assert list(answers[0]["layers"][0]) == ["layer", "verdict", "seconds", "findings"]


def test_verify_tells_a_rejection_from_a_failure_to_verify(
    composition: Pretended, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rejection is exit code 1; a broken sandbox is 5 and rejects nothing."""
    candidate = tmp_path / "anything.py"
    candidate.write_text("def double(n: int) -> int:\n    return n\n")
    composition.verdicts = {LayerName.UNIT_TESTS: VerdictStatus.REJECTED}
    assert run(["verify", str(tasks), str(candidate), "--json"], composition) == 1
    (answer,) = json.loads(capsys.readouterr().out)["candidates"]
    assert answer["rejected_by"] == "unit_tests"
    assert answer["layers"][3]["findings"][0]["line"] == 1
    assert [layer["verdict"] for layer in answer["layers"]][4:] == ["not_run"] * 4
    composition.broken = True
    assert run(["verify", str(tasks), str(candidate), "--json"], composition) == 5
    (answer,) = json.loads(capsys.readouterr().out)["candidates"]
    assert (answer["passed"], answer["rejected_by"], answer["error"]) == (False, None, "bwrap is not installed")


def test_verify_goes_on_after_a_rejection_where_asked(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--all-layers climbs to the top; the first rejection stays the one that is named."""
    composition.verdicts = {LayerName.TYPES: VerdictStatus.REJECTED, LayerName.SECURITY: VerdictStatus.REJECTED}
    assert run(["verify", str(tasks), "--jsonl", str(lines), "--all-layers"], composition) == 1
    answer = json.loads(capsys.readouterr().out.splitlines()[0])
    assert answer["rejected_by"] == "types"
    assert "not_run" not in [layer["verdict"] for layer in answer["layers"]]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"id": "1", "task": "double"}', '{"id": "1", "task": "triple", "source": ""}', ""]
)
def test_verify_refuses_lines_that_are_no_candidates(
    composition: Pretended, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """A malformed line is bad input, and names its place."""
    path = tmp_path / "candidates.jsonl"
    path.write_text(line + "\n")
    assert run(["verify", str(tasks), "--jsonl", str(path)], composition) == 2
    assert "candidates.jsonl" in one_line(capsys)


def test_doctor_names_the_remedy(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Something needed that is missing is exit code 5."""
    composition.found = (Check("python", True, "3.11"), Check("bubblewrap", False, "missing", "apt install bubblewrap"))
    assert run(["doctor"], composition) == 5
    assert "apt install bubblewrap" in capsys.readouterr().out
    composition.found = composition.found[:1]
    assert run(["doctor", "--json"], composition) == 0
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0


def test_up_ends_well_when_it_is_stopped(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A signal to end is the ordinary end of `up`."""
    assert run(["up"], composition) == 0
    out, error = capsys.readouterr()
    assert "http://127.0.0.1:8233" in out
    assert "stopped" in error


def test_estimate_prints_intervals(
    composition: Pretended, requirements: Path, tasks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From prose, or from a specification."""
    assert run(["estimate", str(requirements)], composition) == 0
    assert "basis" in capsys.readouterr().out
    assert run(["estimate", "--spec", str(tasks), "--json"], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"] == 1
    assert found["calls_range"][0] <= found["calls"] <= found["calls_range"][1]
    assert composition.sessions == 0


def test_a_worker_takes_its_role(composition: Pretended) -> None:
    """The role is passed on as it is named."""
    assert run(["worker", "--role", "verify"], composition) == 0
    assert composition.roles == ["verify"]


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_help_has_an_example_and_exit_codes(
    composition: Pretended, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Each command's help can stand alone."""
    assert run([name, "--help"], composition) == 0
    out = capsys.readouterr().out
    assert f"Example: millwright {name}" in out
    assert "Exit codes: " in out


def test_the_reference_is_up_to_date() -> None:
    """docs/cli.md is what the commands say now: `python -m millwright.commandline.reference > docs/cli.md`."""
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference()


def test_the_choices_are_those_of_the_schemas() -> None:
    """The light copies of the words, kept so that help is quick, agree with the schemas."""
    assert [item.value for item in Exhausted] == [item.value for item in OnExhausted]
    assert [item.value for item in Ladder] == [item.value for item in LadderMode]
    assert {item.value for item in Role} == {"control", "model", "verify", "all"}


def test_help_imports_nothing_heavy() -> None:
    """`millwright --help` must answer at once, so no library is loaded for it."""
    program = (
        "import sys, starter\n"
        "code = starter.run(['--help'], starter.Adapters({}))\n"
        "heavy = {'temporalio', 'pydantic', 'sqlalchemy', 'httpx', 'psycopg', 'hypothesis', 'mypy', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), code, file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr.strip() == "[] 0"


def test_digests_are_checked_when_fetching(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stored bytes that do not match end in exit code 1, with nothing written."""
    composition = Pretended(tmp_path / "home")
    asyncio.run(store_project(composition.store, ProjectId("shop"), TaskStatus.WON, 0))
    content = b"def double(n: int) -> int:\n    return 2 * n\n"
    composition.store._artifacts[digest_of_bytes(content)] = b"tampered"
    assert run(["fetch", "shop", "--into", str(tmp_path / "out")], composition) == 1
    assert "does not match its digest" in one_line(capsys)
    assert not (tmp_path / "out").exists()
