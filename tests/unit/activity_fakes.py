"""Small fakes for activity tests: a model of a few lines, a sandbox of fixed answers, a stored project."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from activities.calling import Caller
from activities.generation import Generation
from millwright.adapters.documents.specification_file import read_specification
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.packaging.python_scripts import PLAN, RESULTS
from millwright.core.specification import check_document
from millwright.ports import Model
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.execution import (
    CallReport,
    CallRequest,
    CommandReport,
    CommandRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Outcome,
    OutcomeKind,
    PropertyReport,
    PropertyRequest,
    Truth,
)
from schemas.identity import ROOT_PATH, Archetype, Digest, NodePath, ProjectId
from schemas.models import Budget, Choice, FinishReason, ModelAnswer, ModelRequest, Usage
from schemas.presets import ModelEntry, ModelProfile, Preset, Prices, Route, Variant
from schemas.project import Policy
from schemas.requests import ElectionRef, Purpose
from schemas.specification import SpecificationDocument, TaskSpecification
from schemas.verification import AnalysisReport, AnalysisRequest, Finding

PROJECT = ProjectId("shop")
DOUBLE = "Here:\n\n```python\ndef double(n: int) -> int:\n    return n * 2\n```\n"
CODE = ElectionRef(project=PROJECT, path=NodePath("root.double"), purpose=Purpose.CODE)


class FakeModel:
    """Answers every request by a function and remembers what it was asked."""

    def __init__(self, answer: Callable[[ModelRequest], str] = lambda _: DOUBLE) -> None:
        self.answer = answer
        self.requests: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer, or raise what the function raises."""
        self.requests.append(request)
        return ModelAnswer(
            choices=(Choice(text=self.answer(request), finish_reason=FinishReason.STOP),),
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="fake",
            endpoint="memory",
        )


def single(name: str, endpoint: str, profile: ModelProfile, *, most_at_once: int = 64) -> Preset:
    """Return the preset of one model at one endpoint, which every archetype asks; code in every variant."""
    entry = ModelEntry.model_validate(
        {**profile.model_dump(include=set(ModelProfile.model_fields)), "name": name, "endpoints": (endpoint,)}
    ).model_copy(update={"most_at_once": most_at_once})
    route = Route(models=("model",))
    code = route.model_copy(update={"variants": tuple(Variant)})
    return Preset(
        name=name,
        models={"model": entry},
        default=route,
        routes={Archetype.CODER: code, Archetype.INTEGRATOR: code},
    )


def generation_of(store: MemoryStore, model: Model, *, prices: Prices | None = None) -> Generation:
    """Make the activity that draws from one model at one endpoint, over a store."""
    preset = single("fake", "http://memory/v1", ModelProfile(prices=prices))
    return Generation(Caller(model, store, store, preset), store, store)


class FakeSandbox:
    """Answers every condition with ``truth``, every call with ``value`` and every command with ``status``."""

    def __init__(self, truth: Truth = Truth.TRUE, value: list[Any] | None = None, status: int = 0) -> None:
        self.truth, self.value, self.status = truth, value or ["int", "2"], status
        self.commands: list[CommandRequest] = []
        self.calls: list[CallRequest] = []

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Find every expression as told."""
        return ConditionReport(truths=((self.truth,) * len(request.expressions),) * len(request.bindings))

    async def call(self, request: CallRequest) -> CallReport:
        """Return the value from every call."""
        self.calls.append(request)
        outcome = Outcome(kind=OutcomeKind.RETURNED, value=self.value)
        return CallReport(outcomes=(outcome,) * len(request.calls))

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Check nothing."""
        return PropertyReport(results=())

    async def run(self, request: CommandRequest) -> CommandReport:
        """End as told; where a package is tried out, every stage ends so."""
        self.commands.append(request)
        files = {RESULTS: self._results(request)} if RESULTS in request.outputs else {}
        said = "line\nwhat broke\n"
        return CommandReport(
            exit_status=0 if files else self.status, ending=Ending.COMPLETED, stdout="", stderr=said, files=files
        )

    def _results(self, request: CommandRequest) -> bytes:
        plan = json.loads(request.files[PLAN])
        stage: dict[str, object] = {"status": self.status, "said": "line\nwhat broke\n"}
        seen = {name: {"lines": 1, "covered": 1} for name in plan["tests"]}
        tests = {**stage, "found": {"ran": len(seen), "failed": {}, "seen": seen}}
        results = {"build": stage, "install": stage, "imports": {**stage, "found": {}}}
        return json.dumps({**results, "tests": tests, "coverage": tests}).encode()


class FakeAnalyser:
    """Finds the same in every text; nothing, unless told."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Answer every request alike."""
        return tuple(AnalysisReport(findings=self.findings) for _ in requests)


def task(name: str, /, **fields: Any) -> TaskSpecification:
    """Make a task from int to int with one example."""
    base: dict[str, Any] = {
        "id": name,
        "name": name,
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [{"name": "one", "inputs": {"n": 1}, "expected_output": 2}],
    }
    return TaskSpecification.model_validate({**base, **fields})


def group(**fields: Any) -> TaskSpecification:
    """Make a root without an interface."""
    return TaskSpecification.model_validate({"id": "root", "name": "shop", "task_type": "integration", **fields})


def read(text: str, origin: str) -> SpecificationDocument:
    """Read a specification as the worker does."""
    return read_specification(text, origin, check_document)


async def opened(store: MemoryStore, budget: Budget | None = None, **fields: Any) -> ProjectRecord:
    """Store a project."""
    options = {
        "policy": Policy().model_dump(mode="json"),
        "budget": (budget or Budget()).model_dump(mode="json"),
        "k": None,
    }
    record = ProjectRecord.model_validate(
        {
            "id": PROJECT,
            "input_digest": Digest("0" * 64),
            "package": "shop",
            "options": options,
            "started_at": datetime.now(UTC),
            **fields,
        }
    )
    await store.open_project(record)
    return record


async def placed(store: MemoryStore, path: str, of: TaskSpecification, **fields: Any) -> NodeRecord:
    """Store a node and its specification."""
    record = NodeRecord.model_validate(
        {
            "project": PROJECT,
            "path": path,
            "task": of.id,
            "name": of.name,
            "parent": path.rpartition(".")[0] or None,
            "specification": await store.save_specification(of),
            **fields,
        }
    )
    await store.save_nodes([record])
    return record


async def flat(store: MemoryStore, *tasks: TaskSpecification) -> None:
    """Store a project of a group and tasks under it."""
    paths = [f"root.{item.id}" for item in tasks]
    await placed(store, ROOT_PATH, group(), children=paths, dependencies=paths)
    for path, item in zip(paths, tasks, strict=True):
        await placed(store, path, item, dependencies=[f"root.{name}" for name in item.dependencies])
