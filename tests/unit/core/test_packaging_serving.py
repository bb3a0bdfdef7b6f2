"""How a running server's answers are held against the examples, outside of where it ran."""

import json
from typing import Any

import pytest

from millwright.core.packaging import Part, packager_for
from millwright.core.packaging.package import Whole
from millwright.core.packaging.python_scripts import PLAN, RESULTS
from millwright.core.packaging.python_serving import asked, broken, planned
from schemas.execution import CommandReport, Ending
from schemas.identity import NodePath
from schemas.specification import TaskSpecification
from schemas.verification import VerdictStatus
from tests.unit.core.test_kinds import ACCOUNT, NOTES


def _part(task: TaskSpecification) -> Part:
    return Part(NodePath("root"), task, f"shop.{task.name}", f"shop/{task.name}.py", "")


SERVER = _part(NOTES)
JSON = "application/json"
RIGHT = [
    [
        [201, JSON, {"number": 1, "text": "milk & eggs"}],
        [200, JSON, {"number": 1, "text": "milk & eggs"}],
        [200, JSON, [1]],
    ],
    [
        [422, JSON, {"error": "no text"}],
        [404, JSON, {"error": "not found"}],
        [404, JSON, {"error": "not found"}],
        [422, JSON, {"error": "no text"}],
    ],
]


def _found(answers: list[list[Any]]) -> list[dict[str, Any]]:
    return [{"answers": item, "said": "listening"} for item in answers]


def test_a_server_that_answers_as_its_examples_demand_breaks_none() -> None:
    """Statuses, content types and bodies of every request in turn."""
    assert len(asked(SERVER)) == len(NOTES.test_cases)
    assert broken(SERVER, _found(RIGHT)) == []


@pytest.mark.parametrize(
    "answers",
    [
        [RIGHT[0], RIGHT[1][:3]],
        [RIGHT[0], [*RIGHT[1][:3], [200, JSON, {"error": "no text"}]]],
        [RIGHT[0], [*RIGHT[1][:3], [422, "text/plain", {"error": "no text"}]]],
        [RIGHT[0], [*RIGHT[1][:3], [422, JSON, {"$float": "many"}]]],
        [RIGHT[0], []],
    ],
)
def test_another_answer_or_none_breaks_the_example(answers: list[list[Any]]) -> None:
    """It is named with what was answered, and no other example is."""
    wrong = broken(SERVER, _found(answers))
    assert wrong is not None
    assert [words.partition(":")[0] for words in wrong] == ["refusals"]


@pytest.mark.parametrize("found", [None, [], "none", _found(RIGHT[:1]), [{"answers": [["200", JSON]]}, {}]])
def test_answers_that_were_not_told_of_are_no_verdict(found: object) -> None:
    """Whatever else was written where the server ran says nothing of it."""
    assert broken(SERVER, found) is None


def test_requests_go_where_the_server_runs_and_what_it_must_answer_does_not() -> None:
    """The trial's plan holds what is asked; a package without a server has no such trial."""
    whole = _whole(SERVER)
    (trial,) = [item for item in packager_for("python").trials(whole, {}) if item.name == "server"]
    plan = json.loads(trial.command.files[PLAN])
    assert plan["requests"] == planned(SERVER)
    assert plan["requests"][1][3] == ["POST", "/notes", "{"]
    assert "no text" not in json.dumps(plan)
    assert all(item.name != "server" for item in packager_for("python").trials(_whole(_part(ACCOUNT)), {}))


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (RIGHT, VerdictStatus.PASSED),
        ([RIGHT[0], []], VerdictStatus.REJECTED),
        (RIGHT[:1], VerdictStatus.ERROR),
    ],
)
def test_the_check_is_laid_at_the_server(answers: list[list[Any]], status: VerdictStatus) -> None:
    """It passes, is rejected with a complaint about the part, or is an error where nothing can be said."""
    whole = _whole(SERVER)
    (trial,) = [item for item in packager_for("python").trials(whole, {}) if item.name == "server"]
    results = {"install": {"status": 0}, "server": {"status": 0, "found": _found(answers)}}
    report = CommandReport(
        ending=Ending.COMPLETED, exit_status=0, files={RESULTS: json.dumps(results).encode()}, stdout="", stderr=""
    )
    (check,) = packager_for("python").judge(trial, report, whole, {}).checks
    assert (check.name, check.status) == ("server", status)
    assert [item.path for item in check.complaints] == (["root"] if status is VerdictStatus.REJECTED else [])


def _whole(part: Part) -> Whole:
    return Whole(
        language="python",
        package="shop",
        version="0.1.0",
        summary="Notes.",
        parts=(part,),
        records=(),
        errors=part.task.errors,
        records_file=None,
    )
