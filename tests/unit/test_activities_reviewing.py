"""Winners that reviewers read, asserts that verifiers state, and what coordinators propose: drawn, kept, paid once."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.coordinating import Coordinating
from activities.proposing import Proposing
from activities.reviewing import Reviewing
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.voting import decide
from schemas.claims import Claim
from schemas.coordination import Advice, Advised, Remedy
from schemas.digests import digest_of_bytes
from schemas.election import Attempt, Flag, Rule, Slot
from schemas.execution import ConditionReport, ConditionRequest, Truth
from schemas.identity import Archetype, LayerName, NodePath
from schemas.models import WINNER_LINE, Budget
from schemas.requests import (
    CoordinateRequest,
    DrawRequest,
    ProposedInputs,
    ProposeRequest,
    Purpose,
    ReviewedWinner,
    ReviewRequest,
)
from schemas.values import Value
from schemas.verification import Finding, InputOrigin, InputSet, InputVector, Verdict, VerdictStatus
from tests.unit.activity_fakes import CODE, PROJECT, FakeModel, FakeSandbox, flat, generation_of, opened, task
from tests.workflow.samples import fenced_json

PATH = NodePath("root.double")
SOURCE = "def double(n: int) -> int:\n    return n * 2\n"
WINNER = digest_of_bytes(SOURCE.encode())


def _int(number: int) -> Value:
    return ["int", str(number)]


def _review(*cases: tuple[int, int | None]) -> str:
    written: list[dict[str, Any]] = [
        {"inputs": {"n": n}, "why": "an edge"} | ({} if expected is None else {"expected": expected})
        for n, expected in cases
    ]
    return fenced_json({"cases": written})


class Telling(FakeSandbox):
    """Finds each expression true where a function of it and the names says so."""

    def __init__(self, holds: Callable[[str, dict[str, Value]], bool]) -> None:
        super().__init__()
        self.holds = holds

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Find every expression as the function says."""

        def row(names: dict[str, Value]) -> tuple[Truth, ...]:
            return tuple(Truth.TRUE if self.holds(text, names) else Truth.FALSE for text in request.expressions)

        return ConditionReport(truths=tuple(row(binding.names) for binding in request.bindings))


async def _stored(budget: Budget | None = None, inputs: Sequence[int] = (5,), **fields: Any) -> MemoryStore:
    """Make a project with the task ``double``, the inputs of its specification and a candidate."""
    store = MemoryStore()
    await opened(store, budget)
    await flat(store, task("double", **fields))
    node = await store.node(PROJECT, PATH)
    vectors = tuple(InputVector(arguments=(_int(n),), origin=InputOrigin.GENERATED) for n in inputs)
    await store.save_inputs(InputSet(specification_digest=node.specification, generator="none", vectors=vectors))
    await store.save_candidate(PROJECT, PATH, WINNER, SOURCE)
    return store


async def _reviewed(
    store: MemoryStore, model: FakeModel, sandbox: FakeSandbox | None = None, count: int = 1
) -> ReviewedWinner:
    reviewing = Reviewing(generation_of(store, model), store, store, sandbox or FakeSandbox())
    request = ReviewRequest(election=CODE, winner=WINNER, count=count, seed=7)
    return await ActivityEnvironment().run(reviewing.review_winner, request)


async def test_reviewers_read_the_winner_and_their_inputs_join_the_nodes_own() -> None:
    """The prompt shows the source; new inputs are kept under an origin of their own, and results only as claims."""
    store = await _stored()
    model = FakeModel(lambda _: _review((0, 0), (5, 10), (1, 2), (-3, None)))
    result = await _reviewed(store, model)
    assert result == ReviewedWinner(kept=2, claims=3, dropped=0)
    further = await store.further_inputs(PROJECT, PATH)
    assert [(vector.arguments[0], vector.origin) for vector in further] == [
        (_int(0), InputOrigin.REVIEWED),
        (_int(-3), InputOrigin.REVIEWED),
    ]
    assert Claim(arguments=(_int(0),), expected=_int(0)) in await store.claims(PROJECT, PATH)
    shown = model.requests[0].prompt.messages[1].content
    assert WINNER_LINE in shown.splitlines()
    assert ">     return n * 2" in shown
    (entry,) = await store.ledger(PROJECT)
    assert (entry.archetype, entry.prompt_version) == (Archetype.REVIEWER, "reviewer-1")
    assert entry.key.purpose.startswith("review-")


