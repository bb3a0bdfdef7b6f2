"""The client and the inbox over the workflows of the product: found by address, refused, taken, settled."""

import asyncio
from pathlib import Path

import pytest
from pydantic import JsonValue

from millwright.client import Client
from millwright.commandline.composition import Endpoints, Session, Stores
from millwright.commandline.replaying import _built, _copy_what_people_gave, _input
from millwright.core.audit import settles
from millwright.errors import BadInput
from millwright.inbox import Inbox
from schemas.identity import Gate, ProjectId, TaskStatus
from schemas.people import Door, QuestionKind
from schemas.project import ApprovalDecision
from tests.workflow.builds import DISAGREEING, PROJECT, start, until_project, until_waiting
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import ANSWERS

pytestmark = [pytest.mark.slow, pytest.mark.temporal, pytest.mark.sandbox]

RIGHT = "def quadruple(n: int) -> int:\n    return 4 * n\n"


async def test_a_question_is_found_answered_and_remembered() -> None:
    """From the inbox to the audit, with a refusal on the way that leaves it open."""
    async with staged(TableModel(DISAGREEING)) as stage:
        client, inbox = Client(stage.client, stage.store, stage.store), Inbox(stage.store)
        handle = await start(stage, k=6, max_attempts=8)
        await until_waiting(stage, "root.quadruple")
        (question,) = await inbox.waiting()
        assert (
            await inbox.question(f"{PROJECT}/root.quadruple/1") == await inbox.question("root.quadruple/1") == question
        )
        with pytest.raises(BadInput, match="is none of"):
            await client.answer(question, "perhaps", by="ann")
        said = await client.answer(question, "accept_partial", by="ann", decision_id="d1", through=Door.COMMAND)
        assert said.startswith("understood: accept_partial")
        assert (await handle.result()).exit_code == 6
        with pytest.raises(BadInput, match=r"sums/root.quadruple/1 was settled by ann at .*: accept_partial"):
            await client.answer(question, "give_up", by="bob")
        again = await client.answer(question, "accept_partial", by="ann", decision_id="d1")
        assert again.startswith("this decision was taken before: accept_partial")
        (entry,) = (await inbox.history(PROJECT)).entries
        assert (entry.decision.by, entry.decision.through, settles(entry.decision)) == ("ann", Door.COMMAND, True)
        assert await inbox.waiting() == ()


async def test_a_gate_is_in_the_inbox_and_decided_at() -> None:
    """It is found without being named; a rejection reaches the project with its note."""
    async with staged(TableModel(ANSWERS)) as stage:
        client, inbox = Client(stage.client, stage.store, stage.store), Inbox(stage.store)
        handle = await start(stage, approve=(Gate.DELIVERY,), max_rejections=0)
        await until_project(stage, TaskStatus.WAITING)
        (question,) = await inbox.waiting()
        assert question.gate is Gate.DELIVERY
        assert "bob" in await client.approve(PROJECT, ApprovalDecision.ASSIGN, by="ann", to="bob")
        assert (await inbox.question(question.address)).assignee == "bob"
        await client.approve(PROJECT, ApprovalDecision.REJECT, by="bob", note="no")
        assert (await handle.result()).exit_code == 1
        with pytest.raises(BadInput, match="has ended"):
            await client.approve(PROJECT, by="eve")


async def _decided_by_ann(stage: Stage, client: Client) -> list[str]:
    """Answer until nothing is asked: what is right where an input is named, else code; returns the kinds."""
    kinds: list[str] = []
    while await client.is_running(PROJECT):
        for question in await Inbox(stage.store).waiting():
            kinds.append(question.kind.value)
            value: dict[str, JsonValue]
            if question.kind is QuestionKind.BEHAVIOUR:
                number = question.inputs["n"]
                assert isinstance(number, int)
                value = {"returns": 4 * number}
            else:
                value = {"code_digest": await stage.store.put(RIGHT.encode(), "text/x-source")}
            await client.answer(question, value, by="ann", note="as the description says")
        await asyncio.sleep(0.1)
    return kinds


@pytest.mark.slow
async def test_a_build_that_people_decided_is_made_again_from_its_record(tmp_path: Path) -> None:
    """Values and code are in the record, so that the same answers lead to the same bytes."""
    options = {"k": 6, "max_attempts": 8, "proposals": 0, "reviews": 0}
    async with staged(TableModel(DISAGREEING)) as stage:
        client = Client(stage.client, stage.store, stage.store)
        handle = await start(stage, **options)
        kinds = await _decided_by_ann(stage, client)
        result = await handle.result()
        assert kinds[0] == "behaviour"
        assert kinds[-1] == "exhausted"
        assert result.manifest is not None
        stored, decisions = await stage.store.project(PROJECT), await stage.store.decisions(PROJECT)
        answers = await stage.store.all_completions(PROJECT)
        record = Stores(stage.store, stage.store)
        given = await _input(record, stored, decisions)
    async with staged(TableModel({}), recalls_all=True) as stage:
        await stage.store.recall(ProjectId("record"), answers)
        stores = Stores(stage.store, stage.store)
        await _copy_what_people_gave(record, stores, decisions)
        client = Client(stage.client, stage.store, stage.store)
        again = await _built(Session(client, stores, Endpoints(tmp_path), owned=True), stored, given, decisions)
        assert again.manifest == result.manifest
        assert stage.model.calls == []
