"""What a build of one tree would keep of another, part by part, and why not the rest.

It says what is known beforehand: a part that is verified again may turn out not to hold, and is then elected anew.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from millwright.core.node_identity import changed, features, identity
from millwright.core.placing import ROOT, parent_of, paths_of, with_root
from schemas.difference import Change, NodeDifference, Planned
from schemas.identity import Digest, NodePath, TaskStatus
from schemas.specification import TaskSpecification, TaskType

ACCEPTED = frozenset({TaskStatus.WON, TaskStatus.REUSED, TaskStatus.RESOLVED, None})
"""What a later build may use again; None: a part of a specification that is taken as built."""

MOVED = "it has moved: that was {path}"
ORDER = "labels, or the order in which things are listed"
DECLARED = "records or errors that are declared"
REPLANNED = "its parts are planned anew"

Tree = Mapping[NodePath, Planned]


def planned(tasks: Sequence[TaskSpecification], name: str) -> dict[NodePath, Planned]:
    """Lay out resolved tasks as a build of them would."""
    rooted = with_root(tasks, name, "")
    paths = paths_of(rooted)
    children: dict[NodePath, list[NodePath]] = {path: [] for path in paths.values()}
    for task in rooted:
        if task.id != ROOT:
            children[paths[parent_of(task)]].append(paths[task.id])
    return {
        path: Planned(
            path=path,
            task=task,
            dependencies=(*children[path], *(paths[name] for name in task.dependencies)),
            children=tuple(children[path]),
        )
        for task, path in zip(rooted, paths.values(), strict=True)
    }


def difference(before: Tree, after: Tree) -> tuple[NodeDifference, ...]:
    """Say what becomes of every part that has code, in order of path, if ``after`` is built where ``before`` was."""
    comparison = _Comparison(before, after)
    paths = sorted({path for tree in (before, comparison.after) for path, node in tree.items() if _has_code(node)})
    found = [comparison.of(path) for path in paths]
    return tuple(item for item in found if item is not None)


class _Comparison:
    """Both trees, with each node's identity; the later one with the plans that it would keep."""

    def __init__(self, before: Tree, after: Tree) -> None:
        self._before = before
        self.after = _with_kept_plans(before, after)
        self._accepted: dict[Digest, list[NodePath]] = {}
        for path, node in before.items():
            if _has_code(node) and node.status in ACCEPTED:
                self._accepted.setdefault(_identity(before, node), []).append(path)
        self._built = {path for path, node in self.after.items() if _has_code(node) and not self._found(node)}

    def of(self, path: NodePath) -> NodeDifference | None:
        """Compare what stands at a path; None for what is planned anew together with the node above it."""
        node, known = self.after.get(path), self._before.get(path)
        if node is None or not _has_code(node):
            if known is None or any(_undecided(self.after[up]) for up in _above(path) if up in self.after):
                return None
            return NodeDifference(path=path, name=known.task.name, change=Change.GONE)
        if path not in self._built:
            return self._kept(node)
        change, why = self._reason(node, known)
        return NodeDifference(path=path, name=node.task.name, change=change, why=why)

    def _reason(self, node: Planned, known: Planned | None) -> tuple[Change, tuple[str, ...]]:
        replanned = (REPLANNED,) if _undecided(node) else ()
        if known is None or not _has_code(known):
            return Change.NEW, replanned
        why = changed(_features(self._before, known), _features(self.after, node))
        if not why and known.status is not None:
            return Change.NOT_ACCEPTED, (f"it was {known.status.value}",)
        return Change.CHANGED, (*(name for name in why if not replanned or name != "children"), *replanned)

    def _kept(self, node: Planned) -> NodeDifference:
        places = self._found(node)
        origin = self._before[node.path if node.path in places else places[0]]
        rebuilt = [path for path in sorted(_reachable(self.after, node)) if path in self._built]
        why: list[str] = [*rebuilt]
        if origin.path != node.path:
            why.append(MOVED.format(path=origin.path))
        elif origin.task != node.task and not rebuilt:
            declared = (origin.task.records, origin.task.errors) != (node.task.records, node.task.errors)
            why.append(DECLARED if declared else ORDER)
        change = Change.VERIFIED_AGAIN if why else Change.SAME
        return NodeDifference(path=node.path, name=node.task.name, change=change, why=tuple(why))

    def _found(self, node: Planned) -> list[NodePath]:
        return self._accepted.get(_identity(self.after, node), [])


def _with_kept_plans(before: Tree, after: Tree) -> Tree:
    """Put below every node that is still to be split what was planned for a node of the same identity."""
    plans: dict[Digest, list[Planned]] = {}
    for node in before.values():
        if node.children:
            plans.setdefault(_identity(before, node, parts=False), []).append(node)
    grown = dict(after)
    for node in after.values():
        known = plans.get(_identity(after, node, parts=False), []) if _undecided(node) else []
        if known:
            origin = next((item for item in known if item.path == node.path), known[0])
            grown |= _grafted(before, origin, node)
    return grown


def _grafted(before: Tree, origin: Planned, node: Planned) -> dict[NodePath, Planned]:
    """Copy what lies below a node under another one, which stands in its place."""

    def moved(paths: Iterable[NodePath]) -> tuple[NodePath, ...]:
        inside = f"{origin.path}."
        return tuple(
            NodePath(node.path + path.removeprefix(origin.path)) if path.startswith(inside) else path for path in paths
        )

    below = [item for path, item in before.items() if path.startswith(f"{origin.path}.")]
    copies = {
        moved([item.path])[0]: item.model_copy(
            update={
                "path": moved([item.path])[0],
                "dependencies": moved(item.dependencies),
                "children": moved(item.children),
            }
        )
        for item in below
    }
    children = moved(origin.children)
    here = node.model_copy(update={"children": children, "dependencies": (*children, *node.dependencies)})
    return {node.path: here, **copies}


def _identity(tree: Tree, node: Planned, *, parts: bool = True) -> Digest:
    outside, children = _seen(tree, node)
    return identity(node.task, outside, children if parts else ())


def _features(tree: Tree, node: Planned) -> dict[str, JsonValue]:
    return features(node.task, *_seen(tree, node))


def _seen(tree: Tree, node: Planned) -> tuple[list[TaskSpecification], list[TaskSpecification]]:
    """Return the tasks that a node may call beside its children, and its children's."""
    outside = [tree[path].task for path in node.dependencies if path in tree and path not in node.children]
    return outside, [tree[path].task for path in node.children if path in tree]


def _reachable(tree: Tree, node: Planned) -> set[NodePath]:
    found: set[NodePath] = set()
    open_ = list(node.dependencies)
    while open_:
        path = open_.pop()
        if path in tree and path not in found:
            found.add(path)
            open_.extend(tree[path].dependencies)
    return found


def _has_code(node: Planned) -> bool:
    return node.task.has_interface or not node.children


def _undecided(node: Planned) -> bool:
    return not node.children and node.task.task_type is TaskType.DECOMPOSITION


def _above(path: NodePath) -> list[NodePath]:
    parts = path.split(".")
    return [NodePath(".".join(parts[:length])) for length in range(1, len(parts))]
