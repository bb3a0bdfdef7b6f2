"""Says which examples of a task a source fails, by a plain run in the sandbox and Python's own equality.

It shares no rule with the ladder: neither how values are decoded nor how they are compared.
"""

import ast
import math
from collections.abc import Sequence
from typing import Any

from millwright.ports import Sandbox
from schemas.execution import CallRequest, Limits, Outcome, OutcomeKind, Program
from schemas.specification import TaskSpecification, TestCase
from schemas.values import Value

_MODULE = "judged"


class Oracle:
    """Runs sources on the examples of their tasks."""

    def __init__(self, sandbox: Sandbox, seconds: float) -> None:
        self._sandbox = sandbox
        self._seconds = seconds

    async def failures(self, task: TaskSpecification, source: str) -> list[str]:
        """Name the examples for which the source does not give what is expected.

        Raises:
            SandboxUnavailable: nothing is known.
        """
        report = await self._sandbox.call(
            CallRequest(
                program=Program(
                    modules={f"{_MODULE}.py": source},
                    module=_MODULE,
                    function=task.name,
                    limits=Limits(call_seconds=self._seconds, wall_seconds=60.0, cpu_seconds=60.0),
                ),
                calls=tuple(_arguments(task, case) for case in task.test_cases),
                lost_limit=1,
            )
        )
        pairs = zip(task.test_cases, report.outcomes, strict=True)
        return [case.name for case, outcome in pairs if not _meets(task, case, outcome)]


def _arguments(task: TaskSpecification, case: TestCase) -> tuple[Value, ...]:
    return tuple(_tagged(_typed(case.inputs[item.name], item.type_annotation)) for item in task.inputs)


def _meets(task: TaskSpecification, case: TestCase, outcome: Outcome) -> bool:
    if outcome.kind is not OutcomeKind.RETURNED or outcome.value is None:
        return False
    try:
        got = _plain(outcome.value)
    except ValueError:
        return False
    wanted = _typed(case.expected_output, task.outputs[0].type_annotation)
    if case.tolerance is not None:
        return type(got) in (int, float) and math.isclose(got, wanted, rel_tol=0, abs_tol=case.tolerance)
    return _same(got, wanted)


def _same(got: Any, wanted: Any) -> bool:
    """Compare types and values; a whole number may stand for a float."""
    if isinstance(wanted, float):
        return type(got) in (int, float) and got == wanted
    if type(got) is not type(wanted):
        return False
    if isinstance(wanted, list | tuple):
        return len(got) == len(wanted) and all(map(_same, got, wanted))
    return bool(got == wanted)


def _typed(value: Any, annotation: str) -> Any:
    """Make the Python value that a JSON value of an annotation stands for; only what benchmarks use is known."""
    tree = ast.parse(annotation, mode="eval").body
    match tree:
        case ast.Subscript(value=ast.Name(id="list"), slice=member):
            return [_typed(each, ast.unparse(member)) for each in value]
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[member, ast.Constant(value=end)])) if (
            end is Ellipsis
        ):
            return tuple(_typed(each, ast.unparse(member)) for each in value)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=members)):
            return tuple(_typed(each, ast.unparse(member)) for each, member in zip(value, members, strict=True))
        case ast.Name(id="float"):
            return float(value)
        case ast.BinOp() | ast.Name(id="int" | "bool" | "str" | "Any"):
            return value
        case _:
            raise ValueError(f"the annotation {annotation} is not known to the oracle")


def _tagged(value: Any) -> Value:
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", value]
        case int():
            return ["int", str(value)]
        case float():
            return ["float", value.hex()]
        case str():
            return ["str", value]
        case list() | tuple():
            return [type(value).__name__, [_tagged(each) for each in value]]
        case dict():
            return ["dict", [[_tagged(key), _tagged(each)] for key, each in value.items()]]
        case _:
            raise ValueError(f"{value!r} is not known to the oracle")


def _plain(value: Sequence[Any]) -> Any:
    """Make the Python value of a tagged one. Raises ValueError for what no expectation can be."""
    match list(value):
        case ["none"]:
            return None
        case ["bool" | "str", content]:
            return content
        case ["int", digits]:
            return int(digits)
        case ["float", text]:
            return float.fromhex(text)
        case ["list", members]:
            return [_plain(each) for each in members]
        case ["tuple", members]:
            return tuple(_plain(each) for each in members)
        case ["set", members]:
            return {_plain(each) for each in members}
        case ["dict", pairs]:
            return {_plain(key): _plain(each) for key, each in pairs}
        case _:
            raise ValueError(f"{value!r} is no plain value")
