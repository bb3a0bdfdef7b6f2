"""Where the tasks of a given specification stand in the tree: under the root, or as the root.

It makes no nodes, and asks for nothing that a specification does not say.
"""

from collections.abc import Sequence

from schemas.identity import ROOT_PATH, NodePath, TaskId, child_path
from schemas.specification import TaskSpecification, TaskType

ROOT = TaskId("root")


def with_root(tasks: Sequence[TaskSpecification], name: str, description: str) -> tuple[TaskSpecification, ...]:
    """Return the tasks with a root: their own, or a group of all that have no parent."""
    if any(task.id == ROOT for task in tasks):
        return tuple(tasks)
    group = TaskSpecification(
        id=ROOT,
        name=name,
        description=description,
        task_type=TaskType.INTEGRATION,
        target_language=tasks[0].target_language if tasks else "python",
        children=tuple(task.id for task in tasks if task.parent is None),
    )
    return (group, *tasks)


def paths_of(tasks: Sequence[TaskSpecification]) -> dict[TaskId, NodePath]:
    """Return each task's path; the tasks have a root."""
    by_id = {task.id: task for task in tasks}

    def path(task: TaskSpecification) -> NodePath:
        return ROOT_PATH if task.id == ROOT else child_path(path(by_id[parent_of(task)]), task.id)

    return {task.id: path(task) for task in tasks}


def parent_of(task: TaskSpecification) -> TaskId:
    """Return the id of the task above another one than the root."""
    return task.parent or ROOT
