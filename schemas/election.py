"""The nouns of an election: candidates, red flags, ballots, the tally and its outcome."""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import Digest, LayerName


class Flag(StrEnum):
    """Why an answer was rejected before verification."""

    NOTHING_EXTRACTABLE = "nothing_extractable"
    SEVERAL_CANDIDATES = "several_candidates"
    DOES_NOT_LOAD = "does_not_load"
    REFUSES = "refuses"
    TRUNCATED = "truncated"
    TOO_LONG = "too_long"
    PLACEHOLDER = "placeholder"
    MALFORMED = "malformed"
    UNSOUND = "unsound"
    USELESS = "useless"
    NONDETERMINISTIC = "nondeterministic"


class RedFlag(Schema):
    """An answer rejected before it may vote, and why (``detail`` is one line)."""

    flag: Flag
    detail: str = ""


class Slot(Schema):
    """Where an answer was drawn: zero-based round, and index within the round. Ballots count in this order."""

    round: int = Field(ge=0)
    index: int = Field(ge=0)

    def __lt__(self, other: "Slot") -> bool:
        return (self.round, self.index) < (other.round, other.index)


class Draw(Schema):
    """One answer drawn: the candidate's digest, or the red flag that stopped it."""

    slot: Slot
    candidate: Digest | None = None
    flag: Flag | None = None


class Merit(Schema):
    """How good a candidate is among its equals; less is better, compared in this order.

    ``slowness`` is a class of CPU time over the same inputs, coarse enough that a busy machine hardly changes it.
    ``failures`` counts inputs on which it gives no value though nobody promised an exception; it comes before all else.
    """

    failures: int = 0
    code_lines: int
    complexity: int
    nesting: int
    size_bytes: int
    slowness: int = 0


class Ballot(Schema):
    """A verified candidate's vote: equal ``signature`` is the same vote."""

    slot: Slot
    candidate: Digest
    signature: Digest
    merit: Merit


class Attempt(Schema):
    """What became of one draw: a ballot, a red flag, or the layer that rejected it."""

    slot: Slot
    candidate: Digest | None = None
    ballot: Ballot | None = None
    flag: Flag | None = None
    rejected_by: LayerName | None = None


class Group(Schema):
    """The ballots that agree, in slot order."""

    signature: Digest
    votes: int
    first: Slot


class Tally(Schema):
    """The counts after some attempts; ``groups`` by votes, then by first ballot.

    ``idle``: attempts since the last that brought a vote to a group with the most votes.
    """

    attempts: int = 0
    ballots: int = 0
    red_flags: int = 0
    rejected: int = 0
    groups: tuple[Group, ...] = ()
    idle: int = 0

    @property
    def margin(self) -> int:
        """Votes of the leader minus votes of the runner-up; 0 without ballots."""
        if not self.groups:
            return 0
        return self.groups[0].votes - (self.groups[1].votes if len(self.groups) > 1 else 0)

    @property
    def purity(self) -> float:
        """The leader's share of all votes, 0 without any."""
        return self.groups[0].votes / self.ballots if self.groups else 0.0

    @property
    def leaders_yield(self) -> float:
        """The leader's share of all attempts, 0 without any: what was flagged or rejected counts against it."""
        return self.groups[0].votes / self.attempts if self.groups else 0.0


class Rule(Schema):
    """When an election is won, and the most draws it may use.

    The leader needs ``k`` votes more than the runner-up, ``min_purity`` of all votes and ``min_yield`` of all attempts.
    ``patience``: so many attempts in a row without a further vote for the leader end it as hopeless; None: only the
    budget ends it.
    """

    k: int = Field(default=3, ge=1, le=100)
    max_attempts: int = Field(default=20, ge=1, le=10_000)
    min_purity: float = Field(default=0.0, ge=0, le=1)
    min_yield: float = Field(default=0.0, ge=0, le=1)
    patience: int | None = Field(default=None, ge=1)


class ElectionState(StrEnum):
    """Where an election stands."""

    OPEN = "open"
    WON = "won"
    EXHAUSTED = "exhausted"


class Election(Schema):
    """An election's outcome: who leads (``winner`` only when won), and by what count.

    ``reason`` says in words why one that is exhausted can no longer be won, or how one was won without its own margin:
    by a choice among its proposals.
    """

    state: ElectionState
    tally: Tally
    reason: str = ""
    winner: Digest | None = None
    best: Digest | None = None
    rejected_by_layer: dict[LayerName, int] = Field(default_factory=dict)
