"""Holds the scripted content of the bundled examples to what it claims: right answers are right and agree.

Only answers that are right, or wrong by a hair, are executed, without a sandbox: they are texts of this repository.
"""

import ast
from collections import Counter

import pytest

from millwright.core.classification import behaviour, constraints, settled, shown_by
from millwright.core.decomposition import read_root
from millwright.core.requirements import statements
from millwright.core.tracing import coverage_problem
from schemas.identity import Archetype
from schemas.models import FinishReason
from schemas.planning import Proposal, SpecifiedRoot
from schemas.requirements import Requirements
from schemas.specification import TaskSpecification
from schemas.values import canonical_text
from tests.integration.example_programs import (
    Program,
    conditions_source,
    execute,
    outcomes,
    random_calls,
)
from tests.integration.example_project import EXAMPLES, TASK_NAMES, TASKS, Example, code, structure

UNPROVEN = {
    "order-pricing": {"R34"},
    "parcel-quotes": {"R26"},
    "station-readings": {"R41", "R42"},
    "timesheet": {"R27", "R28"},
}
"""Constraints that no test of the example shows: that there is a command, and what it may need."""

LEFT_OPEN = {"order-pricing": "R17", "station-readings": "R26"}
"""The statement of an example that can be read in two ways."""

SPLIT = [("station-readings", "median")]
"""Tasks whose answers are split between two readings, as likely as each other: only an example tells them apart."""

WEAK = [("parcel-quotes", "kilograms")]
"""Tasks whose examples are too few: most answers agree on what their parent's examples refute."""

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
every_task = pytest.mark.parametrize(("example", "task"), TASKS, ids=TASK_NAMES)
every_inner_task = pytest.mark.parametrize(
    ("example", "task"),
    [(example, task) for example in EXAMPLES for task in example.inner],
    ids=[f"{example.name}-{task}" for example in EXAMPLES for task in example.inner],
)


@every_example
def test_right_answers_keep_postconditions_and_properties(example: Example) -> None:
    """On examples and random inputs, right answers break no promise and no property of their specification."""
    programs: list[Program] = []
    for task, (specification, _) in example.tree.items():
        calls = tuple(example.example_calls(task) + random_calls(example, task))
        for answer in example.right(example.archetype_of(task), task):
            sources = (*example.below(task), code(answer))
            checks = [(conditions_source(specification), "broken_conditions")]
            checks += [(item.property_function, item.name) for item in specification.properties]
            programs += [Program((*sources, source), function, calls) for source, function in checks]
    for program, report in zip(programs, execute(example, programs), strict=True):
        good = ["list", []] if program.function == "broken_conditions" else ["none"]
        assert all(item == good for item in report), program.sources[-1]


@every_example
def test_answers_that_break_a_property_meet_the_examples(example: Example) -> None:
    """An answer whose flaw is a property passes every example: only the property, or the vote, can tell."""
    flawed = [
        (task, answer)
        for task in example.tree
        for answer in example.answers(task)
        if answer.flaw in ("property", "vote")
    ]
    programs = [
        Program((*example.below(task), code(answer)), example.task(task).name, tuple(example.example_calls(task)))
        for task, answer in flawed
    ]
    assert len(flawed) >= 5
    for (task, answer), report in zip(flawed, execute(example, programs), strict=True):
        wanted = [canonical_text(item) for item in example.expected(task)]
        assert [canonical_text(item) for item in report] == wanted, answer.text


@every_example
def test_property_flaws_are_caught_by_a_property(example: Example) -> None:
    """An answer whose flaw is a property breaks one on the inputs at hand."""
    programs: list[Program] = []
    flawed: list[tuple[str, int]] = []
    for task, (specification, _) in example.tree.items():
        calls = tuple(example.example_calls(task) + random_calls(example, task))
        for answer in example.answers(task):
            if answer.flaw == "property":
                sources = (*example.below(task), code(answer))
                properties = specification.properties
                flawed.append((answer.text, len(properties)))
                programs += [Program((*sources, item.property_function), item.name, calls) for item in properties]
    reports = iter(execute(example, programs))
    for text, count in flawed:
        mine = [next(reports) for _ in range(count)]
        assert any(item != ["none"] for report in mine for item in report), text


@every_example
def test_an_example_is_a_tree_of_twelve_to_forty_tasks(example: Example) -> None:
    """Each is small but real: composed tasks on three levels, records handed on, dependencies between siblings."""
    assert 12 <= len(example.leaves) <= 40
    assert len(example.inner) >= 3
    assert any(child in example.inner for child in example.tree["root"][1])
    assert sum(bool(example.task(task).dependencies) for task in example.leaves) >= 3
    records = {record.name for record in example.task("root").records}
    tasks = [example.task(name) for name in example.tree]
    given = [item for task in tasks for item in (*task.inputs, *(one for of in task.methods for one in of.inputs))]
    annotations = [item.type_annotation for item in given]
    assert sum(any(name in annotation for name in records) for annotation in annotations) >= 3


