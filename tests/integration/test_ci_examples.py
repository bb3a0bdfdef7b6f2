"""The scripts of examples/ci against a real stack, as a build server runs them: with no library of ours."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, TaskCompletions
from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.temporal_server import executable
from schemas.identity import Archetype
from tests.integration.demo_stack import REPOSITORY, CountingBook, end, environment, start, until_up
from tests.workflow.samples import DOUBLE, SPECIFICATION, TRIPLE, TRIPLING

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

SCRIPTS = {"grpc": (sys.executable, "build_over_grpc.py"), "cli": ("bash", "build_with_temporal_cli.sh")}
WAYS = pytest.mark.parametrize("way", SCRIPTS)
COMMIT = "0f" * 20
ONE_TASK = SPECIFICATION.partition("  - id: quadruple")[0]
COMPLETIONS = (
    TaskCompletions("triple", "triple", Archetype.CODER, tuple(map(Completion, TRIPLING["coder", "triple"]))),
    TaskCompletions("double", "double", Archetype.CODER, tuple(map(Completion, DOUBLE))),
)


@dataclass(frozen=True)
class Server:
    """A running stack, its model, and a folder for what jobs read and write."""

    address: str
    book: CountingBook
    place: Path

    @property
    def path(self) -> str:
        """Where programs are found, the stock `temporal` among them."""
        return f"{executable().parent}:{os.defpath}"

    def variables(self, commit: str, summary: Path) -> dict[str, str]:
        """Make the environment of a step: what is not set there is the empty text."""
        return {
            "PATH": self.path,
            "HOME": str(self.place),
            "LANG": "C.UTF-8",
            "GITHUB_SHA": commit,
            "GITHUB_REPOSITORY": "ann/shop",
            "GITHUB_ACTOR": "ann",
            "GITHUB_STEP_SUMMARY": str(summary),
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": "",
            "TEMPORAL_API_KEY": "",
            "TEMPORAL_TLS_CLIENT_CERT_DATA": "",
        }

    def job(self, way: str, *arguments: str, commit: str = COMMIT) -> "Job":
        """Run a script as a step of a job does."""
        summary = self.place / "summary.md"
        summary.write_text("")
        program, script = SCRIPTS[way]
        done = _finished(
            [program, str(REPOSITORY / "examples" / "ci" / script), *arguments],
            self.place,
            self.variables(commit, summary),
        )
        return Job(done.returncode, done.stdout + done.stderr, summary.read_text())

    def build(self, way: str, project: str, specification: str, options: str = "{}", commit: str = COMMIT) -> "Job":
        """Run the job that builds a project."""
        (self.place / "tasks.yaml").write_text(specification)
        arguments = ("--project", project, "--specification", str(self.place / "tasks.yaml"), "--options", options)
        return self.job(way, "build", *arguments, commit=commit)

    def typed(self, command: str) -> "Job":
        """Run a command line as a person types it."""
        variables = {"PATH": self.path, "HOME": str(self.place), "TEMPORAL_ADDRESS": self.address}
        done = _finished(["bash", "-c", command], self.place, variables)
        return Job(done.returncode, done.stdout + done.stderr, "")

    def asked(self, workflow_id: str, query: str) -> dict[str, object]:
        """Ask a workflow, as Temporal's own client does."""

        async def answered() -> dict[str, object]:
            client = await Client.connect(self.address)
            found: dict[str, object] = await client.get_workflow_handle(workflow_id).query(query)
            return found

        return asyncio.run(answered())

    def details(self, workflow_id: str) -> str:
        """Read what a workflow shows of itself."""

        async def read() -> WorkflowMetadata:
            handle = (await Client.connect(self.address)).get_workflow_handle(workflow_id)
            found: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
            return found

        return asyncio.run(read()).current_details

    def exit_code(self, project: str) -> int:
        """Read the exit code in the result of a project's workflow."""

        async def read() -> dict[str, int]:
            client = await Client.connect(self.address)
            found: dict[str, int] = await client.get_workflow_handle(f"millwright/{project}").result()
            return found

        return asyncio.run(read())["exit_code"]


@dataclass(frozen=True)
class Job:
    """How a job ended, and what it wrote."""

    code: int
    log: str
    summary: str

    @property
    def run(self) -> str:
        """The run that the job followed."""
        found = re.search(r": run (\S+), commit", self.log)
        assert found, self.log
        return found[1]

    @property
    def addresses(self) -> list[str]:
        """The addresses of the questions in the summary."""
        return re.findall(r"^### `(.*)`$", self.summary, re.MULTILINE)

    @property
    def command(self) -> str:
        """The command in the summary that answers the first question."""
        found: list[str] = re.findall(
            r"^```\n(temporal workflow update execute --workflow-id .*)\n```$", self.summary, re.M
        )
        return found[0]


