"""The rules that a proposed plan is held against before it may be voted on: one rule, one reason.

Every rule is asked, so that a reader sees all that is wrong. Nothing here repairs a proposal.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from millwright.core.assembly import import_clash, records_clash
from millwright.core.reaching import count_values
from millwright.core.signature import canonical, records_of
from millwright.core.specification import check_document, input_types, result_type
from millwright.core.specification_grants import excess_of
from millwright.core.structure import interface, is_atomic
from millwright.core.tracing import coverage_problem, with_coverage
from schemas.identity import RequirementId, TaskId
from schemas.planning import Proposal, ProposedChild
from schemas.project import Policy
from schemas.specification import SpecificationDocument, TaskKind, TaskSpecification, TaskType
from schemas.values import decode_json

MOST_LISTED = 200
"""Entries of any list in a child's specification (its inputs, examples, conditions); more is a flood, not a task."""

MOST_VALUES = 20_000
"""Values in a whole answer, in the examples of its children above all; to check more takes seconds."""

_FEWEST_ALIKE = 2
"""Examples of a parent that a child must share to be taken for the parent again: one alone is soon a coincidence."""


@dataclass(frozen=True)
class Size:
    """A size in lines of code and cyclomatic complexity."""

    lines: int
    complexity: int


@dataclass(frozen=True)
class Case:
    """A proposal, and where it is to stand.

    ``available`` are ids that children may use besides siblings, ``depth`` is the parent's (0 for the root), ``size``
    the parent's own where it is known, ``room`` the nodes that this part of the tree may still have; ``constraints``
    are the requirements on the whole.
    """

    proposal: Proposal
    parent: TaskSpecification
    available: frozenset[TaskId]
    depth: int
    policy: Policy
    size: Size | None
    room: int | None
    constraints: frozenset[RequirementId] = frozenset()

    @property
    def children(self) -> tuple[TaskSpecification, ...]:
        """The children as the decomposer wrote them."""
        return tuple(child.specification for child in self.proposal.children)

    @cached_property
    def inherited(self) -> tuple[TaskSpecification, ...]:
        """The children with what they have from their parent."""
        return tuple(inherit(child, self.parent, self.policy) for child in self.proposal.children)


def inherit(child: ProposedChild, parent: TaskSpecification, policy: Policy) -> TaskSpecification:
    """Return a child's specification with what it has from its parent: records, errors and, if large, its type.

    The requirements that the proposal says it covers are its own from then on.
    """
    return with_coverage(child).model_copy(
        update={
            "records": parent.records,
            "errors": parent.errors,
            "task_type": TaskType.CODE_GENERATION if is_atomic(child, policy) else TaskType.DECOMPOSITION,
        }
    )


def flood_faults(answer: JsonValue, policy: Policy) -> Iterator[str]:
    """Yield where an answer lists more than any plan needs, before anything is read that takes time to check."""
    children = answer.get("children") if isinstance(answer, dict) else None
    if not isinstance(children, list):
        return
    if len(children) > policy.max_children:
        yield f"{len(children)} children are more than the limit of {policy.max_children}"
        return
    if count_values([children], MOST_VALUES) > MOST_VALUES:
        yield f"the answer holds more than {MOST_VALUES} values"
    for index, child in enumerate(children):
        given = child.get("specification") if isinstance(child, dict) else None
        for name, listed in given.items() if isinstance(given, dict) else ():
            if isinstance(listed, list) and len(listed) > MOST_LISTED:
                yield f"children[{index}]: {len(listed)} {name[:40]} are more than the limit of {MOST_LISTED}"


def soundness_faults(case: Case) -> list[str]:
    """List everything that is wrong with a proposal by its structure, each fault with its culprit."""
    faults = [fault for rule in RULES for fault in rule(case)]
    tasks = tuple(
        task.model_copy(
            update={"dependencies": tuple(name for name in task.dependencies if name not in case.available)}
        )
        for task in case.inherited
    )
    document = SpecificationDocument(tasks=tasks, records=case.parent.records, errors=case.parent.errors)
    faults += [placed(str(fault), tasks) for fault in check_document(document)]
    return list(dict.fromkeys(faults))


def placed(fault: str, tasks: Sequence[TaskSpecification]) -> str:
    """Say whose fault it is by name, where it is only numbered."""
    head, bracket, rest = fault.partition("]")
    number = head.removeprefix("tasks[")
    if bracket and number.isdecimal() and int(number) < len(tasks):
        return f"{tasks[int(number)].id[:60]}{rest}"
    return fault


def _count_faults(case: Case) -> Iterator[str]:
    count = len(case.children)
    if count < 2:
        yield "a split needs at least two children"
    if count > case.policy.max_children:
        yield f"{count} children are more than the limit of {case.policy.max_children}"
    if case.room is not None and count > case.room:
        yield (
            f"{count} children are more than the {case.room} nodes that are left for this part of a project of at most "
            f"{case.policy.max_nodes}"
        )


def _depth_faults(case: Case) -> Iterator[str]:
    if case.depth + 1 >= case.policy.max_depth:
        for child in case.proposal.children:
            if not is_atomic(child, case.policy):
                name, deepest = child.specification.id, case.policy.max_depth
                yield f"{name}: at the depth limit of {deepest} every child must be atomic"


