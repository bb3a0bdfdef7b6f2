"""Follows requirements to the parts that cover them and the tests that show them.

It believes no claim about evidence: a test counts where the part that it belongs to was delivered and the layer that
runs such tests passed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from millwright.core.classification import shown_by
from schemas.identity import LayerName, NodePath, RequirementId, parent_path
from schemas.planning import Proposal, ProposedChild
from schemas.requirements import Proven, Requirement, Requirements, Standing, StatementKind, TestKind, TestRef, Trace
from schemas.specification import TaskSpecification
from schemas.verification import Verdict, VerdictStatus

PROVEN = "proven"
"""The option under which a finished project keeps the count of what was shown."""


@dataclass(frozen=True)
class TracedNode:
    """A node as it is traced: whether it was delivered, and the layers that passed it."""

    path: NodePath
    task: TaskSpecification
    delivered: bool
    passed: frozenset[LayerName]


def passed_layers(verdicts: Iterable[Verdict]) -> frozenset[LayerName]:
    """Return the layers that passed; one that does not apply, or did not run, has not."""
    return frozenset(verdict.layer for verdict in verdicts if verdict.status is VerdictStatus.PASSED)


def covered_by(task: TaskSpecification) -> frozenset[RequirementId]:
    """Return what a task answers for: what it names, and what its own tests show."""
    return frozenset((*task.requirements, *shown_by(task)))


def coverage_problem(
    proposal: Proposal, parent: TaskSpecification, constraints: Collection[RequirementId] = ()
) -> str | None:
    """Say which requirement of the parent no part covers, or which one was invented; None where all is in order.

    ``constraints`` hold for the whole: a part may name them, and need not. A parent that names no requirements (a given
    specification may not) asks for no coverage.
    """
    known = frozenset((*parent.requirements, *constraints))
    for child in proposal.children:
        strange = sorted(_claims(child) - known) if known else []
        if strange:
            return f"{child.specification.id}: {strange[0]} is no requirement of {parent.id}"
    strange = sorted(frozenset(proposal.glue) - known) if known else []
    if strange:
        return f"glue: {strange[0]} is no requirement of {parent.id}"
    covered = frozenset(proposal.glue).union(*map(_claims, proposal.children))
    missing = [name for name in parent.requirements if name not in covered and name not in constraints]
    if missing:
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} covered by no part"
    return None


def with_coverage(child: ProposedChild) -> TaskSpecification:
    """Return a child's specification with the requirements that the proposal gives it."""
    named = dict.fromkeys((*child.covers, *child.specification.requirements, *shown_by(child.specification)))
    return child.specification.model_copy(update={"requirements": tuple(named)})


def trace(requirements: Requirements, nodes: Sequence[TracedNode]) -> tuple[Trace, ...]:
    """Follow every requirement and constraint; what is only context is followed nowhere."""
    return tuple(_trace(item, nodes) for item in requirements.items if item.kind is not StatementKind.CONTEXT)


def proven(traces: Sequence[Trace]) -> Proven | None:
    """Count the requirements that passed tests show; None where nothing was traced."""
    rest = tuple(item.requirement.statement.id for item in traces if item.standing is not Standing.SHOWN)
    return Proven(shown=len(traces) - len(rest), of=len(traces), unproven=rest) if traces else None


def proven_in(options: Mapping[str, JsonValue]) -> Proven | None:
    """Read the count that a finished project keeps; None where nothing was traced, or the project has not ended."""
    kept = options.get(PROVEN)
    return None if kept is None else Proven.model_validate(kept)


def _claims(child: ProposedChild) -> frozenset[RequirementId]:
    return frozenset(child.covers) | covered_by(child.specification)


def _trace(item: Requirement, nodes: Sequence[TracedNode]) -> Trace:
    name = item.statement.id
    covering = [node for node in nodes if name in covered_by(node.task)]
    deepest = _deepest([node.path for node in covering])
    tests = tuple(test for node in covering for test in _tests(node, name))
    sound = all(node.delivered and _is_tested(node) for node in covering if node.path in deepest)
    standing = Standing.SHOWN if tests else Standing.COVERED if covering and sound else Standing.UNCOVERED
    return Trace(requirement=item, nodes=deepest, tests=tests, standing=standing)


def _deepest(paths: Sequence[NodePath]) -> tuple[NodePath, ...]:
    """Leave out nodes that have one below them in the list: the parts that do the work are meant."""
    above = set()
    for path in paths:
        parent = parent_path(path)
        while parent is not None:
            above.add(parent)
            parent = parent_path(parent)
    return tuple(path for path in paths if path not in above)


def _is_tested(node: TracedNode) -> bool:
    return LayerName.UNIT_TESTS in node.passed


def _tests(node: TracedNode, name: RequirementId) -> Iterable[TestRef]:
    """Yield a delivered node's tests that show a requirement and that passed."""
    if not node.delivered:
        return
    if LayerName.UNIT_TESTS in node.passed:
        yield from (
            TestRef(path=node.path, kind=TestKind.EXAMPLE, number=number, name=case.name)
            for number, case in enumerate(node.task.test_cases, 1)
            if name in case.shows
        )
    if LayerName.PROPERTY_TESTS in node.passed:
        yield from (
            TestRef(path=node.path, kind=TestKind.PROPERTY, number=number, name=item.name)
            for number, item in enumerate(node.task.properties, 1)
            if name in item.shows
        )
