"""What one node may know of its project when its election begins, and the margin that follows.

It reads no store. What a node knows must not depend on who was faster: identical builds give identical bytes, so
identical margins. A node learns from those nodes alone that have ended before it whatever the timing: what it depends
on, what is below it, and what those depend on in turn. Of the rest it sees the plan, as far as that stood when the
parts above it were split.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from millwright.core.allocation import Left, Remaining, Settled, allocate, remaining_tasks, widest_margin
from millwright.core.basis import LEAST_MARGIN, Basis
from millwright.core.corrections import Figure
from millwright.core.learning import Experience, Range, difficulty, lesson, summed
from millwright.core.reliability import success_probability
from millwright.core.sizes import LINES_PER_TASK
from schemas.evidence import NodeRecord
from schemas.identity import DELIVERED, Archetype, NodePath, TaskStatus, parent_path
from schemas.lessons import Difficulty, Kind, Lesson
from schemas.specification import TaskSpecification, TaskType

_SURE = 1e-6


class Facts(NamedTuple):
    """What planning needs of a task: how hard it is, whether it has an interface, whether it is yet to be split."""

    difficulty: Difficulty
    has_interface: bool
    to_split: bool
    max_lines: int


def facts(task: TaskSpecification) -> Facts:
    """Read off a task's specification what planning needs."""
    return Facts(difficulty(task), task.has_interface, task.task_type is TaskType.DECOMPOSITION, task.max_lines)


@dataclass(frozen=True)
class Tree:
    """The nodes of a project as they stand, with the facts on their tasks."""

    nodes: Mapping[NodePath, NodeRecord]
    facts: Mapping[NodePath, Facts]

    def composed(self, path: NodePath) -> bool:
        """Say whether a node's code is glue for its parts."""
        return bool(self.nodes[path].children)

    def has_code(self, path: NodePath) -> bool:
        """Say whether a node has code of its own."""
        return self.facts[path].has_interface or not self.composed(path)

    def kind(self, path: NodePath, model: str) -> Kind:
        """Return what p is learned for at a node."""
        archetype = Archetype.INTEGRATOR if self.composed(path) else Archetype.CODER
        return Kind(archetype=archetype, model=model, difficulty=self.facts[path].difficulty)


@dataclass(frozen=True)
class Planned:
    """The margin of one node: what it rests on, and whether the attempts decide no wider one."""

    k: int
    p: float
    elections: int
    tasks: int
    capped: bool


def ended_before(path: NodePath, nodes: Mapping[NodePath, NodeRecord]) -> frozenset[NodePath]:
    """Return the nodes that have ended whenever this one's election begins: below it, what it depends on, and so on."""
    found: set[NodePath] = set()
    # What a node above this one depends on has ended before that node, and so before its parts, began.
    around = (
        other
        for parent in above(path)
        if parent in nodes
        for other in nodes[parent].dependencies
        if not other.startswith(f"{parent}.")
    )
    open_ = [path, *(other for other in around if other in nodes)]
    found.update(open_[1:])
    while open_:
        node = nodes.get(open_.pop())
        for other in (*node.dependencies, *node.children) if node else ():
            if other not in found and other != path:
                found.add(other)
                open_.append(other)
    return frozenset(other for other in found if other in nodes)


def above(path: NodePath) -> tuple[NodePath, ...]:
    """Return the nodes above one, the nearest first."""
    found, parent = [], parent_path(path)
    while parent is not None:
        found.append(parent)
        parent = parent_path(parent)
    return tuple(found)


def lessons(tree: Tree, paths: Iterable[NodePath], model: str) -> tuple[Lesson, ...]:
    """Return what the elections over code at these nodes taught, summed up by kind."""
    return summed(taught for path in sorted(paths) if (taught := _lesson(tree, path, model)) is not None)


def _lesson(tree: Tree, path: NodePath, model: str) -> Lesson | None:
    node = tree.nodes[path]
    undecided = tree.facts[path].to_split and not node.children
    if not node.samples or undecided or not tree.has_code(path) or node.status is TaskStatus.REUSED:
        return None  # nothing was voted on here, or the vote was over a structure, or in another build
    ballots = max(node.votes, node.samples - node.red_flags - sum(node.rejected_by_layer.values()))
    return lesson(
        tree.kind(path, model), node.samples, min(ballots, node.samples), node.votes, won=node.status is TaskStatus.WON
    )


def margin_of(path: NodePath, tree: Tree, basis: Basis, *, max_attempts: int, left: Left | None = None) -> Planned:
    """Choose the margin of a node's election from what the node may know.

    The project's allowance of failure is shared among all tasks that are seen from here, less what those that have
    ended are expected to have taken of it; the margin is what the node's own kind gets.

    Raises:
        BadInput: a figure outside its bounds.
    """
    before = ended_before(path, tree.nodes)
    known = basis.experience
    for taught in lessons(tree, before, basis.model):
        known = known.plus(taught)
    own = tree.kind(path, basis.model)
    counted = _remaining(path, tree, basis, before)
    counted[own] = max(1, counted[own])
    kinds = sorted(counted, key=_name)
    remaining = [_lot(known, kind, counted[kind], basis) for kind in kinds]
    ks = allocate(
        basis.target,
        remaining,
        max_attempts=max_attempts,
        settled=_settled(tree, known, before, basis),
        left=left,
        least=LEAST_MARGIN,
    )
    place = kinds.index(own)
    lot = remaining[place]
    return Planned(
        k=ks[place],
        p=lot.p.mid,
        elections=known.of(own).elections,
        tasks=sum(counted.values()),
        capped=ks[place] >= widest_margin(lot.p.mid, lot.usable.mid, max_attempts),
    )


