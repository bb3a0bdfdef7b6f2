"""Projects started by other tools: plain JSON through the stock ``temporal`` program, with no library of ours."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
import yaml
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, TaskCompletions
from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.temporal_server import executable
from millwright.core.prompts.planner import specifier_task
from schemas.identity import Archetype, NodePath, ProjectId
from tests.integration.demo_stack import CountingBook, end, environment, reached, start, until_up
from tests.workflow.samples import DOUBLE, QUADRUPLE, SPECIFICATION, WRONG_DOUBLE, fenced

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

LARGEST_EVENT_BYTES = 16 * 1024
REQUIREMENTS = "A whole number of at most 1000 is multiplied by eight. So is a negative one."
LONG_REQUIREMENTS = REQUIREMENTS + "\n" + "As said before. " * 7000
ROOT = {
    "specification": {
        "id": "root",
        "name": "octuple",
        "description": "Multiply a number by eight.",
        "inputs": [{"name": "n", "type_annotation": "int", "constraints": ["-1000 <= n <= 1000"]}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [{"name": "two", "inputs": {"n": 2}, "expected_output": 16, "shows": ["R1"]}],
    },
    "requirements": {"functional": ["R1", "R2"]},
}
LONG_ROOT = {**ROOT, "requirements": {"functional": ["R1", "R2"], "context": ["R3"]}}
PARTS = {
    "children": [
        {"specification": task, "covers": ["R1", "R2"], "estimated_lines": 2, "estimated_complexity": 1}
        for task in yaml.safe_load(SPECIFICATION)["tasks"]
    ]
}
OCTUPLE = tuple(
    fenced(f"def octuple(n: int) -> int:\n    return {body}\n")
    for body in ("double(quadruple(n))", "quadruple(double(n))", "quadruple(n) + quadruple(n)")
)


def _answers(archetype: Archetype, task: str, *texts: str) -> TaskCompletions:
    return TaskCompletions(task, task, archetype, tuple(map(Completion, texts)))


COMPLETIONS = (
    _answers(Archetype.SPECIFIER, specifier_task(REQUIREMENTS), f"```json\n{json.dumps(ROOT)}\n```"),
    _answers(Archetype.SPECIFIER, specifier_task(LONG_REQUIREMENTS), f"```json\n{json.dumps(LONG_ROOT)}\n```"),
    _answers(Archetype.DECOMPOSER, "root", f"```json\n{json.dumps(PARTS)}\n```"),
    _answers(Archetype.INTEGRATOR, "root", *OCTUPLE),
    _answers(Archetype.CODER, "double", *DOUBLE, WRONG_DOUBLE),
    _answers(Archetype.CODER, "quadruple", *QUADRUPLE),
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
    tool.start("nightly-7", {"requirements": REQUIREMENTS, "k": 2})
    result = _built(tool.result("nightly-7"))
    assert result["project"] == "nightly-7"
    assert "nightly_7/quadruple.py" in asyncio.run(_manifest(tool.state, "nightly-7"))


def test_long_requirements_stay_in_the_start_event(tool: Tool) -> None:
    """Requirements of some hundred kilobytes are in the history once: no other event is large."""
    tool.start("nightly-8", {"requirements": LONG_REQUIREMENTS, "k": 2})
    _built(tool.result("nightly-8"))
    sizes = [event.ByteSize() for event in asyncio.run(_history(tool.state, "nightly-8"))]
    assert sizes[0] > 6 * LARGEST_EVENT_BYTES
    assert max(sizes[1:]) < LARGEST_EVENT_BYTES


def test_a_specification_as_plain_json_is_built_node_by_node(tool: Tool) -> None:
    """The text of a specification skips prose, and each node is a workflow that the tool finds."""
    tool.start("millwright/sums", {"specification": SPECIFICATION, "k": 2, "ladder": "fused"})
    assert _built(tool.result("millwright/sums"))["project"] == "sums"
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
    events = [event.event_type for event in asyncio.run(_history(tool.state, name))]
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in events
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED in events


def _built(ended: dict[str, object]) -> dict[str, object]:
    result = ended["result"]
    assert isinstance(result, dict), ended
    assert (ended["status"], result["status"], result["exit_code"]) == ("COMPLETED", "won", 0), result
    return result


async def _manifest(state: StackState, project: str) -> str:
    async with reached(state) as (_, store):
        row = await store.project(ProjectId(project))
        assert row.manifest is not None
        assert (await store.node(row.id, NodePath("root"))).margin >= 2
        return (await store.get(row.manifest)).decode()


async def _history(state: StackState, name: str) -> Sequence[HistoryEvent]:
    async with reached(state) as (client, _):
        return (await client.get_workflow_handle(name).fetch_history()).events
