"""Inputs that verifiers propose, examples that specifiers settle, choices among proposals: drawn, kept, paid once."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.generation import Generation
from activities.proposing import MOST_INPUTS, Proposing
from activities.setting import Settings
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.prompts.choosing import shown_order
from millwright.core.specification import digest_of
from schemas.claims import Claim
from schemas.digests import digest_of_bytes
from schemas.election import Flag
from schemas.execution import ConditionReport, ConditionRequest, Truth
from schemas.identity import ROOT_PATH, Archetype, Digest, NodePath
from schemas.models import Budget, ModelRequest
from schemas.planning import Proposal
from schemas.requests import (
    DrawRequest,
    ElectionRef,
    ProposedInputs,
    ProposeRequest,
    Purpose,
    SettledExamples,
    SettleExamplesRequest,
)
from schemas.specification import TaskSpecification
from schemas.values import Value
from schemas.verification import InputOrigin, InputSet, InputVector
from tests.unit.activity_fakes import CODE, PROJECT, FakeModel, FakeSandbox, flat, generation_of, opened, task

DOUBLE_PATH = NodePath("root.double")


def _int(number: int) -> Value:
    return ["int", str(number)]


def _vector(number: int, origin: InputOrigin = InputOrigin.GENERATED) -> InputVector:
    return InputVector(arguments=(_int(number),), origin=origin)


def _cases(*cases: tuple[int, int | None]) -> str:
    written = [{"inputs": {"n": n}} | ({} if expected is None else {"expected": expected}) for n, expected in cases]
    return f"```json\n{json.dumps({'cases': written})}\n```"


class Sandbox(FakeSandbox):
    """Finds conditions true where a function of the names says so."""

    def __init__(self, holds: Callable[[dict[str, Value]], bool] = lambda _: True) -> None:
        super().__init__()
        self.holds = holds

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Find all expressions true or all false, by the binding."""
        truths = [Truth.TRUE if self.holds(binding.names) else Truth.FALSE for binding in request.bindings]
        return ConditionReport(truths=tuple((truth,) * len(request.expressions) for truth in truths))


def _generation(store: MemoryStore, model: FakeModel) -> Generation:
    return generation_of(store, model)


async def _propose(store: MemoryStore, model: FakeModel, count: int = 2) -> ProposedInputs:
    proposing = Proposing(_generation(store, model), store, store, FakeSandbox())
    request = ProposeRequest(election=CODE, count=count, seed=7)
    return await ActivityEnvironment().run(proposing.propose_inputs, request)


async def _settle(
    store: MemoryStore, model: FakeModel, sandbox: FakeSandbox | None = None, cap: int = 8
) -> SettledExamples:
    proposing = Proposing(_generation(store, model), store, store, sandbox or FakeSandbox())
    request = SettleExamplesRequest(election=CODE, k=3, cap=cap, seed=7)
    return await ActivityEnvironment().run(proposing.settle_examples, request)


async def _stored(*vectors: InputVector, budget: Budget | None = None, **fields: Any) -> MemoryStore:
    """Make a project with the task ``double`` and the inputs of its specification."""
    store = MemoryStore()
    await opened(store, budget)
    await flat(store, task("double", **fields))
    node = await store.node(PROJECT, DOUBLE_PATH)
    await store.save_inputs(InputSet(specification_digest=node.specification, generator="none", vectors=vectors))
    return store


async def test_proposed_inputs_are_kept_at_the_node_and_claims_beside_them() -> None:
    """New inputs are the node's own; those of the specification and its examples are not repeated; claims count."""
    store = await _stored(_vector(5))
    model = FakeModel(lambda _: _cases((0, 0), (5, 10), (1, 2), (-3, None), (0, 1)))
    result = await _propose(store, model)
    assert result == ProposedInputs(kept=2, claims=4, dropped=0)
    assert await store.further_inputs(PROJECT, DOUBLE_PATH) == (
        _vector(0, InputOrigin.PROPOSED),
        _vector(-3, InputOrigin.PROPOSED),
    )
    claims = await store.claims(PROJECT, DOUBLE_PATH)
    assert {(claim.arguments[0][1], (claim.expected or [0, 0])[1], claim.votes) for claim in claims} == {
        ("0", "0", 2),
        ("0", "1", 2),
        ("1", "2", 2),
        ("5", "10", 2),
    }
    node = await store.node(PROJECT, DOUBLE_PATH)
    assert await store.inputs(node.specification) == InputSet(
        specification_digest=node.specification, generator="none", vectors=(_vector(5),)
    )


