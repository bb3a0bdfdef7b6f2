"""The project that the fault campaign builds: leaves of the bundled order pricing, as one file of task specifications.

The tasks and their scripted answers are the example's own; nothing is written here for the campaign.
"""

import yaml

from millwright.adapters.embedded.demo_sampling import Completion, CompletionBook, TaskCompletions, read_book
from schemas.identity import Archetype
from tests.integration.demo_stack import EXAMPLE

TASKS = ("volume_rate", "share", "tax_rate", "tax", "money_text", "shipping")
"""Tasks of functions that need no record of the example's; a dependency stands before what needs it."""

FEW = TASKS[:4]
"""What the short run builds."""


def answers() -> CompletionBook:
    """Read the example's scripted answers; reviewers for whom nothing is written doubt nothing."""
    written = list(read_book([EXAMPLE / "completions"]))
    reviewed = {entry.task for entry in written if entry.archetype is Archetype.REVIEWER}
    nothing = (Completion('```json\n{"cases": []}\n```\n'),)
    silent = [TaskCompletions(task, task, Archetype.REVIEWER, nothing) for task in TASKS if task not in reviewed]
    return CompletionBook([*written, *silent])


def specification(tasks: tuple[str, ...]) -> str:
    """Write the specification of some of the example's tasks, as its decomposers state them."""
    stated = _stated()
    document = {"errors": _shared("specifier", "root")["errors"], "tasks": [stated[task] for task in tasks]}
    return yaml.safe_dump(document, sort_keys=False)


def _shared(archetype: str, task: str) -> dict[str, object]:
    file = EXAMPLE / "completions" / archetype / f"{task}.yaml"
    shared = yaml.safe_load(file.read_text(encoding="utf-8")).get("shared", {})
    assert isinstance(shared, dict)
    return shared


def _stated() -> dict[str, dict[str, object]]:
    """Read each task that a decomposer of the example states, without the requirements that its examples show."""
    found = {}
    for file in sorted((EXAMPLE / "completions" / "decomposer").glob("*.yaml")):
        for task in _shared("decomposer", file.stem).values():
            if isinstance(task, dict) and "id" in task:
                found[task["id"]] = _plain(task)
    return found


def _plain(task: dict[str, object]) -> dict[str, object]:
    """Copy a task without ``shows``: there are no requirements here that it could name."""
    plain = dict(task)
    for name in ("test_cases", "properties"):
        items = task.get(name, [])
        assert isinstance(items, list)
        plain[name] = [{key: value for key, value in item.items() if key != "shows"} for item in items]
    return plain
