"""The prompt that asks a specifier what a function must give for a few inputs, where nobody wrote an example.

It shows no answer of another agent, and leaves room to say that the text does not decide.
"""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from millwright.core.prompts.answer_schema import HOW_VALUES_ARE_WRITTEN, closed, value_schema
from millwright.core.prompts.wording import (
    conditions,
    declared,
    parameters,
    prompt,
    quoted,
    schema_section,
    section,
    shapes,
)
from millwright.core.specification import result_type
from schemas.identity import Archetype
from schemas.models import Prompt
from schemas.specification import TaskSpecification

VERSION = "examples-2"

_RULES = """You say what a function must give for certain inputs, by its specification alone; you write no code.
Answer with one JSON object that fits the schema, in one fenced json block, and nothing else.
Work each input out step by step in your mind. For each of them, by its number, state the result, or the name of the
exception that must be raised; say that it is unknown where the text does not decide it. A wrong result does harm, an
unknown one does not.
"""


def outcomes_prompt(task: TaskSpecification, signature: str, calls: Sequence[dict[str, JsonValue]]) -> Prompt:
    """Write the prompt that asks for the results of some calls, given as inputs by name in JSON."""
    asked = [f"{number}. {json.dumps(call, ensure_ascii=False)}" for number, call in enumerate(calls, 1)]
    body = (
        f"The function:\n\n```{task.target_language}\n{signature}\n```\n\n{quoted(task.description)}\n\n"
        + section("Inputs", parameters(task.inputs))
        + section("Output", parameters(task.outputs))
        + section("Declared", declared(task) + shapes(task))
        + section("Holds for the result", conditions(task.postconditions))
        + section("Holds throughout", conditions(task.invariants))
        + section("Asked", asked)
        + schema_section(outcomes_schema(task, len(calls)))
    )
    return prompt(Archetype.SPECIFIER, VERSION, _RULES + HOW_VALUES_ARE_WRITTEN, task.id, body)


def outcomes_schema(task: TaskSpecification, count: int) -> dict[str, object]:
    """Return the JSON Schema of an answer about so many calls. Raises TypeSyntaxError."""
    records = {record.name: record for record in task.known_records}
    number: dict[str, object] = {"type": "integer", "minimum": 1, "maximum": count}
    stated: list[object] = [
        closed({"input": number, "returns": value_schema(result_type(task), records)}),
        closed({"input": number, "raises": {"type": "string"}}),
        closed({"input": number, "unknown": {"const": True}}),
    ]
    return closed({"outcomes": {"type": "array", "items": {"anyOf": stated}, "minItems": 1, "maxItems": count}})
