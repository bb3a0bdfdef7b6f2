"""Whether a proposed structure is sound, and what makes two proposals the same vote.

It parses, and has the rules of ``soundness`` and ``composition`` asked; it never repairs. A bad proposal is a red flag.
"""

import json
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from millwright.core.classification import classification_problem, fixed_by
from millwright.core.composition import Composed, compose
from millwright.core.kinds import ROOT_KINDS, as_called
from millwright.core.soundness import Case, Size, flood_faults, inherit, placed, soundness_faults
from millwright.core.specification import check_document
from millwright.core.straight_line import Program, read_program, records_made
from millwright.core.structure import digest_of, interface, is_atomic, proposal_signature
from millwright.core.type_flow import reach_faults
from schemas.election import Flag, RedFlag
from schemas.identity import Digest, NodePath, RequirementId, TaskId, parent_path
from schemas.planning import Promises, Proposal, SpecifiedRoot
from schemas.project import Policy
from schemas.requirements import FrontMatter, Statement
from schemas.specification import Grants, SpecificationDocument, TaskKind, TaskSpecification

__all__ = [
    "Size",
    "inherit",
    "interface",
    "is_atomic",
    "placed",
    "promises_of",
    "proposal_signature",
    "read_proposal",
    "read_root",
    "refusal",
    "root_signature",
    "waits_for",
]

_MOST_FAULTS_SHOWN = 3
_LONGEST_FAULT = 300
_SILENT = FrontMatter()


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
    if task.kind not in ROOT_KINDS or task.shapes:
        kinds = ", ".join(kind.value for kind in ROOT_KINDS)
        return RedFlag(flag=Flag.UNSOUND, detail=f"only a person's own specification may ask for more than {kinds}")
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
    *,
    size: Size | None = None,
    room: int | None = None,
    constraints: Collection[RequirementId] = (),
) -> Proposal | RedFlag:
    """Read a decomposer's answer for ``parent``; ``available`` are ids that children may use besides siblings.

    ``depth`` is the parent's depth in the tree, 0 for the root; ``size`` its own size, where it is known, and ``room``
    the number of nodes that it may have below it; ``constraints`` are the requirements on the whole.
    """
    flood = list(flood_faults(answer, policy))
    if flood:
        return refusal(flood)
    try:
        proposal = Proposal.model_validate(answer)
    except ValidationError as error:
        return RedFlag(flag=Flag.MALFORMED, detail=_first_problems(error))
    case = Case(proposal, parent, frozenset(available), depth, policy, size, room, frozenset(constraints))
    faults = soundness_faults(case) or _plan_faults(proposal, parent, policy)
    return refusal(faults) if faults else proposal


def promises_of(proposal: Proposal, parent: TaskSpecification, policy: Policy) -> Promises:
    """Say how far the examples show that a sound proposal keeps its parent's promises."""
    found = _composed(proposal, parent, policy)
    return Promises() if isinstance(found, str) else found.promises


def _plan_faults(proposal: Proposal, parent: TaskSpecification, policy: Policy) -> list[str]:
    """List where parts that are sound by themselves do not make the whole."""
    children = [inherit(child, parent, policy) for child in proposal.children]
    program = _program(proposal, parent, policy)
    if isinstance(program, str):
        return [program]
    made = records_made(program, parent.known_records) if program else frozenset()
    faults = list(reach_faults(parent, children, made))
    return faults or list(compose(parent, children, program).contradictions)


def _composed(proposal: Proposal, parent: TaskSpecification, policy: Policy) -> Composed | str:
    program = _program(proposal, parent, policy)
    if isinstance(program, str):
        return program
    return compose(parent, [inherit(child, parent, policy) for child in proposal.children], program)


def _program(proposal: Proposal, parent: TaskSpecification, policy: Policy) -> Program | str | None:
    if not proposal.composition:
        return None
    return read_program(proposal.composition, parent, [child.specification for child in proposal.children])


def refusal(faults: Sequence[str]) -> RedFlag:
    """Make a red flag of faults: the first few of them, each on one line of bounded length."""
    shown = "; ".join(map(_line, faults[:_MOST_FAULTS_SHOWN]))
    rest = f" (and {len(faults) - _MOST_FAULTS_SHOWN} more)" if len(faults) > _MOST_FAULTS_SHOWN else ""
    return RedFlag(flag=Flag.UNSOUND, detail=shown + rest)


def _line(fault: str) -> str:
    """Put a fault on one line; what is too long loses its middle, for the culprit stands first and the reason last."""
    text = " ".join(fault.split())
    half = _LONGEST_FAULT // 2
    return text if len(text) <= _LONGEST_FAULT else f"{text[:half]} … {text[-half:]}"


def _unsound(document: SpecificationDocument) -> RedFlag | None:
    faults = check_document(document)
    return refusal([str(fault) for fault in faults]) if faults else None


def root_signature(root: SpecifiedRoot) -> Digest:
    """Digest what makes two specifications the same vote: interface, declared types and examples, not wording.

    Of another kind than a function that is its view: requests and answers are in the types and examples of that.
    """
    task = as_called(root.specification)
    cases = sorted(
        json.dumps([case.inputs, case.expected_output, case.raises, case.tolerance], sort_keys=True)
        for case in task.test_cases
    )
    kind: list[JsonValue] = [] if task.kind is TaskKind.FUNCTION else [task.kind.value, *_answered(task)]
    return digest_of([*interface(task), _declared(task), list[JsonValue](cases), *kind])


def _answered(task: TaskSpecification) -> list[JsonValue]:
    """Return what a view's calls are made of, and the requests that they stand for, in an order of names."""
    shapes: list[JsonValue] = [
        [shape.name, [[field.name, field.type_annotation] for field in shape.fields]]
        for shape in sorted(task.shapes, key=lambda shape: shape.name)
    ]
    asked: list[JsonValue] = [[name, request] for name, request in sorted((m.name, m.request) for m in task.methods)]
    return [shapes, asked]


def _declared(task: TaskSpecification) -> JsonValue:
    records: list[JsonValue] = [
        [item.name, [[field.name, field.type_annotation] for field in item.fields]] for item in task.records
    ]
    return [records, [[item.name, item.base] for item in task.errors]]


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
