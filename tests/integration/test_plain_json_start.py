"""Projects started by other tools: plain JSON through the stock ``temporal`` program, with no library of ours."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, TaskCompletions
from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.temporal_server import executable
from schemas.identity import Archetype, NodePath, ProjectId
from tests.integration.demo_stack import CountingBook, end, environment, reached, start, traces, until_up
from tests.workflow.samples import DOUBLE, QUADRUPLE, SPECIFICATION, WRONG_DOUBLE

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

ROOT = {
    "specification": {
        "id": "root",
        "name": "double",
        "description": "Double a number.",
        "task_type": "code_generation",
        "inputs": [{"name": "n", "type_annotation": "int", "constraints": ["-1000 <= n <= 1000"]}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [{"name": "two", "inputs": {"n": 2}, "expected_output": 4}],
    },
    "requirements": ["R1 A number is doubled."],
}
COMPLETIONS = (
    TaskCompletions("root", "double", Archetype.SPECIFIER, (Completion(f"```json\n{json.dumps(ROOT)}\n```"),)),
    TaskCompletions("root", "double", Archetype.CODER, tuple(map(Completion, (*DOUBLE, WRONG_DOUBLE)))),
    TaskCompletions("double", "double", Archetype.CODER, tuple(map(Completion, DOUBLE))),
    TaskCompletions(
        "quadruple",
        "quadruple",
        Archetype.CODER,
        tuple(map(Completion, QUADRUPLE)),
    ),
)


@dataclass(frozen=True)
class Tool:
    """The stock ``temporal`` program, pointed at a running stack."""

    state: StackState

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a subcommand of ``temporal workflow``."""
        assert self.state.temporal_address is not None
        return subprocess.run(
            [str(executable()), "workflow", *arguments, "--address", self.state.temporal_address],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.state.home)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def start(self, name: str, given: object) -> None:
        """Start a project as a build server would."""
        done = self.run(
            "start",
            *("--type", "ProjectWorkflow", "--task-queue", "millwright-control"),
            *("--workflow-id", name, "--input", json.dumps(given)),
        )
        assert done.returncode == 0, done.stderr

    def result(self, name: str) -> dict[str, object]:
        """Wait for a project's end, as the tool shows it."""
        done = self.run("result", "--workflow-id", name, "--output", "json")
        found: dict[str, object] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """Run a stack in the foreground of a process, as ``millwright up`` does."""
    place = tmp_path_factory.mktemp("plain")
    with DemoModelServer(CountingBook(COMPLETIONS)) as server:
        process = start(["up"], environment(place / "home", model_url=server.url), place / "up.log")
        try:
            yield Tool(asyncio.run(until_up(place / "home", process)))
        finally:
            end(process)


def test_requirements_as_plain_json_become_a_package(tool: Tool) -> None:
    """One field is enough: the project is named after its workflow, and its result is plain JSON again."""
    tool.start("nightly-7", {"requirements": "A function that doubles a whole number.", "k": 2})
    ended = tool.result("nightly-7")
    assert ended["status"] == "COMPLETED", ended
    result = ended["result"]
    assert isinstance(result, dict)
    assert (result["project"], result["status"], result["exit_code"]) == ("nightly-7", "won", 0)
    assert "nightly_7" in asyncio.run(_manifest(tool.state, "nightly-7"))


def test_a_specification_as_plain_json_is_built_node_by_node(tool: Tool) -> None:
    """The text of a specification skips prose, and each node is a workflow that the tool finds."""
    tool.start("millwright/sums", {"specification": SPECIFICATION, "k": 2, "ladder": "fused"})
    ended = tool.result("millwright/sums")
    assert ended["status"] == "COMPLETED", ended
    listed = tool.run("list", "--query", "MillwrightProject='sums' AND MillwrightState='won'", "--output", "json")
    found = {item["execution"]["workflowId"] for item in json.loads(listed.stdout)}
    nodes = ("root", "root.double", "root.quadruple")
    assert found == {"millwright/sums", *(f"millwright/sums/node/{path}" for path in nodes)}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"requirement": "a typo"}, "requirement"),
        ({"requirements": ["not", "text"]}, "requirements"),
        ({"requirements": "Double.", "k": 0}, "k:"),
        ({"requirements": ""}, "nothing to build"),
        ({"requirements": "Double.", "target_language": "cobol"}, "cobol"),
        ({"specification": "tasks: ["}, "specification"),
        ("Double a number.", "ProjectInput"),
    ],
)
def test_wrong_input_fails_the_workflow_at_once(tool: Tool, given: object, complaint: str) -> None:
    """The error says what is wrong, and no workflow task is retried for ever."""
    name = "wrong-" + complaint.strip(":").replace(" ", "-")
    tool.start(name, given)
    ended = tool.result(name)
    assert ended["status"] == "FAILED"
    assert complaint in json.dumps(ended)
    assert complaint in tool.run("show", "--workflow-id", name).stdout
    events = asyncio.run(_events(tool.state, name))
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in events
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED in events


async def _manifest(state: StackState, project: str) -> str:
    async with reached(state) as (_, store):
        row = await store.project(ProjectId(project))
        assert row.manifest is not None
        assert (await store.node(row.id, NodePath("root"))).margin >= 2
        return (await store.get(row.manifest)).decode()


async def _events(state: StackState, name: str) -> list[int]:
    async with reached(state) as (client, _):
        found = await traces(client, f"WorkflowId='{name}'")
        return [event.event_type for event in found[name].history.events]