async def test_verifiers_are_asked_and_paid_under_a_purpose_of_their_own() -> None:
    """The ledger says who was asked for what; the answers do not mix with those of the vote on code."""
    store = await _stored()
    model = FakeModel(lambda _: _cases((0, None)))
    await _propose(store, model)
    entries = await store.ledger(PROJECT)
    assert {(entry.archetype, entry.key.purpose, entry.prompt_version) for entry in entries} == {
        (Archetype.VERIFIER, "inputs", "verifier-3")
    }
    assert all(request.json_schema for request in model.requests)
    assert "def double(n: int) -> int:" in model.requests[0].prompt.messages[1].content
    assert await store.completions(PROJECT, DOUBLE_PATH, "code", 0) == ()


async def test_a_retry_pays_only_for_what_is_missing_and_adds_nothing_twice() -> None:
    """The same request again gives the same result without a call; one more agent is one more call."""
    store = await _stored()
    first = await _propose(store, FakeModel(lambda _: _cases((0, 0))))
    again = FakeModel(lambda _: _cases((9, 18)))
    assert await _propose(store, again) == first
    assert again.requests == []
    more = await _propose(store, again, count=3)
    assert (more.kept, len(again.requests)) == (2, 1)
    assert [vector.arguments[0][1] for vector in await store.further_inputs(PROJECT, DOUBLE_PATH)] == ["0", "9"]


async def test_asserts_are_understood_as_well_and_what_does_not_fit_is_counted() -> None:
    """A model that writes asserts is read all the same; an answer that proposes nothing is flagged."""
    store = await _stored()
    texts = iter(["assert double(0) == 0\nassert double('x') == 'xx'\nassert double(4) == 'xx'\n", "No idea."])
    result = await _propose(store, FakeModel(lambda _: next(texts)))
    assert result == ProposedInputs(kept=2, claims=1, dropped=1)
    flags = [item.flag for item in await store.completions(PROJECT, DOUBLE_PATH, "inputs", 0)]
    assert sorted(map(str, flags)) == ["None", "nothing_extractable"]


async def test_no_agents_and_no_inputs_mean_no_calls() -> None:
    """Nothing is drawn where none are wanted, or where the task takes nothing."""
    model = FakeModel()
    assert await _propose(await _stored(), model, count=0) == ProposedInputs()
    assert await _propose(await _stored(inputs=[], test_cases=[]), model) == ProposedInputs()
    assert model.requests == []


async def test_a_node_keeps_a_bounded_number_of_proposed_inputs() -> None:
    """Many agents with many cases do not make every candidate slow."""
    store = await _stored()
    asked = iter(range(10))

    def answer(_: ModelRequest) -> str:
        first = 100 * next(asked)
        return _cases(*((first + number, None) for number in range(2, 32)))

    assert (await _propose(store, FakeModel(answer), count=5)).kept == MOST_INPUTS
    assert len(await store.further_inputs(PROJECT, DOUBLE_PATH)) == MOST_INPUTS


async def test_a_reached_budget_keeps_what_was_proposed_before() -> None:
    """The cap is named, and the answers that were paid are used."""
    store = await _stored(budget=Budget(max_calls=1))
    result = await _propose(store, FakeModel(lambda _: _cases((0, 0))), count=3)
    assert result.kept == 1
    assert "--max-calls" in str(result.budget_reached)


def _stating(wrong: int = 0, unknown: tuple[int, ...] = ()) -> Callable[[ModelRequest], str]:
    """State the double of each input that the prompt asks about; the first ``wrong`` agents state another."""
    answered = iter(range(1000))

    def answer(request: ModelRequest) -> str:
        more = 1 if next(answered) < wrong else 0
        lines = request.prompt.messages[1].content.partition("## Asked\n")[2].partition("\n\n")[0].splitlines()
        asked = [json.loads(line.partition(". ")[2])["n"] for line in lines]
        outcomes: list[dict[str, Any]] = [
            {"input": place, "unknown": True} if n in unknown else {"input": place, "returns": 2 * n + more}
            for place, n in enumerate(asked, 1)
        ]
        return json.dumps({"outcomes": outcomes})

    return answer


BARE: dict[str, Any] = {"test_cases": []}


async def test_agreed_results_become_examples_of_the_node_and_of_nothing_else() -> None:
    """After k agreeing answers every input is settled; the specification's digest stays, the setting has examples."""
    store = await _stored(*map(_vector, (0, 1, 2)), _vector(10**6, InputOrigin.SIZED), **BARE)
    before = await store.node(PROJECT, DOUBLE_PATH)
    model = FakeModel(_stating())
    result = await _settle(store, model)
    assert result == SettledExamples(asked=3, settled=("settled_1", "settled_2", "settled_3"), enough=True, samples=3)
    assert len(model.requests) == 3
    setting = await Settings(store, store).load(PROJECT, DOUBLE_PATH)
    assert [(case.inputs, case.expected_output) for case in setting.task.test_cases] == [
        ({"n": 0}, 0),
        ({"n": 1}, 2),
        ({"n": 2}, 4),
    ]
    assert await store.node(PROJECT, DOUBLE_PATH) == before
    assert digest_of(await store.specification(before.specification)) == before.specification
    entry = (await store.ledger(PROJECT))[0]
    assert (entry.archetype, entry.prompt_version) == (Archetype.SPECIFIER, "examples-2")
    assert entry.key.purpose.startswith("examples-")


