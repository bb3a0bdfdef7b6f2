"""Circuit breakers in Postgres: each replaced only by who has read its last version.

When one opens or closes is not decided here.
"""

from collections.abc import Sequence

from sqlalchemy import func, select, update

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.rules import demand_time_zones
from millwright.adapters.storage.statements import inserted_once, read, row_of
from millwright.adapters.storage.tables import breakers
from schemas.breakers import Breaker

_FIRST = inserted_once(breakers).returning(breakers.c.version)


class BreakerRows(Rows):
    """The breaker store."""

    async def breakers(self, endpoints: Sequence[str]) -> dict[str, Breaker]:
        """Read breakers; one that was never stored is closed, at version 0."""
        async with self._transaction() as connection:
            found = (await connection.execute(select(breakers).where(breakers.c.endpoint.in_(endpoints)))).all()
        stored = {row.endpoint: read(Breaker, row) for row in found}
        return {endpoint: stored.get(endpoint) or Breaker(endpoint=endpoint) for endpoint in endpoints}

    async def replace_breaker(self, breaker: Breaker) -> bool:
        """Store what became of a breaker in the place of the version that was read; False where that is gone."""
        demand_time_zones(breaker)
        row = row_of(breaker) | {"version": breaker.version + 1}
        columns = breakers.c
        following = (
            update(breakers)
            .where(columns.endpoint == breaker.endpoint, columns.version == breaker.version)
            .values(**row, updated_at=func.now())
            .returning(columns.version)
        )
        async with self._transaction() as connection:
            done = await connection.execute(_FIRST, row) if not breaker.version else await connection.execute(following)
            return done.first() is not None