@every_task
def test_every_task_is_specified_by_conditions_and_three_examples(example: Example, task: str) -> None:
    """Each task has a description, at least three examples, and small limits."""
    specification = example.task(task)
    assert specification.description
    assert len(specification.test_cases) >= 3
    assert specification.max_lines == 20
    assert 5 <= specification.max_complexity <= 10


@every_task
def test_right_answers_meet_the_examples(example: Example, task: str) -> None:
    """Each answer marked right, on top of the likeliest answers below it, returns what every example states."""
    wanted = [canonical_text(item) for item in example.expected(task)]
    for found in outcomes(example)[task]:
        assert found[: len(wanted)] == wanted


@every_task
def test_right_answers_agree_on_random_inputs(example: Example, task: str) -> None:
    """Answers marked right are the same vote: equal outcomes, exceptions included."""
    first, *others = outcomes(example)[task]
    assert len(others) >= 2
    for other in others:
        assert other == first


@every_task
def test_right_answers_are_independent_and_wrong_ones_differ(example: Example, task: str) -> None:
    """A task has at least three different right texts, two different wrong ones, and a safe lead for the right."""
    completions = example.answers(task)
    weights = Counter[str]()
    for completion in completions:
        weights["right" if completion.kind == "right" else completion.flaw] += int(completion.weight)
    right = example.right(example.archetype_of(task), task)
    assert completions[0].kind == "right"
    assert len({ast.dump(ast.parse(code(answer))) for answer in right}) >= 3
    assert len({answer.text for answer in completions if answer.kind == "wrong"}) >= 2
    if (example.name, task) in SPLIT:
        assert weights["right"] == weights["reading"]
    elif (example.name, task) in WEAK:
        assert weights["weak"] > weights["right"]
    else:
        assert 0.6 <= weights["right"] / weights.total() <= 0.75


@pytest.mark.parametrize(("name", "task"), SPLIT)
def test_two_readings_are_told_apart_by_one_example_only(name: str, task: str) -> None:
    """Answers of the other reading agree with each other, meet the examples that it leaves alone, and fail the rest."""
    example = next(item for item in EXAMPLES if item.name == name)
    others = [answer for answer in example.answers(task) if answer.flaw == "reading"]
    calls = tuple(example.example_calls(task) + random_calls(example, task))
    programs = [Program((*example.below(task), code(answer)), example.task(task).name, calls) for answer in others]
    wanted = [canonical_text(item) for item in example.expected(task)]
    first, *rest = [[canonical_text(item) for item in report] for report in execute(example, programs)]
    assert len({ast.dump(ast.parse(code(answer))) for answer in others}) >= 3
    assert rest
    assert all(other == first for other in rest)
    judged = zip(example.task(task).test_cases, first, wanted, strict=False)
    assert [case.shows for case, said, right in judged if said != right] == [(LEFT_OPEN[name],)]


@pytest.mark.parametrize(("name", "task"), WEAK)
def test_what_a_weak_specification_lets_pass_is_refuted_by_the_parents_examples(name: str, task: str) -> None:
    """Most answers agree, meet the examples of their task, and are not what its parent's examples demand of it."""
    example = next(item for item in EXAMPLES if item.name == name)
    above = next(item for item in example.inner if task in example.tree[item][1])
    weak = [answer for answer in example.answers(task) if answer.flaw == "weak"]
    assert len({ast.dump(ast.parse(code(answer))) for answer in weak}) >= 3
    glue = code(example.right(Archetype.INTEGRATOR, above)[0])
    calls = [tuple(example.example_calls(item)) for item in (task, above)]
    programs = [
        Program((*example.below(above), code(answer), glue), example.task(item).name, given)
        for answer in weak
        for item, given in zip((task, above), calls, strict=True)
    ]
    reports = [[canonical_text(item) for item in report] for report in execute(example, programs)]
    own, demanded = ([canonical_text(item) for item in example.expected(item)] for item in (task, above))
    assert reports[::2] == [own] * len(weak)
    assert all(report != demanded for report in reports[1::2])
    assert all(report == reports[1] for report in reports[1::2])


@every_inner_task
def test_right_proposals_have_one_structure(example: Example, task: str) -> None:
    """Proposals marked right differ in wording and estimates only; all children are sound specifications."""
    structures = set()
    for answer in example.right(Archetype.DECOMPOSER, task):
        children = []
        for child in structure(answer)["children"]:
            specification = TaskSpecification.model_validate(child["specification"])
            bare = specification.model_copy(update={"description": ""})
            atomic = child["estimated_lines"] <= 20 and child["estimated_complexity"] <= 5
            children.append((bare.model_dump_json(), atomic))
            assert atomic == (specification.id in example.leaves)
        structures.add(tuple(children))
    assert len(structures) == 1
    assert len({answer.text for answer in example.right(Archetype.DECOMPOSER, task)}) >= 3


