"""Promises by example: what children's examples reach, what a composition gives, and what stays unchecked."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.composition import compose
from millwright.core.reaching import Budget, Step, pool_from, taken_apart
from millwright.core.straight_line import Program, read_program, records_made
from millwright.core.type_flow import reach_faults
from schemas.specification import Condition, TaskSpecification
from schemas.values import Value

RECORDS = [
    {"name": "Money", "fields": [{"name": "cents", "type_annotation": "int"}]},
    {
        "name": "Total",
        "fields": [{"name": "net", "type_annotation": "Money"}, {"name": "tax", "type_annotation": "float"}],
    },
]
ERRORS = [{"name": "Refused", "base": "ValueError"}, {"name": "TooMuch", "base": "Refused"}]


def _task(name: str, takes: dict[str, str], gives: str, *cases: tuple[list[Any], Any]) -> TaskSpecification:
    """Make a task; the outcome of a case is what is returned, or an exception's name after an exclamation mark."""
    return TaskSpecification.model_validate(
        {
            "id": name,
            "name": name,
            "inputs": [{"name": item, "type_annotation": of} for item, of in takes.items()],
            "outputs": [{"name": "result", "type_annotation": gives}],
            "test_cases": [
                {"name": f"case {number}", "inputs": dict(zip(takes, given, strict=True))} | _outcome(outcome)
                for number, (given, outcome) in enumerate(cases)
            ],
            "records": RECORDS,
            "errors": ERRORS,
        }
    )


def _outcome(outcome: Any) -> dict[str, Any]:
    raised = isinstance(outcome, str) and outcome.startswith("!")
    return {"raises": outcome[1:]} if raised else {"expected_output": outcome}


def _program(lines: list[str], parent: TaskSpecification, *children: TaskSpecification) -> Program:
    read = read_program(lines, parent, children)
    assert isinstance(read, Program), read
    return read


GROSS = _task("gross", {"price": "int", "count": "int"}, "int", ([250, 2], 500), ([100, 3], 300))
TAX = _task("tax", {"amount": "float"}, "float", ([500.0], 95.0), ([-1.0], "!TooMuch"))


def test_a_chain_of_examples_is_found_through_records_lists_and_wider_numbers() -> None:
    """A list is taken apart, an int passes for a float, and the result is put together of what was given."""
    parent = _task(
        "whole", {"lines": "list[tuple[int, int]]"}, "Total", ([[[250, 2]]], {"net": {"cents": 500}, "tax": 95})
    )
    found = compose(parent, [GROSS, TAX])
    assert (found.promises.composed, found.promises.examples) == (1, 1)
    assert found.contradictions == ()


def test_what_no_child_had_a_part_in_is_not_composed() -> None:
    """A result that lies in the inputs already says nothing of the children."""
    parent = _task("whole", {"n": "int", "m": "int"}, "list[int]", ([7, 8], [7, 8]), ([1, 2], []))
    found = compose(parent, [GROSS, TAX])
    assert found.promises.composed == 0
    assert found.promises.notes == ("not reached from the children's examples: case 0, case 1",)


def test_an_error_is_composed_where_a_child_raises_it_or_a_kind_of_it() -> None:
    """A parent that must raise is served by a child's example of the same error, or of one derived from it."""
    parent = _task(
        "whole", {"n": "float"}, "int", ([-1.0], "!ValueError"), ([-2.0], "!ValueError"), ([3.0], "!KeyError")
    )
    promises = compose(parent, [GROSS, TAX]).promises
    assert promises.composed == 1
    assert promises.notes == (
        "not reached from the children's examples: case 1, case 2",
        "no child's example raises KeyError: that is left to the glue",
    )


def test_children_without_examples_are_named() -> None:
    """What nothing is promised of by example cannot be composed, and the report says whose that is."""
    parent = _task("whole", {"n": "int"}, "int", ([1], 2))
    silent = _task("silent", {"n": "int"}, "int")
    assert "without an example of their own: silent" in compose(parent, [GROSS, silent]).promises.notes


