"""Lays granted packages beside candidates: an engine and an analyser that do so before they hand a request on.

They run and judge nothing themselves. What is laid in is text among a program's modules, so that every engine has it,
and the type checker reads what is really there.
"""

from collections.abc import Sequence

from millwright.adapters.packages.installed import package_modules
from millwright.ports import Analyser, Sandbox
from schemas.execution import (
    CallReport,
    CallRequest,
    CommandReport,
    CommandRequest,
    ConditionReport,
    ConditionRequest,
    Program,
    PropertyReport,
    PropertyRequest,
)
from schemas.verification import AnalysisReport, AnalysisRequest


class SandboxWithPackages:
    """A ``Sandbox`` whose programs have the packages that they are granted. Raises BadInput where one is not there."""

    def __init__(self, engine: Sandbox) -> None:
        self._engine = engine

    async def call(self, request: CallRequest) -> CallReport:
        """Call a candidate, as the engine does."""
        return await self._engine.call(request.model_copy(update={"program": _beside(request.program)}))

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Run properties, as the engine does."""
        return await self._engine.check_properties(request.model_copy(update={"program": _beside(request.program)}))

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate expressions, as the engine does: no package takes part."""
        return await self._engine.evaluate(request)

    async def run(self, request: CommandRequest) -> CommandReport:
        """Run a command, as the engine does: it says by itself whether installed packages are seen."""
        return await self._engine.run(request)


class AnalyserWithPackages:
    """An ``Analyser`` that sees the packages that a candidate is granted. Raises BadInput where one is not there."""

    def __init__(self, analyser: Analyser) -> None:
        self._analyser = analyser

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Analyse a batch, as the analyser does."""
        return await self._analyser.analyse([_seen(request) for request in requests])


def _beside(program: Program) -> Program:
    if not program.packages:
        return program
    modules = {**package_modules(program.packages), **program.modules}
    return program.model_copy(update={"modules": modules, "packages": ()})


def _seen(request: AnalysisRequest) -> AnalysisRequest:
    if not request.packages:
        return request
    return request.model_copy(
        update={"modules": {**package_modules(request.packages), **request.modules}, "packages": ()}
    )
