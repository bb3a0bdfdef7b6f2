"""What a root from prose may be: a function, a command or a handler of HTTP, and when two such answers are one vote."""

from typing import Any

import pytest

from millwright.core.decomposition import read_root, root_signature
from millwright.core.prompts.planner import specifier_schema
from schemas.election import RedFlag
from schemas.planning import SpecifiedRoot

ANSWER = {"status": 200, "content_type": "application/json", "body": 1}
CALLS = [{"method": "one", "inputs": {}, "expected_output": ANSWER}]
METHODS = [{"name": "one", "request": "GET /one"}, {"name": "two", "request": "GET /two"}]


def _root(**fields: Any) -> SpecifiedRoot | RedFlag:
    task: dict[str, Any] = {
        "id": "root",
        "name": "create_app",
        "kind": "http_handler",
        "methods": METHODS,
        "test_cases": [{"name": "a", "inputs": {}, "calls": CALLS}],
    }
    return read_root({"specification": {**task, **fields}}, "python")


def _signature(**fields: Any) -> str:
    root = _root(**fields)
    assert isinstance(root, SpecifiedRoot), root
    return root_signature(root)


def test_handlers_that_answer_alike_are_one_vote() -> None:
    """Wording and the order of methods say nothing; another answer, request or input is another vote."""
    same = _signature()
    assert _signature(description="other words", methods=METHODS[::-1]) == same
    other = [{"name": "a", "inputs": {}, "calls": [{**CALLS[0], "expected_output": {**ANSWER, "status": 201}}]}]
    assert _signature(test_cases=other) != same
    assert _signature(methods=[METHODS[0], {"name": "two", "request": "PUT /two"}]) != same
    given = [{"name": "n", "type_annotation": "int"}]
    assert _signature(methods=[METHODS[0], {**METHODS[1], "inputs": given}]) != same


def test_a_command_is_a_root_and_what_only_a_person_asks_for_is_refused() -> None:
    """A class is refused with the kinds that there are; so is a handler that is not sound."""
    case = {"name": "a", "inputs": {}, "expected_output": {"status": 0, "stdout": ""}}
    assert isinstance(_root(kind="command", methods=[], test_cases=[case]), SpecifiedRoot)
    refused = _root(kind="class")
    assert isinstance(refused, RedFlag)
    assert "function, command, http_handler" in refused.detail
    assert isinstance(_root(methods=[]), RedFlag)


@pytest.mark.parametrize("word", ['"http_handler"', '"calls"', '"methods"'])
def test_the_schema_of_specifiers_has_the_fields_of_these_kinds_alone(word: str) -> None:
    """Whoever specifies a server can write its requests; states and files stand in no schema."""
    text = str(specifier_schema()).replace("'", '"')
    assert word in text
    assert '"expected_state"' not in text
    assert '"content"' not in text
