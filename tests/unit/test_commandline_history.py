"""What `history` and `status` tell of decisions and of what waits."""

import json

import pytest

from millwright.commandline.application import run
from schemas.identity import Gate
from schemas.people import Decision, Door
from tests.unit.commandline_fakes import Pretended
from tests.unit.people_fakes import ADDRESS, ASKED, BEHAVIOUR, PLAN, SUMS, decided, stored


def test_the_history_says_who_what_when_and_how(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Oldest first, with the question that each was about, and what is open still."""
    stored(composition, BEHAVIOUR, PLAN.model_copy(update={"open": False}))
    decided(
        composition,
        Decision(
            id="1",
            project=SUMS,
            question=PLAN.id,
            gate=Gate.PLAN,
            value="approve",
            by="ann",
            note="go",
            decided_at=ASKED,
            through=Door.COMMAND,
            effect="the plan is built",
        ),
        Decision(id="2", project=SUMS, gate=Gate.DELIVERY, value="approve"),
    )
    assert run(["history", "sums"], composition) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("2026-01-02 03:04:05 UTC"))
    for part in ("gate/plan/1", "approve", "ann", "the command line", "go", "the plan is built"):
        assert part in row
    assert "gate delivery" in out
    assert f"open: {ADDRESS}" in out
    assert run(["history", "sums@1", "--json"], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in found["decisions"]] == ["1", "2"]
    assert found["decisions"][0]["asked"]["id"] == PLAN.id
    assert (found["revision"], found["open"][0]["address"]) == (1, ADDRESS)
    assert run(["history", "sums@7"], composition) == 2
    assert run(["history", "nobody"], composition) == 2
    assert composition.sessions == 0


def test_the_history_of_a_project_without_questions_says_so(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """Votes may decide everything."""
    stored(composition)
    assert run(["history", "sums"], composition) == 0
    assert "nobody was asked" in capsys.readouterr().out


def test_status_lists_what_is_open_with_its_command(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A question and a gate alike, by address."""
    stored(composition, BEHAVIOUR, PLAN)
    assert run(["status", "sums"], composition) == 0
    out = capsys.readouterr().out
    assert f"(`millwright show {ADDRESS}`)" in out
    assert "sums/gate/plan/1: Shall this plan be built?" in out
