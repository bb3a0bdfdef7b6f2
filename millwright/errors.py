"""Every exception of Millwright's own.

::

    MillwrightError
    ├── BadInput                    the request cannot be acted on as it stands; never retried
    │   ├── SpecificationInvalid    a specification contradicts itself or cannot be read
    │   ├── ProjectConflict         a project of this id runs on other input
    │   └── NotFound                no project, node, artifact or task of this name
    ├── ServiceUnavailable          something Millwright needs does not answer; retried
    │   ├── TemporalUnavailable
    │   ├── DatabaseUnavailable
    │   ├── SchemaOutdated          the database is not at the migration this version needs; never retried
    │   ├── SandboxUnavailable      the sandbox itself is broken or missing: says nothing of a candidate
    │   ├── AnalyserUnavailable     a static tool is broken or missing: says nothing of a candidate
    │   ├── InputsUnavailable       the generator of inputs is broken or missing
    │   └── NotifierUnavailable     a notifier reached nobody
    ├── ModelError                  a model call brought no answer
    │   ├── ModelUnavailable        no complete answer came; retried
    │   │   ├── ModelOverloaded     the endpoint asks for patience (408, 425, 429, 503)
    │   │   ├── EndpointLost        no connection, a lost one, a dead engine, any other 5xx
    │   │   ├── ModelStalled        no answer in time, or silence in the middle of one
    │   │   ├── ReplyBroken         a cut, garbled or short body
    │   │   └── FieldRefused        the endpoint does not take a field; the next attempt goes without it
    │   ├── RoutesClosed            no endpoint of an archetype can be asked now; retried when one may be
    │   └── ModelRefused            wrong key, unknown model, bad request; never retried
    ├── BudgetReached               a reservation would pass a cap
    ├── NotifierRefused             a notifier will reach nobody: wrong address, wrong secret; never retried
    └── IntegrityError              stored bytes do not match their digest; never retried

A message says what happened, to which id, and what to do next.
"""

from collections.abc import Sequence

from schemas.specification import Fault


class MillwrightError(Exception):
    """The root of every error of ours; ``retryable`` says whether the same call may succeed later."""

    retryable = False


class BadInput(MillwrightError):
    """The request cannot be acted on as it stands."""


class SpecificationInvalid(BadInput):
    """A specification contradicts itself or cannot be read; ``faults`` lists everything found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        heading = f"the specification has {count} fault{'s' if count != 1 else ''}"
        super().__init__(f"{heading}: " + "; ".join(map(str, self.faults)))


class ProjectConflict(BadInput):
    """A project of this id runs, or ran, on other input."""


class NotFound(BadInput):
    """Nothing of this name is known."""


class ServiceUnavailable(MillwrightError):
    """Something that Millwright needs does not answer."""

    retryable = True


class TemporalUnavailable(ServiceUnavailable):
    """The Temporal service does not answer."""


class DatabaseUnavailable(ServiceUnavailable):
    """Postgres does not answer."""


class SchemaOutdated(ServiceUnavailable):
    """The database is not at the migration that this version needs."""

    retryable = False


class SandboxUnavailable(ServiceUnavailable):
    """The sandbox is broken or missing; nothing is known of the candidate."""


class AnalyserUnavailable(ServiceUnavailable):
    """A static tool is broken or missing; nothing is known of the candidate."""


class InputsUnavailable(ServiceUnavailable):
    """The generator of inputs is broken or missing."""


class NotifierUnavailable(ServiceUnavailable):
    """A notifier reached nobody; a later attempt may."""


class ModelError(MillwrightError):
    """A model call brought no answer.

    ``sent`` says whether the request may have left whole; an endpoint can begin no work on less, nor count it.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class ModelUnavailable(ModelError):
    """No complete answer came; the same call may bring one later."""

    retryable = True


class ModelOverloaded(ModelUnavailable):
    """The endpoint asks for patience; ``retry_after`` is in seconds, None where it does not say."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EndpointLost(ModelUnavailable):
    """No connection to the endpoint, or it was lost, or the server behind it failed.

    ``dead``: it said so itself (a dead engine, CUDA out of memory), or nobody listens. ``answered``: an error came back
    as a whole, so that the work was not done.
    """

    def __init__(self, message: str, *, sent: bool = True, dead: bool = False, answered: bool = False) -> None:
        super().__init__(message, sent=sent)
        self.dead = dead
        self.answered = answered


class ModelStalled(ModelUnavailable):
    """The endpoint did not answer in time, or fell silent in the middle of its answer."""


class ReplyBroken(ModelUnavailable):
    """The endpoint's answer was cut, garbled or short."""


class FieldRefused(ModelUnavailable):
    """The endpoint does not take ``fields`` of the request; the next attempt goes without them, and may go at once."""

    def __init__(self, message: str, fields: Sequence[str]) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class RoutesClosed(ModelError):
    """No endpoint of an archetype can be asked now; one may be in ``retry_seconds``."""

    retryable = True

    def __init__(self, message: str, *, retry_seconds: float) -> None:
        super().__init__(message, sent=False)
        self.retry_seconds = retry_seconds


class ModelRefused(ModelError):
    """The endpoint refused the call for good: wrong key, unknown model, bad request."""


NOT_SENT = "the request had not left whole"
"""A note on the cancellation of a model call that its endpoint cannot have begun to work on."""


def was_sent(error: BaseException) -> bool:
    """Tell whether a model call may have left whole before an error, or a cancellation, ended it.

    A cancellation has its note only as long as it is the exception that the call itself raised: ask before the task of
    the call ends.
    """
    if isinstance(error, ModelError):
        return error.sent
    return NOT_SENT not in getattr(error, "__notes__", ())


class BudgetReached(MillwrightError):
    """A reservation would pass one of the project's caps."""


class NotifierRefused(MillwrightError):
    """A notifier reached nobody, and no attempt will."""


class IntegrityError(MillwrightError):
    """Stored bytes do not match their digest."""
