"""Every kind of task is seen as a function by the ladder and the vote; what its specification says of it is judged."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.adapters.documents.specification_file import read_specification
from millwright.adapters.sandbox.harness import serving
from millwright.core.examples import accepts, example_calls
from millwright.core.kinds import as_called, own_inputs
from millwright.core.literals import written_json
from millwright.core.packaging.requests import sent
from millwright.core.prompts.answer_schema import value_schema
from millwright.core.prompts.coder import code_prompt
from millwright.core.prompts.settling import outcomes_prompt
from millwright.core.prompts.verifier import inputs_prompt
from millwright.core.signature import records_of
from millwright.core.specification import check_document, digest_of, input_types, resolve, result_type
from millwright.core.verification.languages import language_named
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import Method, Parameter, SpecificationDocument, TaskSpecification
from schemas.types import parse_type
from schemas.values import Value, decode_json

FOLDER = Path(__file__).parents[2] / "languages" / "python" / "kinds"


def specified(name: str) -> TaskSpecification:
    """Read the task of a file beside the candidates of each kind."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    (task,) = resolve(read_specification(text, name, check_document))
    return task


ACCOUNT, NOTES, TALLY, TOTAL = map(specified, ("account", "notes_api", "tally", "total_of"))
NEWEST, RATES, GUIDE = map(specified, ("newest", "rates", "guide"))


def test_a_function_is_its_own_view_and_says_nothing_of_other_kinds() -> None:
    """The fields of other kinds are not written while they say nothing, so that its inputs stay the same as well."""
    task = TaskSpecification.model_validate(
        {"id": "f", "name": "f", "test_cases": [{"name": "a", "inputs": {}, "expected_output": None}]}
    )
    assert as_called(task) is task
    written = task.model_dump(mode="json")
    assert not {"kind", "methods", "state", "content", "shapes"} & set(written)
    assert not {"calls", "expected_state"} & set(written["test_cases"][0])


@pytest.mark.parametrize("task", [ACCOUNT, NOTES, TALLY, TOTAL, RATES], ids=lambda task: task.name)
def test_a_view_is_a_sound_task_that_stays_what_it_is(task: TaskSpecification) -> None:
    """It is its own view, survives being stored, and can be checked again like any other task."""
    assert as_called(task) == task
    assert TaskSpecification.model_validate_json(task.model_dump_json()) == task
    document = SpecificationDocument(tasks=(task,), records=task.records, errors=task.errors)
    assert check_document(document) == ()
    (again,) = resolve(document)
    assert digest_of(again) == digest_of(task)
    assert len(example_calls(task)) == len(task.test_cases)


def test_a_constraint_keeps_the_names_that_it_binds_itself() -> None:
    """A method has other inputs too, and one of them may be named like the variable of a comprehension."""
    positive = {"name": "xs", "type_annotation": "list[int]", "constraints": ["all(x > 0 for x in xs)"]}
    inputs = [{"name": "x", "type_annotation": "int"}, positive]
    task = ACCOUNT.model_copy(update={"shapes": (), "methods": (Method(name="put", inputs=inputs),)})  # type: ignore[arg-type]  # as a file gives them
    assert [item.expression for item in as_called(task).preconditions if item.name.startswith("put")] == [
        "all((all((x > 0 for x in call_.xs))) for call_ in calls if isinstance(call_, put))"
    ]


def test_a_class_is_called_by_sequences_and_answers_with_its_history_and_state() -> None:
    """Calls are values like any others, so that they are generated, compared, shrunk and shown as such."""
    assert [item.name for item in ACCOUNT.inputs] == ["limit", "calls"]
    assert [item.name for item in own_inputs(ACCOUNT)] == ["limit"]
    assert str(input_types(ACCOUNT)[1]) == "list[deposit | withdraw | entries]"
    assert example_calls(ACCOUNT)[0][1][1] == [
        ["record", "deposit", [["amount", ["int", "30"]]]],
        ["record", "withdraw", [["amount", ["int", "10"]]]],
        ["record", "deposit", [["amount", ["int", "5"]]]],
        ["record", "entries", []],
    ]
    assert [item.expression for item in ACCOUNT.postconditions][:1] == ["0 <= result.state.balance"]
    assert ACCOUNT.invariants == ()


