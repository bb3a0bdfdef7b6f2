"""Projects, nodes and the evidence of how each part was won, in Postgres.

Model calls are kept by the ledger beside it, and bytes by the artifacts.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Result, Row, Select, delete, exists, func, or_, select, update
from sqlalchemy.sql.expression import Executable

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.rules import demand_time_zones, in_ladder_order, subject_of
from millwright.adapters.storage.statements import inserted_once, read, replaced, row_of
from millwright.adapters.storage.tables import (
    accepted,
    candidates,
    claims,
    completions,
    decisions,
    forecasts,
    further_examples,
    further_inputs,
    inputs,
    ledger,
    manifests,
    nodes,
    projects,
    questions,
    revisions,
    specifications,
    verdicts,
)
from millwright.errors import IntegrityError, NotFound, ProjectConflict
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import Forecast, NodeRecord, ProjectRecord
from schemas.identity import Digest, NodePath, ProjectId, TaskStatus
from schemas.people import Decision, Question
from schemas.specification import TaskSpecification
from schemas.verification import InputSet, Verdict

_OPEN_PROJECT = inserted_once(projects)
_SAVE_PROJECT = replaced(projects)
_SAVE_SPECIFICATION = inserted_once(specifications)
_SAVE_NODE = replaced(nodes)
_SAVE_CANDIDATE = inserted_once(candidates)
_SAVE_VERDICT = replaced(verdicts)
_SAVE_INPUTS = inserted_once(inputs)
_SAVE_MANIFEST = inserted_once(manifests)
_SAVE_QUESTION = replaced(questions)
_SAVE_DECISION = inserted_once(decisions)
_SAVE_FORECAST = replaced(forecasts)


class RecordRows(Rows):
    """The part of the project store that holds what is known, as against what was called."""

    async def open_project(self, project: ProjectRecord) -> ProjectRecord:
        """Register a project, or return the one of this id as stored.

        Raises:
            ProjectConflict: a project of this id exists with another ``input_digest``.
        """
        demand_time_zones(project)
        await self._write(_OPEN_PROJECT, row_of(project))
        stored = await self.project(project.id)
        if stored.input_digest != project.input_digest:
            raise ProjectConflict(f"a project {project.id!r} exists with other input: choose another id with --project")
        return stored

    async def save_project(self, project: ProjectRecord) -> None:
        """Replace a project's row."""
        demand_time_zones(project)
        await self._write(_SAVE_PROJECT, row_of(project))

    async def mark_project(self, project: ProjectId, status: TaskStatus, message: str) -> None:
        """Set the status and message of a project that has not ended, and touch nothing else of its row."""
        unended = update(projects).where(projects.c.id == project, projects.c.finished_at.is_(None))
        await self._change(unended.values(status=status.value, message=message))

    async def clear_nodes(self, project: ProjectId) -> None:
        """Remove a project's nodes with their own inputs, claims and examples, before its tree is laid out anew."""
        for table in (further_inputs, claims, further_examples, nodes):
            await self._change(delete(table).where(table.c.project == project))

    async def drop_nodes(self, project: ProjectId, paths: Sequence[NodePath]) -> None:
        """Remove nodes that no plan has any more, with their own inputs, claims and examples."""
        for table in (further_inputs, claims, further_examples, nodes):
            await self._change(delete(table).where(table.c.project == project, table.c.path.in_(paths)))

    async def forget_project(self, project: ProjectId) -> None:
        """Remove a project for which no model was ever called; one with calls or answers stays as it is."""
        called = or_(*(exists().where(table.c.project == project) for table in (ledger, completions)))
        for table in (nodes, questions, decisions, revisions, accepted):
            await self._change(delete(table).where(table.c.project == project, ~called))
        await self._change(delete(projects).where(projects.c.id == project, ~called))

    async def project(self, project: ProjectId) -> ProjectRecord:
        """Read a project. Raises NotFound."""
        row = await self._one(select(projects).where(projects.c.id == project))
        return read(
            ProjectRecord, _found(row, f"no project {project!r} is known: `millwright list` names those there are")
        )

    async def projects(self) -> tuple[ProjectRecord, ...]:
        """List all projects, newest first."""
        found = await self._all(select(projects).order_by(projects.c.created_at.desc(), projects.c.id))
        return tuple(read(ProjectRecord, row) for row in found)

    async def save_specification(self, task: TaskSpecification) -> Digest:
        """Store a specification under the digest of its canonical JSON."""
        content = canonical_json(task)
        digest = digest_of_bytes(content)
        await self._write(_SAVE_SPECIFICATION, {"digest": digest, "content": content.decode("ascii")})
        return digest

    async def specification(self, digest: Digest) -> TaskSpecification:
        """Read a specification and check it against its digest.

        Raises:
            NotFound: no specification has this digest.
            IntegrityError: what is stored does not match it.
        """
        row = await self._one(select(specifications.c.content).where(specifications.c.digest == digest))
        content = _found(row, f"no specification is stored under {digest}").content
        if digest_of_bytes(content.encode()) != digest:
            raise IntegrityError(f"the specification {digest} does not match its digest: restore it from a backup")
        return TaskSpecification.model_validate(json.loads(content))

    async def save_nodes(self, nodes: Sequence[NodeRecord]) -> None:
        """Insert nodes or replace their rows."""
        # In one order everywhere, so that two writers of the same nodes wait for each other and never deadlock.
        ordered = sorted(nodes, key=lambda node: (node.project, node.path))
        await self._write(_SAVE_NODE, [row_of(node) for node in ordered])

    async def node(self, project: ProjectId, path: NodePath) -> NodeRecord:
        """Read one node. Raises NotFound."""
        row = await self._one(select(nodes).where(nodes.c.project == project, nodes.c.path == path))
        return read(
            NodeRecord, _found(row, f"project {project!r} has no node {path!r}: `millwright tree` shows its nodes")
        )

    async def nodes(self, project: ProjectId) -> tuple[NodeRecord, ...]:
        """Read all nodes of a project in order of path."""
        found = await self._all(select(nodes).where(nodes.c.project == project).order_by(nodes.c.path))
        return tuple(read(NodeRecord, row) for row in found)

    async def save_candidate(self, project: ProjectId, path: NodePath, candidate: Digest, source: str) -> None:
        """Store a candidate's extracted source."""
        await self._write(_SAVE_CANDIDATE, {"project": project, "path": path, "candidate": candidate, "source": source})

    async def candidate(self, project: ProjectId, path: NodePath, candidate: Digest) -> str:
        """Read a candidate's source. Raises NotFound."""
        columns = candidates.c
        row = await self._one(
            select(columns.source).where(
                columns.project == project, columns.path == path, columns.candidate == candidate
            )
        )
        return str(_found(row, f"node {path!r} of project {project!r} has no candidate {candidate}").source)

    async def save_verdicts(
        self, project: ProjectId, path: NodePath, candidate: Digest, verdicts: Sequence[Verdict]
    ) -> None:
        """Insert or replace verdicts by layer."""
        place = {"project": project, "path": path, "candidate": candidate}
        ordered = sorted(verdicts, key=lambda verdict: verdict.layer)
        await self._write(_SAVE_VERDICT, [{**place, **row_of(verdict)} for verdict in ordered])

    async def verdicts(self, project: ProjectId, path: NodePath) -> dict[Digest, tuple[Verdict, ...]]:
        """Read a node's verdicts, per candidate (in order of digest) in the ladder's order."""
        columns = verdicts.c
        found = await self._all(
            select(verdicts).where(columns.project == project, columns.path == path).order_by(columns.candidate)
        )
        by_candidate: dict[Digest, list[Verdict]] = {}
        for row in found:
            by_candidate.setdefault(Digest(row.candidate), []).append(read(Verdict, row))
        return {candidate: in_ladder_order(given) for candidate, given in by_candidate.items()}

    async def save_inputs(self, inputs: InputSet) -> None:
        """Store a specification's inputs; the first to store them wins."""
        await self._write(_SAVE_INPUTS, row_of(inputs))

    async def inputs(self, specification: Digest) -> InputSet | None:
        """Read a specification's stored inputs; None when none are stored."""
        row = await self._one(select(inputs).where(inputs.c.specification_digest == specification))
        return None if row is None else read(InputSet, row)

    async def save_manifest(self, project: ProjectId, manifest: Digest) -> None:
        """Record a manifest (an artifact) as a deliverable of the project."""
        await self._write(_SAVE_MANIFEST, {"project": project, "manifest": manifest})

    async def save_question(self, question: Question) -> None:
        """Insert a question or replace its row."""
        demand_time_zones(question)
        await self._write(_SAVE_QUESTION, row_of(question))

    async def questions(self, project: ProjectId) -> tuple[Question, ...]:
        """Read a project's questions, oldest first."""
        columns = questions.c
        found = await self._all(
            select(questions).where(columns.project == project).order_by(columns.created_at, columns.id)
        )
        return tuple(read(Question, row) for row in found)

    async def open_questions(self) -> tuple[Question, ...]:
        """Read what waits for people in all projects that have not ended, oldest first."""
        columns = questions.c
        found = await self._all(
            select(questions)
            .join(projects, projects.c.id == columns.project)
            .where(columns.open, projects.c.exit_code.is_(None))
            .order_by(func.coalesce(columns.asked_at, columns.created_at), columns.project, columns.id)
        )
        return tuple(read(Question, row) for row in found)

    async def save_decision(self, decision: Decision) -> None:
        """Record a decision; the first under (project, question or gate, id) wins."""
        demand_time_zones(decision)
        await self._write(_SAVE_DECISION, {**row_of(decision), "about": subject_of(decision)})

    async def decisions(self, project: ProjectId) -> tuple[Decision, ...]:
        """Read a project's decisions, oldest first."""
        columns = decisions.c
        found = await self._all(
            select(decisions).where(columns.project == project).order_by(columns.created_at, columns.about, columns.id)
        )
        return tuple(read(Decision, row) for row in found)

    async def save_forecast(self, project: ProjectId, forecast: Forecast) -> None:
        """Record a forecast; recording an old one again makes it the newest."""
        digest = digest_of_bytes(canonical_json(forecast))
        await self._write(_SAVE_FORECAST, {"project": project, "digest": digest, "content": row_of(forecast)})

    async def forecast(self, project: ProjectId) -> Forecast | None:
        """Read the newest forecast; None when there is none."""
        columns = forecasts.c
        row = await self._one(
            select(columns.content)
            .where(columns.project == project)
            .order_by(columns.updated_at.desc(), columns.digest)
            .limit(1)
        )
        return None if row is None else Forecast.model_validate(row.content)

    async def forecasts(self, most: int = 500) -> dict[ProjectId, Forecast]:
        """Read the newest forecast of each project, of those whose forecasts are the newest, in order of project."""
        columns = forecasts.c
        last = select(columns.project, func.max(columns.updated_at).label("moment")).group_by(columns.project)
        chosen = last.order_by(func.max(columns.updated_at).desc(), columns.project).limit(most).subquery()
        found = await self._all(
            select(columns.project, columns.content)
            .join(chosen, (chosen.c.project == columns.project) & (chosen.c.moment == columns.updated_at))
            .order_by(columns.project, columns.digest)
        )
        newest: dict[ProjectId, object] = {}
        for row in found:
            newest.setdefault(ProjectId(row.project), row.content)
        return {project: Forecast.model_validate(content) for project, content in newest.items()}

    async def _write(self, statement: Executable, rows: dict[str, Any] | list[dict[str, Any]]) -> None:
        if not rows:
            return
        async with self._transaction() as connection:
            await connection.execute(statement, rows)

    async def _change(self, statement: Executable) -> None:
        async with self._transaction() as connection:
            await connection.execute(statement)

    async def _one(self, statement: Select[Any]) -> Row[Any] | None:
        async with self._transaction() as connection:
            result: Result[Any] = await connection.execute(statement)
            return result.one_or_none()

    async def _all(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        async with self._transaction() as connection:
            result: Result[Any] = await connection.execute(statement)
            return result.all()


def _found(row: Row[Any] | None, otherwise: str) -> Row[Any]:
    if row is None:
        raise NotFound(otherwise)
    return row
