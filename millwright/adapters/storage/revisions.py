"""What earlier builds left, in Postgres: a project's revisions, and parts and plans by the identities of their nodes.

It decides nothing about what may be used again.
"""

from typing import Any

from sqlalchemy import delete, select, update

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.rules import demand_time_zones
from millwright.adapters.storage.statements import inserted_once, replaced, row_of
from millwright.adapters.storage.tables import (
    accepted,
    claims,
    decisions,
    further_examples,
    further_inputs,
    nodes,
    projects,
    questions,
    revisions,
    verdicts,
)
from schemas.base import Schema
from schemas.evidence import ProjectRecord
from schemas.identity import Digest, ProjectId
from schemas.reuse import AcceptedPart, AcceptedPlan, Revision

_ARCHIVE = inserted_once(revisions)
_ACCEPT = replaced(accepted)
_OF_ONE_REVISION = (further_inputs, claims, further_examples, verdicts, questions, decisions, nodes)
_PART, _PLAN = "part", "plan"


class RevisionRows(Rows):
    """The part of the project store that outlives a revision."""

    async def supersede(self, ended: Revision, following: ProjectRecord) -> None:
        """Keep a revision as it ended, remove its rows, and begin the next one, in one transaction."""
        demand_time_zones(following)
        project = ended.project
        row = {
            "project": project.id,
            "revision": project.revision,
            "content": ended.model_dump(mode="json"),
            "started_at": project.started_at,
            "finished_at": project.finished_at,
        }
        present = projects.c.id == project.id, projects.c.revision == project.revision
        async with self._transaction() as connection:
            begun = update(projects).where(*present).values(**row_of(following)).returning(projects.c.id)
            if (await connection.execute(begun)).first() is None:
                return  # it was superseded already
            await connection.execute(_ARCHIVE, row)
            for table in _OF_ONE_REVISION:
                await connection.execute(delete(table).where(table.c.project == project.id))

    async def revisions(self, project: ProjectId) -> tuple[Revision, ...]:
        """Read a project's earlier revisions, oldest first."""
        columns = revisions.c
        statement = select(columns.content).where(columns.project == project).order_by(columns.revision)
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        return tuple(Revision.model_validate(row.content) for row in found)

    async def accept_part(self, project: ProjectId, part: AcceptedPart) -> None:
        """Keep a part under its identity, in the place of an earlier one."""
        await self._accept(project, _PART, part.identity, part.entered, part)

    async def accepted_part(self, project: ProjectId, identity: Digest) -> AcceptedPart | None:
        """Read the part that a project keeps under an identity; None when there is none."""
        content = await self._accepted(project, _PART, identity)
        return None if content is None else AcceptedPart.model_validate(content)

    async def accept_plan(self, project: ProjectId, plan: AcceptedPlan) -> None:
        """Keep a plan under its identity, in the place of an earlier one."""
        await self._accept(project, _PLAN, plan.identity, plan.entered, plan)

    async def accepted_plan(self, project: ProjectId, identity: Digest) -> AcceptedPlan | None:
        """Read the plan that a project keeps under an identity; None when there is none."""
        content = await self._accepted(project, _PLAN, identity)
        return None if content is None else AcceptedPlan.model_validate(content)

    async def _accept(self, project: ProjectId, kind: str, identity: Digest, entered: int, content: Schema) -> None:
        row = {
            "project": project,
            "kind": kind,
            "identity": identity,
            "revision": entered,
            "content": row_of(content),
        }
        async with self._transaction() as connection:
            await connection.execute(_ACCEPT, row)

    async def _accepted(self, project: ProjectId, kind: str, identity: Digest) -> Any:
        columns = accepted.c
        statement = select(columns.content).where(
            columns.project == project, columns.kind == kind, columns.identity == identity
        )
        async with self._transaction() as connection:
            return await connection.scalar(statement)
