"""Records the histories that must replay for ever: ``python -m tests.replay.record [--demo HOME]``, some minutes.

Run it for a new version, under its name; what is there already is never overwritten. Without a home where the demo
was built it builds the demo first. What names a machine or a process is taken out.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory, WorkflowUpdateFailedError

from millwright import __version__
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.ports import Sandbox
from millwright.settings import Settings
from millwright.temporal import data_converter
from schemas.identity import Gate, NodePath, ProjectId, TaskStatus
from schemas.project import LadderMode, OnExhausted, ProjectInput
from tests.workflow import prose
from tests.workflow.deciding import HALF_PATH, OPTIONS, decision, until_gate
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.objecting import Objecting
from tests.workflow.samples import (
    ANSWERS,
    DOUBLE,
    FOR_MORE_EXAMPLES,
    FOR_TRIPLED,
    HOPELESS_PLANS,
    INFEASIBLE,
    LOOKED_AT,
    MORE_EXAMPLES,
    QUADRUPLE,
    REVIEWED,
    SEVENFOLD,
    SIX,
    SPECIFICATION,
    SPLIT_ONE_WAY,
    TRIPLE,
    TRIPLED,
    TRIPLING,
    TWO_READINGS,
    WEAK_CHILD,
    WITH_SIX,
    WRONG_DOUBLE,
    advising,
    fenced,
)
from workflows.identifiers import CONTROL_QUEUE, node_workflow_id, project_workflow_id

HISTORIES = Path(__file__).resolve().parent / "histories"
REPOSITORY = HISTORIES.parents[2]
DEMO = ProjectId("order-pricing")
PROJECT = ProjectId("sums")
PATIENCE_SECONDS = 120

OF_DEMO = {
    "project-from-prose": None,
    "node-root-of-five-parts": "root",
    "node-decomposed-and-composed": "root.line_pricing",
    "node-leaf-won-in-one-round": "root.totals.tax_rate",
    "node-leaf-with-rejected-candidates": "root.orders.lines.quantity",
}
"""What is kept of the demo: the project's own history, and some of its nodes'."""

DISAGREEING = {
    ("coder", "double"): ANSWERS[("coder", "double")],
    ("coder", "quadruple"): tuple(
        fenced(f"def quadruple(n: int) -> int:\n    return {body}\n")
        for body in (
            "n * 4 if n < 500 else 0",
            "n * 4 if n < 501 else n",
            "4 * n if n > -500 else 0",
            "4 * n if n > -501 else n",
        )
    ),
}
HOPELESS = {("coder", "double"): (WRONG_DOUBLE,), ("coder", "quadruple"): QUADRUPLE}
_SCRUBBED = ("identity", "stackTrace", "workerInstanceKey")
_PROCESS = re.compile(r"\d+@[\w.-]+")


def scrubbed(data: Any) -> Any:
    """Take out of a history what names a machine or a process, and where a program lay."""
    if isinstance(data, dict):
        return {key: "" if key in _SCRUBBED else scrubbed(item) for key, item in data.items()}
    if isinstance(data, list):
        return [scrubbed(item) for item in data]
    return _PROCESS.sub("a-worker", data) if isinstance(data, str) else data


def write(name: str, history: WorkflowHistory) -> None:
    """Write a history under this version's name, unless it is there."""
    file = HISTORIES / f"v{__version__}-{name}.json"
    if file.exists():
        print(f"kept     {file.name}")
        return
    document = {"workflowId": history.workflow_id, "history": scrubbed(json.loads(history.to_json()))}
    file.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")
    print(f"recorded {file.name}, {file.stat().st_size} bytes")


async def record(client: Client, project: ProjectId, wanted: Mapping[str, str | None]) -> None:
    """Record workflows of a project: name of the history to the node's path, None for the project itself."""
    for name, path in wanted.items():
        workflow_id = project_workflow_id(project) if path is None else node_workflow_id(project, NodePath(path))
        write(name, await client.get_workflow_handle(workflow_id).fetch_history())


