"""What a project left in the store, as people and programs want to read it; over the ports only.

It starts nothing, writes nothing to the store and knows no Temporal: every answer is as old as the last write.
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field, ValidationError

from millwright.core.progress import counts
from millwright.core.tracing import proven_in
from millwright.errors import IntegrityError, NotFound
from millwright.ports import ArtifactStore, ProjectStore
from millwright.revisions import revision_named
from schemas.base import Schema
from schemas.evidence import Forecast, Manifest, NodeRecord, ProjectRecord
from schemas.identity import Digest, LayerName, NodePath, ProjectId, TaskId, TaskStatus
from schemas.models import Spend
from schemas.people import Question
from schemas.planning import Promises
from schemas.project import Counts
from schemas.requirements import Proven


class LineStatus(StrEnum):
    """How a task ended, in the four words of ``results``."""

    WON = "won"
    PARTIAL = "partial"
    WAITING = "waiting"
    FAILED = "failed"


_LINE_STATUS: dict[TaskStatus, LineStatus] = {
    TaskStatus.WON: LineStatus.WON,
    TaskStatus.REUSED: LineStatus.WON,
    TaskStatus.RESOLVED: LineStatus.WON,
    TaskStatus.PARTIAL: LineStatus.PARTIAL,
    TaskStatus.WAITING: LineStatus.WAITING,
    TaskStatus.FAILED: LineStatus.FAILED,
    TaskStatus.BLOCKED: LineStatus.FAILED,
    TaskStatus.CANCELLED: LineStatus.FAILED,
}


class TaskLine(Schema):
    """One task's result; ``digest`` and ``source`` are those of its module, None where there is none.

    ``defect`` is the predicted probability that a task which was won is wrong all the same.
    """

    task: TaskId
    node: NodePath
    status: LineStatus
    votes: int
    margin: int
    samples: int
    red_flags: int
    rejected_by_layer: dict[LayerName, int]
    defect: float | None = None
    digest: Digest | None
    source: str | None


class TreeNode(Schema):
    """A node of the decomposition with everything under it; ``has_code`` is false for groups.

    Sizes are by estimate and as written, 0 where there is none; ``promises`` is what was found of a node's plan.
    """

    path: NodePath
    task: TaskId
    name: str
    status: TaskStatus
    has_code: bool
    votes: int = 0
    margin: int = 0
    k: int = 0
    samples: int = 0
    note: str = ""
    estimated_lines: int = 0
    estimated_complexity: int = 0
    lines: int = 0
    complexity: int = 0
    promises: Promises | None = None
    children: tuple["TreeNode", ...] = ()


class ProjectView(Schema):
    """A project at one moment: its row, counts, spend, tree (None before the plan) and open questions.

    ``requirements`` counts what tests show, once the project has ended; None where nothing was traced.
    """

    project: ProjectRecord
    counts: Counts
    spend: Spend
    undecided: int = Field(ge=0)
    tree: TreeNode | None = None
    questions: tuple[Question, ...] = ()
    requirements: Proven | None = None


class Deliverable(Schema):
    """A deliverable in memory: its manifest and its digest, the files by path, and the report (beside the manifest)."""

    manifest: Manifest
    digest: Digest
    files: dict[str, bytes]
    report: bytes | None


class Records:
    """Reads projects; remembers which specifications describe code, because polling asks for them again and again."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._has_code: dict[Digest, bool] = {}

    async def projects(self) -> tuple[ProjectRecord, ...]:
        """List all projects, newest first."""
        return await self._projects.projects()

    async def project(self, project: ProjectId) -> ProjectRecord:
        """Read a project's row. Raises NotFound."""
        try:
            return await self._projects.project(project)
        except NotFound as error:
            raise NotFound(f"there is no project {project!r} here: `millwright list` shows the projects") from error

    async def view(self, project: ProjectId) -> ProjectView:
        """Read a project as it stands. Raises NotFound."""
        record = await self.project(project)
        nodes = await self._projects.nodes(project)
        has_code = {node.path: await self._is_coded(node) for node in nodes}
        figures = counts(nodes, has_code)
        spend = await self._projects.spend(project, record.revision)
        questions = tuple(question for question in await self._projects.questions(project) if question.open)
        return ProjectView(
            project=record,
            counts=figures,
            spend=spend.settled,
            undecided=figures.tasks - sum(figures.model_dump(exclude={"tasks"}).values()),
            tree=_tree(nodes, has_code),
            questions=questions,
            requirements=proven_in(record.options),
        )

    async def forecast(self, project: ProjectId) -> Forecast | None:
        """Read a project's newest forecast."""
        return await self._projects.forecast(project)

    async def task_results(self, project: ProjectId) -> tuple[TaskLine, ...]:
        """Read the result of every task that is decided or waits for a person, in order of path.

        A task that is still undecided when its project has ended was never won, and counts as failed.

        Raises:
            NotFound: no such project.
        """
        record = await self.project(project)
        lines = []
        for node in await self._projects.nodes(project):
            status = _LINE_STATUS.get(node.status)
            if status is None and record.exit_code is not None:
                status = LineStatus.FAILED
            if status is not None and await self._is_coded(node):
                lines.append(await self._line(node, status))
        return tuple(lines)

    async def report(self, project: str) -> str:
        """Read the report of a project, or of an earlier revision of it (``shop@1``), in Markdown.

        Raises:
            NotFound: no such project or revision, or it has not come to its report yet.
        """
        record = (await revision_named(self._projects, project)).project
        if record.report is None:
            raise NotFound(
                f"project {project!r} has no report yet (it is {record.status}): `millwright watch {project}`"
            )
        return (await self._artifacts.get(record.report)).decode("utf-8")

    async def deliverable(self, project: str) -> Deliverable:
        """Read the deliverable of a project or revision, every file checked against its digest and size.

        Raises:
            NotFound: no such project or revision, or nothing is delivered yet.
            IntegrityError: stored bytes do not match the manifest.
        """
        record = (await revision_named(self._projects, project)).project
        if record.manifest is None:
            raise NotFound(
                f"project {project!r} has delivered nothing yet (it is {record.status}): "
                f"`millwright watch {project}` follows it"
            )
        try:
            manifest = Manifest.model_validate_json(await self._artifacts.get(record.manifest))
        except ValidationError as error:
            raise IntegrityError(f"the manifest {record.manifest} of project {project!r} cannot be read") from error
        files: dict[str, bytes] = {}
        for entry in manifest.files:
            content = await self._artifacts.get(entry.digest)
            if len(content) != entry.size_bytes:
                raise IntegrityError(
                    f"{entry.path} of project {project!r} has {len(content)} bytes where its manifest says "
                    f"{entry.size_bytes}"
                )
            if entry.path in files:
                raise IntegrityError(f"the manifest of project {project!r} lists {entry.path} twice")
            files[entry.path] = content
        report = await self._artifacts.get(record.report) if record.report else None
        return Deliverable(manifest=manifest, digest=record.manifest, files=files, report=report)

    async def _line(self, node: NodeRecord, status: LineStatus) -> TaskLine:
        source = await self._artifacts.get(node.artifact) if node.artifact else None
        return TaskLine(
            task=node.task,
            node=node.path,
            status=status,
            votes=node.votes,
            margin=node.margin,
            samples=node.samples,
            red_flags=node.red_flags,
            rejected_by_layer=node.rejected_by_layer,
            defect=node.defect,
            digest=node.artifact,
            source=None if source is None else source.decode("utf-8", "replace"),
        )

    async def _is_coded(self, node: NodeRecord) -> bool:
        known = self._has_code.get(node.specification)
        if known is None:
            known = (await self._projects.specification(node.specification)).has_interface
            self._has_code[node.specification] = known
        return known or not node.children


def _tree(nodes: tuple[NodeRecord, ...], has_code: Mapping[NodePath, bool]) -> TreeNode | None:
    if not nodes:
        return None
    below: dict[NodePath | None, list[NodeRecord]] = {}
    paths = {node.path for node in nodes}
    for node in nodes:
        below.setdefault(node.parent if node.parent in paths else None, []).append(node)

    def grown(node: NodeRecord) -> TreeNode:
        return TreeNode(
            **node.model_dump(include=TreeNode.model_fields.keys() - {"has_code", "children"}),
            has_code=has_code[node.path],
            children=tuple(grown(child) for child in below.get(node.path, [])),
        )

    return grown(below[None][0])