def _finished(words: list[str], place: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=variables, cwd=place, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a stack in the foreground of a process, as ``millwright up`` does."""
    place = tmp_path_factory.mktemp("ci")
    book = CountingBook(COMPLETIONS)
    with DemoModelServer(book) as model:
        process = start(["up"], environment(place / "home", model_url=model.url), place / "up.log")
        try:
            state: StackState = asyncio.run(until_up(place / "home", process))
            assert state.temporal_address is not None
            (place / "job").mkdir()
            yield Server(state.temporal_address, book, place / "job")
        finally:
            end(process)


@WAYS
def test_a_job_asks_people_and_goes_on_with_their_answers(server: Server, way: str) -> None:
    """A gate, then a node's question: exit code 3 with all that is needed, and re-run jobs attach to the same run."""
    project = f"triples-{way}"
    options = '{"approve": ["plan"]}'
    first = server.build(way, project, TRIPLE, options)
    assert first.code == 3, first.log
    assert server.details(f"millwright/{project}").strip() in first.summary
    assert "Answers: `approve`, `reject`" in first.summary
    again = server.build(way, project, TRIPLE, options)
    assert (again.code, again.run, again.summary) == (3, first.run, first.summary)

    (gate,) = first.addresses
    consent = ("answer", "--question", gate, "--value", "approve")
    approved = server.job(way, *consent) if way == "grpc" else server.typed(first.command)
    assert approved.code == 0, approved.log
    second = server.build(way, project, TRIPLE, options)
    assert (second.code, second.run) == (3, first.run), second.log
    question = server.asked(f"millwright/{project}/node/root.triple", "question")
    assert str(question["text"]).strip() in second.summary
    words = question["options"]
    assert isinstance(words, list)
    assert "Answers: " + ", ".join(f"`{word}`" for word in words) in second.summary
    assert second.addresses == [f"{project}/{question['id']}"]

    refused = server.job(way, "answer", "--question", second.addresses[0], "--value", "perhaps")
    assert refused.code == 2, refused.log
    answer = ("answer", "--question", second.addresses[0], "--value", str(words[0]), "--note", "it's right")
    answered = server.job(way, *answer) if way == "cli" else server.typed(second.command)
    assert answered.code == 0, answered.log
    last = server.build(way, project, TRIPLE, options)
    assert last.run == first.run
    assert last.code == server.exit_code(project), last.log
    assert last.code in (0, 6), last.log
    assert f"exit code {last.code}: " in last.summary


@WAYS
def test_what_is_built_is_not_built_again(server: Server, way: str) -> None:
    """A job that is run again after the end says how it ended, and no model is called."""
    project = f"doubles-{way}"
    built = server.build(way, project, ONE_TASK, '{"k": 2, "ladder": "fused"}')
    assert built.code == 0, built.log
    calls = server.book.answered
    again = server.build(way, project, ONE_TASK, '{"k": 2, "ladder": "fused"}')
    assert (again.code, again.summary) == (0, built.summary)
    assert server.book.answered == calls
    if way == "grpc":  # the request's id says that it is the same start; the CLI can give none
        assert again.run == built.run


@WAYS
def test_a_running_build_of_another_commit_is_told_and_left_alone(server: Server, way: str) -> None:
    """No job attaches to what another commit asked for, or to what somebody started without one."""
    project = f"others-{way}"
    options = '{"approve": ["plan"]}'
    first = server.build(way, project, TRIPLE, options)
    other = server.build(way, project, TRIPLE, options, commit="ab" * 20)
    assert (first.code, other.code) == (3, 2), other.log
    assert COMMIT in other.log
    assert first.run in other.log
    given = '{"specification": "tasks: [", "approve": ["plan"]}'
    started = f"temporal workflow start --type ProjectWorkflow --task-queue nobody -w millwright/{project}-by-hand"
    assert server.typed(f"{started} --input '{given}'").code == 0
    unknown = server.build(way, f"{project}-by-hand", TRIPLE, options)
    assert unknown.code == 2
    assert "no commit started" in unknown.log


@WAYS
def test_refused_input_ends_with_2_and_may_be_tried_again(server: Server, way: str) -> None:
    """The job says what was wrong; the next try is a run of its own, since the first has failed."""
    project = f"broken-{way}"
    first, again = (server.build(way, project, "tasks: [") for _ in range(2))
    assert (first.code, again.code) == (2, 2), again.log
    assert "specification" in first.summary
    assert first.run != again.run
    assert server.build(way, project, ONE_TASK, '{"k": 0}', commit="cd" * 20).code == 2


@WAYS
def test_a_service_that_is_not_there_ends_with_5(server: Server, way: str, tmp_path: Path) -> None:
    """Neither a build nor an answer waits for a server that nobody runs."""
    nowhere = Server("127.0.0.1:1", server.book, tmp_path)
    assert nowhere.build(way, "shop", ONE_TASK).code == 5
    assert nowhere.job(way, "answer", "--question", "shop/gate/plan/1", "--value", "approve").code == 5


@WAYS
def test_an_answer_that_nobody_waits_for_ends_with_2(server: Server, way: str) -> None:
    """A project that does not run takes no answer, and what is no address is refused before anything is sent."""
    assert server.job(way, "answer", "--question", "nothing/root.here/1", "--value", "A").code == 2
    assert server.job(way, "answer", "--question", "nothing", "--value", "A").code == 2
    assert server.job(way, "build", "--project", "Not An Id").code == 2
