"""What specifiers make of the numbered statements: whether an answer accounts for them, and what they settle together.

It reads no prose and asks nobody: ``millwright.core.requirements`` numbers the statements, a person may answer what is
left open.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from schemas.identity import RequirementId
from schemas.planning import SpecifiedRoot
from schemas.requirements import (
    Classification,
    FrontMatter,
    OpenQuestion,
    Reading,
    Requirement,
    Requirements,
    Statement,
    StatementKind,
)
from schemas.shortening import shortened
from schemas.specification import TaskSpecification, TestCase

BEHAVIOUR = frozenset({StatementKind.FUNCTIONAL, StatementKind.AMBIGUOUS, StatementKind.CONTRADICTION})
"""The kinds that a part has to cover: behaviour that is not clear is behaviour all the same."""

_MOST_CAREFUL_FIRST = (
    StatementKind.CONTRADICTION,
    StatementKind.AMBIGUOUS,
    StatementKind.FUNCTIONAL,
    StatementKind.CONSTRAINT,
    StatementKind.CONTEXT,
)
"""Of kinds with equally many votes the first holds: a tie never drops a requirement, nor a doubt about one."""

_LONGEST_INPUTS = 200


def classification_problem(root: SpecifiedRoot, numbered: Sequence[Statement]) -> str | None:
    """Say why an answer does not account for every numbered statement exactly once; None where it does."""
    named = Counter(name for name, _ in root.requirements.kinds())
    known = [item.id for item in numbered]
    invented = sorted(named.keys() - set(known))
    if invented:
        return f"requirements: {invented[0]} is none of the {len(known)} numbered statements"
    twice = [name for name in known if named[name] > 1]
    if twice:
        return f"requirements: {twice[0]} is named {named[twice[0]]} times: each statement is of one kind"
    missing = [name for name in known if name not in named]
    if missing:
        return f"requirements: {_listed(missing)} not accounted for"
    return _doubt_problem(root.requirements, known) or _shown_problem(root)


def _doubt_problem(given: Classification, known: Sequence[RequirementId]) -> str | None:
    for doubt in given.ambiguous:
        if len({_line(reading).casefold() for reading in doubt.readings}) < 2:
            return f"requirements: the readings of {doubt.id} say the same"
    for item in given.contradictions:
        if item.contradicts not in known or item.contradicts == item.id:
            return f"requirements: {item.id} contradicts {item.contradicts}, which is no other statement"
    if known and not any(kind in BEHAVIOUR for _, kind in given.kinds()):
        return "requirements: no statement is said to ask for any behaviour"
    return None


def _shown_problem(root: SpecifiedRoot) -> str | None:
    """Refuse tests that show what the same answer does not take for a requirement."""
    asked = {name for name, kind in root.requirements.kinds() if kind is not StatementKind.CONTEXT}
    strange = [name for name in shown_by(root.specification) if name not in asked]
    return f"requirements: a test shows {strange[0]}, which is no requirement" if strange else None


def shown_by(task: TaskSpecification) -> tuple[RequirementId, ...]:
    """Return the requirements that a task's examples and properties say they show, each once."""
    shown = [*(case.shows for case in task.test_cases), *(item.shows for item in task.properties)]
    return tuple(dict.fromkeys(name for names in shown for name in names))


def fixed_by(front: FrontMatter, task: TaskSpecification) -> TaskSpecification:
    """Return a root's specification with what the head of the requirements fixes: its name, and its own examples.

    An example that a specifier wrote for inputs that the head speaks of gives way to the head's.
    """
    given = {_inputs(case) for case in front.examples}
    others = tuple(case for case in task.test_cases if _inputs(case) not in given)
    return task.model_copy(update={"name": front.entry_point or task.name, "test_cases": (*front.examples, *others)})


