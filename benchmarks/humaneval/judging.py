"""Says of accepted sources whether recorded verdicts call them right.

It finds an accepted source among the recorded answers by its text, and runs nothing.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from millwright.core.beta import beta_quantile
from millwright.ports import ProjectStore
from schemas.evidence import NodeRecord
from schemas.identity import LayerName, ProjectId
from schemas.verification import Severity, VerdictStatus

_RIGHT = "1"


class Judge:
    """Verdicts by task and text; texts that were recorded more than once have the verdict of the first."""

    def __init__(self, verdicts: Mapping[tuple[str, str], bool]) -> None:
        self._verdicts = verdicts

    @classmethod
    def read(cls, completions: Path, verdicts: Path) -> "Judge":
        """Read recorded answers, and the file that has a ``0`` or ``1`` for each of them in their order."""
        marks = {row["task"]: row["verdicts"] for row in _rows(verdicts)}
        found: dict[tuple[str, str], bool] = {}
        for row in _rows(completions):
            for text, mark in zip(row["completions"], marks[row["task"]], strict=True):
                found.setdefault((row["task"], _bare(text)), mark == _RIGHT)
        return cls(found)

    def is_right(self, task: str, source: str) -> bool | None:
        """Return whether a source is right; None when it is none of the recorded answers."""
        return self._verdicts.get((task, _bare(source)))


async def accepted(
    projects: ProjectStore, project: ProjectId, nodes: Sequence[NodeRecord]
) -> dict[str, list[tuple[str, str]]]:
    """Read the accepted sources as (task, source), by the status of their nodes."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for node in nodes:
        if node.candidate is not None:
            source = await projects.candidate(project, node.path, node.candidate)
            found[node.status.value].append((node.task, source))
    return dict(found)


async def rejections(
    projects: ProjectStore, project: ProjectId, nodes: Sequence[NodeRecord]
) -> dict[LayerName, list[tuple[str, str, str]]]:
    """Read the rejected sources as (task, source, first finding), by layer; equal sources of a task count once."""
    found: dict[LayerName, list[tuple[str, str, str]]] = defaultdict(list)
    for node in nodes:
        for candidate, verdicts in (await projects.verdicts(project, node.path)).items():
            for verdict in verdicts:
                if verdict.status is VerdictStatus.REJECTED:
                    source = await projects.candidate(project, node.path, candidate)
                    finding = next((item.message for item in verdict.findings if item.severity is Severity.ERROR), "")
                    found[verdict.layer].append((node.task, source, finding))
    return dict(found)


def at_least(right: int, accepted: int, confidence: float = 0.95) -> float:
    """Return the one-sided lower bound on the share that is right (Clopper and Pearson, Biometrika 26, 1934)."""
    return beta_quantile(1 - confidence, right, accepted - right + 1) if right else 0.0


def _rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _bare(text: str) -> str:
    """Return what extraction leaves of a bare module: line ends of Unix, nothing behind the last line."""
    return text.replace("\r\n", "\n").rstrip()