def test_a_composition_is_followed_through_fields_lists_and_constructors() -> None:
    """Calls by position and by name, loops over lists, indices, fields and records are worked out from examples."""
    takes = {"lines": "list[tuple[int, int]]", "rate": "Total"}
    given_ = [[[250, 2], [100, 3]], {"net": {"cents": 9}, "tax": 1.5}]
    parent = _task("whole", takes, "dict[str, float]", (given_, {"x": 1.5}))
    kept = _task("kept", {"all": "list[int]", "tax": "float"}, "dict[str, float]", ([[500, 300], 1.5], {"x": 1.5}))
    lines = ["each = [gross(line[0], count=line[1]) for line in lines]", "kept(all=each, tax=rate.tax)"]
    program = _program(lines, parent, GROSS, kept)
    assert compose(parent, [GROSS, kept], program).promises.composed == 1
    made = _program(["Total(net=Money(cents=gross(250, 2)), tax=0.0)"], parent, GROSS)
    assert records_made(made, parent.records) == {"Total", "Money"}


@pytest.mark.parametrize(
    ("outcome", "line", "words"),
    [
        (6, "gross(n, 2)", "it gives"),
        ("!KeyError", "gross(n, 2)", "must raise KeyError"),
        (500, "tax(-1.0)", "it raises TooMuch"),
    ],
)
def test_a_contradiction_names_the_example(outcome: Any, line: str, words: str) -> None:
    """Where the children's examples give something else, the plan does not keep the promise."""
    parent = _task("whole", {"n": "int"}, "int", ([250], outcome))
    (told,) = compose(parent, [GROSS, TAX], _program([line], parent, GROSS, TAX)).contradictions
    assert "'case 0'" in told
    assert words in told


def test_within_a_tolerance_nothing_is_contradicted() -> None:
    """An example that is only near the truth proves no other one wrong."""
    parent = _task("whole", {"n": "int"}, "int", ([250], 501))
    near = GROSS.model_copy(
        update={"test_cases": tuple(case.model_copy(update={"tolerance": 2.0}) for case in GROSS.test_cases)}
    )
    assert compose(parent, [near], _program(["gross(n, 2)"], parent, near)).contradictions == ()


@pytest.mark.parametrize(
    "line", ["n + 1", "gross(n, 4)", "gross(n)", "sum([1])", "n", "gross(*[n, 2])", "[n][7]", "n.cents"]
)
def test_what_the_examples_do_not_say_is_unchecked(line: str) -> None:
    """Arithmetic, a call without an example and a result without any call are neither composed nor a fault."""
    parent = _task("whole", {"n": "int"}, "int", ([250], 251))
    found = compose(parent, [GROSS], _program([line], parent, GROSS))
    assert (found.promises.composed, found.contradictions) == (0, ())


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["x = mystery(n)", "x"], "line 1: 'mystery' is no child's function"),
        (["y"], "line 1: the name 'y' is not known"),
        (["x = n"], "line 1: the last line is the expression of the result"),
        (["n", "n"], "line 1: not of the form name = expression"),
        (["n = 1", "n"], "line 1: the name 'n' is taken"),
        (["import os", "n"], "line 1: not of the form"),
        (["-" * 499 + "n"], "unchecked"),
        (["(lambda: n)()"], "line 1: Lambda is not allowed"),
        (["n" * 501], "at most 50 lines of 500 characters"),
        (["__import__('os')"], "'__import__' is no child's function"),
    ],
)
def test_a_composition_that_cannot_be_read_says_in_which_line(lines: list[str], words: str) -> None:
    """It is read by its own small grammar, and never executed."""
    parent = _task("whole", {"n": "int"}, "int")
    read = read_program(lines, parent, [GROSS])
    assert isinstance(read, Program) if words == "unchecked" else words in str(read)


def test_a_child_that_changes_its_arguments_proves_nothing() -> None:
    """What comes after it sees other values than the examples do: neither composed nor contradicted."""
    parent = _task("whole", {"n": "int"}, "int", ([250], 251))
    past = Condition(name="same", expression="n == old.n")
    for change in ({"outputs": ()}, {"postconditions": (past,)}):
        child = _task("change", {"n": "int"}, "int", ([250], 250)).model_copy(update=change)
        case = child.test_cases[0].model_copy(update={"expected_output": 250 if child.outputs else None})
        child = child.model_copy(update={"test_cases": (case,)})
        assert compose(parent, [child], _program(["change(n)"], parent, child)).contradictions == ()


