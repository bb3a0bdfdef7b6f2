"""What every store promises about projects that are built again, run on memory and Postgres alike."""

import asyncio

import pytest

from millwright.errors import BudgetReached
from schemas.election import Rule
from schemas.evidence import ProjectRecord
from schemas.identity import ROOT_PATH, LayerName, TaskStatus
from schemas.models import Budget
from schemas.people import Decision, Question
from schemas.reuse import AcceptedPart, AcceptedPlan, Revision
from schemas.specification import TestCase
from schemas.verification import Finding, Verdict, VerdictStatus
from tests.contract.stores_fixtures import (
    BANK,
    HOSTILE,
    LEAF,
    SHOP,
    Store,
    completion,
    digest,
    entry,
    node,
    project,
)

HOSTILE_TEXT = " ".join(text for text in HOSTILE if text != "\ud83d\ude00")
"""Two lone surrogates that make a pair come back from JSON as the character that they make."""
REJECTED = Verdict(
    layer=LayerName.TYPES, status=VerdictStatus.REJECTED, findings=(Finding(code="x", message=HOSTILE_TEXT),)
)


def _part(**fields: object) -> AcceptedPart:
    part = AcceptedPart(
        identity=digest("identity"),
        project=SHOP,
        path=LEAF,
        revision=1,
        entered=1,
        status=TaskStatus.WON,
        rule=Rule(k=3, min_yield=0.15),
        candidate=digest("source"),
        setting=digest("setting"),
        verdicts=(REJECTED,),
        examples=(TestCase(name="s", inputs={"n": HOSTILE_TEXT}, expected_output=None, raises="ValueError"),),
        votes=3,
        margin=2,
        k=3,
        samples=5,
        red_flags=1,
        rejected_by_layer={LayerName.TYPES: 1},
        note=HOSTILE_TEXT,
    )
    return part.model_copy(update=fields)


async def _two_revisions(store: Store) -> tuple[Revision, ProjectRecord]:
    """Fill a first revision, and begin the second."""
    await store.open_project(project())
    await store.open_project(project(BANK))
    asked = Question(id="q", project=SHOP, path=LEAF, text=HOSTILE_TEXT, options=("a",))
    said = Decision(id="1", project=SHOP, question="q", value="a")
    for owner in (SHOP, BANK):
        await store.save_nodes([node("root").model_copy(update={"project": owner})])
        await store.save_verdicts(owner, LEAF, digest("c"), [REJECTED])
    await store.save_question(asked)
    await store.save_decision(said)
    await store.add_further_examples(SHOP, LEAF, _part().examples)
    ended = Revision(project=project(), nodes=await store.nodes(SHOP), questions=(asked,), decisions=(said,))
    following = project(asked="another shop").model_copy(update={"revision": 2})
    await store.supersede(ended, following)
    return ended, following


async def test_a_superseded_revision_is_kept_whole_and_out_of_the_way(store: Store) -> None:
    """Its record comes back as it was; its rows are gone, and another project's are not touched."""
    ended, following = await _two_revisions(store)
    assert await store.revisions(SHOP) == (ended,)
    assert await store.project(SHOP) == following
    assert await store.nodes(SHOP) == ()
    assert await store.verdicts(SHOP, LEAF) == {}
    assert (await store.questions(SHOP), await store.decisions(SHOP)) == ((), ())
    assert await store.further_examples(SHOP, LEAF) == ()
    assert await store.revisions(BANK) == ()
    assert (await store.node(BANK, ROOT_PATH)).project == BANK
    assert digest("c") in await store.verdicts(BANK, LEAF)


async def test_a_revision_is_superseded_once(store: Store) -> None:
    """Whoever comes late with the same revision changes nothing, however many come at once."""
    ended, following = await _two_revisions(store)
    await store.save_nodes([node("root.new")])
    late = following.model_copy(update={"input_digest": digest("a third")})
    await asyncio.gather(*(store.supersede(ended, late) for _ in range(5)))
    assert await store.project(SHOP) == following
    assert [found.path for found in await store.nodes(SHOP)] == ["root.new"]
    assert await store.revisions(SHOP) == (ended,)
    third = following.model_copy(update={"revision": 3})
    await store.supersede(Revision(project=following), third)
    assert [kept.project.revision for kept in await store.revisions(SHOP)] == [1, 2]


async def test_what_was_accepted_is_kept_by_identity_and_the_last_stays(store: Store) -> None:
    """A project's parts and plans are its own, whatever is said in them, and outlive its revisions."""
    plan = AcceptedPlan(identity=digest("identity"), entered=1, proposal=digest("p"), text=HOSTILE_TEXT)
    for votes in (3, 4):
        await store.accept_part(SHOP, _part(votes=votes))
    await store.accept_plan(SHOP, plan.model_copy(update={"text": "before"}))
    await store.accept_plan(SHOP, plan)
    await _two_revisions(store)
    assert await store.accepted_part(SHOP, digest("identity")) == _part(votes=4)
    assert await store.accepted_plan(SHOP, digest("identity")) == plan
    assert await store.accepted_part(BANK, digest("identity")) is None
    assert await store.accepted_plan(SHOP, digest("other")) is None


async def test_a_forgotten_project_leaves_no_revision_behind(store: Store) -> None:
    """Its id is free, and whoever takes it begins with the first; what a model was asked for is not forgotten."""
    await _two_revisions(store)
    await store.accept_part(SHOP, _part())
    await store.accept_part(BANK, _part())
    await store.forget_project(SHOP)
    assert await store.revisions(SHOP) == ()
    assert await store.accepted_part(SHOP, digest("identity")) is None
    await store.reserve(entry(owner=BANK), Budget())
    await store.forget_project(BANK)
    assert await store.accepted_part(BANK, digest("identity")) == _part()


async def test_calls_of_one_revision_answer_and_cost_nothing_in_another(store: Store) -> None:
    """The same place is another call: what was answered about other requirements is never found, nor counted."""
    await store.open_project(project())
    first, second = entry(), entry(tokens=(100, 200))
    second = second.model_copy(update={"key": second.key.model_copy(update={"revision": 2})})
    for call, text in ((first, "old"), (second, "new")):
        attempt = await store.reserve(call, Budget(max_calls=1))
        await store.settle(attempt, [completion(call, text).model_copy(update={"revision": call.key.revision})])
    assert [found.text for found in await store.completions(SHOP, LEAF, "code", 0)] == ["old"]
    assert [found.text for found in await store.completions(SHOP, LEAF, "code", 0, 2)] == ["new"]
    assert [found.revision for found in await store.all_completions(SHOP)] == [1, 2]
    assert [found.key for found in await store.ledger(SHOP)] == [first.key, second.key]
    assert (await store.spend(SHOP)).settled.calls == 2
    assert [(await store.spend(SHOP, number)).settled.prompt_tokens for number in (1, 2, 3)] == [10, 100, 0]
    other = entry(1)
    with pytest.raises(BudgetReached, match="1 calls"):
        await store.reserve(
            other.model_copy(update={"key": other.key.model_copy(update={"revision": 2})}), Budget(max_calls=1)
        )
    flagged = completion(second).model_copy(update={"revision": 2, "detail": "labelled"})
    await store.label_completion(SHOP, flagged)
    assert [found.detail for found in await store.all_completions(SHOP)] == ["", "labelled"]
