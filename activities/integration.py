"""Puts won parts in their place, joins them to the whole, and verifies the whole in the sandbox.

Glue is written by an election like any other part; here is only what follows a rule.
"""

from collections.abc import Sequence

from temporalio import activity

from activities.accepting import accept_part
from activities.boundary import heartbeating, translated
from activities.refusals import with_refusals
from activities.setting import Settings, declared
from activities.standing import record_standing
from activities.tracing import Tracing
from activities.wholes import WholeVerifier
from activities.withdrawing import withdraw_questions
from millwright.core.assembly import RECORDS_MODULE, dotted_name, file_path
from millwright.core.calibration import Calibration, evidence_of
from millwright.core.kinds import is_code
from millwright.core.packaging import packager_for
from millwright.core.packaging.package import Part, Whole
from millwright.core.settling import with_examples
from millwright.core.verification.languages import language_named
from millwright.core.whole import summary
from millwright.ports import Analyser, ArtifactStore, ProjectStore, Sandbox
from schemas.digests import canonical_json, digest_of_bytes
from schemas.election import Tally
from schemas.evidence import Manifest, ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import DELIVERED, ROOT_PATH, Digest, ProjectId, TaskStatus
from schemas.requests import IntegrationResult, NodeOutcome, NodeRef

_VERSION = "0.1.0"


