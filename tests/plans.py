"""Hypothesis strategies for plans: random sound ones, whose examples truly compose, and faults to plant in them.

A plan is drawn as a program over the parent's inputs: each step is a child, and running the program gives the examples
of parent and children alike. Nothing here knows how a plan is judged.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from millwright.core.decomposition import Size
from schemas.identity import TaskId
from schemas.specification import TaskSpecification

SIZE = Size(60, 9)
"""The size of every parent drawn; its children are smaller."""

_PAIR = {"name": "Pair", "fields": [{"name": name, "type_annotation": "int"} for name in ("left", "right")]}
_FAR = 1_000
"""Added by every operation, so that no child's inputs are by chance those of its parent."""


@dataclass(frozen=True)
class _Operation:
    """A kind of child: the types that it takes and gives, and what it does to JSON values."""

    takes: tuple[str, ...]
    gives: str
    does: Callable[..., Any]


_OPERATIONS = (
    _Operation(("int",), "int", lambda n: n + _FAR),
    _Operation(("int", "int"), "int", lambda n, m: n * 3 + m + _FAR),
    _Operation(("int",), "str", lambda n: f"#{n + _FAR}"),
    _Operation(("str", "int"), "str", lambda text, n: f"{text}/{n + _FAR}"),
    _Operation(("str",), "int", lambda text: len(text) + _FAR),
    _Operation(("int", "int"), "Pair", lambda n, m: {"left": n + _FAR, "right": m + 2 * _FAR}),
    _Operation(("Pair",), "int", lambda pair: pair["left"] + 7 * pair["right"] + _FAR),
    _Operation(("int",), "list[int]", lambda n: [n + _FAR, n + 2 * _FAR]),
    _Operation(("list[int]",), "int", lambda numbers: sum(numbers) + _FAR),
)


@dataclass(frozen=True)
class Plan:
    """A parent and a decomposer's answer to it; ``composition`` is how its children make its result."""

    parent: TaskSpecification
    answer: dict[str, Any]
    composition: tuple[str, ...]

    def changed(self, change: Callable[[list[dict[str, Any]]], None]) -> dict[str, Any]:
        """Return the answer with its children changed."""
        answer = copy.deepcopy(self.answer)
        change(answer["children"])
        return answer


@st.composite
def sound_plans(draw: st.DrawFn) -> Plan:
    """Draw a parent with a sound proposal: 2 to 6 children with random edges, and one to three examples each."""
    inputs = [f"x{number}" for number in range(draw(st.integers(1, 2)))]
    types = dict.fromkeys(inputs, "int")
    steps: list[tuple[_Operation, tuple[str, ...]]] = []
    count = draw(st.integers(2, 6))
    for number in range(count):
        # The last step takes what another gave: one on the parent's own inputs alone would be the parent again.
        first = {name: of for name, of in types.items() if number < count - 1 or name.startswith("v")}
        fitting = [
            item for item in _OPERATIONS if item.takes[0] in first.values() and {*item.takes} <= {*types.values()}
        ]
        operation = draw(st.sampled_from(fitting))
        taken = (
            draw(st.sampled_from([name for name, of in first.items() if of == operation.takes[0]])),
            *(
                draw(st.sampled_from([name for name, of in types.items() if of == want]))
                for want in operation.takes[1:]
            ),
        )
        steps.append((operation, tuple(taken)))
        types[f"v{number}"] = operation.gives
    words = st.sampled_from(("cut", "join", "fold", "mark", "weigh", "rank"))
    names = [draw(words) for _ in range(count)]
    children = [_child(draw, f"{name}_{number}", names, number, *steps[number]) for number, name in enumerate(names)]
    last = f"v{len(steps) - 1}"
    runs = draw(st.lists(st.tuples(*[st.integers(0, 50)] * len(inputs)), min_size=1, max_size=3, unique=True))
    cases = [_run(dict(zip(inputs, run, strict=True)), steps, children, last) for run in runs]
    parent = TaskSpecification.model_validate(
        {
            "id": "whole",
            "name": "whole",
            "task_type": "decomposition",
            "inputs": [{"name": name, "type_annotation": "int"} for name in inputs],
            "outputs": [{"name": "result", "type_annotation": types[last]}],
            "test_cases": [{"name": f"case {index}", **case} for index, case in enumerate(cases)],
            "records": [_PAIR],
        }
    )
    lines = [
        f"v{number} = {child['specification']['name']}({', '.join(taken)})"
        for number, (child, (_, taken)) in enumerate(zip(children, steps, strict=True))
    ]
    order = draw(st.permutations(children))
    return Plan(parent, {"children": order}, (*lines, last))


def _child(
    draw: st.DrawFn, name: str, names: list[str], number: int, operation: _Operation, taken: tuple[str, ...]
) -> dict[str, Any]:
    earlier = [f"{other}-{index}" for index, other in enumerate(names[:number])]
    return {
        "specification": {
            "id": name.replace("_", "-"),
            "name": name,
            "inputs": [{"name": f"a{index}", "type_annotation": of} for index, of in enumerate(operation.takes)],
            "outputs": [{"name": "result", "type_annotation": operation.gives}],
            "dependencies": draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else [],
            "test_cases": [],
        },
        "estimated_lines": draw(st.integers(1, SIZE.lines - 1)),
        "estimated_complexity": draw(st.integers(1, SIZE.complexity)),
    }


