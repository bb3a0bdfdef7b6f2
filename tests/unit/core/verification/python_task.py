"""A small task for the tests of Python as a target language, and the language itself."""

from millwright.core.verification.languages import language_named
from schemas.specification import Record, TaskSpecification

PYTHON = language_named("python")


def task(**fields: object) -> TaskSpecification:
    """Make a task ``f(x: int) -> int``, changed as asked."""
    base: dict[str, object] = {
        "id": "f",
        "name": "f",
        "description": "Do it.\nMore of it.",
        "inputs": [{"name": "x", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
    }
    return TaskSpecification.model_validate(base | fields)


def outputs(*annotations: str) -> list[dict[str, str]]:
    """Make outputs of these types."""
    return [{"name": f"r{index}", "type_annotation": text} for index, text in enumerate(annotations)]


RECORD = Record.model_validate({"name": "Money", "fields": [{"name": "cents", "type_annotation": "int"}]})