def history(balance: int, *outcomes: Value) -> Value:
    """Write what a sequence of calls of the account came to."""
    state: Value = ["record", "state", [["balance", ["int", str(balance)]]]]
    return ["record", "history", [["outcomes", ["list", list(outcomes)]], ["state", state]]]


def test_an_example_of_a_class_demands_every_outcome_and_the_state() -> None:
    """Another outcome of one call, another exception or another state is another history."""
    case = ACCOUNT.test_cases[1]
    overdrawn: Value = ["record", "raised", [["error", ["str", "Overdrawn"]]]]
    refused: Value = ["record", "raised", [["error", ["str", "ValueError"]]]]
    entries: Value = ["record", "entries_returned", [["value", ["list", []]]]]
    right = history(0, overdrawn, refused, refused, entries)
    wrong = [
        history(1, overdrawn, refused, refused, entries),
        history(0, refused, refused, refused, entries),
        history(0, overdrawn, refused, refused),
        history(0, overdrawn, refused, refused, ["record", "entries_returned", [["value", ["none"]]]]),
    ]
    assert accepts(ACCOUNT, case, Outcome(kind=OutcomeKind.RETURNED, value=right))
    for value in wrong:
        assert not accepts(ACCOUNT, case, Outcome(kind=OutcomeKind.RETURNED, value=value))


def test_json_names_the_record_where_a_union_has_several_of_the_same_fields() -> None:
    """A deposit and a withdrawal have equal fields; written down and read back each stays what it is."""
    of, records = input_types(ACCOUNT)[1], records_of(ACCOUNT)
    for name in ("deposit", "withdraw"):
        value: Value = ["list", [["record", name, [["amount", ["int", "1"]]]]]]
        written = written_json(value, of, records)
        assert written == [{"$record": name, "amount": 1}]
        assert decode_json(written, of, records) == value
    described = value_schema(of, records)["items"]
    assert isinstance(described, dict)
    named = [member["properties"]["$record"] for member in described["anyOf"]]
    assert named == [{"const": "deposit"}, {"const": "withdraw"}, {"const": "entries"}]


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"methods": []}, "needs at least one method"),
    ({"methods": [{"name": "_hidden"}]}, "is private"),
    ({"methods": [{"name": "a"}, {"name": "a"}]}, "there twice"),
    ({"methods": [{"name": "raised"}]}, "already that of a type"),
    ({"methods": [{"name": "a"}, {"name": "a_returned"}]}, "already that of a type"),
    ({"methods": [{"name": "a", "raises": ["Odd"]}]}, "neither a built-in exception"),
    ({"methods": [{"name": "a", "inputs": [{"name": "n", "type_annotation": "Odd"}]}]}, "neither a built-in type"),
    (
        {"methods": [{"name": "a", "inputs": [{"name": "n", "type_annotation": "int", "constraints": ["m > 0"]}]}]},
        "the name 'm' is not known",
    ),
    ({"methods": [{"name": "a", "request": "GET /"}]}, "only a handler of HTTP"),
    ({"outputs": [{"name": "x", "type_annotation": "int"}]}, "and no outputs"),
    ({"inputs": [{"name": "calls", "type_annotation": "int"}]}, "may not be named 'calls'"),
    ({"invariants": [{"name": "i", "expression": "size > other"}]}, "the name 'other' is not known"),
    (
        {"properties": [{"name": "p", "property_function": "def p():\n    assert C()"}]},
        "as a postcondition or invariant",
    ),
    ({"test_cases": [{"name": "t", "inputs": {}, "calls": []}]}, "must give expected_state"),
    (
        {"test_cases": [{"name": "t", "inputs": {}, "calls": [], "expected_state": {}}]},
        "in the state or in the example",
    ),
    ({"test_cases": [{"name": "t", "inputs": {}, "expected_output": 1}]}, "give calls, each with its own"),
    (
        {"test_cases": [{"name": "t", "inputs": {}, "calls": [{"method": "b"}], "expected_state": {"size": 0}}]},
        "none of the methods",
    ),
    (
        {
            "test_cases": [
                {
                    "name": "t",
                    "inputs": {},
                    "calls": [{"method": "a", "raises": "KeyError"}],
                    "expected_state": {"size": 0},
                }
            ]
        },
        "does not say that it raises KeyError",
    ),
    (
        {
            "test_cases": [
                {
                    "name": "t",
                    "inputs": {},
                    "calls": [{"method": "a", "expected_output": "x"}],
                    "expected_state": {"size": 0},
                }
            ]
        },
        "is not of type",
    ),
]


