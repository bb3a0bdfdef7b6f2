"""Builds that run while Millwright is updated: every history on record replays with the code as it is now.

A failure here means that the change needs ``workflow.patched`` or a new workflow version; recording again is no remedy.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from millwright.temporal import data_converter
from tests.replay.planted import ForgetfulNodeWorkflow
from tests.replay.record import HISTORIES
from workflows.node import NodeWorkflow
from workflows.project import ProjectWorkflow
from workflows.sandbox import GUARDED, runner

ALL = sorted(HISTORIES.glob("*.json"))
MOST_BYTES = 2_500_000
_MACHINE = re.compile(r"/(?:root|home|tmp|work|usr|var)/|\d+@[\w.-]+|\.py\b", re.IGNORECASE)


def history(file: Path) -> WorkflowHistory:
    """Read one history."""
    document = json.loads(file.read_text(encoding="utf-8"))
    return WorkflowHistory.from_json(document["workflowId"], document["history"])


def replayer(*workflows: type, passed_through: tuple[str, ...] = ()) -> Replayer:
    """Make a replayer as the worker is made."""
    return Replayer(workflows=list(workflows), data_converter=data_converter, workflow_runner=runner(*passed_through))


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.stem)
async def test_every_history_replays(file: Path) -> None:
    """The workflows of today take the decisions that are on record, with the core passed through and kept inside."""
    for passed_through in ((), GUARDED):
        made = replayer(ProjectWorkflow, NodeWorkflow, passed_through=passed_through)
        await made.replay_workflow(history(file))


async def test_replay_notices_a_change_that_breaks_running_builds() -> None:
    """A node that skips one activity does not replay."""
    file = next(file for file in ALL if file.stem.endswith("node-leaf-won-in-one-round"))
    with pytest.raises(NondeterminismError):
        await replayer(ProjectWorkflow, ForgetfulNodeWorkflow).replay_workflow(history(file))


def test_the_histories_show_every_kind_of_run() -> None:
    """Projects and nodes, both ladders, people, failure and cancellation are on record."""
    names = " ".join(file.stem for file in ALL)
    kinds = (
        "project-from-prose project-from-specification project-rejected-at-the-plan project-cancelled "
        "node-decomposed-and-composed node-leaf-won-in-one-round node-leaf-with-rejected-candidates node-leaf-fused "
        "node-joined node-answered-by-a-person node-failed node-blocked node-cancelled node-candidates-compared "
        "node-best-chosen-and-taken node-untested-and-agreed-to node-margin-planned "
        "project-approved-with-open-questions node-plan-forgets-a-requirement "
        "node-winner-reviewed node-sent-back-by-a-coordinator node-asked-about-behaviour node-decided-by-the-deadline "
        "project-specification-guided project-plan-guided node-plan-guided"
    )
    assert [kind for kind in kinds.split() if kind not in names] == []


def test_the_histories_are_small_and_name_no_machine() -> None:
    """They stay under 2.5 MB together, and hold no path, process or host, encoded or not."""
    assert sum(file.stat().st_size for file in ALL) < MOST_BYTES
    for file in ALL:
        found = {leaf for leaf in _leaves(json.loads(file.read_text(encoding="utf-8"))) if _MACHINE.search(leaf)}
        assert not found, file.name


def _leaves(data: Any) -> list[str]:
    if isinstance(data, dict):
        decoded = [base64.b64decode(data["data"]).decode()] if isinstance(data.get("data"), str) else []
        return decoded + [leaf for key, item in data.items() if key != "data" for leaf in _leaves(item)]
    if isinstance(data, list):
        return [leaf for item in data for leaf in _leaves(item)]
    return [data] if isinstance(data, str) else []