async def record_demo(home: Path) -> None:
    """Record from a home where the demo was built."""
    async with EmbeddedStack(Settings(home=home), ui=False) as state:
        assert state.temporal_address is not None
        client = await Client.connect(state.temporal_address, data_converter=data_converter)
        await record(client, DEMO, OF_DEMO)


async def record_small() -> None:
    """Record what the demo does not show, on the time-skipping server."""
    async with staged(TableModel(ANSWERS)) as stage:
        await _build(stage, ladder=LadderMode.FUSED)
        wanted = {
            "project-from-specification": None,
            "node-joined": "root",
            "node-leaf-fused": "root.quadruple",
            "node-candidates-compared": "root.quadruple",
        }
        await record(stage.client, PROJECT, wanted)
    async with staged(TableModel(ANSWERS)) as stage:
        await _build(stage, k=None)
        await record(stage.client, PROJECT, {"node-margin-planned": "root.quadruple"})
    async with staged(TableModel(DISAGREEING)) as stage:
        await _answered(stage)
        wanted = {"node-answered-by-a-person": "root.quadruple", "node-best-chosen-and-taken": "root.quadruple"}
        await record(stage.client, PROJECT, wanted)
    async with staged(TableModel(LOOKED_AT)) as stage:
        await _build(stage)
        await record(stage.client, PROJECT, {"node-won-after-a-further-look": "root.double"})
    async with staged(TableModel(HOPELESS)) as stage:
        await _build(stage, on_exhausted=OnExhausted.FAIL, max_attempts=4)
        await record(stage.client, PROJECT, {"node-failed": "root.double", "node-blocked": "root.quadruple"})
    async with staged(TableModel(TRIPLING)) as stage:
        await _consented(stage)
        await record(stage.client, PROJECT, {"node-untested-and-agreed-to": "root.triple"})
    async with staged(TableModel(prose.ANSWERS)) as stage:
        await _asked_about_requirements(stage)
        await record(stage.client, PROJECT, {"project-approved-with-open-questions": None})
    async with staged(TableModel({**prose.ANSWERS, ("decomposer", "root"): (prose.FORGOTTEN,)})) as stage:
        await _build(stage, specification="", requirements=prose.PROSE, max_attempts=4, on_exhausted=OnExhausted.FAIL)
        await record(stage.client, PROJECT, {"node-plan-forgets-a-requirement": "root"})
    async with staged(TableModel({})) as stage:
        await _rejected(stage)
        await record(stage.client, PROJECT, {"project-rejected-at-the-plan": None})
    await record_rebuilt()
    async with staged(TableModel(DISAGREEING)) as stage:
        await _cancelled(stage)
        await record(stage.client, PROJECT, {"project-cancelled": None, "node-cancelled": "root.quadruple"})


async def record_rework() -> None:
    """Record what is done again: a child, a plan, a plan too many, and a part that the whole did not hold with."""
    six: dict[str, Any] = {"specification": SIX, "proposals": 0}
    async with staged(TableModel(WEAK_CHILD)) as stage:
        await _build(stage, max_attempts=12, **six)
        await record(stage.client, PROJECT, {"node-child-elected-again": "root.six"})
    async with staged(TableModel(INFEASIBLE)) as stage:
        await _build(stage, max_attempts=3, **six)
        await record(stage.client, PROJECT, {"node-planned-anew": "root.six"})
    async with staged(TableModel(HOPELESS_PLANS)) as stage:
        project = await _start(stage, max_attempts=3, **six)
        await _until_waiting(stage, "root.six.thrice")
        (question,) = await stage.store.questions(PROJECT)
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.six.thrice")))
        answer = {"question": question.id, "decision_id": "1", "value": "give_up", "by": "ann"}
        await node.execute_update("answer", answer)
        await project.result()
        await record(stage.client, PROJECT, {"node-plans-exhausted": "root.six"})

    def objecting(sandbox: Sandbox) -> Sandbox:
        return Objecting(sandbox, "sums/double.py", "n * 2")

    async with staged(TableModel({**ANSWERS, ("coder", "double"): DOUBLE}), sandbox=objecting) as stage:
        await _build(stage, proposals=0)
        await record(stage.client, PROJECT, {"project-part-opened-again": None, "node-part-barred": "root.double"})


