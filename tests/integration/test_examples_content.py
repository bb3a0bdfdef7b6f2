"""Holds the scripted content of the sample project to what it claims: right answers are right and agree.

Only answers that are right, or wrong by a hair, are executed, without a sandbox: they are texts of this repository.
"""

import ast
import json
from collections import Counter

import pytest

from millwright.core.classification import behaviour, constraints, settled, shown_by
from millwright.core.decomposition import read_root
from millwright.core.requirements import statements
from millwright.core.tracing import coverage_problem
from schemas.identity import Archetype
from schemas.models import FinishReason
from schemas.planning import Proposal, SpecifiedRoot
from schemas.specification import TaskSpecification
from schemas.values import canonical_text
from tests.integration.example_project import (
    REPOSITORY,
    REQUIREMENTS,
    SPECIFIER_TASK,
    Program,
    archetype_of,
    below,
    book,
    code,
    conditions_source,
    covers,
    entry,
    example_calls,
    execute,
    expected,
    inner,
    leaves,
    outcomes,
    random_calls,
    right,
    structure,
    tree,
)


def test_right_answers_keep_postconditions_and_properties() -> None:
    """On examples and random inputs, right answers break no promise and no property of their specification."""
    programs: list[Program] = []
    for task, (specification, _) in tree().items():
        calls = tuple(example_calls(task) + random_calls(task))
        for answer in right(archetype_of(task), task):
            sources = (*below(task), code(answer))
            checks = [(conditions_source(specification), "broken_conditions")]
            checks += [(item.property_function, item.name) for item in specification.properties]
            programs += [Program((*sources, source), function, calls) for source, function in checks]
    for program, report in zip(programs, execute(programs), strict=True):
        good = ["list", []] if program.function == "broken_conditions" else ["none"]
        assert all(item == good for item in report), program.sources[-1]


def test_answers_that_break_a_property_meet_the_examples() -> None:
    """An answer whose flaw is a property passes every example: only the property, or the vote, can tell."""
    flawed = [
        (task, answer)
        for task in tree()
        for answer in entry(archetype_of(task), task).completions
        if answer.flaw in ("property", "vote")
    ]
    programs = [
        Program((*below(task), code(answer)), tree()[task][0].name, tuple(example_calls(task)))
        for task, answer in flawed
    ]
    assert len(flawed) >= 5
    for (task, _), report in zip(flawed, execute(programs), strict=True):
        assert [canonical_text(item) for item in report] == [canonical_text(item) for item in expected(task)]


def test_property_flaws_are_caught_by_a_property() -> None:
    """An answer whose flaw is a property breaks one on the inputs at hand."""
    for task, (specification, _) in tree().items():
        calls = tuple(example_calls(task) + random_calls(task))
        for answer in entry(archetype_of(task), task).completions:
            if answer.flaw == "property":
                sources = (*below(task), code(answer))
                programs = [
                    Program((*sources, item.property_function), item.name, calls) for item in specification.properties
                ]
                assert any(item != ["none"] for report in execute(programs) for item in report), answer.text


def test_project_has_twelve_to_twenty_atomic_tasks_on_three_levels() -> None:
    """The sample is small but real: a tree with composed nodes, and dependencies between siblings."""
    assert 12 <= len(leaves()) <= 20
    assert len(inner()) >= 3
    assert "lines" in tree()["orders"][1]
    assert sum(bool(tree()[task][0].dependencies) for task in leaves()) >= 3
    assert sum("OrderLine" in item.type_annotation for task in tree() for item in tree()[task][0].inputs) >= 3


@pytest.mark.parametrize("task", tree())
def test_every_task_is_specified_by_conditions_and_three_examples(task: str) -> None:
    """Each task has a description, at least three examples, and small limits."""
    specification = tree()[task][0]
    assert specification.description
    assert len(specification.test_cases) >= 3
    assert specification.max_lines == 20
    assert 5 <= specification.max_complexity <= 10


@pytest.mark.parametrize("task", tree())
def test_right_answers_meet_the_examples(task: str) -> None:
    """Each answer marked right, on top of the likeliest answers below it, returns what every example states."""
    wanted = [canonical_text(item) for item in expected(task)]
    for found in outcomes()[task]:
        assert found[: len(wanted)] == wanted


@pytest.mark.parametrize("task", tree())
def test_right_answers_agree_on_random_inputs(task: str) -> None:
    """Answers marked right are the same vote: equal outcomes, exceptions included."""
    first, *others = outcomes()[task]
    assert len(others) >= 2
    for other in others:
        assert other == first


