"""Words the question that goes to a person when votes could not decide.

It sends nothing and decides nothing, and shows counts and complaints, never source.
"""

from collections import Counter
from collections.abc import Sequence

from schemas.election import Election, ElectionState, Rule, Tally
from schemas.identity import LayerName, NodePath, ProjectId
from schemas.people import Question
from schemas.shortening import shortened
from schemas.verification import Severity, Verdict, VerdictStatus

RETRY = "retry"
ACCEPT_PARTIAL = "accept_partial"
GIVE_UP = "give_up"

_MEANINGS = {
    RETRY: "draw again, with a fresh budget of attempts",
    ACCEPT_PARTIAL: "take the best verified candidate, marked as decided by a person",
    GIVE_UP: "let this task fail; what depends on it is blocked",
}
_SHOWN = 8
"""Groups and complaints shown; the text passes through workflow history, which is kept small."""

_REASONS = 3
"""Reasons for red flags that a note tells."""

_LONGEST_COMPLAINT = 160


def question_id(path: NodePath, number: int) -> str:
    """Return the id of a node's question; ``number`` counts the node's questions from 1."""
    return f"{path}/{number}"


def exhausted_question(
    project: ProjectId,
    path: NodePath,
    election: Election,
    findings: Sequence[Verdict],
    *,
    k: int | None = None,
    number: int = 1,
    tried: Sequence[str] = (),
) -> Question:
    """Ask what to do about a node whose election nobody won, or whose winner no example speaks of.

    ``findings`` are the verdicts on the node's candidates, ``tried`` what was done before a person is asked. The text
    is at most some 4,000 characters. The answer ``accept_partial`` is offered only where a verified candidate exists,
    ``retry`` only where nobody won.
    """
    won = election.state is ElectionState.WON
    impossible = {RETRY} if won else set() if election.best is not None else {ACCEPT_PARTIAL}
    options = tuple(option for option in _MEANINGS if option not in impossible)
    paragraphs = (
        *account(path, election, findings, k),
        "What was tried before:\n" + "\n".join(f"- {_line(item)}" for item in tried[:_SHOWN]) if tried else "",
        "Answers:\n" + "\n".join(f"- {option}: {_MEANINGS[option]}" for option in options),
    )
    text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return Question(id=question_id(path, number), project=project, path=path, text=text, options=options)


def account(path: NodePath, election: Election, findings: Sequence[Verdict], k: int | None = None) -> tuple[str, ...]:
    """Tell what became of an election, a paragraph each: why it ended, its votes, its losses, what failed most."""
    told = (_why(path, election, k), _votes(election), _losses(election), _complaints(findings))
    return tuple(paragraph for paragraph in told if paragraph)


def afresh(rule: Rule, given: Rule, counted: Tally) -> Rule:
    """Return the rule with as many attempts more as were given at first, and with patience for them."""
    patience = None if given.patience is None else counted.idle + given.patience
    return rule.model_copy(update={"max_attempts": rule.max_attempts + given.max_attempts, "patience": patience})


def understood(question: Question, value: str) -> bool:
    """Return whether an answer is one of the question's options, letter by letter."""
    return value in question.options


def refused_since(details: Sequence[str]) -> str:
    """Say why answers were red flags, the commonest reasons first; empty where nothing is known."""
    counts = Counter(_line(detail) for detail in details if detail.strip())
    shown = [f"{reason} ({_number(count, 'answer')})" for reason, count in counts.most_common(_REASONS)]
    more = f", and {len(counts) - _REASONS} reasons more" if len(counts) > _REASONS else ""
    return "; ".join(shown) + more


def _why(path: NodePath, election: Election, k: int | None) -> str:
    counted = election.tally
    if election.state is ElectionState.WON:
        return (
            f"The answers to {path} agree ({_number(counted.ballots, 'vote')}, a lead of {counted.margin}), but no "
            "example says what is right: they may share one misunderstanding."
        )
    opening = f"No answer to {path} won after {_number(counted.attempts, 'attempt')}"
    required = "" if k is None else f"; a lead of {k} is required"
    if not counted.groups:
        return f"{opening}: none of them passed verification{required}."
    if len(counted.groups) == 1:
        return f"{opening}: {_number(counted.ballots, 'vote')}, all for the same behaviour{required}."
    return (
        f"{opening}: {_number(counted.ballots, 'vote')} for {len(counted.groups)} different behaviours, "
        f"the first leading by {counted.margin}{required}."
    )


def _votes(election: Election) -> str:
    groups = election.tally.groups
    lines = [
        f"- {_number(group.votes, 'vote')}, first in round {group.first.round + 1}, answer {group.first.index + 1}"
        for group in groups[:_SHOWN]
    ]
    if len(groups) > _SHOWN:
        lines.append(f"- and {len(groups) - _SHOWN} groups more")
    return "Votes by behaviour:\n" + "\n".join(lines) if lines else ""


def _losses(election: Election) -> str:
    counted = election.tally
    if not counted.red_flags and not counted.rejected:
        return ""
    layers = ", ".join(
        f"{layer.value} {election.rejected_by_layer[layer]}"
        for layer in LayerName
        if layer in election.rejected_by_layer
    )
    rejected = f"{counted.rejected} rejected" + (f" ({layers})" if layers else "")
    return f"Without a vote: {_number(counted.red_flags, 'red flag')}, {rejected}."


def _complaints(verdicts: Sequence[Verdict]) -> str:
    counts: Counter[tuple[int, str, str]] = Counter()
    layers = list(LayerName)
    for verdict in verdicts:
        if verdict.status is VerdictStatus.REJECTED:
            errors = [finding for finding in verdict.findings if finding.severity is Severity.ERROR]
            counts.update({(layers.index(verdict.layer), error.code, _line(error.message)) for error in errors})
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [
        f"- {layers[layer].value}: {code}: {message} ({_number(count, 'candidate')})"
        for (layer, code, message), count in ranked[:_SHOWN]
    ]
    if len(ranked) > _SHOWN:
        lines.append(f"- and {len(ranked) - _SHOWN} complaints more")
    return "What failed:\n" + "\n".join(lines) if lines else ""


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _line(text: str) -> str:
    return shortened(" ".join(text.split()), _LONGEST_COMPLAINT)
