"""What waits for people across projects, and how one of it is found."""

import pytest

from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import BadInput, NotFound
from millwright.inbox import Inbox, asked_of
from schemas.evidence import ProjectRecord
from schemas.identity import ROOT_PATH, Digest, ProjectId, TaskStatus
from schemas.people import Decision, Question
from schemas.reuse import Revision


def _question(project: str, id: str = "root/1", **fields: object) -> Question:
    given = {"id": id, "project": project, "path": ROOT_PATH, "text": "Which?", "options": ("a",), **fields}
    return Question.model_validate(given)


async def _store(*questions: Question) -> MemoryStore:
    store = MemoryStore()
    for project in sorted({question.project for question in questions}):
        await store.open_project(ProjectRecord(id=project, input_digest=Digest("0" * 64)))
    for question in questions:
        await store.save_question(question)
    return store


async def test_a_question_is_found_by_address_and_by_an_id_that_is_enough() -> None:
    """Settled ones by address alone; an id that several have names them."""
    shop, bank = _question("shop"), _question("bank")
    done = _question("shop", "root/2", open=False)
    inbox = Inbox(await _store(shop, bank, done, _question("bank", "root.a/1")))
    assert await inbox.question("shop/root/1") == shop
    assert await inbox.question("shop/root/2") == done
    assert (await inbox.question("root.a/1")).project == "bank"
    with pytest.raises(BadInput, match=r"give one of bank/root/1, shop/root/1|give one of shop/root/1, bank/root/1"):
        await inbox.question("root/1")
    with pytest.raises(NotFound, match="did you mean"):
        await inbox.question("root/2")


async def test_an_id_that_looks_like_an_address_is_one_first() -> None:
    """``root/1`` is the question 1 of a project ``root`` where there is one."""
    inbox = Inbox(await _store(_question("root", "1"), _question("shop")))
    assert (await inbox.question("root/1")).project == "root"


async def test_questions_asked_of_nobody_are_everybodys() -> None:
    """And those of somebody else are not."""
    questions = [_question("shop", assignee="ann"), _question("bank"), _question("mill", assignee="bob")]
    assert [item.project for item in asked_of("ann", questions)] == ["shop", "bank"]


async def test_the_history_of_an_earlier_revision_is_kept() -> None:
    """What was asked and decided then stands under its number, and nothing of it is open."""
    store = await _store(_question("shop"))
    shop = ProjectId("shop")
    await store.save_decision(Decision(id="1", project=shop, question="root/1", value="a"))
    first = (await store.project(shop)).model_copy(update={"exit_code": 0, "status": TaskStatus.WON})
    await store.save_project(first)
    await store.supersede(
        Revision(project=first, questions=await store.questions(shop), decisions=await store.decisions(shop)),
        first.model_copy(update={"revision": 2, "exit_code": None, "status": TaskStatus.RUNNING}),
    )
    inbox = Inbox(store)
    earlier = await inbox.history("shop@1")
    assert [(item.decision.value, item.question) for item in earlier.entries] == [("a", _question("shop"))]
    assert (earlier.revision, earlier.open) == (1, ())
    assert (await inbox.history("shop")).entries == ()
    with pytest.raises(NotFound, match="no revision 3"):
        await inbox.history("shop@3")
    with pytest.raises(BadInput, match="is not a project id"):
        await inbox.history("The Shop")