@every_example
def test_right_root_specifications_differ_in_wording_only(example: Example) -> None:
    """Specifiers that are marked right agree on everything but the description."""
    roots = [
        TaskSpecification.model_validate(structure(answer)["specification"])
        for answer in example.right(Archetype.SPECIFIER, example.specifier_task)
    ]
    assert len({root.description for root in roots}) >= 3
    assert len({root.model_copy(update={"description": ""}).model_dump_json() for root in roots}) == 1


@every_example
def test_every_requirement_has_a_part_and_a_test_that_shows_it(example: Example) -> None:
    """Right answers account for every statement of the prose, hand each requirement down, and show it somewhere."""
    found = _settled(example, "right")
    for task in example.inner:
        parent = example.task(task).model_copy(update={"requirements": example.covers[task]})
        for answer in example.right(Archetype.DECOMPOSER, task):
            proposal = Proposal.model_validate(structure(answer))
            assert coverage_problem(proposal, parent, constraints(found)) is None
    shown = {name for task in example.tree for name in shown_by(example.task(task))}
    assert set(behaviour(found)) <= shown
    assert set(constraints(found)) - shown == UNPROVEN[example.name]


@every_example
def test_what_can_be_read_in_two_ways_is_asked(example: Example) -> None:
    """Specifiers raise the one statement that is not clear, with two readings, and nothing that is clear."""
    asked = [item for item in _settled(example, "right").questions if item.question[:5] != "What "]
    assert [item.about for item in asked] == [(LEFT_OPEN[name],) for name in LEFT_OPEN if name == example.name]
    assert all(len(item.readings) == 2 for item in asked)


def test_specifiers_of_another_reading_expect_another_result() -> None:
    """Where some specifiers read the statement the other way, their example for equal inputs differs: that is asked."""
    example = next(item for item in EXAMPLES if item.name == "station-readings")
    questions = _settled(example, "right", "wrong").questions
    (asked,) = [item for item in questions if item.question.startswith("What is right for the inputs")]
    assert LEFT_OPEN[example.name] in asked.about
    assert len(asked.readings) == 2
    assert asked.readings[0].votes > asked.readings[1].votes


@every_example
def test_a_quarter_of_what_is_said_is_no_good(example: Example) -> None:
    """A quarter of all weight is not right; some of it rambles, is cut off, has no form or says nothing."""
    everything = [completion for known in example.book for completion in known.completions]
    assert {completion.kind for completion in everything} >= {"wrong", "rambling", "truncated", "malformed", "hedging"}
    wrong = sum(completion.weight for completion in everything if completion.kind != "right")
    assert wrong >= 0.25 * sum(completion.weight for completion in everything)


def test_every_kind_of_bad_answer_occurs() -> None:
    """The red flags, the layers and the vote all get something to do in some example."""
    everything = [completion for example in EXAMPLES for known in example.book for completion in known.completions]
    kinds = {completion.kind for completion in everything}
    flaws = {completion.flaw for completion in everything}
    assert kinds >= {"right", "wrong", "rambling", "truncated", "malformed", "hedging", "refusal", "placeholder"}
    assert flaws >= {"types", "contract", "output", "property", "static", "security", "performance"}
    assert flaws >= {"vote", "suppression", "nondeterministic", "raises", "reading"}


@every_example
def test_truncated_answers_end_for_lack_of_tokens(example: Example) -> None:
    """An answer is marked truncated exactly when it ends with the finish reason ``length``."""
    for known in example.book:
        for completion in known.completions:
            assert (completion.kind == "truncated") == (completion.finish_reason is FinishReason.LENGTH)


@pytest.mark.parametrize(
    ("name", "file", "case"),
    [("order-pricing", "order.json", 1), ("station-readings", "readings.csv", 1), ("timesheet", "march.txt", 1)],
)
def test_the_sample_beside_the_requirements_is_an_example(name: str, file: str, case: int) -> None:
    """The data to try the result with is what one of the root's examples is about."""
    example = next(item for item in EXAMPLES if item.name == name)
    sample = (example.folder / file).read_text(encoding="utf-8")
    assert "".join(sample.split()) == "".join(str(example.task("root").test_cases[case].inputs["document"]).split())


def _settled(example: Example, *kinds: str) -> Requirements:
    """Read a specifier's answers of some kinds, and settle what they say; malformed ones count for nothing."""
    numbered = statements(example.requirements)
    answers = example.entry(Archetype.SPECIFIER, example.specifier_task).completions
    read = [read_root(structure(item), "python", numbered) for item in answers if item.kind in kinds]
    assert all(isinstance(root, SpecifiedRoot) for root in read), [
        root for root in read if not isinstance(root, SpecifiedRoot)
    ]
    roots = [root for root in read if isinstance(root, SpecifiedRoot)]
    return settled(numbered, roots, roots)
