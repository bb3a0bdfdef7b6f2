"""Holds the demo's verifiers to what they claim: right answers state the truth about inputs that are promised."""

from functools import cache
from typing import Any

import pytest

from millwright.core.proposals import Claim, Proposals, read_proposals
from schemas.election import RedFlag
from schemas.identity import Archetype
from schemas.values import canonical_text
from tests.integration.example_project import (
    Program,
    archetype_of,
    below,
    code,
    entry,
    example_calls,
    execute,
    right,
    tree,
)


def _read(task: str, kind: str) -> list[Proposals | RedFlag]:
    answers = [item for item in entry(Archetype.VERIFIER, task).completions if item.kind == kind]
    return [read_proposals(item.text, item.finish_reason, tree()[task][0]) for item in answers]


def _claims(task: str, kind: str) -> list[Claim]:
    return [claim for read in _read(task, kind) if isinstance(read, Proposals) for claim in read.claims]


def _promises(task: str) -> str:
    """Write a function that says whether arguments keep a task's constraints and preconditions."""
    specification = tree()[task][0]
    conditions = [text for item in specification.inputs for text in item.constraints]
    conditions += [item.expression for item in specification.preconditions]
    names = ", ".join(item.name for item in specification.inputs)
    return f"def promised({names}):\n    return {' and '.join(f'({text})' for text in conditions) or 'True'}\n"


@cache
def _outcomes() -> dict[tuple[str, str], tuple[list[Any], list[Any]]]:
    """Return, per task and kind, whether each claimed input is promised, and what the likeliest right answer gives."""
    keys = [(task, kind) for task in tree() for kind in ("right", "wrong")]
    programs: list[Program] = []
    for task, kind in keys:
        calls = tuple(list(claim.arguments) for claim in _claims(task, kind))
        sources = (*below(task), code(right(archetype_of(task), task)[0]))
        programs.append(Program((_promises(task),), "promised", calls))
        programs.append(Program(sources, tree()[task][0].name, calls))
    report = execute(programs)
    return {key: (report[2 * place], report[2 * place + 1]) for place, key in enumerate(keys)}


@pytest.mark.parametrize("task", tree())
def test_right_verifiers_propose_promised_inputs_and_claim_what_is_true(task: str) -> None:
    """At least two answers; every case fits the types and the constraints; every stated result is the right one."""
    read = _read(task, "right")
    assert len(read) >= 2
    assert all(isinstance(item, Proposals) and item.claims and not item.dropped for item in read)
    promised, outcomes = _outcomes()[task, "right"]
    assert promised == [["bool", True]] * len(promised)
    for claim, outcome in zip(_claims(task, "right"), outcomes, strict=True):
        if claim.expected is not None:
            assert canonical_text(outcome) == canonical_text(claim.expected), claim


@pytest.mark.parametrize("task", tree())
def test_other_verifiers_are_wrong_in_the_way_that_is_said(task: str) -> None:
    """Asserts with a claim that is false have good inputs all the same; what is cut or rambles is flagged."""
    wrong = _claims(task, "wrong")
    _, outcomes = _outcomes()[task, "wrong"]
    told = [claim.expected for claim in wrong]
    false = [a for a, b in zip(told, outcomes, strict=True) if a is not None and canonical_text(a) != canonical_text(b)]
    assert bool(false) == bool(wrong)
    assert bool(wrong) != bool(_read(task, "malformed"))
    assert all(isinstance(item, RedFlag) for kind in ("malformed", "rambling") for item in _read(task, kind))
    assert _read(task, "rambling")


def test_verifiers_add_inputs_that_no_example_has() -> None:
    """What is proposed is worth asking for: over the whole project, four fifths of it are new."""
    new = every = 0
    for task in tree():
        proposed = {tuple(map(canonical_text, claim.arguments)) for claim in _claims(task, "right")}
        every += len(proposed)
        new += len(proposed - {tuple(map(canonical_text, arguments)) for arguments in example_calls(task)})
    assert new >= 0.8 * every
