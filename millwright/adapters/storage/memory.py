"""The store in memory: the same promises as in Postgres, for tests and for checks that leave nothing behind.

It serves one event loop, and forgets everything when it is dropped.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from millwright.adapters.storage.memory_calls import MemoryCalls, found, utc_now
from millwright.adapters.storage.rules import demand_time_zones, in_ladder_order, subject_of
from millwright.errors import IntegrityError, ProjectConflict
from schemas.claims import Claim, digest_of_values
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import Forecast, NodeRecord, ProjectRecord
from schemas.identity import Digest, LayerName, NodePath, ProjectId, TaskStatus
from schemas.people import Decision, Question
from schemas.reuse import AcceptedPart, AcceptedPlan, Revision
from schemas.specification import TaskSpecification, TestCase
from schemas.verification import InputSet, InputVector, Verdict

_Place = tuple[ProjectId, NodePath]


class MemoryStore(MemoryCalls):
    """``ProjectStore``, ``ArtifactStore`` and ``BreakerStore``. No method awaits anything else, so each is atomic."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(clock)
        self._artifacts: dict[Digest, bytes] = {}
        self._projects: dict[ProjectId, ProjectRecord] = {}
        self._specifications: dict[Digest, TaskSpecification] = {}
        self._nodes: dict[_Place, NodeRecord] = {}
        self._candidates: dict[tuple[_Place, Digest], str] = {}
        self._verdicts: dict[_Place, dict[Digest, dict[LayerName, Verdict]]] = {}
        self._inputs: dict[Digest, InputSet] = {}
        self._further_inputs: dict[_Place, dict[Digest, InputVector]] = {}
        self._claims: dict[_Place, dict[Digest, Claim]] = {}
        self._further_examples: dict[_Place, dict[str, TestCase]] = {}
        self._manifests: dict[tuple[ProjectId, Digest], None] = {}
        self._questions: dict[tuple[ProjectId, str], Question] = {}
        self._questions_put: dict[tuple[ProjectId, str], datetime] = {}
        self._decisions: dict[tuple[ProjectId, str, str], Decision] = {}
        self._forecasts: dict[ProjectId, Forecast] = {}
        self._revisions: dict[tuple[ProjectId, int], Revision] = {}
        self._parts: dict[tuple[ProjectId, Digest], AcceptedPart] = {}
        self._plans: dict[tuple[ProjectId, Digest], AcceptedPlan] = {}

    async def put(self, content: bytes, media_type: str) -> Digest:
        """Store bytes; storing the same bytes again is free."""
        digest = digest_of_bytes(content)
        self._artifacts.setdefault(digest, bytes(content))
        return digest

    async def get(self, digest: Digest) -> bytes:
        """Fetch bytes and check them against their digest. Raises NotFound, IntegrityError."""
        content = found(self._artifacts, digest, f"no artifact is stored under {digest}")
        if digest_of_bytes(content) != digest:
            raise IntegrityError(f"the artifact {digest} does not match its digest")
        return content

    async def open_project(self, project: ProjectRecord) -> ProjectRecord:
        """Register a project, or return the one of this id as stored. Raises ProjectConflict."""
        demand_time_zones(project)
        stored = self._projects.setdefault(project.id, project)
        if stored.input_digest != project.input_digest:
            raise ProjectConflict(f"a project {project.id!r} exists with other input: choose another id with --project")
        return stored

    async def save_project(self, project: ProjectRecord) -> None:
        """Replace a project's row."""
        demand_time_zones(project)
        self._projects[project.id] = project

    async def mark_project(self, project: ProjectId, status: TaskStatus, message: str) -> None:
        """Set the status and message of a project that has not ended."""
        stored = self._projects.get(project)
        if stored is not None and stored.finished_at is None:
            self._projects[project] = stored.model_copy(update={"status": status, "message": message})

    async def clear_nodes(self, project: ProjectId) -> None:
        """Remove a project's nodes with their own inputs, claims and examples."""
        self._drop(lambda key: key[0] == project)

    async def drop_nodes(self, project: ProjectId, paths: Sequence[NodePath]) -> None:
        """Remove nodes that no plan has any more, with their own inputs, claims and examples."""
        self._drop(lambda key: key[0] == project and key[1] in paths)

    def _drop(self, dropped: Callable[[_Place], bool]) -> None:
        rows: tuple[dict[_Place, Any], ...] = (
            self._nodes,
            self._further_inputs,
            self._claims,
            self._further_examples,
        )
        for kept in rows:
            for key in [key for key in kept if dropped(key)]:
                del kept[key]

    def _remove(self, project: ProjectId, *rows: dict[Any, Any]) -> None:
        for kept in rows:
            for key in [key for key in kept if key[0] == project]:
                del kept[key]

    async def forget_project(self, project: ProjectId) -> None:
        """Remove a project for which no model was ever called; one with calls or answers stays as it is."""
        if not await self.ledger(project) and not await self.all_completions(project):
            await self.clear_nodes(project)
            self._projects.pop(project, None)
            self._remove(project, self._questions, self._questions_put, self._decisions)
            self._remove(project, self._revisions, self._parts, self._plans)

    async def supersede(self, ended: Revision, following: ProjectRecord) -> None:
        """Keep a revision as it ended, remove its rows, and begin the next one."""
        demand_time_zones(following)
        project, number = ended.project.id, ended.project.revision
        if project not in self._projects or self._projects[project].revision != number:
            return
        self._revisions[project, number] = ended
        self._superseded_at[project, number] = self._clock()
        self._projects[project] = following
        await self.clear_nodes(project)
        self._remove(project, self._verdicts, self._questions, self._questions_put, self._decisions)

    async def revisions(self, project: ProjectId) -> tuple[Revision, ...]:
        """Read a project's earlier revisions, oldest first."""
        return tuple(found for (owner, _), found in sorted(self._revisions.items()) if owner == project)

    async def accept_part(self, project: ProjectId, part: AcceptedPart) -> None:
        """Keep a part under its identity, in the place of an earlier one."""
        self._parts[project, part.identity] = part

    async def accepted_part(self, project: ProjectId, identity: Digest) -> AcceptedPart | None:
        """Read the part that a project keeps under an identity; None when there is none."""
        return self._parts.get((project, identity))

    async def accept_plan(self, project: ProjectId, plan: AcceptedPlan) -> None:
        """Keep a plan under its identity, in the place of an earlier one."""
        self._plans[project, plan.identity] = plan

    async def accepted_plan(self, project: ProjectId, identity: Digest) -> AcceptedPlan | None:
        """Read the plan that a project keeps under an identity; None when there is none."""
        return self._plans.get((project, identity))

    async def project(self, project: ProjectId) -> ProjectRecord:
        """Read a project. Raises NotFound."""
        return found(
            self._projects, project, f"no project {project!r} is known: `millwright list` names those there are"
        )

    async def projects(self) -> tuple[ProjectRecord, ...]:
        """List all projects, newest first."""
        return tuple(reversed(self._projects.values()))

    async def save_specification(self, task: TaskSpecification) -> Digest:
        """Store a specification under the digest of its canonical JSON."""
        digest = digest_of_bytes(canonical_json(task))
        self._specifications.setdefault(digest, task)
        return digest

    async def specification(self, digest: Digest) -> TaskSpecification:
        """Read a specification. Raises NotFound."""
        return found(self._specifications, digest, f"no specification is stored under {digest}")

    async def save_nodes(self, nodes: Sequence[NodeRecord]) -> None:
        """Insert nodes or replace their rows."""
        self._nodes.update({(node.project, node.path): node for node in nodes})

    async def node(self, project: ProjectId, path: NodePath) -> NodeRecord:
        """Read one node. Raises NotFound."""
        otherwise = f"project {project!r} has no node {path!r}: `millwright tree` shows its nodes"
        return found(self._nodes, (project, path), otherwise)

    async def nodes(self, project: ProjectId) -> tuple[NodeRecord, ...]:
        """Read all nodes of a project in order of path."""
        return tuple(node for (owner, _), node in sorted(self._nodes.items()) if owner == project)

    async def save_candidate(self, project: ProjectId, path: NodePath, candidate: Digest, source: str) -> None:
        """Store a candidate's extracted source."""
        self._candidates.setdefault(((project, path), candidate), source)

    async def candidate(self, project: ProjectId, path: NodePath, candidate: Digest) -> str:
        """Read a candidate's source. Raises NotFound."""
        otherwise = f"node {path!r} of project {project!r} has no candidate {candidate}"
        return found(self._candidates, ((project, path), candidate), otherwise)

    async def save_verdicts(
        self, project: ProjectId, path: NodePath, candidate: Digest, verdicts: Sequence[Verdict]
    ) -> None:
        """Insert or replace verdicts by layer."""
        if verdicts:
            by_layer = self._verdicts.setdefault((project, path), {}).setdefault(candidate, {})
            by_layer.update({verdict.layer: verdict for verdict in verdicts})

    async def verdicts(self, project: ProjectId, path: NodePath) -> dict[Digest, tuple[Verdict, ...]]:
        """Read a node's verdicts, per candidate (in order of digest) in the ladder's order."""
        by_candidate = self._verdicts.get((project, path), {})
        return {candidate: in_ladder_order(given.values()) for candidate, given in sorted(by_candidate.items())}

    async def save_inputs(self, inputs: InputSet) -> None:
        """Store a specification's inputs; the first to store them wins."""
        self._inputs.setdefault(inputs.specification_digest, inputs)

    async def inputs(self, specification: Digest) -> InputSet | None:
        """Read a specification's stored inputs; None when none are stored."""
        return self._inputs.get(specification)

    async def further_inputs(self, project: ProjectId, path: NodePath) -> tuple[InputVector, ...]:
        """Read a node's own inputs in the order in which they were added."""
        return tuple(self._further_inputs.get((project, path), {}).values())

    async def add_further_inputs(self, project: ProjectId, path: NodePath, vectors: Sequence[InputVector]) -> None:
        """Add inputs to a node's own; of equal arguments the first stay."""
        kept = self._further_inputs.setdefault((project, path), {})
        for vector in vectors:
            kept.setdefault(digest_of_values(vector.arguments), vector)

    async def claims(self, project: ProjectId, path: NodePath) -> tuple[Claim, ...]:
        """Read what agents claim of a node's results, in order of digest."""
        return tuple(claim for _, claim in sorted(self._claims.get((project, path), {}).items()))

    async def save_claims(self, project: ProjectId, path: NodePath, claims: Sequence[Claim]) -> None:
        """Record claims; of an equal claim the votes are replaced."""
        self._claims.setdefault((project, path), {}).update({claim.digest: claim for claim in claims})

    async def further_examples(self, project: ProjectId, path: NodePath) -> tuple[TestCase, ...]:
        """Read the examples that a vote settled for a node, in the order in which they were added."""
        return tuple(self._further_examples.get((project, path), {}).values())

    async def add_further_examples(self, project: ProjectId, path: NodePath, cases: Sequence[TestCase]) -> None:
        """Add examples to a node's own; the first under a name stays."""
        kept = self._further_examples.setdefault((project, path), {})
        for case in cases:
            kept.setdefault(case.name, case)

    async def save_manifest(self, project: ProjectId, manifest: Digest) -> None:
        """Record a manifest (an artifact) as a deliverable of the project."""
        self._manifests.setdefault((project, manifest))

    async def save_question(self, question: Question) -> None:
        """Insert a question or replace its row."""
        demand_time_zones(question)
        self._questions[question.project, question.id] = question
        self._questions_put.setdefault((question.project, question.id), self._clock())

    async def questions(self, project: ProjectId) -> tuple[Question, ...]:
        """Read a project's questions, oldest first."""
        return tuple(question for (owner, _), question in self._questions.items() if owner == project)

    async def open_questions(self) -> tuple[Question, ...]:
        """Read what waits for people in all projects that have not ended, oldest first."""
        going_on = {project.id for project in self._projects.values() if project.exit_code is None}
        waiting = [
            (question.asked_at or self._questions_put[key], key, question)
            for key, question in self._questions.items()
            if question.open and question.project in going_on
        ]
        return tuple(question for *_, question in sorted(waiting, key=lambda found: found[:2]))

    async def save_decision(self, decision: Decision) -> None:
        """Record a decision; the first under (project, question or gate, id) wins."""
        demand_time_zones(decision)
        self._decisions.setdefault((decision.project, subject_of(decision), decision.id), decision)

    async def decisions(self, project: ProjectId) -> tuple[Decision, ...]:
        """Read a project's decisions, oldest first."""
        return tuple(decision for (owner, *_), decision in self._decisions.items() if owner == project)

    async def save_forecast(self, project: ProjectId, forecast: Forecast) -> None:
        """Record a forecast; only the newest is ever read."""
        self._forecasts.pop(project, None)
        self._forecasts[project] = forecast

    async def forecast(self, project: ProjectId) -> Forecast | None:
        """Read the newest forecast; None when there is none."""
        return self._forecasts.get(project)

    async def forecasts(self, most: int = 500) -> dict[ProjectId, Forecast]:
        """Read the newest forecast of each project, of those whose forecasts are the newest, in order of project."""
        newest = list(self._forecasts.items())[-most:] if most else []
        return dict(sorted(newest))
