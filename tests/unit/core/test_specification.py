"""What makes a file of task specifications agree with itself, and every way in which it may not."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.specification import (
    canonical_json,
    check_document,
    condition_faults,
    digest_of,
    examples_to_check,
    input_types,
    resolve,
    result_type,
)
from millwright.core.specification_graph import cycles
from schemas.execution import ConditionReport, Truth
from schemas.identity import TaskId
from schemas.specification import SpecificationDocument, TaskSpecification

Fields = dict[str, Any]


def _task(id_: str = "double", **fields: Any) -> Fields:
    base: Fields = {
        "id": id_,
        "name": "double",
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
    }
    return base | fields


def _document(*tasks: Fields, **fields: Any) -> SpecificationDocument:
    return SpecificationDocument.model_validate({"tasks": tasks, **fields})


def _faults(*tasks: Fields, **fields: Any) -> list[str]:
    return [str(fault) for fault in check_document(_document(*tasks, **fields))]


def _case(name: str = "one", n: object = 1, **fields: Any) -> Fields:
    outcome = {} if "raises" in fields or "expected_output" in fields else {"expected_output": 2}
    return {"name": name, "inputs": {"n": n}, **outcome, **fields}


_SOUND = _task(
    inputs=[{"name": "n", "type_annotation": "int", "constraints": ["0 <= n <= 10"]}],
    preconditions=[{"name": "even", "expression": "n % 2 == 0"}],
    postconditions=[{"name": "double", "expression": "result == 2 * old.n"}],
    test_cases=[_case(n=2, expected_output=4), _case(n=-1, raises="ValueError"), _case(n=3, raises="Odd")],
    properties=[{"name": "more", "property_function": "def more(n):\n    assert double(n) >= n\n"}],
    errors=[{"name": "Odd", "base": "Uneven"}, {"name": "Uneven"}],
)


def test_a_sound_document_has_no_fault() -> None:
    """A document in which everything fits has no fault."""
    assert _faults(_SOUND) == []


_FAULTS: list[tuple[Fields, str]] = [
    (_task("1st"), "tasks[0].id: '1st' is not an id"),
    (_task("class"), "tasks[0].id: 'class' cannot be an id"),
    (_task(name="two words"), "tasks[0].name: the task's name 'two words' is not a Python identifier"),
    (_task(name="class"), "is not a Python identifier"),
    (_task(name="__init__"), "begins with two underscores"),
    (_task(inputs=[{"name": "n", "type_annotation": "integer"}]), "tasks[0].inputs[0].type_annotation: 'integer'"),
    (_task(inputs=[{"name": "n", "type_annotation": "set[list[int]]"}]), "list[int] cannot be a member of a set"),
    (_task(inputs=[{"name": "n", "type_annotation": "int"}] * 2), "tasks[0].inputs: the input 'n' is there twice"),
    (_task(outputs=[{"name": "a b", "type_annotation": "int"}]), "the output's name 'a b'"),
    (_task(dependencies=["other"]), "tasks[0].dependencies[0]: 'double' depends on an unknown task 'other'"),
    (_task(dependencies=["double"]), "depends on itself"),
    (_task(parent="other"), "tasks[0].parent: 'double' has an unknown parent 'other'"),
    (_task(children=["other"]), "tasks[0].children[0]: 'double' has an unknown child 'other'"),
    (_task(parent="double"), "the tasks are each other's parents: double → double"),
    (_task(test_cases=[_case(n="1")]), 'tasks[0].test_cases[0].inputs.n: n: "1" is not of type int'),
    (_task(test_cases=[_case(expected_output=True)]), "expected_output: true is not of type int"),
    (_task(test_cases=[{"name": "a", "inputs": {}, "expected_output": 1}]), "'a' lacks the input 'n'"),
    (_task(test_cases=[_case(inputs={"n": 1, "m": 1})]), "gives 'm', which is not an input"),
    (_task(test_cases=[_case(raises="Odd")]), "'Odd' is neither a built-in exception nor a declared error"),
    (_task(test_cases=[_case(raises="SystemExit")]), "'SystemExit' is neither"),
    (_task(test_cases=[_case("a"), _case("b", expected_output=3)]), "'a' and 'b' expect different things"),
    (_task(preconditions=[{"name": "p", "expression": "result > 0"}]), "column 1: the name 'result' is not known"),
    (
        _task(postconditions=[{"name": "p", "expression": "open(n)"}]),
        "tasks[0].postconditions[0].expression: 'open(n)'",
    ),
    (_task(invariants=[{"name": "p", "expression": "old.m == n"}]), "old.m is not an input"),
    (
        _task(inputs=[{"name": "n", "type_annotation": "int", "constraints": ["n < m"]}]),
        "tasks[0].inputs[0].constraints[0]: 'n < m': column 5",
    ),
    (
        _task(
            inputs=[{"name": "result", "type_annotation": "int"}],
            postconditions=[{"name": "p", "expression": "result > 0"}],
        ),
        "an input may not be named 'result'",
    ),
    (_task(properties=[{"name": "p", "property_function": "def p(n)"}]), "not Python (line 1"),
    (_task(properties=[{"name": "p", "property_function": "x = 1"}]), "exactly one function"),
    (
        _task(properties=[{"name": "p", "property_function": "async def p(n): assert double(n)"}]),
        "exactly one function",
    ),
    (_task(properties=[{"name": "p", "property_function": "def p(m): assert double(m)"}]), "must be the task's inputs"),
    (
        _task(properties=[{"name": "p", "property_function": "def p(*n): assert double(n)"}]),
        "must be the task's inputs",
    ),
    (_task(properties=[{"name": "p", "property_function": "def p(n): assert n"}]), "it never calls double"),
    (_task(properties=[{"name": "p", "property_function": "def p(n): return double(n)"}]), "it never asserts"),
    (_task(records=[{"name": "R", "fields": [{"name": "r", "type_annotation": "list[R]"}]}]), "contains itself"),
    (_task(records=[{"name": "int", "fields": [{"name": "r", "type_annotation": "str"}]}]), "already that of a type"),
    (_task(records=[{"name": "R", "fields": [{"name": "r", "type_annotation": "S"}]}]), "records[0].fields[0]"),
    (_task(errors=[{"name": "Odd", "base": "Even"}]), "errors[0].base: 'Even' is neither"),
    (_task(errors=[{"name": "Odd", "base": "Odd"}]), "derives from itself: Odd → Odd"),
    (_task(errors=[{"name": "ValueError"}]), "already that of a type or exception"),
    (_task(inputs=[], outputs=[]), "neither inputs, outputs, children nor test cases"),
]


@pytest.mark.parametrize(("task", "fault"), _FAULTS, ids=[fault for _, fault in _FAULTS])
def test_each_fault_is_found_where_it_stands(task: Fields, fault: str) -> None:
    """Each kind of fault is listed, with its place."""
    assert any(fault in found for found in _faults(task)), _faults(task)


def test_all_faults_are_listed_at_once() -> None:
    """A document with every fault above lists them all."""
    tasks = [task | {"id": f"{task['id']}_{index}"} for index, (task, _) in enumerate(_FAULTS)]
    found = "\n".join(_faults(*tasks))
    independent = [fault for _, fault in _FAULTS if ".id:" not in fault and not re.search("double|depends", fault)]
    missing = [fault for fault in independent if fault.removeprefix("tasks[0]") not in found]
    assert not missing


def test_an_empty_document_is_a_fault() -> None:
    """A file without tasks has nothing to build."""
    assert _faults() == ["tasks: there is no task"]


def test_ids_are_unique_in_a_file_and_names_need_not_be() -> None:
    """Two tasks may share a name, but not an id."""
    assert _faults(_task("a"), _task("b")) == []
    assert _faults(_task("a"), _task("a")) == ["tasks[1].id: the id 'a' is there twice"]


def test_ids_that_name_one_module_clash_under_one_parent_only() -> None:
    """Hyphens become underscores in module names, which must differ under one parent."""
    clash = _faults(_task("a-b"), _task("a_b"))
    assert clash == ["tasks[1].id: the ids 'a-b' and 'a_b' name the same module 'a_b'"]
    assert _faults(_task("a-b"), _task("a_b", parent="top"), _task("top")) == []


def test_either_side_may_state_a_family() -> None:
    """A parent that lists a child and a child that names a parent mean the same."""
    above = resolve(_document(_task("top", children=["leaf"]), _task("leaf")))
    below = resolve(_document(_task("top"), _task("leaf", parent="top")))
    assert above == below
    assert above[0].children == ("leaf",)
    assert above[1].parent == "top"


@pytest.mark.parametrize(
    ("tasks", "fault"),
    [
        ([_task("a", children=["c"]), _task("b", children=["c"]), _task("c")], "'c' is a child of both 'a' and 'b'"),
        ([_task("a", children=["c"]), _task("b"), _task("c", parent="b")], "'a' lists 'c', whose parent is 'b'"),
        ([_task("a", children=["b"]), _task("b"), _task("c", parent="a")], "lists its children, and 'c' is not among"),
        ([_task("a", children=["b", "b"]), _task("b")], "'a' lists its child 'b' twice"),
        ([_task("a", parent="b"), _task("b", parent="a")], "the tasks are each other's parents: a → b → a"),
        ([_task("a", dependencies=["b", "b"]), _task("b")], "'a' lists the dependency 'b' twice"),
        (
            [_task("a", children=["b"], dependencies=["b"]), _task("b")],
            "'a' depends on 'b', which is above or below it",
        ),
        ([_task("a"), _task("b", parent="a", dependencies=["a"])], "'b' depends on 'a', which is above or below it"),
        ([_task("a", dependencies=["b"]), _task("b", dependencies=["a"])], "depend on one another: a → b → a"),
    ],
)
def test_families_and_dependencies_must_agree(tasks: list[Fields], fault: str) -> None:
    """Parents, children and dependencies that contradict each other are faults."""
    assert any(fault in found for found in _faults(*tasks)), _faults(*tasks)


def test_groups_may_not_need_one_another_through_their_parts() -> None:
    """Dependencies between parts of different groups are dependencies of the groups, and may not go in a circle."""
    groups = [_task("a", children=["a1", "a2"]), _task("b", children=["b1"])]
    parts = [_task("a1", dependencies=["b1"]), _task("a2")]
    assert _faults(*groups, *parts, _task("b1")) == []
    found = _faults(*groups, *parts, _task("b1", dependencies=["a2"]))
    assert found == [
        "tasks[0]: what these tasks contain depends on one another, so that none can be built first: a → b → a"
    ]


@given(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 7), max_size=3), max_size=8))
def test_cycles_are_real_and_none_is_missed(links: dict[int, set[int]]) -> None:
    """Every cycle listed is one, and a graph without one is said to have none."""
    graph = {TaskId(str(node)): {TaskId(str(other)) for other in others} for node, others in links.items()}
    found = list(cycles(graph))
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert len(cycle) > 1
        assert all(after in graph[before] for before, after in pairwise(cycle))
    assert bool(found) == any(node in _reached(graph, node) for node in graph)
    tangles = [frozenset(cycle) for cycle in found]
    assert all(not one & other for index, one in enumerate(tangles) for other in tangles[:index])


def _reached(graph: dict[TaskId, set[TaskId]], start: TaskId) -> set[TaskId]:
    seen: set[TaskId] = set()
    waiting = [start]
    while waiting:
        for other in graph.get(waiting.pop(), set()) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


_POINT = {"name": "Point", "fields": [{"name": "x", "type_annotation": "int"}]}
_LINE = {"name": "Line", "fields": [{"name": "ends", "type_annotation": "tuple[Point, Point]"}]}
_LENGTH = _task(
    name="length",
    inputs=[{"name": "line", "type_annotation": "Line", "constraints": ["line.ends[0].x >= 0"]}],
    test_cases=[{"name": "a", "inputs": {"line": {"ends": [{"x": 1}, {"x": 3}]}}, "expected_output": 2}],
)


def test_records_of_the_document_are_seen_by_its_tasks() -> None:
    """Records may contain records declared later, and their fields may stand in expressions."""
    assert _faults(_LENGTH, records=[_LINE, _POINT]) == []


def test_records_of_one_name_must_be_equal() -> None:
    """One name stands for one record in the whole file."""
    other = {"name": "Point", "fields": [{"name": "y", "type_annotation": "int"}]}
    assert _faults(_task(records=[_POINT]), records=[_POINT]) == []
    found = _faults(_task(records=[other]), records=[_POINT])
    assert found == ["tasks[0].records[0]: the record 'Point' is declared elsewhere with other fields"]


def test_resolving_makes_each_task_complete() -> None:
    """A resolved task carries the records and errors of its document, each once."""
    document = _document(_LENGTH | {"records": [_POINT]}, records=[_POINT, _LINE], errors=[{"name": "Bad"}])
    (task,) = resolve(document)
    assert [record.name for record in task.records] == ["Point", "Line"]
    assert [error.name for error in task.errors] == ["Bad"]
    assert [str(of) for of in input_types(task)] == ["Line"]
    assert check_document(SpecificationDocument(tasks=(task,))) == ()


@pytest.mark.parametrize(
    ("annotations", "expected"), [([], "None"), (["str"], "str"), (["int", "str | None"], "tuple[int, str | None]")]
)
def test_the_result_is_one_output_or_a_tuple_of_several(annotations: list[str], expected: str) -> None:
    """No output means None, several are a tuple."""
    outputs = [{"name": f"o{index}", "type_annotation": text} for index, text in enumerate(annotations)]
    task = TaskSpecification.model_validate(_task(outputs=outputs))
    assert str(result_type(task)) == expected


def _truths(verdict: Callable[[str, Fields], Truth], document: SpecificationDocument) -> list[ConditionReport]:
    """Answer each check as ``verdict`` says of an expression and the plain numbers it is bound to."""
    reports = []
    for check in examples_to_check(document):
        rows = []
        for binding in check.request.bindings:
            values: Fields = {name: int(str(value[1])) for name, value in binding.names.items()}
            rows.append(tuple(verdict(text, values) for text in check.request.expressions))
        reports.append(ConditionReport(truths=tuple(rows)))
    return reports


def test_examples_that_break_conditions_are_faults() -> None:
    """An example outside the constraints or preconditions, or against a postcondition, is listed with the rule."""
    document = _document(_SOUND | {"test_cases": [_case(n=2, expected_output=5), _case(n=3, raises="ValueError")]})

    def verdict(text: str, values: Fields) -> Truth:
        if "result" in text:
            return Truth.FALSE
        return Truth.UNDEFINED if values["n"] == 3 and "%" in text else Truth.TRUE

    found = condition_faults(examples_to_check(document), _truths(verdict, document))
    assert [str(fault) for fault in found] == [
        "tasks[0].test_cases[1]: the example leaves the precondition 'n % 2 == 0' undefined (it raised, or is no bool)",
        "tasks[0].test_cases[0]: the example breaks the postcondition 'result == 2 * old.n'",
    ]


def test_an_example_over_which_the_evaluator_is_lost_is_a_fault() -> None:
    """What cannot be evaluated there can be evaluated nowhere."""
    document = _document(_SOUND)
    found = condition_faults(
        examples_to_check(document),
        _truths(lambda text, values: Truth.LOST if "result" in text else Truth.TRUE, document),
    )
    assert found
    assert all("cannot be evaluated" in str(fault) for fault in found)


def test_examples_that_keep_conditions_are_no_faults() -> None:
    """Where everything is true, nothing is wrong."""
    document = _document(_SOUND)
    reports = _truths(lambda text, values: Truth.TRUE, document)
    assert condition_faults(examples_to_check(document), reports) == ()


def test_promises_on_arguments_that_a_call_may_change_are_not_asked_of_examples() -> None:
    """An example does not say what a list is after the call, nor more than its tolerance allows."""
    changed = _task(
        inputs=[{"name": "n", "type_annotation": "list[int]"}],
        postconditions=[{"name": "p", "expression": "result == len(n)"}],
        test_cases=[_case(n=[1], expected_output=0)],
    )
    near = _task(
        postconditions=[{"name": "p", "expression": "result == n / 3"}], test_cases=[_case(n=1, tolerance=0.1)]
    )
    assert examples_to_check(_document(changed, near | {"id": "near"})) == ()


def test_the_canonical_form_is_sorted_ascii_without_spaces() -> None:
    """A task's canonical JSON does not depend on the order in which its fields were given."""
    task = TaskSpecification.model_validate(_SOUND | {"description": "zählt"})
    again = TaskSpecification.model_validate(dict(reversed((_SOUND | {"description": "zählt"}).items())))
    assert canonical_json(task) == canonical_json(again)
    assert canonical_json(task).isascii()
    assert TaskSpecification.model_validate_json(canonical_json(task)) == task