def kinds_of(tree: Tree, basis: Basis) -> tuple[Remaining, ...]:
    """Say what is known of every kind of task of a whole tree, with what its parts yet to be split are expected to be.

    The intervals hold nine times in ten.
    """
    counted: Counter[Kind] = Counter()
    for path in tree.nodes:
        _count(path, tree, basis, counted, split=tree.composed(path))
    return _lots(counted, basis)


def kinds_of_given(tasks: Sequence[TaskSpecification], basis: Basis) -> tuple[Remaining, ...]:
    """Say the same of task specifications that no project has taken yet, their parents and children resolved."""
    counted: Counter[Kind] = Counter()
    for task in tasks:
        told = facts(task)
        _count_facts(told, 0, bool(task.children), basis, counted)
    return _lots(counted, basis)


def _lots(counted: Mapping[Kind, int], basis: Basis) -> tuple[Remaining, ...]:
    return tuple(
        remaining_tasks(
            _name(kind),
            counted[kind],
            basis.experience.of(kind),
            tokens_per_call=basis.tokens_per_call,
            cost_per_call=basis.cost_per_call,
        )
        for kind in sorted(counted, key=_name)
    )


def _remaining(path: NodePath, tree: Tree, basis: Basis, before: frozenset[NodePath]) -> Counter[Kind]:
    """Count the tasks that are still to be voted on, by kind, as they are seen from a node.

    Only what stood when the nodes above were split is looked at: whether another branch was split since, or an atomic
    task of it after its vote failed, depends on timing.
    """
    known = before | {path, *above(path)}
    counted: Counter[Kind] = Counter()
    roots = [top for top in tree.nodes if parent_path(top) is None]
    open_ = list(roots)
    while open_:
        here = open_.pop()
        node = tree.nodes[here]
        seen = [
            child
            for child in node.children
            if child in tree.nodes and (here in known or not tree.nodes[child].estimated_lines)
        ]
        open_ += seen
        if here not in before:
            _count(here, tree, basis, counted, split=bool(seen))
    return counted


def _count(path: NodePath, tree: Tree, basis: Basis, counted: Counter[Kind], *, split: bool) -> None:
    _count_facts(tree.facts[path], tree.nodes[path].estimated_lines, split, basis, counted)


def _count_facts(told: Facts, estimated_lines: int, split: bool, basis: Basis, counted: Counter[Kind]) -> None:
    """Count a task's own code, and the parts that it is expected to be split into."""
    to_split = told.to_split and not split
    if told.has_interface or not (split or to_split):
        archetype = Archetype.INTEGRATOR if split or to_split else Archetype.CODER
        counted[Kind(archetype=archetype, model=basis.model, difficulty=told.difficulty)] += 1
    if to_split:
        lines = estimated_lines or told.max_lines
        lines = max(1, round(lines * basis.corrections.of(Figure.PART_LINES).factor))
        part = Kind(archetype=Archetype.CODER, model=basis.model, difficulty=Difficulty.MEDIUM)
        counted[part] += max(2, -(-lines // LINES_PER_TASK))


def _settled(tree: Tree, known: Experience, before: frozenset[NodePath], basis: Basis) -> Settled:
    """Judge what is over by what is known now: the chance of each delivered part to be wrong follows from its lead."""
    coded = [path for path in before if tree.has_code(path)]
    defects: Counter[tuple[Kind, int]] = Counter()
    for path in coded:
        if tree.nodes[path].status in DELIVERED:
            defects[tree.kind(path, basis.model), max(1, tree.nodes[path].margin)] += 1
    expected = sum(
        count * (1 - success_probability(known.of(kind).right.cautious, margin))
        for (kind, margin), count in sorted(defects.items(), key=lambda item: (_name(item[0][0]), item[0][1]))
    )
    return Settled(tasks=len(coded), expected_defects=expected)


def _lot(known: Experience, kind: Kind, tasks: int, basis: Basis) -> Remaining:
    """Say what is known of tasks that remain, without the intervals: they take time and change no margin."""
    what = known.of(kind)
    p, usable = (min(1 - _SURE, max(_SURE, share)) for share in (what.right.cautious, what.usable.mean))
    return Remaining(
        _name(kind), tasks, Range(p, p, p), Range(usable, usable, usable), basis.tokens_per_call, basis.cost_per_call
    )


def _name(kind: Kind) -> str:
    return f"{kind.archetype.value}, {kind.difficulty.value}"
