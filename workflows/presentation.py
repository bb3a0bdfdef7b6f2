"""What the Web UI shows of a workflow: details in Markdown, and failures in a line.

It decides nothing; every text is made of ids, counts and our own messages.
"""

import json
import shlex
from collections.abc import Mapping, Sequence

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)

from millwright.core.caps import described
from schemas.election import Election
from schemas.evidence import Forecast
from schemas.identity import DELIVERED, Gate, NodePath, TaskStatus
from schemas.models import Budget
from schemas.people import Question
from schemas.project import NodeResult
from schemas.shortening import named, one_line

_LONGEST_REASON = 400
"""The most characters of a child's note that its parent repeats."""

_LONGEST_SHOWN = 1000
"""The most characters of what a gate shows that the project's message repeats; the Web UI has all of it."""

MOST_NAMED = 10
"""The most parts that a gate names."""

_REFUSED = "ModelRefused"
_HOLDS_NO_MORE = frozenset({"SpecificationInvalid", "NotFound"})


def election_details(election: Election, k: int) -> str:
    """Describe an election's count."""
    tally = election.tally
    groups = ", ".join(f"{group.signature[:8]}: {group.votes}" for group in tally.groups[:5]) or "none"
    layers = ", ".join(f"{layer.value} {count}" for layer, count in election.rejected_by_layer.items()) or "none"
    return (
        f"**{election.state.value}**, margin {tally.margin} of {k}; votes {groups}; {tally.attempts} answers, "
        f"{tally.red_flags} red flags; rejected by layer: {layers}"
        + (f"; {election.reason}" if election.reason else "")
    )


def expectation(forecast: Forecast, k: int) -> str:
    """Say what a project is expected to take, and what stands against its target."""
    low, high = forecast.calls_range
    lines = [f"k = {k}, about {forecast.calls} model calls ({low} to {high})"]
    if forecast.success is not None and forecast.target is not None:
        lines.append(f"all tasks right with probability {forecast.success:.2f}, wanted {forecast.target:g}")
    return "; ".join((*lines, *forecast.notes))


def waiting_details(question: Question, workflow_id: str, notes: Sequence[str] = ()) -> str:
    """Describe what is awaited, and the exact commands that answer it; ``notes`` are told first."""
    value = question.options[0] if question.options else ""
    given = {"question": question.id, "decision_id": "1", "value": value, "by": "me"}
    update = _update(workflow_id, "answer", given)
    asked = f" ({question.assignee} is asked)" if question.assignee else ""
    due = f"\n\nUntil {question.due_at:%Y-%m-%d %H:%M} UTC." if question.due_at else ""
    told = "".join(f"{note}\n\n" for note in notes)
    commands = f"```\n{answer_command(question)}\n```\n\n```\n{update}\n```"
    return f"{told}**Waits for a person{asked}**\n\n{question.text}{due}\n\n{commands}"


def answer_command(question: Question) -> str:
    """Write the command line that answers a question, or consents at a gate."""
    if question.gate is not None:
        return f"millwright approve {question.project}"
    words = ("millwright answer", f"{question.project}/{question.id}", *question.options[:1])
    return " ".join(words)


def approval_details(gate: Gate, workflow_id: str, shown: str, *, decision: str = "1", own: str = "") -> str:
    """Describe a gate that waits for an approval, and the exact commands that give it by an unused decision id.

    ``own`` is the command of ours, where there is one.
    """
    given = {"gate": gate.value, "decision_id": decision, "decision": "approve", "by": "me"}
    command = _update(workflow_id, "approve", given)
    ours = f"```\n{own}\n```\n\n" if own else ""
    return f"**Waits for approval of the {gate.value}**\n\n{shown}\n\n{ours}```\n{command}\n```"


def _update(workflow_id: str, name: str, given: Mapping[str, str]) -> str:
    """Write the stock command that sends an update, in lines that fit the narrow column of the Web UI."""
    fields = ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in given.items())
    return (
        f"temporal workflow update execute \\\n  -w {shlex.quote(workflow_id)} \\\n  --name {name} \\\n"
        f"  --input {shlex.quote('{' + fields + '}')}"
    )


def cap_details(reached: Sequence[str], waiting: Sequence[NodePath], caps: Budget, after: Budget | None) -> str:
    """Describe the caps that are reached, who waits, and what approval changes; ``after`` None: nothing."""
    parts = [*reached, f"Waiting: {named(waiting, MOST_NAMED)}"]
    if after is None:
        parts.append("Approval only tries again: first raise the cap that is named, and restart the workers.")
    else:
        parts.append(
            f"Caps now: {described(caps)}. Approved, they are: {described(after)}; for others add "
            f'`"budget": {{"max_calls": …}}`, of max_calls, max_tokens, max_cost and max_time_seconds.'
        )
    return "\n\n".join(parts)


def waiting_note(note: str, shown: str) -> str:
    """Put on one line what is awaited and what there is to know of it, for `status` and for whoever watches."""
    line = one_line(shown, _LONGEST_SHOWN)
    return f"{note}: {line}" if line else note


def failure_note(error: FailureError) -> str:
    """Return the message of what an activity or a child failed of."""
    cause: BaseException | None = error
    while isinstance(cause, ActivityError | ChildWorkflowError) and cause.cause is not None:
        cause = cause.cause
    if isinstance(cause, ApplicationError):
        return cause.message
    return str(cause)


def failure_type(error: FailureError) -> str:
    """Return the type of what an activity failed of; empty when it is none of ours."""
    cause: BaseException | None = error
    while isinstance(cause, ActivityError | ChildWorkflowError) and cause.cause is not None:
        cause = cause.cause
    return cause.type or "" if isinstance(cause, ApplicationError) else ""


def model_refused(error: ActivityError) -> bool:
    """Say whether an activity failed since the model has no answer to what was asked; cancelled is another thing."""
    return not is_cancelled_exception(error) and failure_type(error) == _REFUSED


def holds_no_more(error: ActivityError) -> bool:
    """Say whether an activity failed since what it was to use is not sound or not there; cancelled is another thing."""
    return not is_cancelled_exception(error) and failure_type(error) in _HOLDS_NO_MORE


def first_reason(results: Sequence[NodeResult]) -> str:
    """Say why the first of some children was not built; a budget that was reached comes before all else."""
    lost = [result for result in results if result.status not in DELIVERED and result.note]
    lost.sort(key=lambda result: (not result.budget_reached, result.status is not TaskStatus.FAILED))
    return f" ({lost[0].path}: {lost[0].note[:_LONGEST_REASON]})" if lost else ""