async def record_gates() -> None:
    """Record what people reject with a note: a specification, and a plan that the root waits with."""
    async with staged(TableModel(prose.ANSWERS)) as stage:
        await _guided(stage, Gate.SPECIFICATION)
        await record(stage.client, PROJECT, {"project-specification-guided": None})
    split = ("decomposer again", "root")
    async with staged(TableModel({**prose.ANSWERS, split: prose.ANSWERS[("decomposer", "root")]})) as stage:
        await _guided(stage, Gate.PLAN)
        await record(stage.client, PROJECT, {"project-plan-guided": None, "node-plan-guided": "root"})


async def _guided(stage: Stage, gate: Gate) -> None:
    """Hand a gate on, reject at it with a note, and without one when it opens again."""
    project = await _start(stage, specification="", requirements=prose.PROSE, approve=(gate,))
    await until_gate(project, f"gate/{gate.value}/1")
    await project.execute_update("approve", decision(gate.value, 1, "assign", to="bo"))
    await project.execute_update("approve", decision(gate.value, 2, "reject", note="Say it otherwise."))
    await until_gate(project, f"gate/{gate.value}/2")
    await project.execute_update("approve", decision(gate.value, 3, "reject"))
    await project.result()


async def record_questions() -> None:
    """Record a question about behaviour that is handed on, misread, answered and won, and one that nobody answers."""
    async with staged(TableModel(TWO_READINGS)) as stage:
        project = await _start(stage, **OPTIONS)
        await _until_waiting(stage, HALF_PATH)
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, HALF_PATH))
        about = {"question": f"{HALF_PATH}/1", "by": "ann"}
        await node.execute_update("answer", {**about, "decision_id": "1", "value": {"assign": "bo"}})
        with contextlib.suppress(WorkflowUpdateFailedError):
            await node.execute_update("answer", {**about, "decision_id": "2", "value": {"returns": 900}})
        await node.signal("answer", {**about, "decision_id": "3", "value": "A"})
        await project.result()
        await record(stage.client, PROJECT, {"node-asked-about-behaviour": HALF_PATH})
    async with staged(TableModel(TWO_READINGS)) as stage:
        waiting = {"deadline_seconds": 604_800, "remind_after_seconds": 86_400, "on_deadline": "partial"}
        await (await _start(stage, **OPTIONS, waiting=waiting)).result()
        await record(stage.client, PROJECT, {"node-decided-by-the-deadline": HALF_PATH})


async def record_archetypes() -> None:
    """Record what reviewers and coordinators do: a winner that loses company, and a task that goes back at once."""
    async with staged(TableModel(REVIEWED)) as stage:
        await _build(stage, specification=SEVENFOLD, k=3)
        await record(stage.client, PROJECT, {"node-winner-reviewed": "root.sevenfold"})
    async with staged(TableModel({**INFEASIBLE, ("coordinator", "thrice"): advising("replan")})) as stage:
        await _build(stage, specification=SIX, max_attempts=3, proposals=0)
        await record(stage.client, PROJECT, {"node-sent-back-by-a-coordinator": "root.six.thrice"})


async def record_rebuilt() -> None:
    """Record second builds of a project whose input changed."""
    async with staged(TableModel(SPLIT_ONE_WAY)) as stage:
        await _build(stage, specification=WITH_SIX)
        stage.model.answers = FOR_TRIPLED
        await _build(stage, specification=TRIPLED)
        wanted = {
            "project-rebuilt": None,
            "node-reused": "root.six.twice",
            "node-plan-kept-and-glue-reused": "root.six",
            "node-elected-since-it-holds-no-more": "root.quadruple",
        }
        await record(stage.client, PROJECT, wanted)
    async with staged(TableModel(ANSWERS)) as stage:
        await _build(stage)
        stage.model.answers = FOR_MORE_EXAMPLES
        await _build(stage, specification=MORE_EXAMPLES)
        await record(stage.client, PROJECT, {"node-verified-again-and-reused": "root.quadruple"})


