"""The coordinator's prompt: the facts of an election that nobody won, and which of the open steps to take.

It shows no source and asks for no code; what is proposed is checked against the policy by others.
"""

from collections.abc import Sequence

from millwright.core.prompts.answer_schema import closed
from millwright.core.prompts.wording import conditions, parameters, prompt, quoted, schema_section, section
from schemas.coordination import Remedy, Situation
from schemas.identity import Archetype
from schemas.models import Prompt
from schemas.specification import TaskSpecification

VERSION = "coordinator-1"

_RULES = """Agents were asked for the code of one task, and no answer won its vote. You propose the next step, one of:
- simplify: the same task within half of its limits, or in smaller parts. It helps where answers are right in the main
  and differ in detail, or run too long.
- replan: the task as it is specified cannot be done, or its examples contradict what it is given. Its parent is split
  anew, and other work may be lost with it.
- person: the text leaves open what is right, so that no agent can know it.
Judge by the facts alone. Answer with one JSON object that fits the schema, in one fenced json block, and nothing else.
Give the reason in one line."""


def coordinate_prompt(task: TaskSpecification, situation: Situation) -> Prompt:
    """Write the prompt that tells what happened to a task, and asks for one of the steps that are open."""
    body = (
        f"# Task\n\n{task.name}\n\n{quoted(task.description)}\n\n"
        + section("Inputs", parameters(task.inputs))
        + section("Output", parameters(task.outputs))
        + section("Holds before the call", conditions(task.preconditions))
        + section("Holds for the result", conditions(task.postconditions))
        + schema_section(coordinate_schema(situation.open))
        + "\n"
        + "# What happened\n\n"
        + "\n>\n".join(map(quoted, situation.facts))
        + "\n\n"
        + section("Open", [f"- {remedy.value}" for remedy in situation.open])
    )
    return prompt(Archetype.COORDINATOR, VERSION, _RULES, task.id, body.rstrip() + "\n")


def coordinate_schema(open_: Sequence[Remedy]) -> dict[str, object]:
    """Return the JSON Schema of a proposal, one of the steps that are open."""
    return closed({"step": {"enum": [remedy.value for remedy in open_]}, "reason": {"type": "string"}})
