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


class Prompt(Schema):
    """A prompt with the version of the function that wrote it; the stable part comes first."""

    archetype: Archetype
    version: str
    messages: tuple[Message, ...]


class ModelRequest(Schema):
    """One stateless call: one completion.

    ``seed`` is an integer in [0, 2**63); ``max_tokens`` bounds the answer; ``timeout_seconds`` the whole call.
    ``json_schema`` asks for an answer that fits it, where the endpoint can.
    """

    prompt: Prompt
    temperature: float = Field(ge=0, le=2)
    seed: int = Field(ge=0, lt=2**63)
    max_tokens: int = Field(default=2048, ge=1)
    timeout_seconds: float = Field(default=300.0, gt=0)
    json_schema: dict[str, object] | None = None


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


class ModelAnswer(Schema):
    """A model's answer: its text, why it ended, and what it used. ``latency_seconds`` is wall-clock."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    model: str
    endpoint: str
    latency_seconds: float = 0.0


class Spend(Schema):
    """What a project or node has used. ``cost`` is in the currency of the price list (US dollars by default)."""

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
    """A call's state in the ledger; an unanswered reservation counts as spent at its upper bound."""

    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"


class LedgerEntry(Schema):
    """One model call in the ledger: reserved before it is made, settled after.

    Tokens and cost are the upper bound while reserved and the measured figures once settled.
    """

    key: CallKey
    archetype: Archetype
    prompt_version: str
    prompt_digest: Digest
    temperature: float
    seed: int
    max_tokens: int
    status: LedgerStatus = LedgerStatus.RESERVED
    model: str = ""
    endpoint: str = ""
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    latency_seconds: float = 0.0
