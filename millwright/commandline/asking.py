"""Shows questions to people: in a line, whole, and with every way to answer, each with its exact command.

It reads no store and sends nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from millwright.commandline.output import moment
from millwright.core.audit import settled_line, told
from millwright.core.resolution import MEANINGS
from schemas.identity import Gate
from schemas.people import Choice, Decision, Question, QuestionKind
from schemas.shortening import one_line

MOST_LISTED = 10
_LONGEST_LINE = 140

_FORMS = (
    ("--example JSON", 'a further example: \'{"inputs": {…}, "expected_output": …}\''),
    ("--specification FILE", "change the specification by these fields, YAML or JSON, and elect anew"),
    ("--code FILE", "your own code, verified like any other"),
    ("--attempts N", "draw so many more"),
    ("--assign NAME", "have somebody else asked"),
)


@dataclass(frozen=True)
class Way:
    """A way to answer: the answer as a word or option, what it does, and the command line that gives it."""

    answer: str
    does: str
    command: str


def in_a_line(question: Question, longest: int = _LONGEST_LINE) -> str:
    """Say in a line what a question asks: its first paragraph, or more where that only begins a list."""
    first = question.text.partition("\n\n")[0].strip()
    return one_line(question.text if first.endswith(":") else first, longest)


def next_command(question: Question) -> str:
    """Return the command to type next: the one that shows a question whole, with all answers."""
    return f"millwright show {question.address}"


def listed(questions: Sequence[Question]) -> tuple[str, ...]:
    """Return a line a question, with its command, for at most ``MOST_LISTED`` of them."""
    lines = [
        f"{question.address}: {in_a_line(question)} (`{next_command(question)}`)"
        for question in questions[:MOST_LISTED]
    ]
    if len(questions) > MOST_LISTED:
        lines.append(f"and {len(questions) - MOST_LISTED} more: `millwright inbox`")
    return tuple(lines)


def ways(question: Question) -> tuple[Way, ...]:
    """List every way to answer a question."""
    if question.gate is not None:
        return tuple(_at_gate(question, question.gate))
    base = f"millwright answer {question.address}"
    choices = {choice.label: choice for choice in question.choices}
    found = [Way(word, _does(word, choices.get(word)), f"{base} {word}") for word in question.options]
    if question.kind is QuestionKind.BEHAVIOUR:
        found.append(Way("--returns JSON", "this value is right", f"{base} --returns JSON"))
        found.append(Way("--raises NAME", "this exception is right", f"{base} --raises NAME"))
    found += [Way(form, does, f"{base} {form}") for form, does in _FORMS]
    return tuple(found)


def whole(question: Question, decisions: Sequence[Decision] = (), *, settled: Decision | None = None) -> str:
    """Write a question with everything that is known of it, for people."""
    lines = [question.address, ""]
    if not question.open:
        lines[:0] = [settled_line(question, settled), ""]
    facts = (
        ("asked of", question.assignee or "anybody"),
        ("since", moment(question.asked_at) if question.asked_at else ""),
        ("due", moment(question.due_at) if question.due_at else ""),
    )
    lines += [f"  {label:<9}{value}" for label, value in facts if value]
    lines += ["", question.text.strip()]
    if decisions:
        lines += ["", "Decided so far:", *(f"- {told(decision)}" for decision in decisions)]
    if question.open:
        lines += ["", "To answer:"]
        for way in ways(question):
            lines += [f"  {way.command}", f"      {way.does}"]
    return "\n".join(lines)


def _does(word: str, choice: Choice | None) -> str:
    if choice is None:
        return MEANINGS.get(word, "")
    votes = f"{choice.votes} vote" + ("" if choice.votes == 1 else "s")
    return f"it {'raises' if choice.raises else 'gives'} {one_line(choice.shown, _LONGEST_LINE)} ({votes})"


def _at_gate(question: Question, gate: Gate) -> Iterator[Way]:
    project = question.project
    grows = "; each cap grows by what was given at first" if gate is Gate.BUDGET else ""
    yield Way("approve", f"go on{grows}", f"millwright approve {project}")
    if gate is Gate.BUDGET:
        yield Way(
            "approve --max-calls N",
            "go on, with the caps that are named",
            f"millwright approve {project} --max-calls N",
        )
        yield Way("reject NOTE", "end the build; the note says why", f"millwright reject {project} --note NOTE")
    else:
        yield Way("reject NOTE", "do it again, with the note as guidance", f"millwright reject {project} --note NOTE")
    yield Way("--assign NAME", "have somebody else asked", f"millwright approve {project} --assign NAME")
