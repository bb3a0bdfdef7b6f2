"""Runs inside the sandbox: searches symbolically for inputs on which a function breaks a condition.

``crosshair_driver.py QUESTION ANSWER``: both are paths of JSON files; ``crosshair_search`` writes the one and reads the
other. It runs beside the candidate, which can therefore forge its answer: a claim is called again elsewhere, and a
confirmation decides nothing. It imports nothing of Millwright.
"""

import base64
import copy
import importlib
import inspect
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from crosshair.copyext import CopyMode, deepcopyext
from crosshair.core import ExceptionFilter, PathOutcome, deep_realize, explore_loop, gen_args, realize
from crosshair.core_and_libs import ResumedTracing
from crosshair.options import DEFAULT_OPTIONS, AnalysisKind, AnalysisOptions
from crosshair.pure_importer import prefer_pure_python_imports
from crosshair.statespace import CallAnalysis, RootNode, StateSpace, VerificationStatus, prefer_true
from crosshair.util import NotDeterministic

_MATH = ("isclose", "floor", "ceil", "sqrt", "isnan", "isinf", "isfinite")
_LARGEST_FLOAT = 1e9
_CONTROL = 7
_traced: Callable[[], AbstractContextManager[object]] = ResumedTracing


class _Unreadable(Exception):
    """A value has no form in which it can be told."""


@dataclass(frozen=True)
class _Function:
    """What is searched: the function, its inputs with their types, and what may be assumed of them."""

    function: Callable[..., object]
    signature: inspect.Signature
    assumptions: tuple[Callable[..., object], ...]


@dataclass
class _Search:
    """One condition of one function: ``lasting`` says that it must hold after an exception too."""

    of: _Function
    condition: Callable[..., object]
    lasting: bool
    records: Mapping[str, type]
    claim: list[Any] | None = None
    doubts: list[str] = field(default_factory=list)

    def conclude(self, seconds: float) -> str:
        """Search for so many seconds of CPU; answer confirmed, refuted (then there is a claim) or undecided."""
        explored = explore_loop(_options(seconds), RootNode(), self._path)
        if self.claim is not None:
            return "refuted"
        status = explored.top_analysis.verification_status if explored.top_analysis else None
        if explored.exhausted and status is VerificationStatus.CONFIRMED:
            return "confirmed"
        if explored.exhausted and status is None:
            self.doubts.append("no path satisfies the preconditions")
        elif not explored.exhausted:
            self.doubts.append(f"not all paths were seen within {seconds:.1f} s")
        else:
            self.doubts.append("some paths could not be followed")
        return "undecided"

    def _path(self, space: StateSpace) -> PathOutcome:
        """Follow one path; tracing is off except where the candidate or a condition runs."""
        given = gen_args(self.of.signature)
        for assumption in self.of.assumptions:
            truth, skipped = self._evaluated(assumption, given.arguments, given.arguments, None)
            if skipped is not None or not realize(prefer_true(truth)):
                return skipped or PathOutcome(CallAnalysis())
        used = deepcopyext(given, CopyMode.REGULAR, {})
        result: object = None
        with ExceptionFilter() as caught, _traced():
            result = self.of.function(*used.args, **used.kwargs)
        if caught.ignore:
            return PathOutcome(caught.analysis)
        if caught.user_exc is not None and not self.lasting:
            return PathOutcome(CallAnalysis(VerificationStatus.CONFIRMED))  # an exception breaks no condition
        holds, skipped = self._evaluated(self.condition, used.arguments, given.arguments, result)
        if skipped is not None:
            return PathOutcome(CallAnalysis(VerificationStatus.UNKNOWN))
        if holds:
            return PathOutcome(CallAnalysis(VerificationStatus.CONFIRMED))
        return self._refuted(space, given)

    def _evaluated(
        self, condition: Callable[..., object], names: Mapping[str, Any], before: Mapping[str, Any], result: object
    ) -> tuple[bool, PathOutcome | None]:
        """Evaluate a condition; a path on which it has no truth value is left out."""
        holds: Any = False
        with ExceptionFilter() as caught, _traced():
            holds = condition(**names, result=result, old=SimpleNamespace(**before))
            if not isinstance(holds, bool):  # patched while tracing: a symbolic truth is one as well
                raise TypeError("it has no truth value")
            if condition is self.condition:
                holds = bool(holds)  # divides the path, where an assumption would rather be met
        if caught.ignore:
            return False, PathOutcome(caught.analysis)
        if caught.user_exc is not None:
            return False, PathOutcome(CallAnalysis())
        return holds, None

    def _refuted(self, space: StateSpace, given: inspect.BoundArguments) -> PathOutcome:
        with _traced():
            space.detach_path()
            values = list(deep_realize(given).arguments.values())
        try:
            claim = [encode(value, self.records) for value in values]
        except _Unreadable as error:
            self.doubts.append(f"a counter-example cannot be told: {error}")
            return PathOutcome(CallAnalysis(VerificationStatus.UNKNOWN))
        if not self._reproduces(values):
            self.doubts.append("a counter-example did not reproduce")
            return PathOutcome(CallAnalysis(VerificationStatus.UNKNOWN))
        self.claim = claim
        return PathOutcome(CallAnalysis(VerificationStatus.REFUTED), breakout=True)

    def _reproduces(self, values: Sequence[Any]) -> bool:
        """Call the function concretely; what does not break the condition then is no reason to stop."""
        names = dict(zip(self.of.signature.parameters, values, strict=True))
        before, after, result = copy.deepcopy(names), copy.deepcopy(names), None
        old = SimpleNamespace(**before)
        try:
            if not all(assumed(**before, result=None, old=old) is True for assumed in self.of.assumptions):
                return False
            try:
                result = self.of.function(**after)
            except Exception:  # noqa: BLE001 - the candidate's own, of any class
                if not self.lasting:
                    return False
            return self.condition(**after, result=result, old=old) is False
        except Exception:  # noqa: BLE001 - a condition without a truth value is not broken
            return False


