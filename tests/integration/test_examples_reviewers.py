"""Holds the demo's reviewers and coordinators to what they claim, and the asserts of its verifiers to the examples."""

import json
from collections.abc import Iterator

import pytest

from millwright.adapters.embedded.demo_sampling import ANY_TASK, Completion, bundled_files, read_book
from millwright.core.coordination import read_advice
from millwright.core.extraction import extract_json
from millwright.core.proposals import Proposals, read_proposals
from millwright.core.reviewing import Review, read_review
from schemas.claims import Claim
from schemas.coordination import Advice, Remedy
from schemas.election import RedFlag
from schemas.identity import Archetype
from schemas.models import WINNER_LINE, FinishReason
from schemas.values import canonical_text
from tests.integration.example_programs import Program, execute, promises
from tests.integration.example_project import EXAMPLES, Example, code

REVIEWED = [
    (example, entry.task)
    for example in EXAMPLES
    for entry in example.book
    if entry.archetype is Archetype.REVIEWER and entry.task != ANY_TASK
]
every_reviewed = pytest.mark.parametrize(
    ("example", "task"), REVIEWED, ids=[f"{example.name}-{task}" for example, task in REVIEWED]
)


def _read(example: Example, task: str, kind: str) -> list[Review | RedFlag]:
    answers = [item for item in example.entry(Archetype.REVIEWER, task).completions if item.kind == kind]
    read = [extract_json(item.text, item.finish_reason) for item in answers]
    return [item if isinstance(item, RedFlag) else read_review(item, example.task(task)) for item in read]


@every_reviewed
def test_right_reviewers_propose_promised_inputs_and_claim_what_is_true(example: Example, task: str) -> None:
    """Every case fits the types, is promised and says why; a result that is stated is the right one."""
    reviews = _read(example, task, "right")
    assert len(reviews) >= 2
    claims: list[Claim] = []
    for review in reviews:
        assert isinstance(review, Review)
        assert review.claims
        assert not review.dropped
        assert all(review.reasons)
        claims += review.claims
    calls = tuple(list(claim.arguments) for claim in claims)
    sources = (*example.below(task), code(example.right(example.archetype_of(task), task)[0]))
    programs = [
        Program((promises(example, task),), "promised", calls),
        Program(sources, example.task(task).name, calls),
    ]
    promised, outcomes = execute(example, programs)
    assert promised == [["bool", True]] * len(claims)
    for claim, outcome in zip(claims, outcomes, strict=True):
        if claim.expected is not None:
            assert canonical_text(outcome) == canonical_text(claim.expected), claim
    other = (*_read(example, task, "rambling"), *_read(example, task, "malformed"))
    assert other
    assert all(isinstance(item, RedFlag) for item in other)


def test_a_task_without_reviewers_of_its_own_is_answered_by_those_for_any_task() -> None:
    """Only where a winner is shown, and only for tasks whose code is known: nothing else is answered by accident."""
    book = read_book(bundled_files())
    shown = f"gross_cents\n{WINNER_LINE}\n> def gross_cents(line)"
    any_task = book.get("reviewer", "gross", shown)
    assert any_task is not None
    assert any_task.task == ANY_TASK
    assert (own := book.get("reviewer", "coupon", shown)) is not None
    assert own.task == "coupon"
    assert book.get("reviewer", "gross", "gross_cents, to be chosen") is None
    assert book.get("reviewer", "unheard-of", shown) is None
    assert book.get("coordinator", "gross", shown) is None


def test_reviewers_of_any_task_find_nothing_or_ramble() -> None:
    """An empty list is an answer; it adds no input."""
    (entry,) = [entry for entry in read_book(bundled_files()) if entry.task == ANY_TASK]
    kinds = {item.kind: extract_json(item.text, item.finish_reason) for item in entry.completions}
    assert kinds["right"] == {"cases": []}
    assert isinstance(kinds["rambling"], RedFlag)


def test_the_coordinator_of_what_nobody_can_do_proposes_another_plan() -> None:
    """Each of its answers can be read, and says why."""
    entry = read_book(bundled_files()).get("coordinator", "rounded")
    assert entry is not None
    for item in entry.completions:
        answer = extract_json(item.text, item.finish_reason)
        assert not isinstance(answer, RedFlag)
        advice = read_advice(answer)
        assert isinstance(advice, Advice)
        assert advice.proposed is Remedy.REPLAN
        assert advice.reason


def _asserting() -> Iterator[tuple[Example, str, Completion]]:
    for example in EXAMPLES:
        for task in example.tree:
            for item in example.entry(Archetype.VERIFIER, task).completions:
                if '"asserts"' in item.text:
                    yield example, task, item


def test_asserts_of_verifiers_can_be_read_and_some_contradict_an_example() -> None:
    """They are expressions of the safe subset; at least one is wrong, as a model's would be."""
    held: list[bool] = []
    for example, task, item in _asserting():
        read = read_proposals(item.text, FinishReason.STOP, example.task(task))
        assert isinstance(read, Proposals)
        assert read.asserts
        assert not read.dropped
        held += [_holds(example, task, text) for text in read.asserts]
    assert {True, False} == set(held)
    assert held.count(True) >= 4 * held.count(False)


def _holds(example: Example, task: str, expression: str) -> bool:
    """Say whether an assert holds for every example that returns, as plain Python says."""
    specification = example.task(task)
    examples = zip(specification.test_cases, example.example_calls(task), strict=True)
    calls = tuple(list(arguments) for case, arguments in examples if case.raises is None)
    right = (*example.below(task), code(example.right(example.archetype_of(task), task)[0]))
    given = ", ".join(item.name for item in specification.inputs)
    held = f"def held({given}):\n    result = {specification.name}({given})\n    return {expression}\n"
    (report,) = execute(example, [Program((*right, held), "held", calls)])
    return json.dumps(report) == json.dumps([["bool", True]] * len(calls))
