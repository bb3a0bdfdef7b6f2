"""A sandbox for candidates that this suite wrote itself: it runs them in the test's own process.

Never for a model's code. It keeps the protocol (tagged values in and out), and nothing else of what a sandbox promises.
"""

import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

from schemas.execution import (
    CallReport,
    CallRequest,
    CommandReport,
    CommandRequest,
    ConditionReport,
    ConditionRequest,
    Outcome,
    OutcomeKind,
    Program,
    PropertyFailure,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
    Truth,
)
from schemas.expressions import namespace
from schemas.values import Value, float_text
from schemas.verification import AnalysisReport, AnalysisRequest


class InProcessSandbox:
    """Runs trusted candidates; ``asked`` lists the requests in the order in which they came."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def call(self, request: CallRequest) -> CallReport:
        """Call the candidate once per argument list."""
        self.asked.append(request)
        try:
            with _imported(request.program) as (module, classes):
                function = getattr(module, request.program.function)
                outcomes = tuple(_outcome(function, arguments, classes) for arguments in request.calls)
        except ImportError as error:
            lost = (Outcome(kind=OutcomeKind.LOST),) * len(request.calls)
            return CallReport(outcomes=lost, load_error=str(error))
        return CallReport(outcomes=outcomes)

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Run each property over the argument lists."""
        self.asked.append(request)
        with _imported(request.program) as (module, classes):
            function = getattr(module, request.program.function)
            results = []
            for item in request.properties:
                scope: dict[str, Any] = {request.program.function: function}
                exec(item.property_function, scope)
                check = next(value for name, value in scope.items() if name == "check")
                results.append(_checked(item.name, check, request.calls, classes))
        return PropertyReport(results=tuple(results))

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate the expressions."""
        self.asked.append(request)
        classes = {record.name: types.SimpleNamespace for record in request.records}
        return ConditionReport(
            truths=tuple(
                tuple(
                    _truth(
                        expression,
                        {name: _decoded(value, classes) for name, value in binding.names.items()},
                        {name: _decoded(value, classes) for name, value in binding.old.items()},
                    )
                    for expression in request.expressions
                )
                for binding in request.bindings
            )
        )

    async def run(self, request: CommandRequest) -> CommandReport:
        """Refuse: no candidate of this suite needs a command."""
        raise AssertionError(f"no command was expected: {request.argv}")


class SilentAnalyser:
    """An analyser that finds nothing; ``batches`` lists the sizes of what it was asked."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Find nothing."""
        self.batches.append(len(requests))
        return (AnalysisReport(findings=()),) * len(requests)


@contextmanager
def _imported(program: Program) -> Iterator[tuple[types.ModuleType, Mapping[str, Any]]]:
    """Execute the program's modules, the candidate's last, and leave no trace among the imported ones."""
    names = {path.removesuffix(".py").replace("/", "."): text for path, text in program.modules.items()}
    before = dict(sys.modules)
    try:
        for name in sorted(names, key=lambda name: name == program.module):
            for package in _packages(name):
                sys.modules[package] = types.ModuleType(package)
            module = types.ModuleType(name)
            sys.modules[name] = module
            try:
                exec(compile(names[name], name, "exec", dont_inherit=True), module.__dict__)
            except Exception as error:
                raise ImportError(f"{type(error).__name__}: {error}") from error
        classes = vars(sys.modules[program.records_module]) if program.records_module else {}
        yield sys.modules[program.module], classes
    finally:
        for name in set(sys.modules) - set(before):
            del sys.modules[name]


def _packages(name: str) -> list[str]:
    parts = name.split(".")
    every = [".".join(parts[:count]) for count in range(1, len(parts))]
    return [package for package in every if package not in sys.modules]


def _outcome(function: Any, arguments: Sequence[Value], classes: Mapping[str, Any]) -> Outcome:
    values = [_decoded(value, classes) for value in arguments]
    try:
        result = function(*values)
    except Exception as error:  # noqa: BLE001 - whatever a candidate raises is its outcome
        return Outcome(
            kind=OutcomeKind.RAISED,
            exception=type(error).__name__,
            exception_bases=tuple(base.__name__ for base in type(error).__mro__[1:]),
            message=str(error),
            arguments_after=tuple(map(encoded, values)),
        )
    return Outcome(kind=OutcomeKind.RETURNED, value=encoded(result), arguments_after=tuple(map(encoded, values)))


def _checked(name: str, check: Any, calls: Sequence[Sequence[Value]], classes: Mapping[str, Any]) -> PropertyResult:
    for index, arguments in enumerate(calls):
        try:
            check(*(_decoded(value, classes) for value in arguments))
        except AssertionError as error:
            reason = str(error) or "the assertion failed"
            return PropertyResult(name=name, checked=index + 1, failure=PropertyFailure(call=index, reason=reason))
    return PropertyResult(name=name, checked=len(calls))


def _truth(expression: str, names: dict[str, Any], old: dict[str, Any]) -> Truth:
    try:
        value = eval(expression, {**namespace(), **names, "old": types.SimpleNamespace(**old)})
    except Exception:  # noqa: BLE001 - whatever an expression raises, its truth is undefined
        return Truth.UNDEFINED
    return {True: Truth.TRUE, False: Truth.FALSE}[value] if isinstance(value, bool) else Truth.UNDEFINED


def _decoded(value: Value, classes: Mapping[str, Any]) -> Any:
    tag, *rest = value
    content: Any = rest[0] if rest else None
    match tag:
        case "none":
            return None
        case "int":
            return int(content)
        case "float":
            return float(content) if content in ("nan", "inf", "-inf") else float.fromhex(content)
        case "list" | "tuple" | "set":
            made = {"list": list, "tuple": tuple, "set": set}[str(tag)]
            return made(_decoded(item, classes) for item in content)
        case "dict":
            return {_decoded(key, classes): _decoded(item, classes) for key, item in content}
        case "record":
            named: Any = rest[1]
            return classes[content](**{key: _decoded(item, classes) for key, item in named})
        case _:
            return content


def encoded(value: Any) -> Value:
    """Write a Python value as a tagged one."""
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", value]
        case int():
            return ["int", str(value)]
        case float():
            return ["float", float_text(value)]
        case str():
            return ["str", value]
        case list() | tuple() | set():
            return [type(value).__name__, [encoded(item) for item in value]]
        case dict():
            return ["dict", [[encoded(key), encoded(item)] for key, item in value.items()]]
        case _ if is_dataclass(value):
            named: Any = [[field.name, encoded(getattr(value, field.name))] for field in fields(value)]
            return ["record", type(value).__name__, named]
        case _:
            return ["object", type(value).__name__]
