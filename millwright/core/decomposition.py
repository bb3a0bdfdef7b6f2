"""Whether a proposed structure is sound, and what makes two proposals the same vote.

It parses and checks; it never repairs. A bad proposal is a red flag.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from millwright.core.assembly import import_clash, records_clash
from millwright.core.classification import classification_problem, fixed_by
from millwright.core.specification import check_document
from millwright.core.specification_grants import excess_of
from millwright.core.tracing import coverage_problem, with_coverage
from schemas.election import Flag, RedFlag
from schemas.identity import Digest, NodePath, RequirementId, TaskId, parent_path
from schemas.planning import Proposal, ProposedChild, SpecifiedRoot
from schemas.project import Policy
from schemas.requirements import FrontMatter, Statement
from schemas.specification import Grants, SpecificationDocument, TaskSpecification, TaskType

ATOMIC_LINES = 20
"""The most lines of code of an atomic task (customer requirement)."""

ATOMIC_COMPLEXITY = 5
"""The highest cyclomatic complexity of an atomic task (customer requirement)."""

_MOST_FAULTS_SHOWN = 3
_SILENT = FrontMatter()


def is_atomic(child: ProposedChild) -> bool:
    """Say whether a child is small enough to be written in one piece, by its own estimate."""
    return child.estimated_lines <= ATOMIC_LINES and child.estimated_complexity <= ATOMIC_COMPLEXITY


def read_root(
    answer: JsonValue, language: str, numbered: Sequence[Statement] = (), front: FrontMatter = _SILENT
) -> SpecifiedRoot | RedFlag:
    """Read a specifier's answer; a RedFlag says why it cannot be the root's specification.

    ``numbered`` are the statements of the prose, each of which the answer must account for; what ``front`` fixes holds,
    whatever the answer says.
    """
    try:
        root = SpecifiedRoot.model_validate(answer)
    except ValidationError as error:
        return RedFlag(flag=Flag.MALFORMED, detail=_first_problems(error))
    task = root.specification
    if task.id != "root" or task.parent or task.children or task.dependencies:
        return RedFlag(
            flag=Flag.UNSOUND, detail="the root has the id root and neither parent, children nor dependencies"
        )
    if task.target_language != language:
        return RedFlag(flag=Flag.UNSOUND, detail=f"the target language is {language}, not {task.target_language}")
    if task.grants != Grants():
        return RedFlag(flag=Flag.UNSOUND, detail="only a person's own specification may grant anything")
    if not task.has_interface or not task.test_cases:
        return RedFlag(flag=Flag.UNSOUND, detail="the root needs inputs or outputs, and at least one example")
    problem = classification_problem(root, numbered)
    if problem:
        return RedFlag(flag=Flag.UNSOUND, detail=problem)
    task = fixed_by(front, task)
    return _unsound(SpecificationDocument(tasks=(task,))) or root.model_copy(update={"specification": task})


def read_proposal(
    answer: JsonValue,
    parent: TaskSpecification,
    available: Sequence[TaskId],
    depth: int,
    policy: Policy,
    constraints: Collection[RequirementId] = (),
) -> Proposal | RedFlag:
    """Read a decomposer's answer for ``parent``; ``available`` are ids that children may use besides siblings.

    ``depth`` is the parent's depth in the tree, 0 for the root; ``constraints`` are the requirements on the whole.
    """
    try:
        proposal = Proposal.model_validate(answer)
    except ValidationError as error:
        return RedFlag(flag=Flag.MALFORMED, detail=_first_problems(error))
    problem = (
        _fits_parent(proposal, parent, depth, policy)
        or _clash(proposal, parent, available, depth)
        or coverage_problem(proposal, parent, constraints)
    )
    if problem:
        return RedFlag(flag=Flag.UNSOUND, detail=problem)
    outside = frozenset(available)
    tasks = tuple(
        inherit(child, parent).model_copy(
            update={"dependencies": tuple(name for name in child.specification.dependencies if name not in outside)}
        )
        for child in proposal.children
    )
    return _unsound(SpecificationDocument(tasks=tasks, records=parent.records, errors=parent.errors)) or proposal


def _fits_parent(proposal: Proposal, parent: TaskSpecification, depth: int, policy: Policy) -> str | None:
    children = [child.specification for child in proposal.children]
    if len(children) < 2:
        return "a split needs at least two children"
    if len(children) > policy.max_children:
        return f"{len(children)} children are more than the limit of {policy.max_children}"
    if depth + 1 >= policy.max_depth and not all(map(is_atomic, proposal.children)):
        return f"at the depth limit of {policy.max_depth} every child must be atomic"
    for child in children:
        if child.parent or child.children:
            return f"{child.id}: a child of a proposal names neither parent nor children"
        if not child.has_interface:
            return f"{child.id}: a child needs inputs or outputs"
        if child.id == parent.id or interface(child) == interface(parent):
            return f"{child.id}: a child may not be its parent again"
        if child.target_language != parent.target_language:
            return f"{child.id}: the target language is {parent.target_language}"
        excess = excess_of(child.grants, parent.grants)
        if excess:
            return f"{child.id}: a child may be granted nothing that its parent is not, as {excess}"
    return None


def _clash(proposal: Proposal, parent: TaskSpecification, available: Sequence[TaskId], depth: int) -> str | None:
    """Say which children could not be told from one another, from their parent or from what they may use."""
    children = {child.specification.id: inherit(child, parent) for child in proposal.children}
    taken = sorted(children.keys() & {*available})
    if taken:
        return f"{taken[0]}: this id is already that of a task that the children may depend on"
    if depth == 0:
        problem = records_clash(list(children), parent)
        if problem:
            return problem
    for child in children.values():
        siblings = [children[name].name for name in child.dependencies if name in children]
        problem = import_clash(child, siblings)
        if problem:
            return f"{child.id}: {problem}"
    return import_clash(parent, [child.name for child in children.values()]) if parent.has_interface else None


def _unsound(document: SpecificationDocument) -> RedFlag | None:
    faults = check_document(document)
    if not faults:
        return None
    shown = "; ".join(map(str, faults[:_MOST_FAULTS_SHOWN]))
    rest = f" (and {len(faults) - _MOST_FAULTS_SHOWN} more)" if len(faults) > _MOST_FAULTS_SHOWN else ""
    return RedFlag(flag=Flag.UNSOUND, detail=shown + rest)


def inherit(child: ProposedChild, parent: TaskSpecification) -> TaskSpecification:
    """Return a child's specification with what it has from its parent: records, errors and, if large, its type.

    The requirements that the proposal says it covers are its own from then on.
    """
    return with_coverage(child).model_copy(
        update={
            "records": parent.records,
            "errors": parent.errors,
            "task_type": TaskType.CODE_GENERATION if is_atomic(child) else TaskType.DECOMPOSITION,
        }
    )


def interface(task: TaskSpecification) -> tuple[str, JsonValue, JsonValue]:
    """Return what others see of a task: its name and the names and types of its inputs and outputs."""
    return (
        task.name,
        [[item.name, item.type_annotation] for item in task.inputs],
        [item.type_annotation for item in task.outputs],
    )


def root_signature(root: SpecifiedRoot) -> Digest:
    """Digest what makes two specifications the same vote: interface, declared types and examples, not wording."""
    task = root.specification
    cases = sorted(
        json.dumps([case.inputs, case.expected_output, case.raises, case.tolerance], sort_keys=True)
        for case in task.test_cases
    )
    return _digest([*interface(task), _declared(task), list[JsonValue](cases)])


def proposal_signature(proposal: Proposal) -> Digest:
    """Digest what makes two proposals the same vote: interfaces and edges, and which children are atomic."""
    children: list[list[JsonValue]] = [
        [
            child.specification.id,
            *interface(child.specification),
            list[JsonValue](sorted(child.specification.dependencies)),
            is_atomic(child),
        ]
        for child in proposal.children
    ]
    ordered = sorted(children, key=lambda child: str(child[0]))
    return _digest([*ordered])


def _declared(task: TaskSpecification) -> JsonValue:
    records: list[JsonValue] = [
        [item.name, [[field.name, field.type_annotation] for field in item.fields]] for item in task.records
    ]
    return [records, [[item.name, item.base] for item in task.errors]]


def _digest(structure: JsonValue) -> Digest:
    text = json.dumps(structure, sort_keys=True, separators=(",", ":"))
    return Digest(hashlib.sha256(text.encode("ascii")).hexdigest())


def _first_problems(error: ValidationError) -> str:
    shown = [
        f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
        for problem in error.errors()[:_MOST_FAULTS_SHOWN]
    ]
    return "; ".join(shown)


def waits_for(
    siblings: Sequence[NodePath], dependencies: Mapping[NodePath, Sequence[NodePath]]
) -> dict[NodePath, tuple[NodePath, ...]]:
    """Lift dependencies to siblings: one waits for another when anything in it depends on anything in the other.

    ``dependencies`` maps every known node to the nodes that it depends on.
    """
    known = frozenset(siblings)
    needed: dict[NodePath, set[NodePath]] = {sibling: set() for sibling in siblings}
    for node, targets in dependencies.items():
        sibling = _top(node, known)
        if sibling is not None:
            needed[sibling].update(other for other in (_top(target, known) for target in targets) if other is not None)
    return {
        sibling: tuple(other for other in siblings if other != sibling and other in needed[sibling])
        for sibling in siblings
    }


def _top(path: NodePath, siblings: Collection[NodePath]) -> NodePath | None:
    """Return the sibling that a node is, or lies in; None when it lies in none."""
    above: NodePath | None = path
    while above is not None and above not in siblings:
        above = parent_path(above)
    return above
