"""Words the question that goes to a person when votes could not decide.

It sends nothing and decides nothing, and shows counts and complaints, never source.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from millwright.core.dividing import Division
from millwright.core.resolution import ACCEPT_PARTIAL, MEANINGS, RETRY, SPLIT
from millwright.core.verification.evidence import shown_call
from schemas.election import Election, ElectionState, Rule, Tally
from schemas.identity import LayerName, NodePath, ProjectId
from schemas.people import Question, QuestionKind
from schemas.shortening import one_line
from schemas.specification import TaskSpecification
from schemas.verification import Severity, Verdict, VerdictStatus

_OBJECTS = (
    ('{"example": {"inputs": {…}, "expected_output": …}}', "a further example; stored answers are judged by it first"),
    ('{"specification": {"description": "…"}}', "change the specification, and elect anew"),
    ('{"code": "def …"}', "your own code, verified like any other"),
    ('{"attempts": 20}', "draw so many more"),
    ('{"assign": "NAME"}', "have somebody else asked"),
)
_SHOWN = 8
_MOST_COMPLAINTS = 3
"""Groups and complaints shown; the text passes through workflow history, which is kept small."""

_REASONS = 3
"""Reasons for red flags that a note tells."""

_LONGEST_COMPLAINT = 160


def question_id(path: NodePath, number: int) -> str:
    """Return the id of a node's question; ``number`` counts the node's questions from 1."""
    return f"{path}/{number}"


@dataclass(frozen=True)
class Asked:
    """What a question is about: the node, its election by ``k``, how many of its questions came before, what was tried.

    ``splittable``: the task can still be split. ``waiting`` says who is asked, and until when.
    """

    project: ProjectId
    path: NodePath
    election: Election
    k: int | None = None
    number: int = 1
    tried: Sequence[str] = ()
    splittable: bool = False
    assignee: str = ""
    asked_at: datetime | None = None
    due_at: datetime | None = None


def behaviour_question(asked: Asked, task: TaskSpecification, division: Division) -> Question:
    """Ask what is right on an input on which candidates divide; the answer becomes an example."""
    count = asked.election.tally.ballots
    choices = [
        f"- {choice.label}: {'it raises' if choice.raises else 'it gives'} {choice.shown} "
        f"({_number(choice.votes, 'vote')})"
        for choice in division.choices
    ]
    if division.silent:
        choices.append(f"- {_number(division.silent, 'vote')} for something that no example can say")
    paragraphs = (
        f"{_number(count, 'verified answer').capitalize()} to {asked.path} disagree. "
        f"What is right for {shown_call(task, division.arguments)}?",
        "\n".join(choices),
        "Your answer becomes an example of the specification, and the answers that are there are judged by it first.",
        _lines(
            "Answers:",
            [
                f"- {', '.join(choice.label for choice in division.choices)}: that one is right",
                '- `{"returns": …}` or `{"raises": "…"}`: something else is right',
            ],
        ),
        _tried(asked.tried),
        _others(_words(asked)),
    )
    choosing = [choice.label for choice in division.choices]
    return _question(asked, paragraphs, (*choosing, *_words(asked))).model_copy(
        update={
            "kind": QuestionKind.BEHAVIOUR,
            "inputs": division.case.inputs,
            "choices": division.choices,
            "tolerance": division.case.tolerance,
        }
    )


def exhausted_question(asked: Asked, findings: Sequence[Verdict]) -> Question:
    """Ask what to do about a node whose election nobody won, or whose winner no example speaks of.

    ``findings`` are the verdicts on the node's candidates. The text is at most some 4,000 characters. The answer
    ``accept_partial`` is offered only where a verified candidate exists, ``retry`` only where nobody won.
    """
    paragraphs = (
        *account(asked.path, asked.election, findings, asked.k),
        _tried(asked.tried),
        _others(_words(asked), "Answers:"),
    )
    won = asked.election.state is ElectionState.WON
    kind = QuestionKind.UNTESTED if won else QuestionKind.EXHAUSTED
    return _question(asked, paragraphs, _words(asked)).model_copy(update={"kind": kind})


def _words(asked: Asked) -> tuple[str, ...]:
    election = asked.election
    impossible = {RETRY} if election.state is ElectionState.WON else set()
    if election.best is None:
        impossible.add(ACCEPT_PARTIAL)
    if not asked.splittable:
        impossible.add(SPLIT)
    return tuple(option for option in MEANINGS if option not in impossible)


def _others(words: Sequence[str], heading: str = "Or:") -> str:
    lines = [f"- {word}: {MEANINGS[word]}" for word in words]
    return _lines(heading, [*lines, *(f"- `{form}`: {meaning}" for form, meaning in _OBJECTS)])


def _tried(tried: Sequence[str]) -> str:
    return (
        _lines("What was tried before:", [f"- {one_line(item, _LONGEST_COMPLAINT)}" for item in tried[-_SHOWN:]])
        if tried
        else ""
    )


def _lines(heading: str, lines: Sequence[str]) -> str:
    return "\n".join((heading, *lines))


def _question(asked: Asked, paragraphs: Sequence[str], options: tuple[str, ...]) -> Question:
    return Question(
        id=question_id(asked.path, asked.number),
        project=asked.project,
        path=asked.path,
        text="\n\n".join(paragraph for paragraph in paragraphs if paragraph),
        options=options,
        assignee=asked.assignee,
        asked_at=asked.asked_at,
        due_at=asked.due_at,
    )


def account(path: NodePath, election: Election, findings: Sequence[Verdict], k: int | None = None) -> tuple[str, ...]:
    """Tell what became of an election, a paragraph each: why it ended, its votes, its losses, what failed most."""
    told = (_why(path, election, k), _votes(election), _losses(election), _complaints(findings))
    return tuple(paragraph for paragraph in told if paragraph)


def afresh(rule: Rule, given: Rule, counted: Tally) -> Rule:
    """Return the rule with as many attempts more as were given at first, and with patience for them."""
    patience = None if given.patience is None else counted.idle + given.patience
    return rule.model_copy(update={"max_attempts": rule.max_attempts + given.max_attempts, "patience": patience})


def refused_since(details: Sequence[str]) -> str:
    """Say why answers were red flags, the commonest reasons first; empty where nothing is known."""
    counts = Counter(one_line(detail, _LONGEST_COMPLAINT) for detail in details if detail.strip())
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
            counts.update(
                {
                    (layers.index(verdict.layer), error.code, one_line(error.message, _LONGEST_COMPLAINT))
                    for error in errors
                }
            )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [
        f"- {layers[layer].value}: {code}: {message} ({_number(count, 'candidate')})"
        for (layer, code, message), count in ranked[:_MOST_COMPLAINTS]
    ]
    if len(ranked) > _MOST_COMPLAINTS:
        lines.append(f"- and {len(ranked) - _MOST_COMPLAINTS} complaints more")
    return "What failed:\n" + "\n".join(lines) if lines else ""


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
