"""Every timeout and retry of every kind of activity, in one place.

Recovery after a worker's death is decided by the heartbeat timeout, so every activity that can be long has one; it
is never under 10 s, because a loaded machine delays heartbeats (measured: 2 s gave false time-outs).
"""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy

from schemas.identity import ProjectId
from schemas.requests import Purpose

NEVER_RETRIED = [
    "BadInput",
    "SpecificationInvalid",
    "ProjectConflict",
    "NotFound",
    "SchemaOutdated",
    "ModelRefused",
    "BudgetReached",
    "IntegrityError",
    "NotifierRefused",
]
"""Errors whose repetition can bring nothing; ``activities.boundary`` marks them so as well."""


class LocalPolicy(TypedDict):
    """The keyword arguments that a local activity is executed with."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class ActivityPolicy(TypedDict):
    """The keyword arguments that an activity is executed with."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta | None
    retry_policy: RetryPolicy


def _retry(longest: timedelta) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2.0,
        maximum_interval=longest,
        non_retryable_error_types=NEVER_RETRIED,
    )


RECORD = ActivityPolicy(
    start_to_close_timeout=timedelta(seconds=60),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=None,
    retry_policy=_retry(timedelta(seconds=30)),
)
"""Short reads and writes of the store."""

NOTIFY = ActivityPolicy(
    start_to_close_timeout=timedelta(minutes=2),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=None,
    retry_policy=_retry(timedelta(minutes=15)),
)
"""Telling people; a receiver that is away for a night hears of it in the morning.

Whom an attempt reached is told by its heartbeats. The server keeps the last one's details over failures without a
heartbeat timeout, too (a test holds both servers to it), and a dead worker is noticed by the end of ``start_to_close``.
"""

LAST_NEWS = timedelta(minutes=1)
"""How long the news of a deadline may delay what follows from it."""

OPEN = LocalPolicy(
    start_to_close_timeout=timedelta(seconds=60),
    schedule_to_close_timeout=timedelta(hours=24),
    retry_policy=_retry(timedelta(seconds=30)),
)
"""Opening a project, as a local activity: only its result is in the history."""

GENERATE = ActivityPolicy(
    start_to_close_timeout=timedelta(minutes=30),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=_retry(timedelta(seconds=60)),
)
"""A batch of model calls; a retry pays only for what is missing."""

VERIFY = ActivityPolicy(
    start_to_close_timeout=timedelta(minutes=20),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=_retry(timedelta(seconds=30)),
)
"""A layer, or the ladder, over a batch of candidates."""

CONFIRM = ActivityPolicy(
    start_to_close_timeout=timedelta(minutes=10),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=_retry(timedelta(seconds=30)),
)
"""The further looks at one winner."""

INTEGRATE = ActivityPolicy(
    start_to_close_timeout=timedelta(minutes=20),
    schedule_to_close_timeout=timedelta(hours=6),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=_retry(timedelta(seconds=30)),
)
"""Assembling, building and testing the whole."""

PLANNING, PREPARING, FIRST_ROUND, FURTHER_ROUNDS, REVIEWING = range(1, 6)
"""Who goes before whom in the queue of model calls, the lowest number first: what others wait for is drawn first."""

_URGENCY = {
    Purpose.SPECIFY: PLANNING,
    Purpose.DECOMPOSE: PLANNING,
    Purpose.INPUTS: PREPARING,
    Purpose.EXAMPLES: PREPARING,
    Purpose.CHOOSE: PREPARING,
    Purpose.COORDINATE: FURTHER_ROUNDS,
    Purpose.REVIEW: REVIEWING,
}


def urgency(project: ProjectId, purpose: Purpose, round_: int = 0) -> Priority:
    """Say how soon an activity that waits on models is to leave the queue; at one urgency, projects take turns.

    The server keeps to it for what is queued there (it needs ``matching.enableFairness`` for the turns), so a worker
    that takes on more than the endpoints answer at once makes it mean less.
    """
    of_code = FURTHER_ROUNDS if round_ else FIRST_ROUND
    return Priority(priority_key=_URGENCY.get(purpose, of_code), fairness_key=project)
