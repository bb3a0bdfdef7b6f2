"""Temporal's errors of connection and lookup, told as ours; failures of workflows are left to whoever waits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.service import RPCError, RPCStatusCode

from millwright.errors import BadInput, MillwrightError, NotFound, ServiceUnavailable, TemporalUnavailable
from schemas.identity import ProjectId


@asynccontextmanager
async def speaking_of(name: ProjectId) -> AsyncIterator[None]:
    """Turn Temporal's errors in a block that speaks of a project into ours.

    Raises:
        NotFound: Temporal knows no such workflow.
        BadInput: Temporal refuses the request.
        ServiceUnavailable: Temporal is overloaded, or does not answer.
    """
    try:
        yield
    except RPCError as error:
        raise _translated(name, error) from error
    except RuntimeError as error:  # the SDK's bridge reports a connection it could not make so
        raise TemporalUnavailable(f"the Temporal service does not answer: {error}; see `millwright doctor`") from error


def _translated(name: ProjectId, error: RPCError) -> MillwrightError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NotFound(f"project {name!r} does not run here: `millwright list` shows the projects")
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return BadInput(f"Temporal refused project {name!r}: {error.message}")
    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
        return ServiceUnavailable(f"the Temporal service is overloaded: {error.message}; try again shortly")
    return TemporalUnavailable(f"the Temporal service does not answer: {error.message}; see `millwright doctor`")
