"""The tools of verification, chosen and put together once for every composition root.

It judges nothing. Only composition roots import it; a worker and the command line climb with the same tools.
"""

import gc
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from millwright.adapters.analysis.bandit_audit import BanditAudit
from millwright.adapters.analysis.crosshair_search import CrosshairSearch
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from millwright.adapters.inputs.hypothesis_inputs import HypothesisInputs
from millwright.adapters.packages.beside import AnalyserWithPackages, SandboxWithPackages
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.sandbox.webassembly.sandbox import WebAssemblySandbox
from millwright.errors import SandboxUnavailable
from millwright.ports import Analyser, InputSource, Sandbox
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool, Conclusion

_ALLOCATIONS_BEFORE_A_COLLECTION = 20_000

NO_NAMESPACES = "a symbolic search runs commands, which needs bubblewrap, and that does not work on this machine"

log = logging.getLogger("millwright.toolbox")


@dataclass(frozen=True)
class Toolbox:
    """What verification works with; ``second`` is None where only one engine works, ``programs`` run at once."""

    sandbox: Sandbox
    second: Sandbox | None
    analyser: Analyser
    inputs: InputSource
    programs: int


class Undecided:
    """Stands for a search that this machine cannot run: every question stays open."""

    def __init__(self, because: str) -> None:
        self._because = because

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Leave every question open, and say why."""
        report = AnalysisReport(findings=(), conclusion=Conclusion.UNDECIDED, detail=self._because)
        return [report for _ in requests]


@asynccontextmanager
async def open_toolbox(cache: Path, *, slots: int | None = None, runs: bool = True) -> AsyncIterator[Toolbox]:
    """Open the tools; ``cache`` is a folder of the user's own, ``slots`` how many programs run at once.

    ``runs`` off is for a process that runs no candidates: then no engine is looked at.

    Candidates run under bubblewrap, and winners in WebAssembly once more; where bubblewrap does not work, they run in
    WebAssembly alone.

    Raises:
        SandboxUnavailable: neither engine works; no candidate is run by anything weaker.
    """
    programs = slots or os.cpu_count() or 1
    bubblewrap = BubblewrapSandbox(slots=programs)
    webassembly = WebAssemblySandbox(cache / "webassembly", slots=programs)
    inputs = HypothesisInputs()
    analyser: StaticAnalyser | None = None
    try:
        confined = not runs or await _works(bubblewrap, webassembly)
        search = CrosshairSearch(bubblewrap) if confined else Undecided(NO_NAMESPACES)
        analyser = StaticAnalyser(further={AnalysisTool.AUDIT: BanditAudit(), AnalysisTool.SYMBOLIC: search})
        yield Toolbox(
            sandbox=SandboxWithPackages(bubblewrap if confined else webassembly),
            second=SandboxWithPackages(webassembly) if confined else None,
            analyser=AnalyserWithPackages(analyser),
            inputs=inputs,
            programs=programs,
        )
    finally:
        if analyser is not None:
            analyser.close()
        inputs.close()
        bubblewrap.close()
        webassembly.close()


async def _works(bubblewrap: BubblewrapSandbox, webassembly: WebAssemblySandbox) -> bool:
    """Say whether bubblewrap works; where it does not, WebAssembly must."""
    try:
        await bubblewrap.check()
    except SandboxUnavailable as first:
        try:
            await webassembly.check()
        except SandboxUnavailable as second:
            raise SandboxUnavailable(f"no engine can confine a candidate here: {first}; and {second}") from second
        log.warning("sandbox.webassembly_only", extra={"because": str(first)})
        return False
    return True


def spare_collections() -> None:
    """Tell the collector of garbage that what is loaded by now stays, and that much comes and goes between cycles.

    For a process that verifies, once it is set up: a fifth of its time went to looking through the same objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BEFORE_A_COLLECTION, 20, 20)
