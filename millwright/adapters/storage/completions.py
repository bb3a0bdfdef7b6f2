"""What models were asked and what they answered, in Postgres: prompts by digest, completions by call.

What it took is the ledger's to say. Nothing here is ever removed.
"""

import json
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.rules import completion_key, first_set
from millwright.adapters.storage.statements import inserted_once, of_call, read, row_of
from millwright.adapters.storage.tables import completions, prompts
from millwright.errors import IntegrityError, NotFound
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import CompletionRecord
from schemas.identity import Digest, NodePath, ProjectId
from schemas.models import MOST_CHOICES, Prompt

_ORDER = [completions.c[name] for name in ("path", "purpose", "round", "index", "revision")]
_STORE = inserted_once(completions)
_SAVE_PROMPT = inserted_once(prompts)
_MOST_ANSWERS = 16 * MOST_CHOICES
"""How many of the first answers to a call are looked through for a set; each set came at one moment."""


async def store_completions(connection: AsyncConnection, project: ProjectId, given: Sequence[CompletionRecord]) -> None:
    """Store completions; the first under a key stays."""
    # In one order everywhere, so that two writers of the same rows wait for each other and never deadlock.
    ordered = sorted(given, key=lambda one: (one.path, one.purpose, one.round, one.index, one.revision))
    if ordered:
        await connection.execute(_STORE, [{"project": project, **row_of(one)} for one in ordered])


class CompletionRows(Rows):
    """The part of the project store that holds what models were asked and answered."""

    async def completions(
        self, project: ProjectId, path: NodePath, purpose: str, round_: int, revision: int = 1
    ) -> tuple[CompletionRecord, ...]:
        """Read the completions of one round of a revision in order of index."""
        columns = completions.c
        return await self._completions(
            columns.project == project,
            columns.path == path,
            columns.purpose == purpose,
            columns.round == round_,
            columns.revision == revision,
        )

    async def all_completions(self, project: ProjectId) -> tuple[CompletionRecord, ...]:
        """Read every completion of a project in order of (path, purpose, round, index, revision)."""
        return await self._completions(completions.c.project == project)

    async def label_completion(self, project: ProjectId, completion: CompletionRecord) -> None:
        """Record what was extracted from a completion; its text stays as it was settled.

        Raises:
            NotFound: the call has no completion.
        """
        key = completion_key(project, completion)
        statement = (
            update(completions)
            .where(of_call(completions, key))
            .values(
                candidate=completion.candidate,
                flag=completion.flag,
                detail=completion.detail,
                updated_at=func.now(),
            )
            .returning(completions.c.index)
        )
        async with self._transaction() as connection:
            if (await connection.execute(statement)).first() is None:
                raise NotFound(f"the call {key} has no completion: settle it before it is labelled")

    async def recall(self, project: ProjectId, completions: Sequence[CompletionRecord]) -> None:
        """Store completions that were known before, and mark them so; the first under a key stays."""
        known = [completion.model_copy(update={"recalled": True}) for completion in completions]
        async with self._transaction() as connection:
            await store_completions(connection, project, known)

    async def answers_to(self, call: Digest) -> tuple[CompletionRecord, ...]:
        """Read what a call was answered before, by whomever, in order of choice; empty if it was not."""
        columns = completions.c
        statement = (
            select(completions)
            .where(columns.call == call)
            .order_by(columns.created_at, columns.project, *_ORDER)
            .limit(_MOST_ANSWERS)
        )
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        return first_set((ProjectId(row.project), read(CompletionRecord, row)) for row in found)

    async def save_prompt(self, prompt: Prompt) -> Digest:
        """Store a prompt under the digest of its canonical JSON; storing it again sends none of it."""
        content = canonical_json(prompt)
        digest = digest_of_bytes(content)
        async with self._transaction() as connection:
            known = await connection.scalar(select(prompts.c.digest).where(prompts.c.digest == digest))
            if known is None:
                await connection.execute(_SAVE_PROMPT, {"digest": digest, "content": content.decode("ascii")})
        return digest

    async def prompt(self, digest: Digest) -> Prompt:
        """Read a prompt and check it against its digest.

        Raises:
            NotFound: no prompt has this digest.
            IntegrityError: what is stored does not match it.
        """
        async with self._transaction() as connection:
            content = await connection.scalar(select(prompts.c.content).where(prompts.c.digest == digest))
        if content is None:
            raise NotFound(f"no prompt is stored under {digest}")
        if digest_of_bytes(content.encode()) != digest:
            raise IntegrityError(f"the prompt {digest} does not match its digest: restore it from a backup")
        return Prompt.model_validate(json.loads(content))

    async def _completions(self, *conditions: ColumnElement[bool]) -> tuple[CompletionRecord, ...]:
        statement = select(completions).where(*conditions).order_by(*_ORDER)
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        return tuple(read(CompletionRecord, row) for row in found)
