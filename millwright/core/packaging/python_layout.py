"""Where a delivered Python package has what: the tests of each part, and the command that it is.

Names only; the texts are written beside it.
"""

import re

from millwright.core.packaging.package import Part, Whole
from schemas.identity import ROOT_PATH


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
    """Return the root when it takes one text and returns one: then the package is a command as well."""
    for part in whole.parts:
        if part.path == ROOT_PATH:
            task = part.task
            texts = [item.type_annotation for item in (*task.inputs, *task.outputs)]
            return part if len(task.inputs) == len(task.outputs) == 1 and texts == ["str", "str"] else None
    return None


def command_name(whole: Whole) -> str:
    """Return the name of the package's command, which is its distribution's as well."""
    return whole.package.replace("_", "-")
