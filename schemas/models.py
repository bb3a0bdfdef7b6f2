"""A call to a model and its answer, and what calls cost."""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import Archetype, Digest, NodePath, ProjectId


class Role(StrEnum):
    """Who speaks in a prompt."""

    SYSTEM = "system"
    USER = "user"


class Message(Schema):
    """One message of a prompt."""

    role: Role
    content: str


ROLE_LINE = "Role: "
"""Begins the first line of every system message of ours; the archetype follows."""

TASK_LINE = "Task: "
"""Begins the line of a user message that carries the task's id; a scripted model finds its answers by it."""

EARLIER_PLAN_LINE = "# An earlier plan"
"""The line of a user message under which stands why a plan was given up; no quotation can hold it, and a scripted model
tells by it that a plan is made anew."""

REJECTED_LINE = "# Rejected by a person"
"""The line of a user message under which stands what people said of earlier answers; no quotation can hold it."""

WINNER_LINE = "# The winning answer"
"""The line of a reviewer's prompt under which the source stands that is to be read."""


class Prompt(Schema):
    """A prompt with the version of the function that wrote it; the stable part comes first."""

    archetype: Archetype
    version: str
    messages: tuple[Message, ...]


MOST_CHOICES = 64
"""The most completions that one request asks for."""


class ModelRequest(Schema):
    """One stateless call for ``choices`` completions of one prompt, sent to one endpoint.

    ``model`` is the name that the endpoint knows, ``endpoint`` its base URL; both are chosen when the call is made.
    ``seed`` is an integer in [0, 2**63); ``max_tokens`` bounds each answer; ``timeout_seconds`` the whole call.
    ``json_schema`` asks for answers that fit it, where the endpoint can. ``priority`` is vLLM's, lower first; None
    sends none. ``idempotency_key`` is the same for every attempt at the same call. An answer ends before any text of
    ``stop``.
    """

    prompt: Prompt
    model: str = ""
    endpoint: str = ""
    temperature: float = Field(ge=0, le=2)
    seed: int = Field(ge=0, lt=2**63)
    choices: int = Field(default=1, ge=1, le=MOST_CHOICES)
    max_tokens: int = Field(default=2048, ge=1)
    timeout_seconds: float = Field(default=300.0, gt=0)
    json_schema: dict[str, object] | None = None
    priority: int | None = None
    idempotency_key: str = ""
    stop: tuple[str, ...] = ()


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    FILTERED = "content_filter"
    OTHER = "other"


class Usage(Schema):
    """Tokens of one call; estimated from bytes where the endpoint does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Choice(Schema):
    """One completion of a call: its text, as it was sent, and why it ended."""

    text: str
    finish_reason: FinishReason


class ModelAnswer(Schema):
    """A model's answer to one call: its completions in order, and what they used together.

    There may be fewer ``choices`` than were asked for, of an endpoint that knows no ``n``, and never more.
    ``latency_seconds`` is wall-clock.
    """

    choices: tuple[Choice, ...] = Field(min_length=1)
    usage: Usage
    model: str
    endpoint: str
    latency_seconds: float = 0.0


class Spend(Schema):
    """What a project or node has used.

    ``calls`` are requests, those that failed included; ``cost`` is in the currency of the price list (US dollars by
    default).
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    def plus(self, other: "Spend") -> "Spend":
        """Add another spend to this one."""
        return Spend(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost=self.cost + other.cost,
        )


class Budget(Schema):
    """Caps of a project; None is no cap. ``max_time_seconds`` is wall-clock from the project's start."""

    max_calls: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost: float | None = Field(default=None, gt=0)
    max_time_seconds: float | None = Field(default=None, gt=0)


class Period(StrEnum):
    """The stretch of time, in UTC, in which an installation's caps count."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    EVER = "ever"


class InstallationBudget(Budget):
    """Caps over all projects of one database in each ``period``; ``max_time_seconds`` is the projects' time summed."""

    period: Period = Period.EVER


class CallKey(Schema):
    """What identifies a call for ever: the same key is never paid twice.

    ``revision`` is the project's at the time: what was answered about other requirements answers nothing now.
    """

    project: ProjectId
    path: NodePath
    purpose: str
    round: int = Field(ge=0)
    index: int = Field(ge=0)
    revision: int = Field(default=1, ge=1)

    def __str__(self) -> str:
        project = self.project if self.revision == 1 else f"{self.project}@{self.revision}"
        return f"{project}/{self.path}/{self.purpose}/{self.round}/{self.index}"


class LedgerStatus(StrEnum):
    """What became of a request. All but ``released`` count as one request.

    ``reserved``: it may be under way, or its worker died; ``lost``: no complete answer came. Both count at the upper
    bound of what it can have used. ``settled``: answered, at what it used. ``refused``: the endpoint answered with an
    error, which costs nothing. ``released``: no byte of it was sent, and it counts nowhere.
    """

    RESERVED = "reserved"
    SETTLED = "settled"
    REFUSED = "refused"
    LOST = "lost"
    RELEASED = "released"


class LedgerEntry(Schema):
    """One request to a model in the ledger: reserved before it is sent, and concluded after.

    A call that is tried again has an entry for each attempt, numbered from 1 by the store; 0 before it is reserved.
    ``call`` identifies what was asked, whoever asked it (``core.calls``).
    ``choices`` completions are asked for; ``key`` has the index of the first. Tokens and cost are the upper bound while
    reserved, and the measured figures once settled. ``failure`` is the kind of error that
    an attempt ended with (a class name of ``millwright.errors``), empty without one.
    """

    key: CallKey
    call: Digest | None = None
    attempt: int = Field(default=0, ge=0)
    choices: int = Field(default=1, ge=1, le=MOST_CHOICES)
    failure: str = ""
    archetype: Archetype
    prompt_version: str
    prompt_digest: Digest
    temperature: float
    seed: int
    max_tokens: int
    status: LedgerStatus = LedgerStatus.RESERVED
    model: str = ""
    model_revision: str = ""
    endpoint: str = ""
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    latency_seconds: float = 0.0