def encode(value: Any, records: Mapping[str, type]) -> list[Any]:
    """Write a value with its exact type, as the sandbox's protocol does.

    Raises:
        _Unreadable: it is of another class, holds text that cannot be written, or floats of no ordinary size.
    """
    kind = type(value)
    if value is None:
        return ["none"]
    if kind is bool:
        return ["bool", value]
    if kind is int:
        return ["int", str(value)]
    if kind is float:
        return ["float", _float(value)]
    if kind is str:
        return ["str", _text(value)]
    if kind is bytes:
        return ["bytes", base64.b64encode(value).decode("ascii")]
    if kind is dict:
        return ["dict", [[encode(key, records), encode(item, records)] for key, item in value.items()]]
    if kind is list or kind is tuple or kind is set:
        return [kind.__name__, [encode(item, records) for item in value]]
    return _record(value, kind, records)


def _record(value: Any, kind: type, records: Mapping[str, type]) -> list[Any]:
    for name, known in records.items():
        if known is kind:
            fields = list(inspect.signature(known).parameters)
            return ["record", name, [[one, encode(getattr(value, one), records)] for one in fields]]
    raise _Unreadable(f"an object of the class {kind.__name__}")


def _float(value: float) -> str:
    if not math.isfinite(value) or abs(value) > _LARGEST_FLOAT:
        raise _Unreadable("a float of no ordinary size")
    return value.hex()


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _Unreadable("text with a lone surrogate") from error
    return value


def _options(seconds: float) -> AnalysisOptions:
    return DEFAULT_OPTIONS.overlay(analysis_kind=[AnalysisKind.asserts], per_condition_timeout=seconds)


def _compiled(expression: str, names: Sequence[str]) -> Callable[..., object]:
    scope: dict[str, Any] = {"math": math, **{name: getattr(math, name) for name in _MATH}}
    text = f"lambda {', '.join((*names, 'result', 'old'))}: ({expression})"
    made: Callable[..., object] = eval(text, scope)  # noqa: S307 - checked expressions, in the sandbox
    return made


def _sings() -> bool:
    """Search where the answer is known: a tool that does not find it is not believed."""
    parameter = inspect.Parameter("n", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=int)
    control = _Function(lambda n: n + 1, inspect.Signature([parameter]), (_compiled("n > 0", ["n"]),))
    search = _Search(control, _compiled(f"result != {_CONTROL}", ["n"]), False, {})
    return search.conclude(5.0) == "refuted" and search.claim == [["int", str(_CONTROL - 1)]]


def _loaded(question: Mapping[str, Any]) -> tuple[_Function, dict[str, type]]:
    """Import the candidate and give its function the specification's types. Raises whatever the import raises."""
    module = importlib.import_module(question["module"])
    records = {name: getattr(importlib.import_module(home), name) for name, home in question["records"].items()}
    names = list(question["inputs"])
    scope = {"Any": Any, **records}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(name, kind, annotation=eval(text, dict(scope)))  # noqa: S307 - parsed types, in the sandbox
        for name, text in question["inputs"].items()
    ]
    assumptions = tuple(_compiled(text, names) for text in question["assumptions"])
    return _Function(getattr(module, question["function"]), inspect.Signature(parameters), assumptions), records


def _answers(question: Mapping[str, Any]) -> Iterator[tuple[str, _Search]]:
    function, records = _loaded(question)
    names = list(question["inputs"])
    conditions = question["conditions"]
    left = question["seconds"]
    for index, (expression, lasting) in enumerate(conditions):
        share = min(question["seconds_each"], left / (len(conditions) - index))
        search = _Search(function, _compiled(expression, names), lasting, records)
        started = time.process_time()
        yield search.conclude(share), search
        left -= time.process_time() - started


def _searched(question: Mapping[str, Any]) -> dict[str, Any]:
    claims: list[list[Any]] = []
    doubts: list[str] = []
    conclusions: list[str] = []
    try:
        with prefer_pure_python_imports():
            for conclusion, search in _answers(question):
                conclusions.append(conclusion)
                doubts.extend(search.doubts)
                claims.extend([search.claim] if search.claim is not None else [])
    except NotDeterministic:
        doubts.append("it does not do the same when asked the same")
    except BaseException as error:  # noqa: BLE001 - the edge of this process: the candidate's exits, the tool's own faults
        doubts.append(f"the search failed on it: {type(error).__name__}: {str(error)[:200]}")
    whole = len(conclusions) == len(question["conditions"])
    settled = whole and all(conclusion == "confirmed" for conclusion in conclusions)
    conclusion = "refuted" if claims else "confirmed" if settled else "undecided"
    return {"conclusion": conclusion, "claims": claims, "detail": "; ".join(dict.fromkeys(doubts))[:500]}


def main(arguments: Sequence[str]) -> None:
    """Read the question, search, and write the answer; the seconds spent are CPU."""
    asked, told = map(Path, arguments)
    question = json.loads(asked.read_text(encoding="utf-8"))
    answer = _searched(question) if _sings() else {"unusable": "it did not find what it was given to find"}
    told.write_text(json.dumps({**answer, "cpu_seconds": time.process_time()}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
