"""What every store promises about questions and decisions, run on memory and Postgres alike."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from schemas.identity import ROOT_PATH, Gate, NodePath, ProjectId, TaskStatus
from schemas.models import Budget
from schemas.people import Choice, Decision, Door, Question, QuestionKind
from schemas.reuse import Revision
from tests.contract.stores_fixtures import BANK, HOSTILE, LEAF, SHOP, Store, entry, project
from tests.gates import plan_gate

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANY_JSON: dict[str, JsonValue] = {
    "floats": [{"$float": "nan"}, {"$float": "-inf"}, 0.1, -0.0, 1e300, 5e-324],
    "whole": [0, -(10**40), 2**63, True],
    "nested": {"": None, "a.b": [[], {}, [None]], "\x00": {"\x1a0000": "\\u0000"}},
    "text": [text for text in HOSTILE if text != "\ud83d\ude00"],  # the pair comes back as the character that it makes
}
BEHAVIOUR = Question(
    id="root.cart.subtotal/2",
    project=SHOP,
    path=LEAF,
    text="What is the subtotal of \x00 and \ud800?",
    options=("A", "B", "retry", "\x1a"),
    kind=QuestionKind.BEHAVIOUR,
    inputs=ANY_JSON,
    choices=(
        Choice(label="A", votes=3, returns=ANY_JSON, shown="\x00 \udc80"),
        Choice(label="B", votes=2, raises="ValueError", shown="raises ValueError"),
        Choice(label="C", votes=0),
    ),
    tolerance=0.1 + 0.2,
    assignee="Ada \ud800",
    asked_at=NOON,
    due_at=NOON + timedelta(days=3, microseconds=1),
)
AT_A_GATE = plan_gate(SHOP)
SAID = Decision(
    id="1",
    project=SHOP,
    question=BEHAVIOUR.id,
    value="returns \x00",
    by="Ada \ud800",
    note="\x1a",
    decided_at=NOON,
    path=LEAF,
    through=Door.COMMAND,
    effect="counts as an example from now on: \udfff",
    content={"returns": ANY_JSON},
)


def _asked(name: str, *, of: ProjectId = SHOP, hours: float | None = None) -> Question:
    """Make a question that was put so many hours after noon, or at a time that it does not say."""
    moment = None if hours is None else NOON + timedelta(hours=hours)
    return Question(id=name, project=of, path=LEAF, text="?", options=("retry",), asked_at=moment)


async def test_questions_and_decisions_keep_every_field(store: Store) -> None:
    """Any JSON, any text and any moment come back as they were, from a question that is closed as well."""
    for question in (BEHAVIOUR, AT_A_GATE):
        await store.save_question(question)
    in_a_word = SAID.model_copy(update={"id": "2", "value": "A", "content": None})
    for decision in (SAID, in_a_word):
        await store.save_decision(decision)
    assert await store.questions(SHOP) == (BEHAVIOUR, AT_A_GATE)
    assert repr((await store.questions(SHOP))[0].inputs) == repr(ANY_JSON)  # -0.0 and True are not 0 and 1
    closed = BEHAVIOUR.model_copy(update={"open": False, "assignee": "Bob"})
    await store.save_question(closed)
    assert await store.questions(SHOP) == (closed, AT_A_GATE)
    assert await store.decisions(SHOP) == (SAID, in_a_word)


async def test_a_question_without_a_time_zone_is_refused(store: Store) -> None:
    """A deadline that means another instant on another server is none."""
    for name in ("asked_at", "due_at"):
        with pytest.raises(ValueError, match=f"{name} is .* no time zone"):
            await store.save_question(BEHAVIOUR.model_copy(update={name: NOON.replace(tzinfo=None)}))


async def test_decisions_on_different_questions_may_have_the_same_id(store: Store) -> None:
    """Two people who each begin with decision 1 are both heard; on one question the first one counts."""
    elsewhere = SAID.model_copy(update={"question": "root.cart/1", "path": NodePath("root.cart")})
    at_gate = Decision(id="1", project=SHOP, question="gate/plan/1", gate=Gate.PLAN, value="approve", path=ROOT_PATH)
    again = at_gate.model_copy(update={"question": "gate/plan/2", "value": "reject"})
    of_old = [Decision(id="1", project=SHOP, gate=gate, value="approve") for gate in (Gate.PLAN, Gate.DELIVERY)]
    every = (SAID, elsewhere, at_gate, again, *of_old)
    for decision in every:
        await store.save_decision(decision)
    for decision in every:
        await store.save_decision(decision.model_copy(update={"value": "late", "by": "Eve", "note": "too late"}))
    assert await store.decisions(SHOP) == every
    assert await store.decisions(BANK) == ()


async def test_open_questions_of_all_projects_are_read_oldest_first(store: Store) -> None:
    """When a question was put decides; at one moment the project and the id do. Closed ones wait for nobody."""
    for owner in (SHOP, BANK):
        await store.open_project(project(owner))
    shared = [_asked(name, of=owner, hours=2) for owner in (BANK, SHOP) for name in ("B", "a", "a-b", "a.b")]
    first, last = _asked("z", hours=-1), _asked("a0", of=BANK, hours=3)
    for question in (last, *reversed(shared), first, _asked("closed", hours=0).model_copy(update={"open": False})):
        await store.save_question(question)
    assert await store.open_questions() == (first, *shared, last)
    await store.save_question(shared[0].model_copy(update={"open": False}))
    handed_on = first.model_copy(update={"assignee": "Bob"})
    await store.save_question(handed_on)
    assert await store.open_questions() == (handed_on, *shared[1:], last)


async def test_a_question_that_does_not_say_when_it_was_put_has_the_age_of_its_row(store: Store) -> None:
    """Rows of an older version stand where they were written, however often they are replaced."""
    await store.open_project(project())
    asked = [_asked(name) for name in ("b", "a", "c")]
    for question in (*asked, asked[0]):
        await store.save_question(question)
    before, after = (
        _asked(name).model_copy(update={"asked_at": datetime(year, 1, 1, tzinfo=UTC)})
        for name, year in (("x", 2001), ("y", 2999))
    )
    await store.save_question(after)
    await store.save_question(before)
    assert await store.open_questions() == (before, *asked, after)


@pytest.mark.parametrize("status", [TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.WON])
async def test_what_a_project_asked_that_has_ended_waits_for_nobody(store: Store, status: TaskStatus) -> None:
    """The questions stay in its record, open as they were, and leave the inbox; so do those of an unknown project."""
    for owner in (SHOP, BANK):
        await store.open_project(project(owner))
        await store.save_question(_asked("q", of=owner))
    await store.save_question(_asked("q", of=ProjectId("unknown")))
    await store.save_project(project().model_copy(update={"status": status, "exit_code": 0}))
    assert await store.open_questions() == (_asked("q", of=BANK),)
    assert await store.questions(SHOP) == (_asked("q"),)


async def test_a_superseded_revision_takes_its_questions_with_it(store: Store) -> None:
    """Its questions and decisions are read back whole, and the next revision begins with an empty inbox."""
    await store.open_project(project())
    for question in (BEHAVIOUR, AT_A_GATE):
        await store.save_question(question)
    await store.save_decision(SAID)
    record = project().model_copy(update={"exit_code": 1, "finished_at": NOON})
    await store.save_project(record)
    ended = Revision(project=record, questions=await store.questions(SHOP), decisions=await store.decisions(SHOP))
    await store.supersede(ended, project(asked="another shop").model_copy(update={"revision": 2}))
    assert await store.open_questions() == ()
    kept = (await store.revisions(SHOP))[0]
    assert kept.questions == (BEHAVIOUR, AT_A_GATE)
    assert kept.decisions == (SAID,)
    assert repr(kept.questions[0].inputs) == repr(ANY_JSON)
    once_more = BEHAVIOUR.model_copy(update={"text": "again?"})
    await store.save_question(once_more)
    await store.save_decision(SAID.model_copy(update={"value": "A"}))
    assert await store.open_questions() == (once_more,)
    assert [decision.value for decision in await store.decisions(SHOP)] == ["A"]


async def test_a_forgotten_project_leaves_no_question_behind(store: Store) -> None:
    """Whoever takes its id finds neither its questions nor what was decided; one with calls keeps both."""
    for owner in (SHOP, BANK):
        await store.open_project(project(owner))
        await store.save_question(_asked("q", of=owner))
        await store.save_decision(SAID.model_copy(update={"project": owner}))
    await store.reserve(entry(owner=BANK), Budget())
    for owner in (SHOP, BANK):
        await store.forget_project(owner)
        await store.open_project(project(owner))
    assert await store.open_questions() == (_asked("q", of=BANK),)
    assert await store.questions(SHOP) == () == await store.decisions(SHOP)
    assert len(await store.decisions(BANK)) == 1
