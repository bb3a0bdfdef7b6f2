"""Whether a plan's parts can keep their parent's promises, as far as the examples of both say so.

A parent's example counts as composed where its result is reached from its inputs through examples of the children: by
the plan's own composition, or by a search. Everything else is unchecked, and only a contradiction is a fault.
"""

import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from millwright.core.examples import accepts
from millwright.core.reaching import Budget, Step, count_values, pool_from, taken_apart
from millwright.core.signature import canonical, records_of
from millwright.core.specification_vocabulary import BUILTIN_EXCEPTIONS, input_types, result_type
from millwright.core.straight_line import Program, Raised, Run, Unknown
from schemas.execution import Outcome, OutcomeKind
from schemas.identity import TaskId
from schemas.planning import Promises
from schemas.specification import TaskSpecification, TestCase
from schemas.values import Value, canonical_text, decode_json

MOST_WORK = 200_000
"""Values that one plan's examples may be looked at for; what is left then is unchecked."""

MOST_VALUES = 40_000
"""Values in the examples of a plan beyond which none is looked at."""

_MOST_NAMED = 3

_Lineage = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Composed:
    """What the examples say of a plan: its promises, and where they contradict its own composition."""

    promises: Promises
    contradictions: tuple[str, ...] = ()


def compose(
    parent: TaskSpecification, children: Sequence[TaskSpecification], program: Program | None = None
) -> Composed:
    """Hold a plan's examples against each other; parent and children are sound, and share their records and errors."""
    if _is_huge((parent, *children)):
        huge = f"its examples and those of its children hold more than {MOST_VALUES} values"
        return Composed(Promises(examples=len(parent.test_cases), notes=(huge,)))
    lineage, budget, table = _lineage(parent), Budget(MOST_WORK), _Table(children)
    steps = [step for step in _steps(children) if budget.take(step.size)]
    reached, unchecked, contradictions = 0, [], []
    for case, arguments, wanted in _decoded(parent):
        told = _told(parent, children, program, table, case, arguments, lineage) if program else None
        if isinstance(told, str):
            contradictions.append(told)
        elif told or _reached(arguments, steps, budget, case, wanted, lineage):
            reached += 1
        else:
            unchecked.append(case)
    notes = [*_unchecked_notes(unchecked, lineage, children), *_silent_notes(children)]
    promises = Promises(examples=len(parent.test_cases), composed=reached, notes=tuple(notes))
    return Composed(promises, tuple(contradictions))


def _is_huge(tasks: Sequence[TaskSpecification]) -> bool:
    values = (
        item for task in tasks for case in task.test_cases for item in (*case.inputs.values(), case.expected_output)
    )
    return count_values(values, MOST_VALUES) > MOST_VALUES


class _Table:
    """The children's examples, to be looked up by their arguments; it remembers whether one was only approximate."""

    def __init__(self, children: Sequence[TaskSpecification]) -> None:
        self._cases: dict[tuple[TaskId, tuple[str, ...]], tuple[TestCase, Value | None]] = {}
        self.approximate = False
        for child in children:
            for case, arguments, result in _decoded(child):
                self._cases.setdefault((child.id, _key(child, arguments)), (case, result))

    def answer(self, child: TaskSpecification, arguments: Sequence[Value]) -> Value:
        """Return what an example says. Raises Unknown, Raised."""
        found = self._cases.get((child.id, _key(child, arguments)))
        if found is None:
            raise Unknown(f"{child.name} has no example for what it would be called with")
        case, result = found
        self.approximate = self.approximate or case.tolerance is not None
        if result is None:
            raise Raised(case.raises or "")
        return result


def _key(child: TaskSpecification, arguments: Sequence[Value]) -> tuple[str, ...]:
    records = records_of(child)
    return tuple(canonical(value, of, None, records) for value, of in zip(arguments, input_types(child), strict=True))