def test_nested_loops_end_as_unknown() -> None:
    """A composition cannot be made to run for long."""
    parent = _task("whole", {"xs": "list[int]"}, "int", ([[*range(100)]], 1))
    program = _program(["[[[gross(x, y) for z in xs] for y in xs] for x in xs]"], parent, GROSS)
    assert compose(parent, [GROSS], program).promises.composed == 0


VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(st.integers(0, 9).map(lambda n: ["int", str(n)]), st.sampled_from("ab").map(lambda text: ["str", text])),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: ["list", items]),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.lists(VALUES, min_size=1, max_size=4), VALUES)
def test_reaching_is_taking_apart_and_putting_together(inputs: list[Value], extra: Value) -> None:
    """Everything inside the inputs is at hand, and what a step gives of it is made; what is nowhere is not reached."""
    steps = [Step((taken_apart(inputs[0]),), taken_apart(["tuple", [["bytes", "AA=="], extra]]), None)]
    pool = pool_from(inputs, steps, Budget(10_000))
    assert all(pool.reach(taken_apart(value)) is not None for value in inputs)
    assert pool.reach(taken_apart(["list", [["bytes", "AA=="], inputs[-1]]])) is True
    assert pool.reach(taken_apart(["str", "nowhere"])) is None


def test_a_search_without_budget_reaches_nothing_more() -> None:
    """Huge examples end as unchecked instead of taking for ever."""
    steps = [Step((taken_apart(["int", "1"]),), taken_apart(["int", "2"]), None)]
    assert pool_from([["int", "1"]], steps, Budget(0)).reach(taken_apart(["int", "2"])) is None


def test_huge_examples_are_unchecked_and_say_so() -> None:
    """Nothing is looked at where looking would take too long."""
    parent = _task("whole", {"xs": "list[int]"}, "int", ([[1] * 50_000], 1))
    promises = compose(parent, [GROSS]).promises
    assert (promises.composed, promises.examples) == (0, 1)
    assert promises.notes == ("its examples and those of its children hold more than 40000 values",)


def _reach(parent: TaskSpecification, *children: TaskSpecification, made: frozenset[str] = frozenset()) -> list[str]:
    return list(reach_faults(parent, children, made))


def test_a_record_that_nobody_has_is_out_of_reach() -> None:
    """Out of text alone the glue makes no Money; a child that gives a number, or the composition, helps."""
    parent = _task("whole", {"text": "str"}, "str")
    pay, shout = _task("pay", {"money": "Money"}, "str"), _task("shout", {"text": "str"}, "str")
    (told,) = _reach(parent, pay, shout)
    assert told.startswith("pay: it takes Money, which its parent does not have and no other child gives")
    assert _reach(parent, pay, shout, made=frozenset({"Money"})) == []
    assert _reach(parent, pay, _task("count", {"text": "str"}, "int")) == []
    assert _reach(parent, pay, _task("words", {"text": "str"}, "list[str]")) == []  # of a list there is a count
    assert _reach(_task("whole", {"text": "str", "of": "Total"}, "str"), pay, shout) == []


def test_a_sibling_that_cannot_be_called_is_named() -> None:
    """Whoever depends on another must be able to make what that one takes."""
    pay = _task("pay", {"money": "Money"}, "str")
    buy = _task("buy", {"text": "str"}, "str").model_copy(update={"dependencies": ("pay",)})
    parent = _task("whole", {"money": "Money"}, "str")
    assert _reach(parent, pay, buy) == ["buy: it depends on pay, which takes Money, and it has nothing to make that of"]
    table = _task("table", {}, "str").model_copy(update={"dependencies": ("pay",)})
    assert _reach(parent, pay, table) == []  # it brings values of its own


def test_a_result_that_nobody_could_make_is_the_parents_fault() -> None:
    """The parent's promise is covered by type: given by a child, or made of what is at hand."""
    parent = _task("whole", {"text": "str"}, "Money")
    shout, say = _task("shout", {"text": "str"}, "str"), _task("say", {"text": "str"}, "str")
    assert _reach(parent, shout, say) == [
        "whole: it gives Money, and no child gives that, or anything that it could be made of"
    ]
    assert _reach(parent, shout, _task("count", {"text": "str"}, "int")) == []