async def test_a_review_is_paid_once_and_another_winner_has_its_own() -> None:
    """A retry says the same without a call; answers about one winner are never read as answers about another."""
    store = await _stored()
    first = await _reviewed(store, FakeModel(lambda _: _review((0, None))))
    again = FakeModel()
    assert await _reviewed(store, again) == first
    assert again.requests == []
    other = "def double(n: int) -> int:\n    return n + n\n"
    await store.save_candidate(PROJECT, PATH, digest_of_bytes(other.encode()), other)
    model = FakeModel(lambda _: _review((9, None)))
    reviewing = Reviewing(generation_of(store, model), store, store, FakeSandbox())
    request = ReviewRequest(election=CODE, winner=digest_of_bytes(other.encode()), count=1, seed=7)
    await ActivityEnvironment().run(reviewing.review_winner, request)
    assert len(model.requests) == 1


async def test_inputs_that_are_not_promised_are_not_kept() -> None:
    """What the preconditions exclude has no right result, whatever a reviewer thinks of it."""
    store = await _stored(preconditions=[{"name": "p", "expression": "n >= 0"}])
    sandbox = Telling(lambda _, names: int(str(names["n"][1])) >= 0)
    result = await _reviewed(store, FakeModel(lambda _: _review((-1, None), (3, None))), sandbox)
    assert result.kept == 1
    assert [vector.arguments[0] for vector in await store.further_inputs(PROJECT, PATH)] == [_int(3)]


async def test_a_reviewer_without_an_answer_changes_nothing() -> None:
    """Who rambles is flagged; an empty list is no fault; a task without inputs is not reviewed at all."""
    store = await _stored()
    texts = iter(["It looks fine to me.", fenced_json({"cases": []})])
    result = await _reviewed(store, FakeModel(lambda _: next(texts)), count=2)
    assert result == ReviewedWinner()
    drawn = [item for item in await store.all_completions(PROJECT) if item.archetype is Archetype.REVIEWER]
    assert sorted(str(item.flag) for item in drawn) == ["None", "nothing_extractable"]
    bare = MemoryStore()
    await opened(bare)
    await flat(bare, task("double", inputs=[], test_cases=[]))
    untouched = FakeModel()
    assert await _reviewed(bare, untouched) == ReviewedWinner()
    assert untouched.requests == []


async def _asserted(store: MemoryStore, *answers: list[str], sandbox: FakeSandbox) -> ProposedInputs:
    texts = iter([fenced_json({"cases": [{"inputs": {"n": 3}}], "asserts": given}) for given in answers])
    proposing = Proposing(generation_of(store, FakeModel(lambda _: next(texts))), store, store, sandbox)
    request = ProposeRequest(election=CODE, count=len(answers), seed=7)
    return await ActivityEnvironment().run(proposing.propose_inputs, request)


async def test_asserts_that_the_examples_contradict_are_dropped_and_counted() -> None:
    """What holds for the example is kept, what does not is refuted, and what is no assert is dropped."""
    store = await _stored()
    sandbox = Telling(lambda text, _: "-" not in text)
    found = await _asserted(store, ["result >= n", "result < -n", "print(result)"], ["result>=n"], sandbox=sandbox)
    assert (found.asserts, found.refuted, found.dropped) == (1, 1, 1)


async def test_without_examples_only_what_most_verifiers_assert_is_kept() -> None:
    """There is nothing else to hold an assert against."""
    store = await _stored(test_cases=[])
    sandbox = Telling(lambda _, __: True)
    found = await _asserted(store, ["result >= n", "result > 7"], ["result >= n"], sandbox=sandbox)
    assert (found.asserts, found.refuted) == (1, 0)


def _exhausted() -> CoordinateRequest:
    rejected = Attempt(slot=Slot(round=0, index=0), rejected_by=LayerName.UNIT_TESTS)
    flagged = Attempt(slot=Slot(round=0, index=1), flag=Flag.TRUNCATED)
    election = decide([rejected, flagged], Rule(k=2, max_attempts=2))
    return CoordinateRequest(
        election=CODE, outcome=election, open=(Remedy.SIMPLIFY, Remedy.PERSON), seed=7, k=2, tried=("it was split",)
    )


