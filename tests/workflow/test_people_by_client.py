"""The client and the inbox over the workflows of the product: found by address, refused, taken, settled."""

import pytest

from millwright.client import Client
from millwright.core.audit import settles
from millwright.errors import BadInput
from millwright.inbox import Inbox
from schemas.identity import Gate, TaskStatus
from schemas.people import Door
from schemas.project import ApprovalDecision
from tests.workflow.builds import DISAGREEING, PROJECT, start, until_project, until_waiting
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import ANSWERS

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]


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
