"""Elections within real workflows: who votes, what is compared, and what follows where nobody wins."""

import re

import pytest

from schemas.identity import Archetype, LayerName, NodePath
from schemas.models import Budget, Choice, FinishReason, ModelAnswer, ModelRequest, Usage
from schemas.project import LadderMode, OnExhausted
from schemas.verification import VerdictStatus
from tests.workflow.builds import PROJECT, build
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import (
    ANSWERS,
    LOOKED_AT,
    SIX,
    SPLIT_TWO_WAYS,
    TRIPLE,
    TRIPLING,
    fenced_json,
)
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]


async def test_both_ways_up_the_ladder_give_equal_verdicts() -> None:
    """One activity a layer, or all layers in one: the same candidates get the same verdicts."""
    seen = []
    for mode in LadderMode:
        async with staged(TableModel(ANSWERS)) as stage:
            result = await build(stage, ladder=mode, max_attempts=8)
            verdicts = {
                (path, candidate, verdict.layer, verdict.status)
                for path in (NodePath("root.double"), NodePath("root.quadruple"))
                for candidate, given in (await stage.store.verdicts(PROJECT, path)).items()
                for verdict in given
            }
            seen.append((result.counts, verdicts))
    assert seen[0] == seen[1]
    assert {layer for _, _, layer, _ in seen[0][1]} == set(LayerName)
    assert VerdictStatus.PASSED in {status for _, _, _, status in seen[0][1]}


async def test_a_winner_that_a_further_look_rejects_loses_its_votes() -> None:
    """The search finds the one number on which it is wrong; the election goes on, and a right answer wins it."""
    async with staged(TableModel(LOOKED_AT)) as stage:
        result = await build(stage)
        node = await stage.store.node(PROJECT, NodePath("root.double"))
        assert result.exit_code == 0
        assert node.candidate is not None
        assert "total += n" in await stage.store.candidate(PROJECT, node.path, node.candidate)
        verdicts = await stage.store.verdicts(PROJECT, node.path)
        contracts = {key: given[list(LayerName).index(LayerName.CONTRACTS)] for key, given in verdicts.items()}
        rejected = [verdict for verdict in contracts.values() if verdict.status is VerdictStatus.REJECTED]
        assert rejected
        assert all("777" in verdict.findings[0].message for verdict in rejected)
        assert {look.status for look in contracts[node.candidate].confirmations} == {VerdictStatus.PASSED}


async def test_a_part_without_examples_is_delivered_and_marked() -> None:
    """Nobody can state any, nor is to be asked: its win does not count as one; the rest of the delivery holds."""
    async with staged(TableModel(TRIPLING)) as stage:
        result = await build(stage, specification=TRIPLE, on_exhausted=OnExhausted.PARTIAL)
        assert (result.exit_code, result.counts.partial) == (6, 1)


class Stating(TableModel):
    """A model whose specifiers know what triples are."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """State the results that are asked for; anything else comes from the table."""
        if request.prompt.archetype is not Archetype.SPECIFIER:
            return await super().complete(request)
        asked = re.findall(r'^(\d+)\. {"n": (-?\d+)}$', request.prompt.messages[-1].content, re.MULTILINE)
        stated = [{"input": int(number), "returns": 3 * int(value)} for number, value in asked]
        return ModelAnswer(
            choices=(Choice(text=fenced_json({"outcomes": stated}), finish_reason=FinishReason.STOP),),
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="table",
            endpoint="memory",
        )


async def test_examples_that_agents_agree_on_make_a_part_testable() -> None:
    """Nobody wrote any: a vote settles what the results of simple inputs are, before the first code is drawn."""
    async with staged(Stating(TRIPLING)) as stage:
        result = await build(stage, specification=TRIPLE)
        assert (result.exit_code, result.counts.won) == (0, 1)
        settled = await stage.store.further_examples(PROJECT, NodePath("root.triple"))
        assert len(settled) >= 2
        assert all(case.expected_output == 3 * int(str(case.inputs["n"])) for case in settled)


class Choosing(TableModel):
    """A model whose reviewers choose the split that has a part of this name, wherever it is shown."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Choose by what is shown; splits come in turn, anything else from the table."""
        if request.prompt.archetype is Archetype.DECOMPOSER:
            drawn = sum(role == "decomposer" for role, _ in self.calls)
            return await super().complete(request.model_copy(update={"seed": drawn}))
        if request.prompt.archetype is not Archetype.REVIEWER:
            return await super().complete(request)
        self.calls.append(("reviewer", "six"))
        shown = request.prompt.messages[-1].content
        label = next(part[0] for part in shown.split("# Proposal ")[1:] if "thrice" in part)
        return ModelAnswer(
            choices=(
                Choice(
                    text=fenced_json({"choice": label, "reason": "plain"}),
                    finish_reason=FinishReason.STOP,
                ),
            ),
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="table",
            endpoint="memory",
        )


async def test_agents_choose_among_structures_where_none_of_them_won() -> None:
    """Both splits are sound and neither leads by enough: the choice needs the margin, and is kept with the election."""
    async with staged(Choosing(SPLIT_TWO_WAYS)) as stage:
        result = await build(stage, specification=SIX, k=4, max_attempts=8)
        assert (result.exit_code, result.counts.won) == (0, 3)
        assert stage.model.calls.count(("reviewer", "six")) == 4


async def test_a_cap_that_stops_the_choice_ends_the_project_as_a_cap_does() -> None:
    """And not as if nobody had agreed."""
    async with staged(Choosing(SPLIT_TWO_WAYS)) as stage:
        result = await build(stage, specification=SIX, k=4, max_attempts=8, budget=Budget(max_calls=9))
        assert result.exit_code == 4


async def test_candidates_that_may_vote_are_compared_together() -> None:
    """After each round that brought another one, in one activity."""
    async with staged(TableModel(ANSWERS)) as stage:
        await build(stage)
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
        started = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            async for event in node.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert "compare" in started
        assert "propose_inputs" in started
