"""Holds the demo's verifiers to what they claim: right answers state the truth about inputs that are promised."""

from functools import cache
from typing import Any

import pytest

from millwright.core.proposals import Claim, Proposals, read_proposals
from schemas.election import RedFlag
from schemas.identity import Archetype
from schemas.values import canonical_text
from tests.integration.example_programs import Program, execute, promises
from tests.integration.example_project import EXAMPLES, TASK_NAMES, TASKS, Example, code

every_task = pytest.mark.parametrize(("example", "task"), TASKS, ids=TASK_NAMES)


def _read(example: Example, task: str, kind: str) -> list[Proposals | RedFlag]:
    answers = [item for item in example.entry(Archetype.VERIFIER, task).completions if item.kind == kind]
    return [read_proposals(item.text, item.finish_reason, example.task(task)) for item in answers]


def _claims(example: Example, task: str, kind: str) -> list[Claim]:
    return [claim for read in _read(example, task, kind) if isinstance(read, Proposals) for claim in read.claims]


@cache
def _outcomes(example: Example) -> dict[tuple[str, str], tuple[list[Any], list[Any]]]:
    """Return, per task and kind, whether each claimed input is promised, and what the likeliest right answer gives."""
    keys = [(task, kind) for task in example.tree for kind in ("right", "wrong")]
    programs: list[Program] = []
    for task, kind in keys:
        calls = tuple(list(claim.arguments) for claim in _claims(example, task, kind))
        sources = (*example.below(task), code(example.right(example.archetype_of(task), task)[0]))
        programs.append(Program((promises(example, task),), "promised", calls))
        programs.append(Program(sources, example.task(task).name, calls))
    report = execute(example, programs)
    return {key: (report[2 * place], report[2 * place + 1]) for place, key in enumerate(keys)}


@every_task
def test_right_verifiers_propose_promised_inputs_and_claim_what_is_true(example: Example, task: str) -> None:
    """At least two answers; every case fits the types and the constraints; every stated result is the right one."""
    read = _read(example, task, "right")
    assert len(read) >= 2
    assert all(isinstance(item, Proposals) and item.claims and not item.dropped for item in read)
    promised, outcomes = _outcomes(example)[task, "right"]
    assert promised == [["bool", True]] * len(promised)
    for claim, outcome in zip(_claims(example, task, "right"), outcomes, strict=True):
        if claim.expected is not None:
            assert canonical_text(outcome) == canonical_text(claim.expected), claim


@every_task
def test_other_verifiers_are_wrong_in_the_way_that_is_said(example: Example, task: str) -> None:
    """Asserts with a claim that is false have good inputs all the same; what is cut or rambles is flagged."""
    wrong = _claims(example, task, "wrong")
    _, outcomes = _outcomes(example)[task, "wrong"]
    told = [claim.expected for claim in wrong]
    false = [a for a, b in zip(told, outcomes, strict=True) if a is not None and canonical_text(a) != canonical_text(b)]
    assert bool(false) == bool(wrong)
    assert bool(wrong) != bool(_read(example, task, "malformed"))
    assert all(isinstance(item, RedFlag) for kind in ("malformed", "rambling") for item in _read(example, task, kind))
    assert _read(example, task, "rambling")


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_verifiers_add_inputs_that_no_example_has(example: Example) -> None:
    """What is proposed is worth asking for: over a whole example, four fifths of it are new."""
    new = every = 0
    for task in example.tree:
        proposed = {tuple(map(canonical_text, claim.arguments)) for claim in _claims(example, task, "right")}
        every += len(proposed)
        new += len(proposed - {tuple(map(canonical_text, arguments)) for arguments in example.example_calls(task)})
    assert new >= 0.8 * every