def _told(
    parent: TaskSpecification,
    children: Sequence[TaskSpecification],
    program: Program,
    table: _Table,
    case: TestCase,
    arguments: Sequence[Value],
    lineage: _Lineage,
) -> bool | str:
    """Follow the plan's own composition: True where it gives what the example expects, a text where it does not.

    False where the examples do not say, or where no child was called. Within a tolerance nothing is contradicted.
    """
    table.approximate = False
    run = Run(children, parent.known_records, table)
    named = dict(zip((item.name for item in parent.inputs), arguments, strict=True))
    try:
        outcome = Outcome(kind=OutcomeKind.RETURNED, value=run.result(program, named))
    except Raised as raised:
        name = str(raised)
        outcome = Outcome(kind=OutcomeKind.RAISED, exception=name, exception_bases=lineage.get(name, ()))
    except Unknown:
        return False
    if not run.calls:
        return False
    if accepts(parent, case, outcome):
        return True
    if table.approximate or case.tolerance is not None:
        return False
    gives = f"raises {outcome.exception}" if outcome.value is None else f"gives {canonical_text(outcome.value)[:80]}"
    wanted = _result(parent, case)
    expected = f"raise {case.raises}" if wanted is None else f"give {canonical_text(wanted)[:80]}"
    return f"composition: by the children's examples it {gives} for the example {case.name!r}, which must {expected}"


def _reached(
    arguments: Sequence[Value],
    steps: Sequence[Step],
    budget: Budget,
    case: TestCase,
    wanted: Value | None,
    lineage: _Lineage,
) -> bool:
    """Say whether the children's examples lead from an example's inputs to what it expects."""
    pool = pool_from(arguments, steps, budget)
    if wanted is None:
        return any(case.raises in (name, *lineage.get(name, ())) for name in pool.raised)
    return pool.reach(taken_apart(wanted)) is True


def _steps(children: Sequence[TaskSpecification]) -> Iterator[Step]:
    for child in children:
        for case, arguments, result in _decoded(child):
            gives = taken_apart(result) if result is not None else None
            yield Step(tuple(map(taken_apart, arguments)), gives, case.raises)


def _decoded(task: TaskSpecification) -> Iterator[tuple[TestCase, tuple[Value, ...], Value | None]]:
    """Yield each example with its arguments and its result, which is None where it raises."""
    types, records = input_types(task), records_of(task)
    for case in task.test_cases:
        given = zip(task.inputs, types, strict=True)
        arguments = tuple(decode_json(case.inputs[item.name], of, records) for item, of in given)
        yield case, arguments, _result(task, case)


def _result(task: TaskSpecification, case: TestCase) -> Value | None:
    return None if case.raises is not None else decode_json(case.expected_output, result_type(task), records_of(task))


def _lineage(parent: TaskSpecification) -> dict[str, tuple[str, ...]]:
    """Return what each exception derives from, built-in and declared."""
    found = {
        name: tuple(base.__name__ for base in getattr(builtins, name).__mro__[1:-1]) for name in BUILTIN_EXCEPTIONS
    }
    bases = {error.name: error.base for error in parent.errors}
    for name in bases:
        line = [bases[name]]
        while line[-1] in bases:
            line.append(bases[line[-1]])
        found[name] = (*line, *found.get(line[-1], ()))
    return found


def _unchecked_notes(
    unchecked: Sequence[TestCase], lineage: _Lineage, children: Sequence[TaskSpecification]
) -> Iterator[str]:
    if unchecked:
        yield f"not reached from the children's examples: {_names([case.name for case in unchecked])}"
    raised = {case.raises for child in children for case in child.test_cases if case.raises}
    covered = {name for error in raised for name in (error, *lineage.get(error, ()))}
    left = sorted({case.raises for case in unchecked if case.raises} - covered)
    if left:
        yield f"no child's example raises {_names(left)}: that is left to the glue"


def _silent_notes(children: Sequence[TaskSpecification]) -> Iterator[str]:
    silent = [child.id for child in children if not child.test_cases]
    if silent:
        yield f"without an example of their own: {_names(silent)}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(" ".join(name.split())[:40] for name in names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown
