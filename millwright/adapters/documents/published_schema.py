"""Writes the JSON Schema of files of task specifications: ``python -m millwright.adapters.documents.published_schema``.

It says what shape a file has; whether a file agrees with itself is beyond a schema.
"""

import json
import sys
from typing import Any

from pydantic import TypeAdapter

from schemas.identity import TASK_ID_PATTERN
from schemas.specification import SpecificationDocument, TaskSpecification


def schema_text() -> str:
    """Return the schema as indented JSON with a newline at its end."""
    shape: TypeAdapter[Any] = TypeAdapter(SpecificationDocument | list[TaskSpecification])
    schema = shape.json_schema()
    definitions = schema["$defs"]
    definitions["TaskSpecification"]["properties"]["id"]["pattern"] = f"^{TASK_ID_PATTERN.pattern}$"
    definitions["TestCase"]["oneOf"] = [
        {"required": ["expected_output"], "properties": {"raises": {"type": "null"}}},
        {"required": ["raises"], "properties": {"raises": {"type": "string"}, "expected_output": {"type": "null"}}},
    ]
    heading = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Millwright task specifications",
        "description": "A document with `tasks`, or a bare list of tasks.",
    }
    return json.dumps(heading | schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