@pytest.mark.parametrize("task", tree())
def test_right_answers_are_independent_and_wrong_ones_differ(task: str) -> None:
    """A task has at least three different right texts, two different wrong ones, and a safe lead for the right."""
    completions = entry(archetype_of(task), task).completions
    weights = Counter[str]()
    for completion in completions:
        weights["right" if completion.kind == "right" else "other"] += int(completion.weight)
    assert completions[0].kind == "right"
    assert len({ast.dump(ast.parse(code(answer))) for answer in right(archetype_of(task), task)}) >= 3
    assert len({answer.text for answer in completions if answer.kind == "wrong"}) >= 2
    assert 0.6 <= weights["right"] / weights.total() <= 0.75


@pytest.mark.parametrize("task", inner())
def test_right_proposals_have_one_structure(task: str) -> None:
    """Proposals marked right differ in wording and estimates only; all children are sound specifications."""
    structures = set()
    for answer in right(Archetype.DECOMPOSER, task):
        children = []
        for child in structure(answer)["children"]:
            specification = TaskSpecification.model_validate(child["specification"])
            bare = specification.model_copy(update={"description": ""})
            atomic = child["estimated_lines"] <= 20 and child["estimated_complexity"] <= 5
            children.append((bare.model_dump_json(), atomic))
            assert atomic == (specification.id in leaves())
        structures.add(tuple(children))
    assert len(structures) == 1
    assert len({answer.text for answer in right(Archetype.DECOMPOSER, task)}) >= 3


def test_right_root_specifications_differ_in_wording_only() -> None:
    """Specifiers that are marked right agree on everything but the description."""
    roots = [
        TaskSpecification.model_validate(structure(answer)["specification"])
        for answer in right(Archetype.SPECIFIER, SPECIFIER_TASK)
    ]
    assert len({root.description for root in roots}) >= 3
    assert len({root.model_copy(update={"description": ""}).model_dump_json() for root in roots}) == 1


def test_every_requirement_has_a_part_and_a_test_that_shows_it() -> None:
    """Right answers account for every statement of the prose, hand each requirement down, and show it somewhere."""
    numbered = statements(REQUIREMENTS)
    roots = [read_root(structure(answer), "python", numbered) for answer in right(Archetype.SPECIFIER, SPECIFIER_TASK)]
    assert all(isinstance(root, SpecifiedRoot) for root in roots)
    found = settled(numbered, [root for root in roots if isinstance(root, SpecifiedRoot)], [])
    for task in inner():
        parent = tree()[task][0].model_copy(update={"requirements": covers()[task]})
        for answer in right(Archetype.DECOMPOSER, task):
            proposal = Proposal.model_validate(structure(answer))
            assert coverage_problem(proposal, parent, constraints(found)) is None
    shown = {name for task in tree() for name in shown_by(tree()[task][0])}
    assert set(behaviour(found)) <= shown
    assert set(constraints(found)) - shown == {"R34"}
    assert settled(numbered, [], [root for root in roots if isinstance(root, SpecifiedRoot)]).questions


def test_every_kind_of_bad_answer_occurs() -> None:
    """The red flags, the layers and the vote all get something to do, and a quarter of all weight is not right."""
    everything = [completion for known in book() for completion in known.completions]
    kinds = {completion.kind for completion in everything}
    flaws = {completion.flaw for completion in everything}
    assert kinds >= {"right", "wrong", "rambling", "truncated", "malformed", "hedging", "refusal", "placeholder"}
    assert flaws >= {"types", "contract", "output", "property", "static", "security", "performance"}
    assert flaws >= {"vote", "suppression", "nondeterministic", "raises"}
    wrong = sum(completion.weight for completion in everything if completion.kind != "right")
    assert wrong >= 0.25 * sum(completion.weight for completion in everything)


def test_truncated_answers_end_for_lack_of_tokens() -> None:
    """An answer is marked truncated exactly when it ends with the finish reason ``length``."""
    for known in book():
        for completion in known.completions:
            assert (completion.kind == "truncated") == (completion.finish_reason is FinishReason.LENGTH)


def test_sample_order_is_priced() -> None:
    """The order beside the requirements is the one that the root's second example prices."""
    order = json.loads((REPOSITORY / "examples/order-pricing/order.json").read_text(encoding="utf-8"))
    cases = tree()["root"][0].test_cases
    assert order == json.loads(str(cases[1].inputs["document"]))
