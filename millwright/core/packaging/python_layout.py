"""Where a delivered Python package has what: the tests of each part, and the command that it is.

Names only; the texts are written beside it.
"""

import re

from millwright.core.kinds import own_inputs
from millwright.core.packaging.package import Part, Whole
from schemas.identity import ROOT_PATH
from schemas.specification import TaskKind


def test_paths(whole: Whole) -> tuple[tuple[Part, str], ...]:
    """Return the parts that have examples, each with the path of its tests.

    unittest finds only modules, so no hyphen may be left, and no test may be lost to another of its name.
    """
    paths: list[tuple[Part, str]] = []
    taken: set[str] = set()
    for part in whole.parts:
        if part.task.test_cases:
            stem = "tests/test_" + re.sub(r"[.-]", "_", part.path)
            name, number = stem, 1
            while name in taken:
                number += 1
                name = f"{stem}_{number}"
            taken.add(name)
            paths.append((part, f"{name}.py"))
    return tuple(paths)


def command_of(whole: Whole) -> Part | None:
    """Return the part that is run: the root if it can be, else the only command, else the only server."""
    root = next((part for part in whole.parts if part.path == ROOT_PATH), None)
    if root is not None and (_is_run(root) or _is_filter(root)):
        return root
    for kind in (TaskKind.COMMAND, TaskKind.HTTP_HANDLER):
        found = [part for part in whole.parts if part.task.kind is kind and _is_run(part)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _is_run(part: Part) -> bool:
    """Say whether a part is a command, or a server that can be made without being given anything."""
    task = part.task
    if task.kind is TaskKind.HTTP_HANDLER:
        return not own_inputs(task)
    return task.kind is TaskKind.COMMAND


def _is_filter(part: Part) -> bool:
    """Say whether a part is a function from one text to one text."""
    task = part.task
    texts = [item.type_annotation for item in (*task.inputs, *task.outputs)]
    is_plain = task.kind is TaskKind.FUNCTION
    return is_plain and len(task.inputs) == len(task.outputs) == 1 and texts == ["str", "str"]


def command_name(whole: Whole) -> str:
    """Return the name of the package's command, which is its distribution's as well."""
    return whole.package.replace("_", "-")
