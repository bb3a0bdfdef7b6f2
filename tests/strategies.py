"""Hypothesis strategies for the schemas, shared by every property in the suite.

They draw what is valid by the schemas and no more: a property that needs more says so where it stands.
"""

import hashlib
from collections.abc import Sequence

from hypothesis import strategies as st

from millwright.core.budget import Price
from schemas.election import Attempt, Ballot, Flag, Group, Merit, Rule, Slot, Tally
from schemas.identity import Archetype, Digest, LayerName, NodePath, ProjectId, TaskId
from schemas.models import Budget, FinishReason, Message, ModelRequest, Prompt, Role, Spend, Usage
from schemas.project import LadderMode, OnExhausted, Policy
from schemas.specification import TaskSpecification
from schemas.verification import Finding, Severity, Verdict, VerdictStatus

Outcome = tuple[Digest | None, Merit | None, Flag | None, LayerName | None]
"""What became of a draw: a signature with a merit, a flag, or the layer that rejected it."""


def digest_of(text: str) -> Digest:
    """Return the digest of a text."""
    return Digest(hashlib.sha256(text.encode()).hexdigest())


SIGNATURES: tuple[Digest, ...] = tuple(digest_of(f"behaviour {number}") for number in range(4))
"""Few, so that votes meet."""


def digests() -> st.SearchStrategy[Digest]:
    """Draw digests."""
    return st.integers(0, 10**6).map(lambda number: digest_of(str(number)))


def project_ids() -> st.SearchStrategy[ProjectId]:
    """Draw project ids."""
    return st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).map(ProjectId)


def task_ids() -> st.SearchStrategy[TaskId]:
    """Draw task ids."""
    return st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,10}", fullmatch=True).map(TaskId)


def node_paths() -> st.SearchStrategy[NodePath]:
    """Draw node paths of up to four levels."""
    return st.lists(task_ids(), max_size=3).map(lambda ids: NodePath(".".join(["root", *ids])))


def slots() -> st.SearchStrategy[Slot]:
    """Draw slots of early rounds."""
    return st.builds(Slot, round=st.integers(0, 5), index=st.integers(0, 9))


def merits() -> st.SearchStrategy[Merit]:
    """Draw merits that often tie."""
    few = st.integers(0, 2)
    return st.builds(Merit, code_lines=few, complexity=few, nesting=few, size_bytes=few)


def outcomes(signatures: Sequence[Digest] = SIGNATURES) -> st.SearchStrategy[Outcome]:
    """Draw what may become of a draw."""
    none = st.none()
    return st.one_of(
        st.tuples(st.sampled_from(signatures), merits(), none, none),
        st.tuples(none, none, st.sampled_from(Flag), none),
        st.tuples(none, none, none, st.sampled_from(LayerName)),
    )


def attempt_of(slot: Slot, outcome: Outcome) -> Attempt:
    """Place an outcome in a slot; every slot has a candidate of its own."""
    signature, merit, flag, layer = outcome
    candidate = digest_of(f"candidate {slot.round}.{slot.index}") if flag is None else None
    ballot = None
    if signature is not None and merit is not None and candidate is not None:
        ballot = Ballot(slot=slot, candidate=candidate, signature=signature, merit=merit)
    return Attempt(slot=slot, candidate=candidate, ballot=ballot, flag=flag, rejected_by=layer)


def ballots() -> st.SearchStrategy[Ballot]:
    """Draw ballots for a few behaviours."""
    return st.builds(Ballot, slot=slots(), candidate=digests(), signature=st.sampled_from(SIGNATURES), merit=merits())


@st.composite
def attempts(draw: st.DrawFn, max_rounds: int = 5, max_batch: int = 6) -> tuple[Attempt, ...]:
    """Draw the attempts of some complete rounds, in slot order."""
    batches = draw(st.lists(st.lists(outcomes(), min_size=1, max_size=max_batch), max_size=max_rounds))
    return tuple(
        attempt_of(Slot(round=number, index=index), outcome)
        for number, batch in enumerate(batches)
        for index, outcome in enumerate(batch)
    )


