"""Where errors leave activities: ours translated, others tried again, but not for ever."""

from dataclasses import replace

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.boundary import MOST_ATTEMPTS, translated
from millwright.errors import BadInput


@translated
async def _refuse() -> None:
    raise BadInput("it is none")


@translated
async def _break() -> None:
    raise ZeroDivisionError("what a candidate wrote")


def _at(attempt: int) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    return environment


async def test_errors_of_ours_leave_translated() -> None:
    """By class name; this one is worth no retry."""
    with pytest.raises(ApplicationError, match="it is none") as raised:
        await _at(1).run(_refuse)
    assert (raised.value.type, raised.value.non_retryable) == ("BadInput", True)


async def test_other_errors_are_tried_again_as_they_are() -> None:
    """The machine may be at fault."""
    with pytest.raises(ZeroDivisionError):
        await _at(MOST_ATTEMPTS - 1).run(_break)


async def test_other_errors_end_after_many_attempts_without_what_they_say() -> None:
    """A build that retries a fault of this program for a day says nothing to anybody; its text may be anyone's."""
    with pytest.raises(ApplicationError) as raised:
        await _at(MOST_ATTEMPTS).run(_break)
    assert (raised.value.type, raised.value.non_retryable) == ("InternalError", True)
    assert "ZeroDivisionError" in raised.value.message
    assert "candidate" not in raised.value.message