@pytest.mark.parametrize(("changed", "complaint"), FAULTS, ids=[complaint for _, complaint in FAULTS])
def test_a_class_that_contradicts_itself_is_refused(changed: dict[str, Any], complaint: str) -> None:
    """Each fault is named at its place."""
    sound: dict[str, Any] = {
        "id": "c",
        "name": "C",
        "kind": "class",
        "methods": [{"name": "a", "outputs": [{"name": "n", "type_annotation": "int"}]}],
        "state": [{"name": "size", "type_annotation": "int"}],
    }
    assert check_document(SpecificationDocument.model_validate({"tasks": [sound]})) == ()
    faults = check_document(SpecificationDocument.model_validate({"tasks": [sound | changed]}))
    assert any(complaint in fault.what for fault in faults), faults
    assert all(fault.where.startswith("tasks[0]") for fault in faults)


def test_other_kinds_are_refused_what_they_have_not() -> None:
    """A function has no methods, a command its own inputs only, a handler a verb and a path for each request."""
    base = {"id": "c", "name": "c"}
    tasks: list[tuple[dict[str, Any], str]] = [
        ({"methods": [{"name": "a"}], "test_cases": [{"name": "t", "inputs": {}, "raises": "KeyError"}]}, "no methods"),
        ({"kind": "command", "inputs": [{"name": "n", "type_annotation": "int"}]}, "the inputs of a command are"),
        ({"kind": "command", "outputs": [{"name": "n", "type_annotation": "int"}]}, "no outputs of its own"),
        ({"kind": "http_handler", "methods": [{"name": "a", "request": "LOOK /"}]}, "no verb and path"),
        ({"kind": "http_handler", "methods": [{"name": "a", "request": "GET /{n}"}]}, "and is no input"),
        (
            {
                "kind": "http_handler",
                "methods": [
                    {"name": "a", "request": "GET /", "inputs": [{"name": "n", "type_annotation": "list[int]"}]}
                ],
            },
            "stands in the path or the query",
        ),
        ({"kind": "file", "test_cases": [{"name": "t", "inputs": {}, "raises": "KeyError"}]}, "is its format (json,"),
        ({"kind": "file", "target_language": "json", "content": "list[Odd]"}, "neither a built-in type"),
        (
            {"kind": "file", "target_language": "json", "inputs": [{"name": "n", "type_annotation": "int"}]},
            "it has no inputs",
        ),
        ({"kind": "command", "content": "int"}, "no content of a file"),
        (
            {
                "kind": "http_handler",
                "methods": [{"name": "a", "request": "GET /"}],
                "test_cases": [{"name": "t", "inputs": {}, "calls": [{"method": "a", "expected_output": 1}]}],
            },
            "the answer to a request has",
        ),
    ]
    for changed, complaint in tasks:
        faults = check_document(SpecificationDocument.model_validate({"tasks": [base | changed]}))
        assert any(complaint in fault.what for fault in faults), (complaint, faults)