def _size_faults(case: Case) -> Iterator[str]:
    """Yield the children that are as large as their parent.

    A part has fewer lines than the whole. It may be as complex: of sixty lines in a row each is as simple as all.
    """
    if case.size is None:
        return
    for child in case.proposal.children:
        if child.estimated_lines >= case.size.lines:
            yield (
                f"{child.specification.id}: its estimate of {child.estimated_lines} lines is not below its parent's "
                f"{case.size.lines}"
            )
        if child.estimated_complexity > case.size.complexity:
            yield (
                f"{child.specification.id}: its estimate of complexity {child.estimated_complexity} is above its "
                f"parent's {case.size.complexity}"
            )


def _family_faults(case: Case) -> Iterator[str]:
    for child in case.children:
        if child.parent or child.children:
            yield f"{child.id}: a child of a proposal names neither parent nor children"
        if not child.has_interface:
            yield f"{child.id}: a child needs inputs or outputs"
        if child.target_language != case.parent.target_language:
            yield f"{child.id}: the target language is {case.parent.target_language}"


def _repetition_faults(case: Case) -> Iterator[str]:
    """Yield the children that are their parent again: such a plan would be split for ever."""
    for child in case.children:
        if child.id == case.parent.id or interface(child) == interface(case.parent):
            yield f"{child.id}: a child may not be its parent again"
    for child in case.inherited:
        if child.name != case.parent.name and _does_all_of(child, case.parent):
            yield f"{child.id}: a child may not be its parent again, which promises the same under another name"


def _does_all_of(child: TaskSpecification, parent: TaskSpecification) -> bool:
    """Say whether a child takes and gives what its parent does, and has all of its examples; False where unsound."""
    if len(parent.test_cases) < _FEWEST_ALIKE or len(child.test_cases) < len(parent.test_cases):
        return False
    try:
        if (input_types(child), result_type(child)) != (input_types(parent), result_type(parent)):
            return False
        return _promised(parent) <= _promised(child)
    except (ValueError, OverflowError, KeyError):
        return False  # an example or a type that cannot be read is a fault of its own


def _promised(task: TaskSpecification) -> set[tuple[str, ...]]:
    records, of = records_of(task), result_type(task)
    types = input_types(task)
    found = set()
    for case in task.test_cases:
        given = [
            decode_json(case.inputs[item.name], type_, records) for item, type_ in zip(task.inputs, types, strict=True)
        ]
        taken = [canonical(value, type_, None, records) for value, type_ in zip(given, types, strict=True)]
        told = case.raises or canonical(decode_json(case.expected_output, of, records), of, None, records)
        found.add((*taken, told))
    return found


def _grant_faults(case: Case) -> Iterator[str]:
    for child in case.children:
        if child.kind is not TaskKind.FUNCTION or child.shapes:
            yield f"{child.id}: a proposed child is a function; a person's own specification alone asks for more"
        excess = excess_of(child.grants, case.parent.grants)
        if excess:
            yield f"{child.id}: a child may be granted nothing that its parent is not, as {excess}"


def _declaration_faults(case: Case) -> Iterator[str]:
    """Yield what children declare by themselves: records and errors are declared once, above them all."""
    known = _declared(case.parent)
    for child in case.children:
        for (kind, name), content in _declared(child).items():
            if (kind, name) not in known:
                yield (
                    f"{child.id}: it declares the {kind} {name[:40]!r}, which its parent does not know: records and "
                    "errors are declared once, by the root"
                )
            elif content != known[kind, name]:
                yield f"{child.id}: it declares the {kind} {name[:40]!r} otherwise than its parent"


def _declared(task: TaskSpecification) -> dict[tuple[str, str], object]:
    """Return what a task declares, without its wording."""
    fields = {
        ("record", item.name): tuple((field.name, field.type_annotation) for field in item.fields)
        for item in task.records
    }
    return {**fields, **{("error", item.name): item.base for item in task.errors}}


def _name_faults(case: Case) -> Iterator[str]:
    """Yield what could not be told from one another, from the parent or from what the children may use."""
    children = {child.id: child for child in case.inherited}
    for name in sorted(children.keys() & case.available):
        yield f"{name}: this id is already that of a task that the children may depend on"
    if case.depth == 0:
        shadowed = records_clash(list(children), case.parent)
        if shadowed:
            yield shadowed
    for child in case.inherited:
        siblings = [children[name].name for name in dict.fromkeys(child.dependencies) if name in children]
        problem = import_clash(child, siblings)
        if problem:
            yield f"{child.id}: {problem}"
    if case.parent.has_interface:
        problem = import_clash(case.parent, [child.name for child in case.inherited])
        if problem:
            yield problem


Rule = Callable[[Case], Iterator[str]]


def _coverage_faults(case: Case) -> Iterator[str]:
    problem = coverage_problem(case.proposal, case.parent, case.constraints)
    if problem:
        yield problem


RULES: tuple[Rule, ...] = (
    _count_faults,
    _depth_faults,
    _size_faults,
    _family_faults,
    _repetition_faults,
    _grant_faults,
    _declaration_faults,
    _name_faults,
    _coverage_faults,
)
"""In the order in which their reasons are shown. Cycles, unknown names and types are found by ``check_document``."""
