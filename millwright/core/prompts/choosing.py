"""The discriminator's prompt: which of a few sound proposals answers the task best, where nothing can be executed.

Labels are given anew for each draw, so that no proposal gains by its place; the answer is read back by the same order.
"""

import hashlib
from collections.abc import Sequence

from pydantic import JsonValue

from millwright.core.prompts.answer_schema import closed
from millwright.core.prompts.wording import (
    conditions,
    declared,
    examples,
    parameters,
    prompt,
    quoted,
    schema_section,
    section,
)
from schemas.election import Flag, RedFlag
from schemas.identity import Archetype, Digest
from schemas.models import Prompt
from schemas.planning import Proposal
from schemas.specification import TaskSpecification

VERSION = "chooser-2"

LABELS = "ABCD"
"""At most so many proposals are shown: with more, a reader compares none of them well."""

_RULES = """You compare proposals for the same task and choose the best one; you write none yourself.
Answer with one JSON object that fits the schema, in one fenced json block, and nothing else.
Choose the proposal that keeps every promise of the task, adds nothing to it, and is the plainest. Their order says
nothing. Length is no merit. Give the reason in one line."""


def shown_order(among: Sequence[Digest], seed: int) -> tuple[Digest, ...]:
    """Return the proposals that a draw with this seed shows, in the order of their labels."""
    leading = tuple(dict.fromkeys(among))[: len(LABELS)]
    return tuple(sorted(leading, key=lambda digest: hashlib.sha256(f"{seed}/{digest}".encode()).digest()))


def choose_prompt(task_id: str, asked: str, proposals: Sequence[str]) -> Prompt:
    """Write the prompt that shows what was asked and the outlines of the proposals, in the order of their labels."""
    shown = "".join(f"# Proposal {label}\n\n{text.strip()}\n\n" for label, text in zip(LABELS, proposals, strict=False))
    body = f"{asked.strip()}\n\n{shown}{schema_section(choice_schema(len(proposals)))}"
    return prompt(Archetype.REVIEWER, VERSION, _RULES, task_id, body)


def choice_schema(count: int) -> dict[str, object]:
    """Return the JSON Schema of a choice among so many proposals."""
    return closed({"choice": {"enum": list(LABELS[:count])}, "reason": {"type": "string"}}, ["choice"])


def read_choice(answer: JsonValue, order: Sequence[Digest]) -> Digest | RedFlag:
    """Return the proposal that an answer chooses, by the order in which the draw showed them."""
    choice = answer.get("choice") if isinstance(answer, dict) else None
    if not isinstance(choice, str) or choice.strip().upper() not in [*LABELS[: len(order)]]:
        labels = ", ".join(LABELS[: len(order)])
        return RedFlag(flag=Flag.MALFORMED, detail=f"the answer chooses none of {labels}")
    return order[LABELS.index(choice.strip().upper())]


def asked_in_prose(requirements: str) -> str:
    """Write what was asked of a specifier."""
    return f"One of these specifications is to be built from.\n\n# Requirements\n\n{quoted(requirements)}"


def asked_of_task(task: TaskSpecification) -> str:
    """Write what was asked of a decomposer."""
    return f"One of these splits of {task.name} is to be built.\n\n# Task\n\n{specification_outline(task)}"


def specification_outline(task: TaskSpecification) -> str:
    """Put a specification into words, without its limits."""
    return (
        f"{task.name}\n\n{quoted(task.description)}\n\n"
        + section("Inputs", parameters(task.inputs))
        + section("Output", parameters(task.outputs))
        + section("Declared", declared(task))
        + section("Holds before the call", conditions(task.preconditions))
        + section("Holds for the result", conditions(task.postconditions))
        + section("Holds throughout", conditions(task.invariants))
        + section("Examples", examples(task.name, task.test_cases))
    )


def decomposition_outline(proposal: Proposal) -> str:
    """Put a decomposition into words: its children with their interfaces, what they depend on and their size."""
    lines = []
    for child in proposal.children:
        task = child.specification
        inputs = ", ".join(f"{item.name}: {item.type_annotation}" for item in task.inputs)
        outputs = ", ".join(item.type_annotation for item in task.outputs) or "None"
        needs = f"; uses {', '.join(task.dependencies)}" if task.dependencies else ""
        size = f"about {child.estimated_lines} lines, complexity {child.estimated_complexity}"
        described = " ".join(task.description.split())
        lines.append(f"- {task.id}: {task.name}({inputs}) -> {outputs}{needs} ({size}). {described}")
    return "\n".join(lines)
