"""What `replay` refuses, and what is said of a call that a record does not answer."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from millwright.adapters.storage.memory import MemoryStore
from millwright.client import Client
from millwright.commandline.application import run
from millwright.commandline.composition import Endpoints, Session, Stores
from millwright.commandline.replaying import _answered, _copy_what_people_gave, _input
from millwright.errors import ModelRefused
from millwright.replay_setup import Unasked
from schemas.evidence import ProjectRecord
from schemas.identity import Archetype, Digest, Gate, NodePath, ProjectId, TaskStatus
from schemas.models import TASK_LINE, Message, ModelRequest, Prompt, Role
from schemas.people import Decision, Question, QuestionKind
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


QUADRUPLE = Question(
    id="root.quadruple/1",
    project=ProjectId("sums"),
    path=NodePath("root.quadruple"),
    text="Which?",
    options=("A", "retry"),
    kind=QuestionKind.BEHAVIOUR,
)


def _decision(value: str, **fields: Any) -> Decision:
    return Decision(id="d1", project=ProjectId("sums"), question=QUADRUPLE.id, value=value, by="ann", **fields)


async def _answers(pretended: Pretended, *decisions: Decision) -> list[tuple[str, Any, dict[str, Any]]]:
    await pretended.store.save_question(QUADRUPLE)
    stores = Stores(pretended.store, pretended.store)
    scratch = Session(cast(Client, pretended.client), stores, Endpoints(pretended.home), owned=True)
    await _answered(scratch, ProjectId("sums"), decisions)
    return pretended.client.decided


async def test_questions_are_answered_again_as_they_were(tmp_path: Path) -> None:
    """Past what settled nothing, with the value itself where it is in the record, by whom and why, as the same one."""
    refused = _decision("code 12", refused=True, content={"code_digest": "0" * 64})
    handed_on = _decision("assign bob", content={"assign": "bob"})
    settled = _decision("returns 4", content={"returns": 4}, note="four times")
    (answer,) = await _answers(Pretended(tmp_path), refused, handed_on, settled)
    assert answer == ("sums/root.quadruple/1", {"returns": 4}, {"by": "ann", "note": "four times", "decision_id": "d1"})


async def test_a_word_is_answered_again(tmp_path: Path) -> None:
    """A word needs no content."""
    (answer,) = await _answers(Pretended(tmp_path), _decision("retry"))
    assert answer[1] == "retry"


async def test_code_that_a_person_gave_comes_along() -> None:
    """The scratch store is empty, and an answer names its text by digest."""
    record, scratch = MemoryStore(), MemoryStore()
    code = await record.put(b"def quadruple(n): return 4 * n", "text/x-source")
    await _copy_what_people_gave(
        Stores(record, record),
        Stores(scratch, scratch),
        [_decision("retry"), _decision("code", content={"code_digest": code})],
    )
    assert await scratch.get(code) == await record.get(code)


async def test_gates_at_which_something_was_rejected_are_waited_at_again() -> None:
    """The reasons guided what models were asked; consent and caps changed nothing, and are left out."""
    store = MemoryStore()
    stored = ProjectRecord(id=ProjectId("sums"), input_digest=Digest("0" * 64), options={"approve": ["plan", "budget"]})
    decisions = [
        _decision("reject", gate=Gate.PLAN),
        _decision("reject", gate=Gate.PLAN),
        _decision("approve", gate=Gate.PLAN),
        _decision("approve", gate=Gate.SPECIFICATION),
        _decision("reject", gate=Gate.BUDGET),
    ]
    given = await _input(Stores(store, store), stored, decisions)
    assert (given.approve, given.max_rejections) == ((Gate.PLAN,), 2)
    assert (await _input(Stores(store, store), stored, decisions[2:])).approve == ()
