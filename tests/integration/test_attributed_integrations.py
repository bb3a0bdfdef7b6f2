"""Failed integrations attributed over real code in the real sandbox: each kind of evidence, and none."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.attributing import Attributing
from activities.climbing import Climber
from activities.consulting import Consulting
from activities.integration import Integration
from millwright.adapters.storage.memory import MemoryStore
from millwright.toolbox import Toolbox, open_toolbox
from schemas.attribution import AttributeRequest, Attribution, Culprit, Ground
from schemas.digests import digest_of_bytes
from schemas.evidence import CompletionRecord
from schemas.identity import Archetype, Digest, LayerName, NodePath, TaskStatus
from schemas.models import Budget, CallKey, LedgerEntry, ModelRequest
from schemas.requests import ElectionRef, NodeOutcome, Purpose
from schemas.verification import InputOrigin, Verdict, VerdictStatus
from tests.unit.activity_fakes import PROJECT, FakeModel, generation_of, group, opened, placed, task

pytestmark = [pytest.mark.sandbox]

SIX, TWICE, THRICE = (NodePath(path) for path in ("root.six", "root.six.twice", "root.six.thrice"))
GLUE = ElectionRef(project=PROJECT, path=SIX, purpose=Purpose.INTEGRATE)
SIXES = [{"name": f"of_{n}", "inputs": {"n": n}, "expected_output": 6 * n} for n in (1, -2)]
RIGHT, SQUARE, THRICE_CODE = "return n * 2", "return n * n", "return n * 3"
_LOST_AT_UNIT_TESTS = {
    LayerName.SYNTAX: VerdictStatus.PASSED,
    LayerName.TYPES: VerdictStatus.PASSED,
    LayerName.CONTRACTS: VerdictStatus.NOT_APPLICABLE,
    LayerName.UNIT_TESTS: VerdictStatus.REJECTED,
}


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Toolbox]:
    """The real tools."""
    async with open_toolbox(tmp_path) as opened_:
        yield opened_


def _code(name: str, body: str) -> str:
    return f"def {name}(n: int) -> int:\n    {body}\n"


async def _candidate(store: MemoryStore, path: NodePath, source: str, status: dict[LayerName, VerdictStatus]) -> Digest:
    candidate = digest_of_bytes(source.encode())
    await store.save_candidate(PROJECT, path, candidate, source)
    verdicts = [Verdict(layer=layer, status=told, reason="told") for layer, told in status.items()]
    await store.save_verdicts(PROJECT, path, candidate, verdicts)
    return candidate


async def _failed(
    tools: Toolbox, twice: str, *others: str, glues: Sequence[str] = ("thrice(twice(n))", "twice(thrice(n))"), **of: Any
) -> MemoryStore:
    """Store a parent of two won children whose glues all lost; ``others`` are verified answers to ``twice``."""
    store = MemoryStore()
    await opened(store)
    await placed(store, "root", group(), children=["root.six"], dependencies=["root.six"])
    await placed(
        store, SIX, task("six", test_cases=SIXES), children=[TWICE, THRICE], dependencies=[TWICE, THRICE], parent="root"
    )
    cases = [{"name": "two", "inputs": {"n": 2}, "expected_output": 4}]
    await placed(store, TWICE, task("twice", **{"test_cases": cases, **of}))
    await placed(store, THRICE, task("thrice", test_cases=[{"name": "two", "inputs": {"n": 2}, "expected_output": 6}]))
    integration = Integration(store, store, tools.sandbox, tools.analyser)
    passed = dict.fromkeys(LayerName, VerdictStatus.PASSED)
    for path, body in ((TWICE, twice), (THRICE, THRICE_CODE)):
        won = await _candidate(store, path, _code(path.rpartition(".")[2], body), passed)
        outcome = NodeOutcome(project=PROJECT, path=path, status=TaskStatus.WON, candidate=won)
        await ActivityEnvironment().run(integration.settle_node, outcome)
    for body in others:
        await _candidate(store, TWICE, _code("twice", body), passed)
    for index, glue in enumerate(glues):
        drawn = await _candidate(store, SIX, _code("six", f"return {glue}"), _LOST_AT_UNIT_TESTS)
        await _drawn(store, index, drawn)
    return store


async def _drawn(store: MemoryStore, index: int, candidate: Digest) -> None:
    key = CallKey(project=PROJECT, path=SIX, purpose=GLUE.key, round=0, index=index)
    entry = LedgerEntry.model_validate(
        {
            "key": key,
            "archetype": Archetype.INTEGRATOR,
            "prompt_version": "1",
            "prompt_digest": "0" * 64,
            "temperature": 0,
            "seed": 0,
            "max_tokens": 1,
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "cost": 0,
        }
    )
    fields = {"path": SIX, "purpose": key.purpose, "round": 0, "index": index, "archetype": Archetype.INTEGRATOR}
    completion = CompletionRecord.model_validate({**fields, "text": "", "finish_reason": "stop"})
    await store.settle(await store.reserve(entry, Budget()), [completion])
    await store.label_completion(PROJECT, completion.model_copy(update={"candidate": candidate}))


def _request(**fields: Any) -> AttributeRequest:
    base: dict[str, Any] = {"election": GLUE, "k": 2, "cap": 6, "seed": 0, "max_reopenings": 2}
    return AttributeRequest.model_validate({**base, **fields})


async def _attributed(tools: Toolbox, store: MemoryStore, **fields: Any) -> Attribution:
    climber = Climber(tools.sandbox, tools.analyser)
    attributing = Attributing(climber, tools.sandbox, store, store)
    found: Attribution = await ActivityEnvironment().run(attributing.attribute, _request(**fields))
    return found


async def test_a_child_that_breaks_its_own_promise_where_it_is_called_is_at_fault(tools: Toolbox) -> None:
    """Its calls become inputs that every layer judges; no result is made up for them."""
    promise = [{"name": "even", "expression": "result == n + n"}]
    store = await _failed(tools, SQUARE, postconditions=promise)
    found = await _attributed(tools, store)
    assert (found.culprit, found.ground, found.child) == (Culprit.CHILD, Ground.BREACH, TWICE)
    assert "even" in found.reason
    seen = await store.further_inputs(PROJECT, TWICE)
    assert {vector.origin for vector in seen} == {InputOrigin.INTEGRATION}
    for call in ((["int", "1"],), (["int", "-2"],)):
        assert call in [vector.arguments for vector in seen]
    assert await store.further_examples(PROJECT, TWICE) == ()


async def test_another_verified_candidate_that_makes_the_examples_hold_shows_a_weak_specification(
    tools: Toolbox,
) -> None:
    """What it gives in the composition that works, and the winner does not, becomes an example; twice is once."""
    store = await _failed(tools, SQUARE, RIGHT, "return n ** 2 + 0")
    found = await _attributed(tools, store)
    assert (found.culprit, found.ground, found.child) == (Culprit.CHILD, Ground.SUBSTITUTION, TWICE)
    cases = await store.further_examples(PROJECT, TWICE)
    assert {(case.inputs["n"], case.expected_output) for case in cases} == {(1, 2), (-2, -4), (3, 6), (-6, -12)}
    assert await _attributed(tools, store) == found
    assert await store.further_examples(PROJECT, TWICE) == cases


async def test_who_is_not_blamed_is_held_to_no_case_that_only_a_substitute_satisfies(tools: Toolbox) -> None:
    """Its election was held again too often: it stays as it is, and so does what the whole is measured by."""
    store = await _failed(tools, SQUARE, RIGHT)
    assert (await _attributed(tools, store, max_reopenings=0)).culprit is Culprit.PLAN
    assert await store.further_examples(PROJECT, TWICE) == ()


async def test_calls_that_a_child_never_promised_to_take_are_not_held_against_it(tools: Toolbox) -> None:
    """A glue that calls it outside of its preconditions is no evidence; nothing is left but the plan."""
    only = [{"name": "large", "expression": "n > 100"}]
    cases = [{"name": "many", "inputs": {"n": 200}, "expected_output": 400}]
    store = await _failed(tools, SQUARE, RIGHT, preconditions=only, test_cases=cases)
    found = await _attributed(tools, store)
    assert (found.culprit, found.ground, found.suspects) == (Culprit.PLAN, Ground.NO_GLUE, (THRICE,))
    assert await store.further_inputs(PROJECT, TWICE) == ()


async def test_few_glues_or_one_that_works_leave_the_blame_with_the_glue(tools: Toolbox) -> None:
    """One glue alone says nothing of the plan; a glue that satisfies the examples clears the parts."""
    store = await _failed(tools, RIGHT, glues=["twice(n)"])
    assert (await _attributed(tools, store)).ground is Ground.TOO_FEW
    works = {**_LOST_AT_UNIT_TESTS, LayerName.UNIT_TESTS: VerdictStatus.PASSED}
    await _drawn(store, 5, await _candidate(store, SIX, _code("six", "return thrice(twice(n))"), works))
    assert (await _attributed(tools, store)).ground is Ground.GLUE_WORKS


def _stating(factor: int) -> FakeModel:
    """Agents who state that a function multiplies by a factor."""

    def answer(request: ModelRequest) -> str:
        text = request.prompt.messages[-1].content
        asked = [json.loads(found) for found in re.findall(r"^\d+\. (\{.*\})$", text, re.MULTILINE)]
        told = [{"input": number, "returns": factor * call["n"]} for number, call in enumerate(asked, 1)]
        return f"```json\n{json.dumps({'outcomes': told})}\n```"

    return FakeModel(answer)


@pytest.mark.parametrize(("factor", "culprit"), [(2, Culprit.CHILD), (3, Culprit.PLAN)])
async def test_agents_are_asked_about_calls_where_nothing_else_tells(
    tools: Toolbox, factor: int, culprit: Culprit
) -> None:
    """A vote against what a part gives blames it and becomes its examples; one that confirms it clears it."""
    accepted = SQUARE if factor == 2 else THRICE_CODE
    store = await _failed(tools, accepted, test_cases=[{"name": "none", "inputs": {"n": 0}, "expected_output": 0}])
    suspected = await _attributed(tools, store)
    assert (suspected.culprit, suspected.suspects) == (Culprit.PLAN, (TWICE, THRICE))
    generation = generation_of(store, _stating(factor))
    consulting = Consulting(generation, store, store, tools.sandbox)
    request = _request(suspects=(TWICE,))
    found: Attribution = await ActivityEnvironment().run(consulting.ask_about_calls, request)
    assert found.culprit is culprit
    cases = await store.further_examples(PROJECT, TWICE)
    if culprit is Culprit.PLAN:
        assert cases == ()
    else:
        assert (found.ground, found.child) == (Ground.STATED, TWICE)
        assert cases
        assert all(case.expected_output == 2 * int(str(case.inputs["n"])) for case in cases)
        assert await ActivityEnvironment().run(consulting.ask_about_calls, request) == found