@given(st.text(max_size=8), st.text(max_size=8))
def test_digests_tell_tasks_apart(one: str, other: str) -> None:
    """Tasks have equal digests just when they are equal."""
    first, second = (TaskSpecification.model_validate(_task(description=text)) for text in (one, other))
    assert (digest_of(first) == digest_of(second)) == (one == other)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.sampled_from(["a", "b", "c-d", "c_d", "class", "9", "x.y"]),
                "name": st.sampled_from(["f", "g", "not ok", "if"]),
                "inputs": st.lists(
                    st.fixed_dictionaries(
                        {
                            "name": st.sampled_from(["n", "m", "old", "1"]),
                            "type_annotation": st.sampled_from(["int", "list[R]", "R", "set[dict]", "nope"]),
                            "constraints": st.lists(st.sampled_from(["n > 0", "m.r == 1", "eval(n)"]), max_size=2),
                        }
                    ),
                    max_size=2,
                ),
                "dependencies": st.lists(st.sampled_from(["a", "b", "zz"]), max_size=2),
                "parent": st.sampled_from([None, "a", "b", "zz"]),
                "children": st.lists(st.sampled_from(["a", "c-d", "zz"]), max_size=2),
                "records": st.lists(
                    st.fixed_dictionaries(
                        {
                            "name": st.sampled_from(["R", "S"]),
                            "fields": st.just([{"name": "r", "type_annotation": "S"}])
                            | st.just([{"name": "r", "type_annotation": "int"}]),
                        }
                    ),
                    max_size=2,
                ),
                "test_cases": st.lists(
                    st.fixed_dictionaries(
                        {
                            "name": st.just("t"),
                            "inputs": st.dictionaries(st.sampled_from(["n", "m"]), st.sampled_from([1, "a", {"r": 1}])),
                            "expected_output": st.sampled_from([None, 1, [1]]),
                        }
                    ),
                    max_size=2,
                ),
            }
        ),
        max_size=4,
    )
)
def test_no_document_makes_the_check_fail(tasks: list[Fields]) -> None:
    """Any document of the right shape is answered with its faults, the same each time; a sound one can be resolved."""
    document = _document(*tasks)
    faults = check_document(document)
    assert faults == check_document(document)
    assert len(set(faults)) == len(faults)
    if not faults:
        assert len(resolve(document)) == len(tasks)
        examples_to_check(document)
