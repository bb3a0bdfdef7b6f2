"""What becomes of an election once a person has answered: it goes on, ends, or gives way to another one.

It waits for nobody, and settles no node: the node does.
"""

from dataclasses import dataclass
from enum import Enum, auto

from temporalio import workflow

from millwright.core import escalation, resolution
from schemas.election import Election, ElectionState, Rule
from schemas.identity import Digest, TaskStatus
from schemas.people import Effect
from schemas.project import Answer, OnExhausted, Policy
from workflows.election import Booth

MOST_DIVIDED = 8
"""Groups that a question is about, the leading ones."""

ASK_DIVIDED = "ask-about-behaviour"
"""The mark in histories since which people are asked at once where several agents agree on one of two behaviours."""

LEAST_AGREED = 2
"""Votes that each of two groups needs to show that the specification can be read in two ways: one may be a slip."""


class Next(Enum):
    """What follows an answer."""

    GOES_ON = auto()
    SETTLED = auto()
    EDITED = auto()
    SPLIT = auto()


@dataclass(frozen=True)
class Resolution:
    """What follows an answer; where the node is settled by it, how.

    ``tried`` is told with the next question. ``tested``: there is an example now.
    """

    step: Next
    by: str
    status: TaskStatus = TaskStatus.RESOLVED
    candidate: Digest | None = None
    note: str = ""
    tried: str = ""
    tested: bool = False


def divided(policy: Policy, election: Election) -> bool:
    """Say whether a person is asked before anything is simplified: simpler limits do not mend an open question.

    That is where two groups each have several votes, and people are asked at all.
    """
    strong = [group for group in election.tally.groups if group.votes >= LEAST_AGREED]
    return policy.on_exhausted is OnExhausted.PERSON and len(strong) > 1 and workflow.patched(ASK_DIVIDED)


async def resolved(answer: Answer, effect: Effect, booth: Booth, election: Election, given: Rule) -> Resolution:
    """Do to an election what a person decided; ``given`` is the rule that it was begun with."""
    by = answer.by or "a person"
    match answer.value:
        case {"code": _} | {"code_digest": _} if effect.candidate is not None:
            if await booth.judged(effect.candidate):
                note = f"code by {by}, verified like any other"
                return Resolution(Next.SETTLED, by, candidate=effect.candidate, note=note)
            booth.decided_by_people = True
            return Resolution(Next.GOES_ON, by, tried=f"the code {effect.candidate[:12]} by {by} was rejected")
        case {"specification": _} | {"specification_digest": _}:
            return Resolution(Next.EDITED, by)
        case {"attempts": int(number)}:
            booth.rule = escalation.afresh(
                booth.rule, given.model_copy(update={"max_attempts": number}), election.tally
            )
            return Resolution(Next.GOES_ON, by)
        case resolution.RETRY:
            booth.rule = escalation.afresh(booth.rule, given, election.tally)
            return Resolution(Next.GOES_ON, by)
        case resolution.SPLIT:
            return Resolution(Next.SPLIT, by)
        case resolution.ACCEPT_PARTIAL if election.best is not None:
            how = "without an example" if election.state is ElectionState.WON else "below the margin"
            return Resolution(Next.SETTLED, by, candidate=election.best, note=f"accepted {how} by {by}")
        case resolution.GIVE_UP | resolution.ACCEPT_PARTIAL:
            return Resolution(Next.SETTLED, by, status=TaskStatus.FAILED, note=f"given up by {by}")
        case _:
            return await _with_example(booth, given, by)


async def _with_example(booth: Booth, given: Rule, by: str) -> Resolution:
    """Count again by an example that a person gave; more is drawn only where what is there cannot decide."""
    election = await booth.recounted()
    if election.state is ElectionState.EXHAUSTED and len(election.tally.groups) < 2:
        booth.rule = escalation.afresh(booth.rule, given, election.tally)
    return Resolution(Next.GOES_ON, by, tested=True)
