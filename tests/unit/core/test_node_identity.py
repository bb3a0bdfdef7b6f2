"""What makes two nodes the same: stable where nothing of a sound answer changes, another wherever something does."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.node_identity import PLACE, changed, features, identity
from schemas.identity import RequirementId, TaskId
from schemas.specification import (
    Condition,
    DeclaredError,
    Grants,
    Method,
    PackageGrant,
    Parameter,
    Property,
    Record,
    RecordField,
    Shape,
    TaskKind,
    TaskSpecification,
    TaskType,
    TestCase,
)

Edit = Callable[[TaskSpecification], TaskSpecification]

LINE = Record(name="Line", fields=(RecordField(name="price", type_annotation="Money"),))
MONEY = Record(name="Money", fields=(RecordField(name="cents", type_annotation="int"),))
UNUSED = Record(name="Parcel", fields=(RecordField(name="grams", type_annotation="int"),))
REFUSED = DeclaredError(name="Refused", base="ValueError")

TASK = TaskSpecification(
    id=TaskId("total"),
    name="total",
    description="Sum the prices.\nAn empty list is refused.",
    inputs=(
        Parameter(name="lines", type_annotation="list[Line]", constraints=("len(lines) < 9", "len(lines) >= 0")),
        Parameter(name="rate", type_annotation="int", description="Percent."),
    ),
    outputs=(Parameter(name="cents", type_annotation="int"), Parameter(name="lines", type_annotation="int")),
    preconditions=(Condition(name="a", expression="rate > 0"), Condition(name="b", expression="rate < 99")),
    postconditions=(Condition(name="c", expression="result[0] >= 0"), Condition(name="d", expression="result[1] > 0")),
    invariants=(Condition(name="e", expression="rate == old.rate"), Condition(name="f", expression="rate != 5")),
    test_cases=(
        TestCase(name="none", inputs={"lines": [], "rate": 1}, raises="Refused"),
        TestCase(name="one", inputs={"lines": [{"price": {"cents": 5}}], "rate": 1}, expected_output=[5, 1]),
    ),
    properties=(
        Property(name="p", property_function="def p(lines, rate):\n    assert total(lines, rate)"),
        Property(name="q", property_function="def q(lines, rate):\n    assert total(lines, rate)[0] >= 0"),
    ),
    records=(LINE, MONEY, UNUSED),
    errors=(REFUSED, DeclaredError(name="Lost")),
    grants=Grants(imports=("json", "csv"), names=("open", "print"), files=("/data", "/tmp/x")),
)
OTHER = TASK.model_copy(update={"id": TaskId("share"), "name": "share", "description": "Share it out."})
THIRD = TASK.model_copy(update={"id": TaskId("label"), "name": "label"})

UNORDERED = ("preconditions", "postconditions", "invariants", "test_cases", "properties", "records", "errors")


def _with(**fields: Any) -> Edit:
    return lambda task: task.model_copy(update=fields)


def _first(field: str, **fields: Any) -> Edit:
    """Change the first of a list."""

    def edit(task: TaskSpecification) -> TaskSpecification:
        first, *rest = getattr(task, field)
        return task.model_copy(update={field: (first.model_copy(update=fields), *rest)})

    return edit


NOTHING_NEW: dict[str, Edit] = {
    "another id": _with(id=TaskId("sum")),
    "another parent": _with(parent=TaskId("cart")),
    "children by id": _with(children=(TaskId("a"),)),
    "dependencies by id": _with(dependencies=(TaskId("a"),)),
    "priority": _with(priority=7),
    "estimate": _with(estimated_difficulty=0.9),
    "line breaks": _with(description="Sum the prices. An empty\n   list is refused.\n"),
    "integration": _with(task_type=TaskType.INTEGRATION),
    "label of an example": _first("test_cases", name="empty", description="Nothing to sum."),
    "label of a condition": _first("preconditions", name="positive"),
    "label of a property": _first("properties", name="sums", description="It sums."),
    "requirements by number": _with(requirements=(RequirementId("R3"),)),
    "label of what an example shows": _first("test_cases", shows=(RequirementId("R3"),)),
    "label of what a property shows": _first("properties", shows=(RequirementId("R3"),)),
    "order of constraints": _first("inputs", constraints=("len(lines) >= 0", "len(lines) < 9")),
    "order of grants": _with(
        grants=Grants(imports=("csv", "json"), names=("print", "open"), files=("/tmp/x", "/data"))
    ),
    "a record that it does not mention": _with(records=(LINE, MONEY)),
    "an error that it does not mention": _with(errors=(REFUSED,)),
}
SOMETHING_NEW: dict[str, tuple[str, Edit]] = {
    "name": ("name", _with(name="sum_up")),
    "language": ("language", _with(target_language="go")),
    "to be split": ("to be split", _with(task_type=TaskType.DECOMPOSITION)),
    "a word of the description": ("description", _with(description="Sum the weights.\nAn empty list is refused.")),
    "name of an input": ("inputs", _first("inputs", name="rows")),
    "type of an input": ("inputs", _first("inputs", type_annotation="tuple[Line, ...]")),
    "description of an input": ("inputs", _first("inputs", description="The lines.")),
    "a constraint": ("inputs", _first("inputs", constraints=("len(lines) < 10",))),
    "order of inputs": ("inputs", lambda task: task.model_copy(update={"inputs": task.inputs[::-1]})),
    "order of outputs": ("outputs", lambda task: task.model_copy(update={"outputs": task.outputs[::-1]})),
    "type of an output": ("outputs", _first("outputs", type_annotation="float")),
    "a precondition": ("preconditions", _first("preconditions", expression="rate > 1")),
    "words of a precondition": ("preconditions", _first("preconditions", description="A positive rate.")),
    "a postcondition": ("postconditions", _first("postconditions", expression="result[0] > 0")),
    "an invariant": ("invariants", _first("invariants", expression="rate == 1")),
    "input of an example": ("examples", _first("test_cases", inputs={"lines": [], "rate": 2})),
    "outcome of an example": ("examples", _first("test_cases", raises="ValueError")),
    "tolerance of an example": ("examples", _first("test_cases", tolerance=0.5)),
    "one example less": ("examples", lambda task: task.model_copy(update={"test_cases": task.test_cases[:1]})),
    "a property": ("properties", _first("properties", property_function="def p(lines, rate):\n    assert total()")),
    "longest code": ("limits", _with(max_lines=5)),
    "complexity": ("limits", _with(max_complexity=2)),
    "time": ("limits", _with(timeout_ms=10)),
    "a grant": ("grants", _with(grants=Grants(imports=("json",)))),
    "a granted package": (
        "grants",
        _with(grants=Grants(packages=(PackageGrant(requirement="attrs>=23", modules=("attr",)),))),
    ),
    "the kind": ("kind", _with(kind=TaskKind.COMMAND)),
    "a method": ("methods", _with(methods=(Method(name="add"),))),
    "a part of the state": ("state", _with(state=(Parameter(name="size", type_annotation="int"),))),
    "the content of a file": ("content", _with(content="list[str]")),
    "what calls are made of": ("shapes", _with(shapes=(Shape(name="add"),))),
    "a record that its types mention": ("records", _first("records", description="One line.")),
    "a record of a record": (
        "records",
        _with(records=(LINE, Record(name="Money", fields=(RecordField(name="pence", type_annotation="int"),)), UNUSED)),
    ),
    "an error that an example names": ("errors", _with(errors=(REFUSED.model_copy(update={"base": "KeyError"}),))),
}


@pytest.mark.parametrize("edit", NOTHING_NEW.values(), ids=NOTHING_NEW)
def test_what_changes_nothing_about_a_sound_answer_is_no_part_of_it(edit: Edit) -> None:
    """Place, labels, orders without meaning and estimates."""
    edited = edit(TASK)
    assert edited != TASK
    assert identity(edited, [OTHER]) == identity(TASK, [OTHER])


@pytest.mark.parametrize(("title", "edit"), SOMETHING_NEW.values(), ids=SOMETHING_NEW)
def test_what_is_asked_is_part_of_it_and_a_change_is_told_by_its_name(title: str, edit: Edit) -> None:
    """Each change gives another identity, and names the feature that it is a change of, and no other."""
    edited = edit(TASK)
    assert identity(edited, [OTHER]) != identity(TASK, [OTHER])
    told = changed(features(TASK, [OTHER]), features(edited, [OTHER]))
    assert title in told
    assert set(told) <= {title, "errors"}  # an error that is named no more goes with the example that named it


def test_every_field_of_a_task_is_either_part_of_it_or_says_where_it_stands() -> None:
    """A field that is added one day counts, unless it is set down as one of place."""
    for name in TaskSpecification.model_fields.keys() - PLACE:
        edits = [edit for _, edit in SOMETHING_NEW.values() if getattr(edit(TASK), name) != getattr(TASK, name)]
        assert edits, f"no change of {name} is tried here"


@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(sorted(NOTHING_NEW))))
def test_orders_and_labels_together_change_nothing(order: random.Random, edits: set[str]) -> None:
    """However lists without an order are shuffled, and whatever else means nothing, the identity stays."""
    task = TASK
    for field in UNORDERED:
        items = list(getattr(task, field))
        order.shuffle(items)
        task = task.model_copy(update={field: tuple(items)})
    assert identity(task, [THIRD, OTHER], [OTHER]) == identity(TASK, [OTHER, THIRD], [OTHER])
    for edit in sorted(edits):
        if "order" not in edit and "label" not in edit:  # those speak of the first of a list as it stands in TASK
            task = NOTHING_NEW[edit](task)
    assert identity(task, [OTHER, THIRD], [OTHER]) == identity(TASK, [OTHER, THIRD], [OTHER])


@given(st.lists(st.sampled_from(sorted(SOMETHING_NEW)), min_size=1, max_size=3, unique=True))
def test_changes_never_make_one_another_undone(names: list[str]) -> None:
    """Several changes of what is asked never come out as none."""
    task = TASK
    for name in names:
        task = SOMETHING_NEW[name][1](task)
    assert identity(task) != identity(TASK)


@pytest.mark.parametrize(
    ("edit", "seen"),
    [
        (_with(name="parts"), True),
        (_first("inputs", type_annotation="set[Line]"), True),
        (_first("outputs", type_annotation="bytes"), True),
        (_with(records=(LINE, MONEY.model_copy(update={"description": "Cents."}), UNUSED)), True),
        (_with(description="Share it otherwise."), False),
        (_first("test_cases", raises="KeyError"), False),
        (_first("inputs", constraints=()), False),
        (_first("outputs", name="share"), False),
        (_with(max_lines=3, errors=()), False),
        (_with(records=(LINE, MONEY)), False),
    ],
)
@pytest.mark.parametrize("as_child", [False, True])
def test_of_what_it_may_call_a_node_sees_the_interface(edit: Edit, seen: bool, as_child: bool) -> None:
    """Names, types and the records that they mention; wording, examples and limits are met by verification instead."""
    before, after = ([OTHER], [edit(OTHER)])
    if as_child:
        assert (identity(TASK, [], before) != identity(TASK, [], after)) is seen
    else:
        assert (identity(TASK, before) != identity(TASK, after)) is seen


def test_a_part_is_told_from_a_neighbour_and_a_group_is_neither() -> None:
    """Glue sees its children; what merely depends on them does not; what has no interface shows none."""
    group = TaskSpecification(id=TaskId("group"), name="group", children=(TaskId("a"),))
    assert len({identity(TASK), identity(TASK, [OTHER]), identity(TASK, [], [OTHER]), identity(TASK, [THIRD])}) == 4
    assert identity(TASK, [group], [group]) == identity(TASK)


def test_a_name_after_a_line_break_is_a_mention() -> None:
    """A property that begins a line with a record's name uses the record."""
    source = "def p(n):\nParcel(1); assert f(n)"
    task = TaskSpecification(
        id=TaskId("f"),
        name="f",
        inputs=(Parameter(name="n", type_annotation="int"),),
        properties=(Property(name="p", property_function=source),),
        records=(UNUSED,),
    )
    assert identity(task) != identity(task.model_copy(update={"records": ()}))


def test_a_field_that_is_not_known_here_counts_for_the_task_and_for_those_that_see_it() -> None:
    """What a later version adds to specifications is never overlooked; where it says nothing, nothing changes."""

    class Later(TaskSpecification):
        sort: str = "plain"

    same, other = (Later.model_validate({**TASK.model_dump(), "sort": sort}) for sort in ("plain", "odd"))
    assert identity(same) == identity(TASK)
    assert identity(other) != identity(TASK)
    assert changed(features(same), features(other)) == ("sort",)
    assert identity(OTHER, [same]) == identity(OTHER, [TASK])
    assert identity(OTHER, [other]) != identity(OTHER, [TASK])
