"""Searches for inputs that break a task's contracts, with crosshair inside the sandbox.

It executes the candidate, and only there. It judges nothing: what the search claims comes back as values of the
declared types, to be called again; what is not understood is undecided.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from millwright.adapters.analysis.crosshair_values import fits
from millwright.errors import AnalyserUnavailable
from millwright.ports import Sandbox
from schemas.execution import CommandReport, CommandRequest, Ending, Limits
from schemas.expressions import names_used
from schemas.specification import Parameter, Record, TaskSpecification
from schemas.types import Type, TypeSyntaxError, parse_type
from schemas.values import Value
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool, Conclusion

_DRIVER: Final = "millwright_driver.py"
_DRIVER_SOURCE: Final = Path(__file__).with_name("crosshair_driver.py")
_QUESTION: Final = "millwright_question.json"
_ANSWER: Final = "millwright_answer.json"
_MOST_CLAIMS: Final = 10
_LARGEST_FLOAT: Final = 1e9
_CONTROL: Final = TaskSpecification.model_validate(
    {
        "id": "control",
        "name": "control",
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "m", "type_annotation": "int"}],
        "postconditions": [{"name": "never-seven", "expression": "result != 7"}],
    }
)

PROFILE: Final = Limits(wall_seconds=40, cpu_seconds=15, memory_bytes=2 * 1024**3, output_bytes=1024 * 1024)
"""What one search may use; the solver needs the memory, and a path that never ends is killed at the limit."""


class CrosshairSearch:
    """The symbolic search; ``seconds`` of CPU are for all conditions of a task, ``seconds_each`` for any one."""

    def __init__(
        self, sandbox: Sandbox, seconds: float = 4.0, seconds_each: float = 2.5, profile: Limits = PROFILE
    ) -> None:
        self._sandbox = sandbox
        self._seconds = seconds
        self._seconds_each = seconds_each
        self._profile = profile
        self._proven = False

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Return a report per request, in order, each with a conclusion; one search runs at a time.

        Raises:
            AnalyserUnavailable: crosshair is missing, or does not find what it is given to find.
            SandboxUnavailable: the sandbox is at fault.
        """
        return [await self._search(request) for request in requests]

    async def _search(self, request: AnalysisRequest) -> AnalysisReport:
        task = request.task
        if task is None:
            raise AnalyserUnavailable("a symbolic search was asked for without its task: report this as a fault")
        try:
            types = tuple(parse_type(item.type_annotation, _names(task)) for item in task.inputs)
        except TypeSyntaxError as error:
            return _undecided(f"a type is not understood: {error}")
        report = await self._run(request.modules, _question(request, task, self._seconds, self._seconds_each))
        answer = _answer(report)
        if answer is None:
            await self._prove()
            return _undecided(f"the search ended without an answer: {_how(report)}")
        if "unusable" in answer:
            raise AnalyserUnavailable(f"crosshair is not usable: {answer['unusable']}; run `millwright doctor`")
        self._proven = True
        return _reported(answer, task, types)

    async def _run(self, modules: Mapping[str, str], question: Mapping[str, object]) -> CommandReport:
        files = {**modules, _DRIVER: _DRIVER_SOURCE.read_text(encoding="utf-8"), _QUESTION: json.dumps(question)}
        argv = ("python", _DRIVER, _QUESTION, _ANSWER)
        return await self._sandbox.run(
            CommandRequest(files=files, argv=argv, with_packages=True, outputs=(_ANSWER,), limits=self._profile)
        )

    async def _prove(self) -> None:
        """See once that the tool works, before a candidate is held to be what it cannot search.

        Raises:
            AnalyserUnavailable: it does not.
        """
        if self._proven:
            return
        modules = {"control.py": "def control(n: int) -> int:\n    return n\n"}
        control = AnalysisRequest(tool=AnalysisTool.SYMBOLIC, modules=modules, target="control.py", task=_CONTROL)
        report = await self._run(modules, _question(control, _CONTROL, self._seconds, self._seconds_each))
        answer = _answer(report)
        if answer is None or answer.get("claims") != [[["int", "7"]]]:
            why = (answer or {}).get("unusable") or _how(report)
            raise AnalyserUnavailable(f"crosshair is not usable: {why}; run `millwright doctor`")
        self._proven = True


def _question(request: AnalysisRequest, task: TaskSpecification, seconds: float, each: float) -> dict[str, object]:
    stated = [condition.expression for condition in task.preconditions + task.invariants]
    drawn = [constraint for parameter in task.inputs for constraint in parameter.constraints]
    plain = [f"-{_LARGEST_FLOAT} <= {item.name} <= {_LARGEST_FLOAT}" for item in task.inputs if _is_float(item)]
    after = [(condition.expression, False) for condition in task.postconditions]
    after += [(item.expression, "result" not in names_used(item.expression)) for item in task.invariants]
    return {
        "module": _module(request.target),
        "function": task.name,
        "inputs": {item.name: item.type_annotation for item in task.inputs},
        "records": {record.name: _home(record, request) for record in task.records},
        "assumptions": [*plain, *drawn, *stated],
        "conditions": after,
        "seconds": seconds,
        "seconds_each": each,
    }


def _is_float(parameter: Parameter) -> bool:
    return parameter.type_annotation.strip() == "float"


def _names(task: TaskSpecification) -> dict[str, Record]:
    return {record.name: record for record in task.records}


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _home(record: Record, request: AnalysisRequest) -> str:
    """Return the module that defines a record; the candidate's own where no other does."""
    definition = re.compile(rf"^class {re.escape(record.name)}\b", re.MULTILINE)
    others = (path for path, text in request.modules.items() if path != request.target and definition.search(text))
    return _module(next(others, request.target))


def _answer(report: CommandReport) -> dict[str, Any] | None:
    """Read the answer; the candidate ran beside its author, so that nothing in it is taken for granted."""
    try:
        answer = json.loads(report.files[_ANSWER])
    except (KeyError, ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _how(report: CommandReport) -> str:
    if report.ending is Ending.TIMED_OUT:
        return "it did not end in time"
    words = " ".join((report.stderr or report.stdout)[-300:].split())
    return f"{report.ending.value}, status {report.exit_status}{': ' if words else ''}{words}"


def _undecided(detail: str) -> AnalysisReport:
    return AnalysisReport(findings=(), conclusion=Conclusion.UNDECIDED, detail=detail)


def _reported(answer: Mapping[str, Any], task: TaskSpecification, types: Sequence[Type]) -> AnalysisReport:
    detail = str(answer.get("detail", ""))[:500]
    match answer.get("conclusion"):
        case Conclusion.CONFIRMED:
            return AnalysisReport(findings=(), conclusion=Conclusion.CONFIRMED, detail=detail)
        case Conclusion.REFUTED:
            claims = _claims(answer.get("claims"), task, types)
            if claims:
                return AnalysisReport(findings=(), conclusion=Conclusion.REFUTED, counterexamples=claims, detail=detail)
            return _undecided("the claimed counter-examples are not of the declared types")
    return _undecided(detail or "the search came to no conclusion")


def _claims(claims: object, task: TaskSpecification, types: Sequence[Type]) -> tuple[tuple[Value, ...], ...]:
    if not isinstance(claims, list):
        return ()
    return tuple(tuple(claim) for claim in claims[:_MOST_CLAIMS] if _is_call(claim, types, _names(task)))


def _is_call(claim: object, types: Sequence[Type], records: Mapping[str, Record]) -> bool:
    if not isinstance(claim, list) or len(claim) != len(types):
        return False
    return all(fits(value, of, records) for value, of in zip(claim, types, strict=True))