def _run(
    values: dict[str, Any], steps: list[tuple[_Operation, tuple[str, ...]]], children: list[dict[str, Any]], last: str
) -> dict[str, Any]:
    """Run a plan's program once: return the parent's example, and give each child the example that it met."""
    inputs = dict(values)
    for number, ((operation, taken), child) in enumerate(zip(steps, children, strict=True)):
        arguments = [values[name] for name in taken]
        values[f"v{number}"] = operation.does(*arguments)
        cases = child["specification"]["test_cases"]
        given = {f"a{index}": argument for index, argument in enumerate(arguments)}
        if all(case["inputs"] != given for case in cases):
            cases.append({"name": f"met {len(cases)}", "inputs": given, "expected_output": values[f"v{number}"]})
    return {"inputs": inputs, "expected_output": values[last]}


@dataclass(frozen=True)
class Fault:
    """A fault to plant in the child at a place; ``words`` are the reason that must be given.

    ``culprit`` says whether the reason names the child.
    """

    name: str
    words: str
    plant: Callable[[list[dict[str, Any]], int], None]
    culprit: bool = True


def _specification(children: list[dict[str, Any]], place: int) -> dict[str, Any]:
    found: dict[str, Any] = children[place]["specification"]
    return found


def _setting(**fields: Any) -> Callable[[list[dict[str, Any]], int], None]:
    return lambda children, place: _specification(children, place).update(copy.deepcopy(fields))


def _estimate(name: str, value: int) -> Callable[[list[dict[str, Any]], int], None]:
    return lambda children, place: children[place].update({name: value})


def _cycle(children: list[dict[str, Any]], place: int) -> None:
    one, other = _specification(children, place), _specification(children, place - 1)
    one["dependencies"], other["dependencies"] = [other["id"]], [one["id"]]


def _itself(children: list[dict[str, Any]], place: int) -> None:
    task = _specification(children, place)
    task["dependencies"] = [task["id"]]


def _twin(children: list[dict[str, Any]], place: int) -> None:
    _specification(children, place - 1)["id"] = _specification(children, place)["id"]


def _namesake(children: list[dict[str, Any]], place: int) -> None:
    _specification(children, place - 1)["name"] = _specification(children, place)["name"]


def _invented(children: list[dict[str, Any]], place: int) -> None:
    _specification(children, place)["inputs"][0]["type_annotation"] = "list[Ghost]"


def _contradiction(children: list[dict[str, Any]], place: int) -> None:
    cases = _specification(children, place)["test_cases"]
    cases.append({"name": "otherwise", "inputs": cases[0]["inputs"], "raises": "ValueError"})


def _ill_typed(children: list[dict[str, Any]], place: int) -> None:
    case = _specification(children, place)["test_cases"][0]
    case["expected_output"] = [["neither", "nor"]]


_GHOST = {"name": "Ghost", "fields": [{"name": "soul", "type_annotation": "float"}]}

FAULTS = (
    Fault("cycle", "depend on one another", _cycle),
    Fault("itself", "depends on itself", _itself),
    Fault("stranger", "depends on an unknown task 'stranger'", _setting(dependencies=["stranger"])),
    Fault("twin", "is there twice", _twin),
    Fault("namesake", "would mean two things", _namesake, culprit=False),
    Fault("invented type", "'Ghost' is neither a built-in type nor a declared record", _invented),
    Fault("own record", "declares the record 'Ghost'", _setting(records=[_GHOST])),
    Fault("own error", "declares the error 'Boo'", _setting(errors=[{"name": "Boo"}])),
    Fault("no interface", "needs inputs or outputs", _setting(inputs=[], outputs=[], test_cases=[])),
    Fault("as long", "is not below its parent's", _estimate("estimated_lines", SIZE.lines)),
    Fault("more complex", "is above its parent's", _estimate("estimated_complexity", SIZE.complexity + 1)),
    Fault("foreign", "the target language is python", _setting(target_language="cobol")),
    Fault("family", "names neither parent nor children", _setting(children=["x"])),
    Fault("grabbing", "the module os", _setting(grants={"imports": ["os"]})),
    Fault("contradiction", "expect different things of equal inputs", _contradiction),
    Fault("ill-typed", "is not of type", _ill_typed),
    Fault("path", "'..' is not an id", _setting(id=".."), culprit=False),
    Fault("dotted", "'a.b' is not an id", _setting(id="a.b"), culprit=False),
    Fault("keyword", "'class' cannot be an id", _setting(id="class"), culprit=False),
)
"""What planners do wrong, each with the reason that must be given."""


def culprit_of(plan: Plan, place: int) -> TaskId:
    """Return the id of the child in which a fault was planted."""
    return TaskId(plan.answer["children"][place]["specification"]["id"])
