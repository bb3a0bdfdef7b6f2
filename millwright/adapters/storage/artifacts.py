"""Artifacts in Postgres: immutable bytes under their digest.

It interprets no bytes and forgets none.
"""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.tables import artifacts
from millwright.errors import IntegrityError, NotFound
from schemas.digests import digest_of_bytes
from schemas.identity import Digest

_INSERT = insert(artifacts).on_conflict_do_nothing()


class ArtifactRows(Rows):
    """The artifact store."""

    async def put(self, content: bytes, media_type: str) -> Digest:
        """Store bytes; storing the same bytes again sends none of them."""
        digest = digest_of_bytes(content)
        row = {"digest": digest, "media_type": media_type, "size_bytes": len(content), "content": content}
        async with self._transaction() as connection:
            known = await connection.scalar(select(artifacts.c.digest).where(artifacts.c.digest == digest))
            if known is None:
                await connection.execute(_INSERT, row)
        return digest

    async def get(self, digest: Digest) -> bytes:
        """Fetch bytes and check them against their digest.

        Raises:
            NotFound: nothing is stored under the digest.
            IntegrityError: what is stored does not match it.
        """
        async with self._transaction() as connection:
            stored = await connection.scalar(select(artifacts.c.content).where(artifacts.c.digest == digest))
        if stored is None:
            raise NotFound(f"no artifact is stored under {digest}")
        content = bytes(stored)
        if digest_of_bytes(content) != digest:
            raise IntegrityError(f"the artifact {digest} does not match its digest: restore it from a backup")
        return content