def settled(
    numbered: Sequence[Statement], winners: Sequence[SpecifiedRoot], everyone: Sequence[SpecifiedRoot]
) -> Requirements:
    """Settle what each statement is by the votes of ``winners``, and list what ``everyone`` left open.

    ``winners`` agree on interface and examples; ``everyone`` are all sound answers, theirs among them.
    """
    kinds = [dict(root.requirements.kinds()) for root in winners]
    items = []
    for item in numbered:
        votes = Counter(kind[item.id] for kind in kinds if item.id in kind)
        best = max(_MOST_CAREFUL_FIRST, key=lambda kind: votes[kind]) if votes else None
        items.append(Requirement(statement=item, kind=best, votes=votes[best] if best else 0, of=votes.total()))
    questions = (*_doubts(numbered, everyone), *_conflicts(everyone), *_differences(everyone))
    return Requirements(items=tuple(items), questions=questions)


def behaviour(requirements: Requirements) -> tuple[RequirementId, ...]:
    """Return the requirements that some part has to cover."""
    return tuple(item.statement.id for item in requirements.items if item.kind in BEHAVIOUR)


def constraints(requirements: Requirements) -> tuple[RequirementId, ...]:
    """Return the requirements that hold for the whole, and that a part may name but need not."""
    return tuple(item.statement.id for item in requirements.items if item.kind is StatementKind.CONSTRAINT)


def _doubts(numbered: Sequence[Statement], everyone: Sequence[SpecifiedRoot]) -> Iterable[OpenQuestion]:
    for statement in numbered:
        raised = [item for root in everyone for item in root.requirements.ambiguous if item.id == statement.id]
        if raised:
            readings = Counter(_line(text) for item in raised for text in dict.fromkeys(item.readings))
            yield OpenQuestion(
                about=(statement.id,),
                question=_commonest(item.question for item in raised),
                readings=tuple(Reading(text=text, votes=votes) for text, votes in readings.most_common()),
                votes=len(raised),
                of=len(everyone),
            )


def _conflicts(everyone: Sequence[SpecifiedRoot]) -> Iterable[OpenQuestion]:
    asked: dict[frozenset[RequirementId], list[str]] = {}
    for root in everyone:
        said = {frozenset((item.id, item.contradicts)): item.question for item in root.requirements.contradictions}
        for pair, question in said.items():
            asked.setdefault(pair, []).append(question)
    for pair, questions in sorted(asked.items(), key=lambda item: sorted(map(_place, item[0]))):
        about = tuple(sorted(pair, key=_place))
        yield OpenQuestion(about=about, question=_commonest(questions), votes=len(questions), of=len(everyone))


def _differences(everyone: Sequence[SpecifiedRoot]) -> Iterable[OpenQuestion]:
    """Ask about inputs for which specifiers expect different things; equal values in other words are one."""
    outcomes: dict[str, Counter[str]] = {}
    about: dict[str, list[RequirementId]] = {}
    for root in everyone:
        for case in root.specification.test_cases:
            key = _inputs(case)
            outcomes.setdefault(key, Counter())[_outcome(case)] += 1
            about.setdefault(key, []).extend(case.shows)
    for key, counted in outcomes.items():
        if len(counted) > 1:
            yield OpenQuestion(
                about=tuple(sorted(set(about[key]), key=_place)),
                question=f"What is right for the inputs {shortened(key, _LONGEST_INPUTS)}?",
                readings=tuple(
                    Reading(text=shortened(text, _LONGEST_INPUTS), votes=votes) for text, votes in counted.most_common()
                ),
                votes=counted.total(),
                of=len(everyone),
            )


def _inputs(case: TestCase) -> str:
    """Write what an example gives: its inputs, and of a sequence each call with its own."""
    calls = [{"method": step.method, **step.inputs} for step in case.calls]
    return json.dumps({**case.inputs, **({"calls": calls} if calls else {})}, sort_keys=True, ensure_ascii=False)


def _outcome(case: TestCase) -> str:
    if case.raises is not None:
        return f"raises {case.raises}"
    outcomes = [step.raises or step.expected_output for step in case.calls]
    return json.dumps(outcomes or case.expected_output, sort_keys=True, ensure_ascii=False)


def _place(name: RequirementId) -> tuple[int, str]:
    """Order numbered names by their number; a name of another form comes after them."""
    digits = name[1:]
    return (int(digits), "") if digits.isascii() and digits.isdigit() else (1_000_000_000, name)


def _commonest(texts: Iterable[str]) -> str:
    return Counter(map(_line, texts)).most_common(1)[0][0]


def _line(text: str) -> str:
    return " ".join(text.split())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
