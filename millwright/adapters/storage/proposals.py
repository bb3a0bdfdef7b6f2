"""What agents propose for a node beside code, in Postgres: inputs, claims, and examples that a vote settled.

The inputs that all nodes of one specification share are kept elsewhere.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Result, Row, Select, Table, select

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.statements import inserted_once, read, replaced, row_of
from millwright.adapters.storage.tables import claims, further_examples, further_inputs
from schemas.claims import Claim, digest_of_values
from schemas.identity import NodePath, ProjectId
from schemas.specification import TestCase
from schemas.verification import InputVector

_ADD_INPUT = inserted_once(further_inputs)
_SAVE_CLAIM = replaced(claims)
_ADD_EXAMPLE = inserted_once(further_examples)


class ProposalRows(Rows):
    """The part of the project store that holds what agents propose beside code."""

    async def further_inputs(self, project: ProjectId, path: NodePath) -> tuple[InputVector, ...]:
        """Read a node's own inputs, beside those of its specification, in the order in which they were added."""
        columns = further_inputs.c
        ordered = _of(further_inputs, project, path).order_by(columns.created_at, columns.position, columns.digest)
        return tuple(read(InputVector, row) for row in await self._found(ordered))

    async def add_further_inputs(self, project: ProjectId, path: NodePath, vectors: Sequence[InputVector]) -> None:
        """Add inputs to a node's own; of equal arguments the first stay."""
        rows = [
            {
                "project": project,
                "path": path,
                "digest": digest_of_values(item.arguments),
                "position": number,
                **row_of(item),
            }
            for number, item in enumerate(vectors)
        ]
        await self._store(_ADD_INPUT, sorted(rows, key=lambda row: str(row["digest"])))

    async def claims(self, project: ProjectId, path: NodePath) -> tuple[Claim, ...]:
        """Read what agents claim of a node's results, in order of digest."""
        found = await self._found(_of(claims, project, path).order_by(claims.c.digest))
        return tuple(read(Claim, row) for row in found)

    async def save_claims(self, project: ProjectId, path: NodePath, claims: Sequence[Claim]) -> None:
        """Record claims; of an equal claim the votes are replaced."""
        rows = [{"project": project, "path": path, "digest": claim.digest, **row_of(claim)} for claim in claims]
        await self._store(_SAVE_CLAIM, sorted(rows, key=lambda row: str(row["digest"])))

    async def further_examples(self, project: ProjectId, path: NodePath) -> tuple[TestCase, ...]:
        """Read the examples that a vote settled for a node, in the order in which they were added."""
        columns = further_examples.c
        ordered = _of(further_examples, project, path).order_by(columns.created_at, columns.position, columns.name)
        return tuple(TestCase.model_validate(row.content) for row in await self._found(ordered))

    async def add_further_examples(self, project: ProjectId, path: NodePath, cases: Sequence[TestCase]) -> None:
        """Add examples to a node's own; the first under a name stays."""
        rows = [
            {"project": project, "path": path, "name": case.name, "position": number, "content": row_of(case)}
            for number, case in enumerate(cases)
        ]
        await self._store(_ADD_EXAMPLE, sorted(rows, key=lambda row: str(row["name"])))

    async def _store(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            # In one order everywhere, so that two writers of the same rows wait for each other and never deadlock.
            async with self._transaction() as connection:
                await connection.execute(statement, rows)

    async def _found(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        async with self._transaction() as connection:
            result: Result[Any] = await connection.execute(statement)
            return result.all()


def _of(table: Table, project: ProjectId, path: NodePath) -> Select[Any]:
    return select(table).where(table.c.project == project, table.c.path == path)