class Integration:
    """Activities that make one thing of many."""

    def __init__(
        self,
        projects: ProjectStore,
        artifacts: ArtifactStore,
        sandbox: Sandbox,
        analyser: Analyser,
        *,
        calibration: Calibration | None = None,
    ) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._verifier = WholeVerifier(sandbox, analyser)
        self._settings = Settings(projects, artifacts)
        self._tracing = Tracing(projects, artifacts)
        self._calibration = calibration

    @activity.defn
    @translated
    async def settle_node(self, outcome: NodeOutcome) -> Digest | None:
        """Record how a node's election ended, and store the module made of the accepted candidate, if there is one.

        No question about it waits any more.
        """
        node = await self._projects.node(outcome.project, outcome.path)
        tally = outcome.election.tally if outcome.election else Tally()
        node = node.model_copy(
            update={
                "status": outcome.status,
                "artifact": None,
                "candidate": outcome.candidate,
                "votes": tally.groups[0].votes if tally.groups else 0,
                "margin": tally.margin,
                "k": outcome.k,
                "samples": tally.attempts,
                "red_flags": tally.red_flags,
                "rejected_by_layer": outcome.election.rejected_by_layer if outcome.election else {},
                "defect": await self._defect(node, outcome),
                "note": await with_refusals(self._projects, outcome),
                "lines": 0,
                "complexity": 0,
            }
        )
        if outcome.candidate is not None:
            setting = await self._settings.load(outcome.project, outcome.path)
            source = await self._projects.candidate(outcome.project, outcome.path, outcome.candidate)
            artifact = await self._artifacts.put(_encoded(setting.assemble(source)), "text/x-source")
            size = setting.language.measure(source)
            written = {"artifact": artifact, "lines": size.code_lines, "complexity": size.complexity}
            node = node.model_copy(update=written)
            await accept_part(self._projects, self._artifacts, setting, node, source)
        await self._projects.save_nodes([node])
        await withdraw_questions(self._projects, outcome.project, outcome.path)
        await record_standing(self._projects, outcome.project)
        return node.artifact

    async def _defect(self, node: NodeRecord, outcome: NodeOutcome) -> float | None:
        """Predict how likely a part that was won by votes is wrong; None for any other part."""
        election, winner = outcome.election, outcome.candidate
        if self._calibration is None or outcome.status is not TaskStatus.WON or election is None or winner is None:
            return None
        task = await self._projects.specification(node.specification)
        settled = await self._projects.further_examples(node.project, node.path)
        verdicts = (await self._projects.verdicts(node.project, node.path)).get(winner, ())
        won = evidence_of(election.tally, len(task.test_cases) + len(settled), verdicts)
        return self._calibration.defect_probability(won)

    @activity.defn
    @translated
    async def join(self, outcome: NodeOutcome) -> Digest:
        """Join a group's delivered children by rule: its module re-exports them."""
        node = await self._projects.node(outcome.project, outcome.path)
        project = await self._projects.project(outcome.project)
        task = await self._projects.specification(node.specification)
        members = []
        for path in node.children:
            child = await self._projects.node(outcome.project, path)
            if child.status in DELIVERED and child.artifact is not None:
                members += await self._exports(project, child)
        text = packager_for(task.target_language).group(task.description or task.name, _unambiguous(members))
        artifact = await self._artifacts.put(_encoded(text), "text/x-source")
        await self._projects.save_nodes(
            [node.model_copy(update={"status": outcome.status, "artifact": artifact, "note": outcome.note})]
        )
        await record_standing(self._projects, outcome.project)
        return artifact

    async def _exports(self, project: ProjectRecord, child: NodeRecord) -> list[tuple[str, str]]:
        task = await self._projects.specification(child.specification)
        return [(dotted_name(project.package, child.path), task.name)] if is_code(task) else []

    @activity.defn
    @translated
    async def deliver(self, ref: NodeRef) -> IntegrationResult:
        """Make the deliverable, verify it as a whole, and store its manifest."""
        async with heartbeating():
            project = await self._projects.project(ref.project)
            whole = await self._whole(project)
            if not whole.parts:
                return IntegrationResult(problems=("no part was won, so there is nothing to deliver",))
            files = packager_for(project.target_language).files(whole)
            evidence = await self._verifier.verify(whole, files)
            manifest = await self._store(project.id, whole, files)
            stored = await self._artifacts.put(canonical_json(evidence), "application/json")
        return summary(evidence, manifest, stored)

    async def _whole(self, project: ProjectRecord) -> Whole:
        language = language_named(project.target_language)
        parts = []
        for node in await self._projects.nodes(project.id):
            if node.status in DELIVERED and node.artifact is not None:
                task = await self._projects.specification(node.specification)
                settled = await self._projects.further_examples(project.id, node.path)
                parts.append(
                    Part(
                        path=node.path,
                        task=with_examples(task, settled),
                        module=dotted_name(project.package, node.path),
                        file=file_path(language_named(task.target_language), project.package, node),
                        text=(await self._artifacts.get(node.artifact)).decode("utf-8", "surrogatepass"),
                    )
                )
        records, errors = declared([part.task for part in parts])
        path = language.module_path(project.package, (RECORDS_MODULE,), False)
        root = await self._projects.specification((await self._projects.node(project.id, ROOT_PATH)).specification)
        return Whole(
            language=project.target_language,
            package=project.package,
            version=_VERSION,
            summary=root.description or root.name,
            parts=tuple(parts),
            records=records,
            errors=errors,
            records_file=(path, language.records_source(records, errors)) if records or errors else None,
            requirements=await self._tracing.settled(project),
            traces=await self._tracing.traces(project.id),
        )

    async def _store(self, project: ProjectId, whole: Whole, files: dict[str, str]) -> Digest:
        entries = []
        for path, text in files.items():
            content = _encoded(text)
            await self._artifacts.put(content, "text/plain")
            entries.append(ManifestEntry(path=path, digest=digest_of_bytes(content), size_bytes=len(content)))
        manifest = Manifest(
            project=project,
            package=whole.package,
            files=tuple(entries),
            nodes={part.file: part.path for part in whole.parts},
        )
        digest = await self._artifacts.put(canonical_json(manifest), "application/json")
        await self._projects.save_manifest(project, digest)
        return digest


async def read_manifest(artifacts: ArtifactStore, digest: Digest) -> Manifest:
    """Read a stored manifest."""
    return Manifest.model_validate_json(await artifacts.get(digest))


def _unambiguous(members: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out names that several members share: they stay importable from their own modules."""
    names = [name for _, name in members]
    return [member for member in members if names.count(member[1]) == 1]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
