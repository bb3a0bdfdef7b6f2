"""The deliverable's own account of the requirements: each with its parts and the tests that show it, as JSON.

It holds nothing that differs between two builds with the same answers: no times, no run ids.
"""

import json
from collections.abc import Callable

from pydantic import JsonValue

from millwright.core.packaging.package import Whole
from schemas.identity import NodePath
from schemas.requirements import Requirement, TestRef, Trace

TRACEABILITY = "traceability.json"
"""The file's path in the deliverable."""

FORMAT = "millwright-traceability/1"


Named = Callable[[TestRef], str | None]
"""Tells a test's name in the deliverable; None where it has none there."""


def traceability(whole: Whole, named: Named) -> str | None:
    """Write the account; None where no requirement was traced."""
    if not whole.traces:
        return None
    modules = {part.path: part.module for part in whole.parts}
    traced = {item.requirement.statement.id: item for item in whole.traces}
    requirements: list[JsonValue] = []
    for item in whole.requirements.items:
        found = traced.get(item.statement.id)
        requirements.append({**_stated(item), **(_followed(found, modules, named) if found else {})})
    questions: list[JsonValue] = [
        {
            "about": list[JsonValue](item.about),
            "question": item.question,
            "readings": [reading.text for reading in item.readings],
        }
        for item in whole.requirements.questions
    ]
    account = {"format": FORMAT, "requirements": requirements, "questions": questions}
    return json.dumps(account, indent=2, ensure_ascii=False) + "\n"


def _stated(item: Requirement) -> dict[str, JsonValue]:
    statement = item.statement
    return {
        "id": statement.id,
        "kind": item.kind.value if item.kind else None,
        "text": statement.text,
        "heading": statement.heading,
        "first_line": statement.first_line,
        "last_line": statement.last_line,
    }


def _followed(found: Trace, modules: dict[NodePath, str], named: Named) -> dict[str, JsonValue]:
    tests = [name for name in map(named, found.tests) if name is not None]
    return {
        "parts": [modules[path] for path in found.nodes if path in modules],
        "tests": list[JsonValue](tests),
        "evidence": found.standing.value,
    }
