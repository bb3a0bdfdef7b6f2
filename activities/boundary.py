"""The one place where errors of ours become Temporal's, and where long activities keep their heartbeat.

A type name is stable, a message holds no source text and no secret; whether a retry makes sense is the error's word.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError

from millwright.errors import MillwrightError, RoutesClosed

MOST_ATTEMPTS = 20
"""Attempts that an error of no kind of ours is worth: some ten minutes of pauses. Further ones would hide a fault of
this program behind a build that never ends."""

_LONGEST_MESSAGE = 2000
_HEARTBEAT_SECONDS = 3.0

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


def application_error(error: MillwrightError) -> ApplicationError:
    """Translate an error of ours: its class name is the type; errors that a retry cannot mend are not retried.

    Where an error says when it may be mended, Temporal retries then and not before.
    """
    message = str(error)
    shown = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "…"
    delay = timedelta(seconds=error.retry_seconds) if isinstance(error, RoutesClosed) else None
    return ApplicationError(shown, type=type(error).__name__, non_retryable=not error.retryable, next_retry_delay=delay)


def translated(method: Method) -> Method:
    """Wrap an asynchronous activity method so that errors of ours leave it translated; its type stays what it is.

    Any other error is tried again as it is, but not for ever; what it says may quote anything and stays in the log.
    """

    @functools.wraps(method)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        except MillwrightError as error:
            raise application_error(error) from error
        except FailureError:
            raise
        except Exception as error:
            if not activity.in_activity() or activity.info().attempt < MOST_ATTEMPTS:
                raise
            message = (
                f"{type(error).__name__}, an error of no kind of ours, {MOST_ATTEMPTS} times: see the worker's log"
            )
            raise ApplicationError(message, type="InternalError", non_retryable=True) from error

    return cast(Method, wrapper)


class Heart:
    """The heartbeat of one activity. Each beat repeats the details: one without any would make the server forget."""

    def __init__(self, details: Sequence[Any]) -> None:
        self.details = tuple(details)

    def say(self, *details: Any) -> None:
        """Send details at once; they go with every beat from now on."""
        self.details = details
        self.beat()

    def beat(self) -> None:
        """Send the details again."""
        activity.heartbeat(*self.details)


@asynccontextmanager
async def heartbeating() -> AsyncIterator[Heart]:
    """Send a heartbeat every few seconds while the body runs; until it says more, with what an earlier attempt said."""
    heart = Heart(activity.info().heartbeat_details)

    async def beat() -> None:
        while True:
            heart.beat()
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield heart
    finally:
        task.cancel()
