"""Reviewers and coordinators within real workflows: what is run decides, and the policy has the last word."""

from collections import Counter

import pytest

from schemas.claims import Claim
from schemas.coordination import Remedy
from schemas.identity import NodePath, TaskStatus
from schemas.project import OnExhausted
from schemas.verification import InputOrigin
from tests.workflow.builds import DISAGREEING, PROJECT, build, start, until_waiting
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import ANSWERS, INFEASIBLE, REVIEWED, SEVENFOLD, SIX, advising
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

SEVEN, QUADRUPLE = NodePath("root.sevenfold"), NodePath("root.quadruple")
SIX_PATH, THRICE = NodePath("root.six"), NodePath("root.six.thrice")
SLY = "777"


async def _activities(stage: Stage, path: NodePath) -> Counter[str]:
    """Count the activities that a node scheduled."""
    node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, path))
    return Counter(
        [
            event.activity_task_scheduled_event_attributes.activity_type.name
            async for event in node.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
    )


async def _purposes(stage: Stage, path: NodePath) -> set[str]:
    """Return what a node's answers were drawn for."""
    return {item.purpose for item in await stage.store.all_completions(PROJECT) if item.path == path}


async def test_an_input_that_a_reviewer_proposes_splits_the_votes_and_its_opinion_does_not() -> None:
    """What voted alike is compared on it; the answer that fails there loses its company, though the claim is wrong."""
    seen = []
    for reviews in (0, 1):
        async with staged(TableModel(REVIEWED)) as stage:
            result = await build(stage, specification=SEVENFOLD, k=3, reviews=reviews)
            assert (result.exit_code, result.counts.won) == (0, 1)
            node = await stage.store.node(PROJECT, SEVEN)
            assert node.candidate is not None
            assert SLY not in await stage.store.candidate(PROJECT, SEVEN, node.candidate)
            further = await stage.store.further_inputs(PROJECT, SEVEN)
            reviewed = [vector.arguments for vector in further if vector.origin is InputOrigin.REVIEWED]
            assert reviewed == [(["int", SLY],)] * reviews
            claims = await stage.store.claims(PROJECT, SEVEN)
            assert (Claim(arguments=(["int", SLY],), expected=["int", "778"]) in claims) == bool(reviews)
            held = await _activities(stage, SEVEN)
            assert bool(held["review_winner"]) == bool(reviews)
            seen.append((node.votes, node.samples, node.margin))
    (votes, samples, margin), (votes_reviewed, samples_reviewed, margin_reviewed) = seen
    assert votes == samples, "without a review the sly answer votes with the others"
    assert votes_reviewed < samples_reviewed, "and against them once all are compared on the reviewer's input"
    assert samples_reviewed > samples
    assert min(margin, margin_reviewed) >= 3


@pytest.mark.slow
async def test_a_winner_is_reviewed_once_and_without_reviewers_the_election_goes_on() -> None:
    """A model that refuses to review costs the build nothing but the question."""
    async with staged(TableModel(REVIEWED)) as stage:
        await build(stage, specification=SEVENFOLD, k=2)
        reviewed = await _activities(stage, SEVEN)
        winners = stage.model.calls.count(("reviewer", "sevenfold"))
        assert winners == reviewed["review_winner"] >= 1
    async with staged(TableModel(ANSWERS)) as stage:
        assert (await build(stage)).exit_code == 0
        assert (await _activities(stage, QUADRUPLE))["review_winner"] == 1


async def test_a_coordinator_sends_what_nobody_can_do_back_to_its_parent_at_once() -> None:
    """No limit is halved first; the parent's next plan and the report say why."""
    answers = {**INFEASIBLE, ("coordinator", "thrice"): advising("replan")}
    async with staged(TableModel(answers)) as stage:
        result = await build(stage, specification=SIX, max_attempts=3, proposals=0, reviews=0)
        calls = Counter(stage.model.calls)
        six = await stage.store.node(PROJECT, SIX_PATH)
        assert (result.exit_code, six.rework.replans) == (0, 1)
        assert calls["coordinator", "thrice"] == 1
        drawn = await _purposes(stage, THRICE)
        assert "code" in drawn
        assert "code-1" not in drawn, "no limit was halved"
        (because,) = six.rework.given_up
        assert "the coordinator proposed another plan (no answer meets its examples)" in because
        assert result.report is not None
        report = (await stage.store.get(result.report)).decode()
        assert "the coordinator proposed another plan" in report.partition("## What was done again")[2]


async def test_a_coordinator_may_ask_a_person_before_the_task_is_simplified() -> None:
    """The person is told whose proposal it was; the report keeps it."""
    answers = {**DISAGREEING, ("coordinator", "quadruple"): advising("person")}
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, k=3, max_attempts=4, reviews=0)
        await until_waiting(stage, QUADRUPLE)
        (question,) = await stage.store.questions(PROJECT)
        assert "- the coordinator proposed to ask a person (no answer meets its examples)" in question.text
        drawn = await _purposes(stage, QUADRUPLE)
        assert "code" in drawn
        assert "code-1" not in drawn, "no limit was halved"
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, QUADRUPLE))
        answer = {"question": question.id, "decision_id": "1", "value": "give_up", "by": "ann"}
        await node.execute_update("answer", answer)
        result = await handle.result()
        (advised,) = (await stage.store.node(PROJECT, QUADRUPLE)).rework.advised
        assert (advised.proposed, advised.taken) == (Remedy.PERSON, Remedy.PERSON)
        assert result.report is not None
        assert "the coordinator proposed to ask a person" in (await stage.store.get(result.report)).decode()


async def test_a_proposal_that_is_not_open_is_not_taken() -> None:
    """A tree that a person gave is never planned anew: the policy simplifies, and the person is told of both."""
    answers = {**DISAGREEING, ("coordinator", "quadruple"): advising("replan")}
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, k=3, max_attempts=4, reviews=0)
        await until_waiting(stage, QUADRUPLE)
        (question,) = await stage.store.questions(PROJECT)
        assert "which was not open: the policy's own step, a simpler task, was taken" in question.text
        node = await stage.store.node(PROJECT, QUADRUPLE)
        assert {(item.proposed, item.taken) for item in node.rework.advised} == {(Remedy.REPLAN, Remedy.SIMPLIFY)}
        drawn = await _purposes(stage, QUADRUPLE)
        assert "code-1" in drawn, "its limits were halved"
        await handle.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("on_exhausted", [OnExhausted.FAIL, OnExhausted.PARTIAL])
async def test_where_the_policy_leaves_nothing_open_no_coordinator_is_asked(on_exhausted: OnExhausted) -> None:
    """It gives up, or takes the best verified candidate, whatever anybody thinks."""
    answers = {**DISAGREEING, ("coordinator", "quadruple"): advising("person")}
    async with staged(TableModel(answers)) as stage:
        await build(stage, k=3, max_attempts=4, on_exhausted=on_exhausted, reviews=0)
        assert Counter(stage.model.calls)["coordinator", "quadruple"] == 0
        status = (await stage.store.node(PROJECT, QUADRUPLE)).status
        assert status is (TaskStatus.FAILED if on_exhausted is OnExhausted.FAIL else TaskStatus.PARTIAL)
