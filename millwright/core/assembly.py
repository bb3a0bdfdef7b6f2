"""Where each part lies in the deliverable, and how parts are put together by rule.

Names only: what a language's package looks like is in ``millwright.core.packaging``.
"""

import keyword
from collections.abc import Iterable, Sequence

from millwright.core.verification.language import Language
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, NodePath, TaskId
from schemas.specification import TaskSpecification

RECORDS_MODULE = "records"
"""The module of the deliverable that defines the records and errors which specifications declare."""


def module_parts(path: NodePath) -> tuple[str, ...]:
    """Return the module names under the package for a node; none for the root."""
    return tuple(_identifier(part) for part in path.split(".")[1:])


def dotted_name(package: str, path: NodePath) -> str:
    """Return the dotted name of a node's module."""
    return ".".join((package, *module_parts(path)))


def file_path(language: Language, package: str, node: NodeRecord) -> str:
    """Return the path of a node's module: a node with children is a package of its own."""
    is_package = bool(node.children) or node.path == ROOT_PATH
    return language.module_path(package, module_parts(node.path), is_package)


def import_clash(task: TaskSpecification, functions: Sequence[str]) -> str | None:
    """Say which name would mean two things in a task's module, which imports the functions that it depends on.

    None where every name means one: its own function, its records and errors, and ``functions``.
    """
    taken = {task.name, *(record.name for record in task.records), *(error.name for error in task.errors)}
    for name in functions:
        if name in taken:
            return f"the function name {name!r} would mean two things in its module: rename one of the functions"
        taken.add(name)
    return None


def records_clash(top: Iterable[TaskId], task: TaskSpecification) -> str | None:
    """Say which of the ids directly under the root has the module that ``task``'s records and errors need."""
    if task.records or task.errors:
        for name in top:
            if _identifier(name) == RECORDS_MODULE:
                return f"{name}: the module of this name holds the declared records and errors: choose another id"
    return None


def _identifier(task: str) -> str:
    name = task.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name
