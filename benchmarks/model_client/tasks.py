"""Many small tasks that do not depend on each other, and scripted answers to them: work for an endpoint's slots.

They are cheap to verify, so that a machine with two cores can keep up. They say nothing of how well a model writes.
"""

from collections.abc import Iterable

import yaml

from millwright.adapters.embedded.demo_sampling import Completion, CompletionBook, TaskCompletions
from schemas.identity import Archetype

_BODIES = (
    ("n + {step}", 3.0),
    ("{step} + n", 3.0),
    ("n - -{step}", 2.0),
    ("sum((n, {step}))", 2.0),
    ("n + {step} + 1", 1.0),
    ("n", 1.0),
)
"""Bodies of answers, with how often each is given; the last two are wrong."""

_CASES = '```json\n{"cases": [{"inputs": {"n": 5}}, {"inputs": {"n": -3}}]}\n```\n'
_NO_CASES = '```json\n{"cases": []}\n```\n'


def specification(numbers: Iterable[int]) -> str:
    """Write the specification of some tasks, by number."""
    return yaml.safe_dump({"tasks": [_task(number) for number in numbers]}, sort_keys=False)


def answers(tasks: int) -> CompletionBook:
    """Write the answers to all tasks below a number."""
    entries = []
    for number in range(tasks):
        name, step = _name(number), number + 1
        texts = [(_code(name, body.format(step=step)), weight) for body, weight in _BODIES]
        completions = tuple(Completion(text, weight=weight) for text, weight in texts)
        entries.append(TaskCompletions(name, name, Archetype.CODER, completions))
        entries.append(TaskCompletions(name, name, Archetype.VERIFIER, (Completion(_CASES),)))
        entries.append(TaskCompletions(name, name, Archetype.REVIEWER, (Completion(_NO_CASES),)))
    return CompletionBook(entries)


def _name(number: int) -> str:
    return f"step_{number}"


def _code(name: str, body: str) -> str:
    return f"```python\ndef {name}(n: int) -> int:\n    return {body}\n```\n"


def _task(number: int) -> dict[str, object]:
    name, step = _name(number), number + 1
    return {
        "id": name,
        "name": name,
        "description": f"Add {step} to a number.",
        "inputs": [{"name": "n", "type_annotation": "int", "constraints": ["-1000 <= n <= 1000"]}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [
            {"name": "nought", "inputs": {"n": 0}, "expected_output": step},
            {"name": "seven", "inputs": {"n": 7}, "expected_output": 7 + step},
        ],
    }