async def test_settling_again_pays_nothing_and_changes_nothing() -> None:
    """A retry reads the same rounds and stores the same examples."""
    store = await _stored(*map(_vector, (0, 1, 2)), **BARE)
    first = await _settle(store, FakeModel(_stating(wrong=1)))
    kept = await store.further_examples(PROJECT, DOUBLE_PATH)
    again = FakeModel()
    assert await _settle(store, again) == first
    assert again.requests == []
    assert await store.further_examples(PROJECT, DOUBLE_PATH) == kept


async def test_disagreement_draws_more_up_to_the_cap() -> None:
    """One deviating agent costs further answers; where the cap cannot settle any more nothing is drawn for it."""
    store = await _stored(*map(_vector, (0, 1)), **BARE)
    result = await _settle(store, FakeModel(_stating(wrong=1)))
    assert (result.samples, len(result.settled), result.enough) == (5, 2, True)
    hopeless = await _stored(*map(_vector, (0, 1)), **BARE)
    result = await _settle(hopeless, FakeModel(_stating(wrong=2)), cap=4)
    assert (result.samples, result.settled, result.enough) == (3, (), False)


async def test_too_few_settled_examples_say_so() -> None:
    """One alone is not enough to go on: the caller asks a person."""
    store = await _stored(*map(_vector, (0, 1, 2)), **BARE)
    result = await _settle(store, FakeModel(_stating(unknown=(1, 2))))
    assert (result.settled, result.enough) == (("settled_1",), False)


async def test_only_promised_inputs_are_asked_about() -> None:
    """What the preconditions exclude has no right result."""
    store = await _stored(*map(_vector, (-1, 0, 1)), **BARE, preconditions=[{"name": "p", "expression": "n >= 0"}])
    sandbox = Sandbox(lambda names: names["n"] != _int(-1))
    assert (await _settle(store, FakeModel(_stating()), sandbox)).asked == 2


async def test_an_example_that_breaks_a_condition_is_not_kept() -> None:
    """However many agents agree, the specification has the last word."""
    store = await _stored(*map(_vector, (0, 1, 2)), **BARE, postconditions=[{"name": "q", "expression": "result < 4"}])
    sandbox = Sandbox(lambda names: names.get("result") != _int(4))
    result = await _settle(store, FakeModel(_stating()), sandbox)
    assert result.settled == ("settled_1", "settled_2")


async def test_a_task_without_inputs_needs_one_example() -> None:
    """There is only one call to ask about."""
    store = await _stored(**BARE, inputs=[])
    answer = json.dumps({"outcomes": [{"input": 1, "returns": 7}]})
    result = await _settle(store, FakeModel(lambda _: answer))
    assert (result.asked, result.settled, result.enough) == (1, ("settled_1",), True)
    (case,) = await store.further_examples(PROJECT, DOUBLE_PATH)
    assert (case.inputs, case.expected_output) == ({}, 7)


async def test_flagged_answers_count_as_drawn() -> None:
    """Agents that ramble use the cap up; nothing is settled by silence."""
    store = await _stored(*map(_vector, (0, 1)), **BARE)
    result = await _settle(store, FakeModel(lambda _: "It depends."), cap=4)
    assert (result.settled, result.enough) == ((), False)
    assert result.samples <= 4