async def _start(stage: Stage, **options: Any) -> Any:
    given = ProjectInput.model_validate({"specification": SPECIFICATION, "project": PROJECT, "k": 2, **options})
    return await stage.client.start_workflow(
        "ProjectWorkflow", given, id=project_workflow_id(PROJECT), task_queue=CONTROL_QUEUE
    )


async def _build(stage: Stage, **options: Any) -> None:
    await (await _start(stage, **options)).result()


async def _until_waiting(stage: Stage, path: str | None) -> None:
    """Wait until a node waits for a person, or until the project does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            nodes = {node.path: node.status for node in await stage.store.nodes(PROJECT)}
            projects = {project.status for project in await stage.store.projects()}
            if TaskStatus.WAITING in (projects if path is None else {nodes.get(NodePath(path))}):
                return
            await asyncio.sleep(0.1)


async def _answered(stage: Stage) -> None:
    """Refuse one answer, ignore one signal, draw again on request, and accept in the end."""
    project = await _start(stage, k=6, max_attempts=8)
    node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
    await _until_waiting(stage, "root.quadruple")
    first = (await stage.store.questions(PROJECT))[-1]
    await node.signal("answer", {"question": "another", "decision_id": "0", "value": "give_up"})
    await node.execute_update("answer", {"question": first.id, "decision_id": "1", "value": "retry", "by": "ann"})
    second = await _question_after(first.id, node)
    answer = {"question": second, "decision_id": "2", "value": "accept_partial", "by": "ann"}
    await node.execute_update("answer", answer)
    await project.result()


async def _question_after(first: str, node: WorkflowHandle[Any, Any]) -> str:
    """Wait until a node puts another question; return its id."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            question = await node.query("question")
            if question is not None and question["id"] != first:
                return str(question["id"])
            await asyncio.sleep(0.1)


async def _consented(stage: Stage) -> None:
    """Accept what no example speaks of."""
    project = await _start(stage, specification=TRIPLE)
    await _until_waiting(stage, "root.triple")
    (question,) = await stage.store.questions(PROJECT)
    node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.triple")))
    answer = {"question": question.id, "decision_id": "1", "value": "accept_partial", "by": "ann"}
    await node.execute_update("answer", answer)
    await project.result()


async def _rejected(stage: Stage) -> None:
    project = await _start(stage, approve=(Gate.PLAN,))
    await _until_waiting(stage, None)
    decision = {"gate": "plan", "decision_id": "1", "decision": "reject", "by": "ann", "note": "too dear"}
    await project.execute_update("approve", decision)
    await project.result()


async def _asked_about_requirements(stage: Stage) -> None:
    project = await _start(stage, specification="", requirements=prose.PROSE, approve=(Gate.SPECIFICATION,))
    await _until_waiting(stage, None)
    decision = {"gate": "specification", "decision_id": "1", "decision": "approve", "by": "ann"}
    await project.execute_update("approve", decision)
    await project.result()


async def _cancelled(stage: Stage) -> None:
    project = await _start(stage, k=6, max_attempts=8)
    await _until_waiting(stage, "root.quadruple")
    await project.cancel()
    with contextlib.suppress(WorkflowFailureError):
        await project.result()
    node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
    with contextlib.suppress(WorkflowFailureError):
        await node.result()


def _build_demo(home: Path) -> None:
    environment = {**os.environ, "MILLWRIGHT_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    demo = [sys.executable, "-m", "starter", "demo", "--out", str(home.with_name("out"))]
    subprocess.run(demo, env=environment, check=True, cwd=REPOSITORY)


def main() -> None:
    """Record everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.record", description=__doc__)
    parser.add_argument("--demo", type=Path, help="a home where the demo was built with this version")
    given = parser.parse_args()
    HISTORIES.mkdir(exist_ok=True)
    asyncio.run(record_small())
    asyncio.run(record_rework())
    asyncio.run(record_archetypes())
    asyncio.run(record_gates())
    asyncio.run(record_questions())
    if given.demo is not None:
        asyncio.run(record_demo(given.demo.absolute()))
        return
    with tempfile.TemporaryDirectory(prefix="millwright-record-") as place:
        _build_demo(Path(place) / "home")
        asyncio.run(record_demo(Path(place) / "home"))


if __name__ == "__main__":
    main()
