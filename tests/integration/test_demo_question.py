"""A bundled task that can be read in two ways: the build stops at the question, and goes on with a person's answer."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.demo_stack import REPOSITORY, command, environment

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]

QUESTION = "parking-fees/root.fee/1"


def millwright(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on a home of the test's own."""
    return subprocess.run(
        command(*arguments),
        cwd=REPOSITORY,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_artifact_reflects_the_answer_and_no_stored_answer_is_drawn_again(tmp_path: Path) -> None:
    """Exit code 3 at the smallest stay that divides the answers; with the answer 0, and the fee cost no call more."""
    label, cents = "B", 200  # as tests/workflow has it, the other one decides as well
    home, out = tmp_path / "home", tmp_path / "out"
    stopped = millwright(home, "demo", "parking-fees", "--k", "3", "--out", str(out), "--json")
    assert stopped.returncode == 3, stopped.stderr
    before = json.loads(stopped.stdout)["spend"]["calls"]
    waiting = json.loads(millwright(home, "inbox", "--json").stdout)["questions"]
    (question,) = waiting
    assert question["inputs"] == {"minutes": 61}
    assert {choice["label"]: choice["returns"] for choice in question["choices"]} == {"A": 400, "B": 200}
    assert [choice["votes"] for choice in question["choices"]] == [7, 7]
    answered = millwright(home, "answer", QUESTION, label, "--note", "as the sign says", "--by", "ann")
    assert answered.returncode == 0, answered.stderr
    assert f'understood: {label}; the example answered_1 is added: {{"minutes": 61}} gives {cents}' in answered.stdout
    ended = millwright(home, "demo", "parking-fees", "--k", "3", "--out", str(out), "--json")
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in millwright(home, "results", "parking-fees", "--jsonl").stdout.splitlines()]
    fee = next(line for line in lines if line["node"] == "root.fee")
    receipt = next(line for line in lines if line["node"] == "root.receipt")
    assert (fee["status"], fee["votes"], fee["samples"]) == ("won", 7, 19)
    # All that was spent since the answer was spent on the part that had waited: its votes, and their look at inputs.
    assert json.loads(ended.stdout)["spend"]["calls"] - before <= receipt["samples"] + 2
    space: dict[str, Any] = {}
    exec(fee["source"], space)
    assert space["fee"](61) == cents
    history = json.loads(millwright(home, "history", "parking-fees", "--json").stdout)
    assert "as the sign says" in json.dumps(history)
    late = millwright(home, "answer", QUESTION, "A")
    assert late.returncode == 2
    assert "ann" in late.stderr
