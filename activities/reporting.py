"""Gathers what a report speaks of from the store.

It is no activity of its own: closing a project calls it.
"""

from activities.integration import read_manifest
from millwright.core.report import Account, Evidence, report
from millwright.ports import ArtifactStore, ProjectStore
from schemas.evidence import ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import Digest
from schemas.project import Counts
from schemas.requests import IntegrationResult
from schemas.verification import Verdict


class Reporting:
    """Writes reports."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts

    async def report(self, project: ProjectRecord, counts: Counts, integration: IntegrationResult) -> str:
        """Write the report of a project as it stands."""
        ledger = await self._projects.ledger(project.id)
        nodes = await self._projects.nodes(project.id)
        return report(
            Account(
                project=project,
                counts=counts,
                spend=(await self._projects.spend(project.id)).settled,
                forecast=await self._projects.forecast(project.id),
                evidence=tuple([await self._evidence(node) for node in nodes]),
                files=await self._files(integration.manifest),
                problems=integration.problems,
                checks=integration.passed,
                questions=await self._projects.questions(project.id),
                decisions=await self._projects.decisions(project.id),
                models=tuple(sorted({entry.model for entry in ledger if entry.model})),
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
        )

    async def _files(self, manifest: Digest | None) -> tuple[ManifestEntry, ...]:
        return (await read_manifest(self._artifacts, manifest)).files if manifest else ()
