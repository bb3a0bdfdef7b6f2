"""Gathers what a report speaks of from the store.

It is no activity of its own: closing a project calls it.
"""

from collections.abc import Sequence

from activities.integration import read_manifest
from activities.tracing import Tracing
from millwright.core.calibration import Calibration
from millwright.core.calibration import Evidence as WonBy
from millwright.core.learning import Range
from millwright.core.report import Account, Evidence, report
from millwright.ports import ArtifactStore, ProjectStore
from schemas.delivery import WholeEvidence
from schemas.evidence import ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import Digest, TaskStatus
from schemas.models import LedgerStatus
from schemas.project import Counts
from schemas.requests import IntegrationResult
from schemas.specification import TaskSpecification
from schemas.verification import Verdict, VerdictStatus


class Reporting:
    """Writes reports."""

    def __init__(
        self, projects: ProjectStore, artifacts: ArtifactStore, calibration: Calibration | None = None
    ) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._calibration = calibration
        self._tracing = Tracing(projects, artifacts)

    async def report(self, project: ProjectRecord, counts: Counts, integration: IntegrationResult) -> str:
        """Write the report of a project as it stands."""
        ledger = [entry for entry in await self._projects.ledger(project.id) if entry.key.revision == project.revision]
        nodes = await self._projects.nodes(project.id)
        return report(
            Account(
                project=project,
                counts=counts,
                spend=(await self._projects.spend(project.id, project.revision)).settled,
                forecast=await self._projects.forecast(project.id),
                evidence=tuple([await self._evidence(node) for node in nodes]),
                files=await self._files(integration.manifest),
                problems=integration.problems,
                checks=integration.passed,
                questions=await self._projects.questions(project.id),
                decisions=await self._projects.decisions(project.id),
                models=tuple(
                    sorted({entry.model for entry in ledger if entry.status is LedgerStatus.SETTLED and entry.model})
                ),
                calibration=self._calibration.provenance.source if self._calibration else "",
                whole=await self._whole(integration),
                traces=await self._tracing.traces(project.id),
                requirements=await self._tracing.settled(project),
            )
        )

    async def _evidence(self, node: NodeRecord) -> Evidence:
        task = await self._projects.specification(node.specification)
        verdicts: tuple[Verdict, ...] = ()
        if node.candidate is not None:
            verdicts = (await self._projects.verdicts(node.project, node.path)).get(node.candidate, ())
        return Evidence(
            node=node,
            summary=" ".join(task.description.split()),
            has_code=task.has_interface or not node.children,
            winner=node.candidate,
            verdicts=verdicts,
            defect=await self._defect(node, task, verdicts),
        )

    async def _defect(self, node: NodeRecord, task: TaskSpecification, verdicts: Sequence[Verdict]) -> Range | None:
        """Predict how likely a part that was won by votes is wrong; None for any other part."""
        if self._calibration is None or node.status not in (TaskStatus.WON, TaskStatus.REUSED) or not node.votes:
            return None
        settled = await self._projects.further_examples(node.project, node.path)
        ballots = node.samples - node.red_flags - sum(node.rejected_by_layer.values())
        won = WonBy(
            margin=max(1, node.margin),
            purity=node.votes / max(ballots, node.votes),
            leaders_yield=node.votes / node.samples,
            examples=len(task.test_cases) + len(settled),
            layers=sum(verdict.status is VerdictStatus.PASSED for verdict in verdicts),
        )
        return self._calibration.defect(won)

    async def _whole(self, integration: IntegrationResult) -> WholeEvidence | None:
        if integration.evidence is None:
            return None
        return WholeEvidence.model_validate_json(await self._artifacts.get(integration.evidence))

    async def _files(self, manifest: Digest | None) -> tuple[ManifestEntry, ...]:
        return (await read_manifest(self._artifacts, manifest)).files if manifest else ()