async def _with_record(store: MemoryStore) -> None:
    finding = Finding(code="example", message="expected 2, got 1")
    verdict = Verdict(layer=LayerName.UNIT_TESTS, status=VerdictStatus.REJECTED, findings=(finding,))
    await store.save_verdicts(PROJECT, PATH, WINNER, (verdict,))


async def _advised(store: MemoryStore, model: FakeModel) -> Advice:
    coordinating = Coordinating(generation_of(store, model), store, store)
    return await ActivityEnvironment().run(coordinating.advise, _exhausted())


@pytest.mark.parametrize(("step", "taken"), [("person", Remedy.PERSON), ("replan", Remedy.SIMPLIFY)])
async def test_a_coordinator_is_told_the_facts_and_its_proposal_is_recorded(step: str, taken: Remedy) -> None:
    """It sees the tally and the commonest findings; one that is not open is recorded beside the policy's own step."""
    store = await _stored()
    await _with_record(store)
    model = FakeModel(lambda _: fenced_json({"step": step, "reason": "nobody can know it"}))
    advice = await _advised(store, model)
    assert advice == Advice(proposed=Remedy(step), reason="nobody can know it")
    told = model.requests[0].prompt.messages[1].content
    assert "> No answer to root.double won after 2 attempts" in told
    assert "> - unit_tests: example: expected 2, got 1 (1 candidate)" in told
    assert "> - it was split" in told
    assert "n * 2" not in told
    (recorded,) = (await store.node(PROJECT, PATH)).rework.advised
    assert (recorded.proposed, recorded.taken, recorded.reason) == (Remedy(step), taken, "nobody can know it")
    (entry,) = await store.ledger(PROJECT)
    assert (entry.archetype, entry.prompt_version) == (Archetype.COORDINATOR, "coordinator-1")


async def test_asking_a_coordinator_again_in_the_same_situation_pays_nothing() -> None:
    """And records nothing twice; other facts are another question."""
    store = await _stored()
    answer = fenced_json({"step": "person", "reason": "nobody can know it"})
    first = await _advised(store, FakeModel(lambda _: answer))
    again = FakeModel()
    assert await _advised(store, again) == first
    assert again.requests == []
    assert len((await store.node(PROJECT, PATH)).rework.advised) == 1
    await _with_record(store)
    other = FakeModel(lambda _: answer)
    await _advised(store, other)
    assert len(other.requests) == 1
    advised: tuple[Advised, ...] = (await store.node(PROJECT, PATH)).rework.advised
    assert len({item.situation for item in advised}) == 2


async def _one_drawn(store: MemoryStore) -> None:
    """Draw one answer for the election itself, which is flagged."""
    generation = generation_of(store, FakeModel(lambda _: "There is no code in this."))
    await ActivityEnvironment().run(generation.draw, DrawRequest(election=CODE, round=0, count=1, seed=7))


async def test_a_coordinator_that_says_nothing_readable_gives_no_advice() -> None:
    """It is flagged, and nothing is recorded as proposed; why the election's own answers were flagged it was told."""
    store = await _stored()
    await _one_drawn(store)
    model = FakeModel(lambda _: "I would think about it some more.")
    assert await _advised(store, model) == Advice()
    assert "> Red flags: nothing_extractable" in model.requests[0].prompt.messages[1].content
    assert (await store.node(PROJECT, PATH)).rework.advised == ()
    drawn = [item for item in await store.all_completions(PROJECT) if item.purpose.startswith(Purpose.COORDINATE)]
    assert [item.flag for item in drawn] == [Flag.NOTHING_EXTRACTABLE]


async def test_a_reached_budget_leaves_everything_to_the_policy() -> None:
    """No call is made; the cap is named."""
    store = await _stored(Budget(max_calls=1))
    await _one_drawn(store)
    model = FakeModel()
    advice = await _advised(store, model)
    assert advice.proposed is None
    assert "--max-calls" in str(advice.budget_reached)
    assert model.requests == []