async def test_without_generated_inputs_nothing_can_be_asked() -> None:
    """The inputs come first; whoever forgets them is told, and no money is spent."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double", **BARE))
    model = FakeModel()
    with pytest.raises(ApplicationError, match="no inputs yet"):
        await _settle(store, model)
    assert model.requests == []


def _split(*names: str) -> str:
    children = [
        {"specification": task(name).model_dump(mode="json"), "estimated_lines": 3, "estimated_complexity": 1}
        for name in names
    ]
    return Proposal.model_validate({"children": children}).model_dump_json()


async def _proposed(store: MemoryStore, path: NodePath, *texts: str) -> tuple[Digest, ...]:
    digests = [digest_of_bytes(text.encode()) for text in texts]
    for digest, text in zip(digests, texts, strict=True):
        await store.save_candidate(PROJECT, path, digest, text)
    return tuple(digests)


def _label_of(text: str) -> Callable[[ModelRequest], str]:
    """Choose the proposal whose outline holds a text, under whatever label it is shown."""

    def answer(request: ModelRequest) -> str:
        sections = request.prompt.messages[1].content.split("# Proposal ")[1:]
        label = next(section[0] for section in sections if text in section)
        return json.dumps({"choice": label, "reason": "plain"})

    return answer


async def test_a_choice_is_a_ballot_for_the_proposal_that_was_meant() -> None:
    """Labels differ from draw to draw; every ballot names the proposal's digest, now and when it is read again."""
    store = await _stored()
    among = await _proposed(store, DOUBLE_PATH, *(_split(f"{name}_one", f"{name}_two") for name in "abc"))
    election = CODE.model_copy(update={"purpose": Purpose.CHOOSE})
    request = DrawRequest(election=election, round=0, count=8, seed=7, among=among)
    model = FakeModel(_label_of("b_one"))
    result = await ActivityEnvironment().run(_generation(store, model).draw, request)
    assert [draw.candidate for draw in result.draws] == [among[1]] * 8
    assert len({request.prompt.messages[1].content for request in model.requests}) > 1
    shown = {shown_order(among, request.seed)[0] for request in model.requests}
    assert len(shown) > 1
    again = FakeModel()
    assert await ActivityEnvironment().run(_generation(store, again).draw, request) == result
    assert again.requests == []
    assert {entry.archetype for entry in await store.ledger(PROJECT)} == {Archetype.REVIEWER}


async def test_a_choice_among_others_is_another_election() -> None:
    """Answers about some proposals are never read as answers about others."""
    store = await _stored()
    among = await _proposed(store, DOUBLE_PATH, *(_split(f"{name}_one", f"{name}_two") for name in "abc"))
    election = CODE.model_copy(update={"purpose": Purpose.CHOOSE})
    first = DrawRequest(election=election, round=0, count=1, seed=7, among=among[:2])
    second = first.model_copy(update={"among": among[1:]})
    assert first.key != second.key
    model = FakeModel(_label_of("b_one"))
    for request in (first, second):
        result = await ActivityEnvironment().run(_generation(store, model).draw, request)
        assert result.draws[0].candidate == among[1]
    assert len(model.requests) == 2


async def test_specifications_are_chosen_by_the_requirements() -> None:
    """For the whole, what was asked is the prose, and there is no node yet."""
    store = MemoryStore()
    await opened(store, requirements=await store.put(b"# Double everything\n", "text/markdown"))
    roots = [
        json.dumps({"specification": _root(description).model_dump(mode="json"), "requirements": {}})
        for description in ("Doubles.", "Triples.")
    ]
    among = await _proposed(store, ROOT_PATH, *roots)
    election = ElectionRef(project=PROJECT, path=ROOT_PATH, purpose=Purpose.CHOOSE)
    model = FakeModel(_label_of("Doubles."))
    request = DrawRequest(election=election, round=0, count=2, seed=7, among=among)
    result = await ActivityEnvironment().run(_generation(store, model).draw, request)
    assert [draw.candidate for draw in result.draws] == [among[0]] * 2
    assert "# Double everything" in model.requests[0].prompt.messages[1].content


def _root(description: str) -> TaskSpecification:
    return task("root", name="double", description=description)


async def test_a_choice_of_nothing_is_flagged() -> None:
    """An answer that names no label has no vote, and no default."""
    store = await _stored()
    among = await _proposed(store, DOUBLE_PATH, _split("a", "b"), _split("c", "d"))
    election = CODE.model_copy(update={"purpose": Purpose.CHOOSE})
    request = DrawRequest(election=election, round=0, count=1, seed=7, among=among)
    model = FakeModel(lambda _: '{"choice": "C", "reason": "none fits"}')
    result = await ActivityEnvironment().run(_generation(store, model).draw, request)
    assert (result.draws[0].candidate, result.draws[0].flag) == (None, Flag.MALFORMED)
    nothing = request.model_copy(update={"among": ()})
    with pytest.raises(ApplicationError, match="nothing to choose from"):
        await ActivityEnvironment().run(_generation(store, model).draw, nothing)


async def test_a_tree_that_is_laid_out_anew_forgets_what_was_proposed() -> None:
    """Another specification may stand at the same path; what does not fit it must not stay."""
    store = await _stored(*map(_vector, (0, 1)), **BARE)
    await _settle(store, FakeModel(_stating()))
    await store.add_further_inputs(PROJECT, DOUBLE_PATH, [_vector(9, InputOrigin.PROPOSED)])
    await store.save_claims(PROJECT, DOUBLE_PATH, [Claim(arguments=(_int(9),), expected=_int(18))])
    await store.clear_nodes(PROJECT)
    assert await store.further_inputs(PROJECT, DOUBLE_PATH) == ()
    assert await store.claims(PROJECT, DOUBLE_PATH) == ()
    assert await store.further_examples(PROJECT, DOUBLE_PATH) == ()
    assert len(await store.all_completions(PROJECT)) == 3
