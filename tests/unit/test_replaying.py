"""What `replay` refuses, and what is said of a call that a record does not answer."""

import asyncio
from pathlib import Path

import pytest

from millwright.commandline.application import run
from millwright.errors import ModelRefused
from millwright.replay_setup import Unasked
from schemas.identity import Archetype, ProjectId, TaskStatus
from schemas.models import TASK_LINE, Message, ModelRequest, Prompt, Role
from tests.unit.commandline_fakes import Pretended, store_project


def test_a_project_without_a_recorded_preset_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and what to do instead; one that is not there as well."""
    pretended = Pretended(tmp_path)
    asyncio.run(store_project(pretended.store, ProjectId("old"), TaskStatus.WON, 0))
    assert run(["replay", "old"], pretended) == 2
    assert "before its record could be replayed: build it again" in capsys.readouterr().err
    assert run(["replay", "nobody"], pretended) == 2


async def test_a_call_without_an_answer_is_named() -> None:
    """By its model, archetype, task and seed."""
    prompt = Prompt(
        archetype=Archetype.CODER, version="1", messages=(Message(role=Role.USER, content=f"{TASK_LINE}double\nGo."),)
    )
    with pytest.raises(ModelRefused, match=r"no answer to a call of 'm' for a coder about double .seed 7."):
        await Unasked().complete(ModelRequest(prompt=prompt, model="m", temperature=0, seed=7))
