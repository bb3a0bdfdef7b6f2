"""Whether the tasks of a file form a tree whose dependencies can be built in some order.

It looks at ids, parents, children and dependencies only; the rest of a task is judged by
``millwright.core.specification``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from keyword import iskeyword

from schemas.identity import TASK_ID_PATTERN, TaskId
from schemas.specification import Fault, SpecificationDocument

_Graph = Mapping[TaskId, Collection[TaskId]]
_Places = Mapping[TaskId, str]
_Parents = Mapping[TaskId, TaskId | None]


def graph_faults(document: SpecificationDocument) -> Iterator[Fault]:
    """Yield every fault of the ids, of the tree and of the dependencies."""
    places: dict[TaskId, str] = {}
    for index, task in enumerate(document.tasks):
        places.setdefault(task.id, f"tasks[{index}]")
    parents = parents_of(document)
    yield from _id_faults(document, parents)
    yield from _family_faults(document, places)
    loops = list(cycles({task: {parent} if parent in places else set() for task, parent in parents.items()}))
    for loop in loops:
        yield Fault(where=places[loop[0]], what=f"the tasks are each other's parents: {' → '.join(loop)}")
    yield from _dependency_faults(document, places)
    if not loops:
        yield from _order_faults(document, places, parents)


def parents_of(document: SpecificationDocument) -> dict[TaskId, TaskId | None]:
    """Return each task's parent, as stated by itself or else by the first that lists it as a child."""
    listed: dict[TaskId, TaskId] = {}
    for task in document.tasks:
        for child in task.children:
            listed.setdefault(child, task.id)
    return {task.id: task.parent if task.parent is not None else listed.get(task.id) for task in document.tasks}


def cycles(graph: _Graph) -> Iterator[list[TaskId]]:
    """Yield one cycle of each tangle of nodes that all reach one another; the first node is repeated at the end."""
    left = {node: set(after) for node, after in graph.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            found: list[TaskId] = list(reversed(error.args[1]))  # graphlib lists a node after what it needs
        else:
            return
        start = min(range(len(found) - 1), key=found.__getitem__)
        yield [*found[start:-1], *found[: start + 1]]
        tangle = _reachable(left, found[0]) & _reachable(_reversed(left), found[0])
        left = {node: after - tangle for node, after in left.items() if node not in tangle}


def _reachable(graph: _Graph, start: TaskId) -> set[TaskId]:
    seen = {start}
    waiting = [start]
    while waiting:
        fresh = set(graph.get(waiting.pop(), ())) - seen
        seen |= fresh
        waiting.extend(fresh)
    return seen


def _reversed(graph: _Graph) -> dict[TaskId, set[TaskId]]:
    turned: dict[TaskId, set[TaskId]] = defaultdict(set)
    for node, after in graph.items():
        for other in after:
            turned[other].add(node)
    return turned


def _id_faults(document: SpecificationDocument, parents: _Parents) -> Iterator[Fault]:
    seen: set[TaskId] = set()
    modules: dict[tuple[TaskId | None, str], TaskId] = {}
    for index, task in enumerate(document.tasks):
        where = f"tasks[{index}].id"
        module = task.id.replace("-", "_")
        if not TASK_ID_PATTERN.fullmatch(task.id):
            what = f"{task.id!r} is not an id: a letter, then at most 99 letters, digits, hyphens and underscores"
            yield Fault(where=where, what=what)
        elif iskeyword(module):
            yield Fault(where=where, what=f"{task.id!r} cannot be an id: the module of that name could not be imported")
        if task.id in seen:
            yield Fault(where=where, what=f"the id {task.id!r} is there twice")
            continue
        seen.add(task.id)
        other = modules.setdefault((parents[task.id], module), task.id)
        if other != task.id:
            yield Fault(where=where, what=f"the ids {other!r} and {task.id!r} name the same module {module!r}")


def _family_faults(document: SpecificationDocument, places: _Places) -> Iterator[Fault]:
    stated = {task.id: task.parent for task in document.tasks}
    listed: dict[TaskId, TaskId] = {}
    for index, task in enumerate(document.tasks):
        if task.parent is not None and task.parent not in places:
            yield Fault(where=f"tasks[{index}].parent", what=f"{task.id!r} has an unknown parent {task.parent!r}")
        for number, child in enumerate(task.children):
            where = f"tasks[{index}].children[{number}]"
            if child not in places:
                yield Fault(where=where, what=f"{task.id!r} has an unknown child {child!r}")
            elif listed.setdefault(child, task.id) != task.id:
                yield Fault(where=where, what=f"{child!r} is a child of both {listed[child]!r} and {task.id!r}")
            elif child in task.children[:number]:
                yield Fault(where=where, what=f"{task.id!r} lists its child {child!r} twice")
            elif stated[child] not in (None, task.id):
                yield Fault(where=where, what=f"{task.id!r} lists {child!r}, whose parent is {stated[child]!r}")
    children = {task.id: task.children for task in document.tasks}
    for index, task in enumerate(document.tasks):
        known = children.get(task.parent, ()) if task.parent is not None else ()
        if known and task.id not in known:
            what = f"{task.parent!r} lists its children, and {task.id!r} is not among them"
            yield Fault(where=f"tasks[{index}].parent", what=what)


def _dependency_faults(document: SpecificationDocument, places: _Places) -> Iterator[Fault]:
    for index, task in enumerate(document.tasks):
        for number, other in enumerate(task.dependencies):
            where = f"tasks[{index}].dependencies[{number}]"
            if other not in places:
                yield Fault(where=where, what=f"{task.id!r} depends on an unknown task {other!r}")
            elif other == task.id:
                yield Fault(where=where, what=f"{task.id!r} depends on itself")
            elif other in task.dependencies[:number]:
                yield Fault(where=where, what=f"{task.id!r} lists the dependency {other!r} twice")


def _order_faults(document: SpecificationDocument, places: _Places, parents: _Parents) -> Iterator[Fault]:
    graph: dict[TaskId, set[TaskId]] = {}
    for task in document.tasks:
        graph.setdefault(task.id, set()).update({*task.dependencies} & places.keys() - {task.id})
    tangled: set[frozenset[TaskId]] = set()
    for cycle in cycles(graph):
        yield Fault(where=places[cycle[0]], what=f"the tasks depend on one another: {' → '.join(cycle)}")
        tangled |= {frozenset(pair) for pair in pairwise(cycle)}
    lifted: dict[TaskId, set[TaskId]] = defaultdict(set)
    for user, others in graph.items():
        for other in sorted(others):
            pair = _siblings(_line(user, parents), _line(other, parents))
            if pair is None:
                what = f"{user!r} depends on {other!r}, which is above or below it in the tree"
                yield Fault(where=places[user], what=what)
            elif frozenset((user, other)) not in tangled:
                lifted[pair[0]].add(pair[1])
    for cycle in cycles(lifted):
        what = f"what these tasks contain depends on one another, so that none can be built first: {' → '.join(cycle)}"
        yield Fault(where=places[cycle[0]], what=what)


def _line(task: TaskId, parents: _Parents) -> list[TaskId]:
    """Return a task's ancestors from the top down to itself."""
    line = [task]
    while (parent := parents.get(line[-1])) is not None:
        line.append(parent)
    return line[::-1]


def _siblings(one: list[TaskId], other: list[TaskId]) -> tuple[TaskId, TaskId] | None:
    """Return the first members in which two lines differ; None if one line contains the other."""
    return next(((left, right) for left, right in zip(one, other, strict=False) if left != right), None)
