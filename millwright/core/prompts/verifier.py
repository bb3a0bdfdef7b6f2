"""The verifier's prompt: inputs that would tell a subtly wrong function from a right one, and what holds of every call.

It asks for inputs first: what an answer claims of results, of one or of all, is kept apart, and judges nobody.
"""

from millwright.core.prompts.answer_schema import HOW_VALUES_ARE_WRITTEN, closed, value_schema
from millwright.core.prompts.wording import (
    conditions,
    declared,
    examples,
    parameters,
    prompt,
    quoted,
    schema_section,
    section,
    shapes,
)
from millwright.core.specification import input_types, result_type
from schemas.identity import Archetype
from schemas.models import Prompt
from schemas.specification import TaskSpecification

VERSION = "verifier-3"

MOST_CASES = 12
"""Cases that one answer is asked for: more of one agent are more of the same."""

MOST_ASSERTS = 6
"""Asserts that one answer is asked for."""

_RULES = """You look for inputs that tell a subtly wrong function from a right one; you write no code.
Answer with one JSON object that fits the schema, in one fenced json block, and nothing else.
Every case gives all inputs by name and keeps what holds before the call. Aim at the edges that a hasty author forgets:
empty and single, equal and nearly equal, first and last, negative and zero, just below and just above each limit that
the text names, ties, repetition, unusual order, spaces and letter case. No two cases should test the same thing.
Keep values short enough to be read. Add "expected" only where the text leaves no doubt about the result, else leave it
out; leave it out as well where the call raises.
Under "asserts" state what must hold of every call that returns, as the text demands it and no example shows: each one
expression in Python over the inputs, `result`, and `old.` before an input for its value before the call, with
comparisons, arithmetic, len, sum, min, max, sorted, all, any and the like, and no other function. Leave out what is
listed as holding already, and what you would not stake your name on.
"""


def inputs_prompt(task: TaskSpecification, signature: str) -> Prompt:
    """Write the prompt that asks for inputs of a task."""
    body = (
        f"Propose up to {MOST_CASES} cases for this function:\n\n```{task.target_language}\n{signature}\n```\n\n"
        + task_outline(task)
        + schema_section(inputs_schema(task))
    )
    return prompt(Archetype.VERIFIER, VERSION, _RULES + HOW_VALUES_ARE_WRITTEN, task.id, body)


def task_outline(task: TaskSpecification) -> str:
    """Put into words what there is to know of a task for one who looks for inputs."""
    return (
        f"{quoted(task.description)}\n\n"
        + section("Inputs", parameters(task.inputs))
        + section("Output", parameters(task.outputs))
        + section("Declared", declared(task) + shapes(task))
        + section("Holds before the call", conditions(task.preconditions))
        + section("Holds for the result", conditions(task.postconditions))
        + section("Holds throughout", conditions(task.invariants))
        + section("Examples that are known already", examples(task.name, task.test_cases))
    )


def inputs_schema(task: TaskSpecification) -> dict[str, object]:
    """Return the JSON Schema of a verifier's answer for a task. Raises TypeSyntaxError."""
    records = {record.name: record for record in task.known_records}
    types = zip(task.inputs, input_types(task), strict=True)
    given = closed({item.name: value_schema(of, records) for item, of in types})
    case = closed({"inputs": given, "expected": value_schema(result_type(task), records)}, ["inputs"])
    cases = {"type": "array", "items": case, "minItems": 1, "maxItems": MOST_CASES}
    asserts = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_ASSERTS}
    return closed({"cases": cases, "asserts": asserts}, ["cases"])