def test_the_signature_shows_what_is_to_be_written() -> None:
    """A class with its methods and its state; a command and a handler as each is called."""
    write = language_named("python").signature
    assert write(TOTAL) == "async def total_of(numbers: list[int]) -> int:"
    assert write(TALLY) == "def tally(arguments: list[str]) -> int:"
    assert write(NOTES) == "def notes_api() -> WSGIApplication:"
    assert write(ACCOUNT) == (
        "class Account:\n    balance: int\n    def __init__(self, limit: int) -> None: ...\n"
        "    def deposit(self, amount: int) -> int: ...\n    def withdraw(self, amount: int) -> None: ...\n"
        "    def entries(self) -> list[int]: ..."
    )


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            ACCOUNT,
            ["Write this class", "raises Overdrawn, ValueError", "then balance == 25", "deposit(amount=30) returns"],
        ),
        (NOTES, ["POST /notes, as add", 'answers 201 application/json {"number": 1', "WSGI application"]),
        (TALLY, ["sys.stdin", "returns the exit status"]),
        (TOTAL, ["Write this asynchronous function", "asyncio.sleep"]),
    ],
    ids=["class", "http", "command", "async"],
)
def test_the_prompt_says_what_a_kind_is_and_shows_its_examples(task: TaskSpecification, said: list[str]) -> None:
    """No prompt of one kind speaks of another, and only a command may print."""
    prompt = code_prompt(task, language_named("python").signature(task), ())
    text = "\n".join(message.content for message in prompt.messages)
    for words in said:
        assert words in text
    assert ("Do not print." in text) is (task is not TALLY)
    assert "$record" not in text


def test_verifiers_are_told_what_calls_and_outcomes_are_made_of() -> None:
    """Who proposes inputs, or states results, sees the records of calls, in words and in the schema."""
    signature = language_named("python").signature(ACCOUNT)
    for prompt in (inputs_prompt(ACCOUNT, signature), outcomes_prompt(ACCOUNT, signature, [{"limit": 1, "calls": []}])):
        text = "\n".join(message.content for message in prompt.messages)
        assert "- record deposit(amount: int)" in text
        assert "- record raised(error: str)" in text
        assert '"$record"' in text
    assert "record raised" not in "\n".join(message.content for message in code_prompt(ACCOUNT, signature, ()).messages)


SCALARS: dict[str, st.SearchStrategy[Value]] = {
    "int": st.integers(-99, 99).map(lambda number: ["int", str(number)]),
    "str": st.text(max_size=5).map(lambda text: ["str", text]),
    "bool": st.booleans().map(lambda truth: ["bool", truth]),
}


@given(st.data())
def test_tests_and_harness_send_the_same_requests(data: st.DataObject) -> None:
    """The deliverable's tests ask what the sandbox asked, whatever stands in the path, the query and the body."""
    names = ["one", "two", "body"]
    types = {name: data.draw(st.sampled_from(sorted(SCALARS))) for name in names}
    given_ = {name: data.draw(SCALARS[of]) for name, of in types.items()}
    given_["body"] = data.draw(st.sampled_from([given_["body"], ["list", [given_["body"]]], ["none"]]))
    method = Method(
        name="m",
        request="POST /a/{one}/b",
        inputs=tuple(Parameter(name=name, type_annotation=of) for name, of in types.items()),
    )
    assert sent(method, given_) == serving.sent(method.request, given_)
    free = {name: data.draw(SCALARS["str"]) for name in ("verb", "path", "content")}
    assert sent(Method(name="request"), free) == serving.any_request(free)


def test_the_results_of_every_kind_can_be_compared_by_type() -> None:
    """The shape of a result is a type like any other."""
    for task in (ACCOUNT, NOTES, TALLY, TOTAL):
        assert parse_type(str(result_type(task)), records_of(task)) == result_type(task)