def rules(max_k: int = 5, max_attempts: int = 30) -> st.SearchStrategy[Rule]:
    """Draw rules of elections, hopeless ones among them."""
    return st.builds(Rule, k=st.integers(1, max_k), max_attempts=st.integers(1, max_attempts))


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    """Draw tallies that agree with themselves."""
    votes = sorted(draw(st.lists(st.integers(1, 12), max_size=len(SIGNATURES))), reverse=True)
    flags, rejected = draw(st.integers(0, 10)), draw(st.integers(0, 10))
    groups = tuple(
        Group(signature=signature, votes=count, first=Slot(round=0, index=index))
        for index, (signature, count) in enumerate(zip(SIGNATURES, votes, strict=False))
    )
    return Tally(
        attempts=sum(votes) + flags + rejected, ballots=sum(votes), red_flags=flags, rejected=rejected, groups=groups
    )


def findings() -> st.SearchStrategy[Finding]:
    """Draw findings; their messages may be long and of several lines."""
    return st.builds(
        Finding,
        code=st.sampled_from(("example", "E501", "name-defined")),
        message=st.text(max_size=300),
        line=st.none() | st.integers(1, 40),
        severity=st.sampled_from(Severity),
    )


def verdicts() -> st.SearchStrategy[Verdict]:
    """Draw verdicts of any layer."""
    return st.builds(
        Verdict,
        layer=st.sampled_from(LayerName),
        status=st.sampled_from(VerdictStatus),
        findings=st.lists(findings(), max_size=4).map(tuple),
    )


def usages() -> st.SearchStrategy[Usage]:
    """Draw what a call used."""
    return st.builds(Usage, prompt_tokens=st.integers(0, 10**5), completion_tokens=st.integers(0, 10**5))


def spends() -> st.SearchStrategy[Spend]:
    """Draw spends."""
    return st.builds(
        Spend,
        calls=st.integers(0, 1000),
        prompt_tokens=st.integers(0, 10**7),
        completion_tokens=st.integers(0, 10**7),
        cost=st.floats(0, 1000),
    )


def budgets() -> st.SearchStrategy[Budget]:
    """Draw budgets with any of the caps."""
    return st.builds(
        Budget,
        max_calls=st.none() | st.integers(1, 1000),
        max_tokens=st.none() | st.integers(1, 10**7),
        max_cost=st.none() | st.floats(0.01, 1000),
        max_time_seconds=st.none() | st.floats(1, 10**6),
    )


def prices() -> st.SearchStrategy[Price]:
    """Draw prices, free models among them."""
    return st.builds(Price, prompt=st.floats(0, 100), completion=st.floats(0, 100))


def prompts() -> st.SearchStrategy[Prompt]:
    """Draw prompts of a few messages."""
    message = st.builds(Message, role=st.sampled_from(Role), content=st.text(max_size=200))
    return st.builds(
        Prompt,
        archetype=st.sampled_from(Archetype),
        version=st.just("1"),
        messages=st.lists(message, min_size=1, max_size=3).map(tuple),
    )


def model_requests() -> st.SearchStrategy[ModelRequest]:
    """Draw requests for one completion."""
    return st.builds(
        ModelRequest,
        prompt=prompts(),
        temperature=st.floats(0, 2),
        seed=st.integers(0, 2**63 - 1),
        max_tokens=st.integers(1, 4096),
    )


def finish_reasons() -> st.SearchStrategy[FinishReason]:
    """Draw the reasons for which a model stops."""
    return st.sampled_from(FinishReason)


def policies() -> st.SearchStrategy[Policy]:
    """Draw policies of a build."""
    return st.builds(
        Policy,
        rule=rules(),
        on_exhausted=st.sampled_from(OnExhausted),
        ladder=st.sampled_from(LadderMode),
        max_simplifications=st.integers(0, 3),
    )


def tasks() -> st.SearchStrategy[TaskSpecification]:
    """Draw task specifications that differ in their limits."""
    return st.builds(
        TaskSpecification,
        id=task_ids(),
        name=st.just("task"),
        max_complexity=st.integers(1, 1000),
        max_lines=st.integers(1, 10_000),
    )
