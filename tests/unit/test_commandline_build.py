"""Building from the command line: what is refused, what is said, and how it exits."""

import asyncio
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from millwright.commandline.application import run
from millwright.commandline.composition import Endpoints
from millwright.commandline.failures import explain
from millwright.commandline.following import Outcome, summary
from millwright.commandline.requests import read_tasks
from millwright.errors import SpecificationInvalid
from millwright.settings import ModelSettings
from schemas.evidence import ProjectRecord
from schemas.identity import ROOT_PATH, Digest, Gate, ProjectId, RequirementId, TaskStatus
from schemas.models import Spend
from schemas.people import OnDeadline, Question, Waiting
from schemas.project import Counts
from schemas.requirements import Proven
from tests.unit.commandline_fakes import (
    TASKS,
    Pretended,
    one_line,
)

BAD_FILES = {
    "empty": (b"", "is empty"),
    "white": (b" \n\t\n", "is empty"),
    "binary": (b"\x7fELF\x00\x01", "is not text"),
    "undecodable": (b"\xff\xfe\xfa", "UTF-8"),
    "huge": (b"x" * 10_000_000, "at most 1 MiB"),
}


@pytest.mark.parametrize(("content", "told"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_unusable_requirements_start_nothing(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    """Bad input is refused before a stack or a workflow is started, in one line."""
    path = tmp_path / "orders.md"
    path.write_bytes(content)
    assert run(["build", str(path)], composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--language", "cobol"], "cobol"),
        (["--project", "My Shop"], "'my-shop' would do"),
        (["--approve", "plan,everything"], "'everything' is no gate to wait at"),
        (["--max-time", "soon"], "not a duration"),
        (["--k", "0"], "--k"),
        (["--on-exhausted", "despair"], "--on-exhausted"),
        (["--remind-after", "5s"], "--remind-after is out of bounds: give 1m to 366d"),
        (["--deadline", "9999d"], "--deadline is out of bounds"),
        (["--deadline", "tomorrow"], "not a duration"),
        (["--on-deadline", "fail"], "needs a deadline"),
        (["--assign", "a" * 201], "--assign is too long"),
        (["--colour"], "--colour"),
        (["--spec", "missing.yaml"], "missing.yaml"),
    ],
)
def test_unusable_options_start_nothing(
    composition: Pretended,
    requirements: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    told: str,
) -> None:
    """Every bad option is one line on stderr and exit code 2."""
    assert run(["build", str(requirements), *options], composition) == 2
    assert told in one_line(capsys)
    assert composition.sessions == 0


def test_missing_files_and_nothing_at_all_are_refused(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there, a folder, and no file are told apart."""
    for arguments, told in (
        (["build", str(tmp_path / "none.md")], "No such file"),
        (["build", str(tmp_path)], "is a folder"),
        (["build"], "nothing to build"),
    ):
        assert run(arguments, composition) == 2
        assert told in one_line(capsys)


def test_a_specification_with_faults_is_refused_before_anything_starts(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every fault is listed, still in one line."""
    path = tmp_path / "tasks.yaml"
    path.write_text(TASKS.replace("type_annotation: int", "type_annotation: integer"))
    assert run(["build", "--spec", str(path)], composition) == 2
    line = one_line(capsys)
    assert line.count("integer") >= 2
    assert composition.sessions == 0


@pytest.mark.parametrize("command", ["build", "estimate", "verify"])
def test_a_specification_in_an_unknown_language_is_refused_before_anything_starts(
    composition: Pretended, tmp_path: Path, lines: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The line names the task, the languages there are and the next step."""
    path = tmp_path / "tasks.yaml"
    path.write_text(TASKS + "    target_language: cobol\n")
    arguments = [str(path), "--jsonl", str(lines)] if command == "verify" else ["--spec", str(path)]
    assert run([command, *arguments], composition) == 2
    line = one_line(capsys)
    assert "task double: target_language: 'cobol' is not a target language" in line
    assert "correct it and run the command again" in line
    assert composition.sessions == 0


def test_a_specification_in_another_language_than_the_project_is_refused(composition: Pretended) -> None:
    """A known language is not enough: it has to be the one of --language."""
    assert read_tasks(composition, TASKS.encode(), "tasks.yaml", "python")
    with pytest.raises(SpecificationInvalid, match="'python' where --language is 'rust'"):
        read_tasks(composition, TASKS.encode(), "tasks.yaml", "rust")


def test_a_refused_specification_is_to_be_corrected() -> None:
    """What its faults quote never hides the next step, and the list of commands is none."""
    refusal = SpecificationInvalid(())
    refusal.args = ("task double: the example 'give' breaks `n > 0`",)
    assert explain(refusal)[0] == 2
    assert "correct it and run the command again" in explain(refusal)[1]
    assert "--help" not in explain(refusal)[1]


@pytest.mark.parametrize(
    ("url", "name", "warned"),
    [
        ("http://127.0.0.1:1/v1", "large", False),
        ("http://127.0.0.1:1/v1", "small", True),
        ("http://127.0.0.1:2/v1", "large", True),
    ],
)
def test_a_build_warns_when_the_running_worker_uses_another_model(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str], url: str, name: str, warned: bool
) -> None:
    """URL and name are both compared with those of the running stack; the key never shows."""
    used = Endpoints(tmp_path, model="http://127.0.0.1:1/v1", model_name="large")
    composition = Pretended(tmp_path, model=ModelSettings(url=url, name=name, key="hush"), used=used)
    assert run(["build", str(requirements)], composition) == 0
    error = capsys.readouterr().err
    assert ("worker uses the model large at http://127.0.0.1:1/v1, not" in error) is warned
    assert "hush" not in error


def test_a_build_warns_when_the_running_worker_uses_another_preset(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model that coders ask first is compared; nothing is said where it is the same."""
    for used, warned in (("small", True), ("millwright-demo", False)):
        endpoints = Endpoints(tmp_path, model="http://127.0.0.1:1/v1", model_name=used)
        composition = Pretended(tmp_path, model_preset="mine", used=endpoints)
        assert run(["build", str(requirements)], composition) == 0
        error = capsys.readouterr().err
        assert ("the model small, not millwright-demo as MILLWRIGHT_MODEL_PRESET says" in error) is warned


def test_up_names_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose model it may be, its name and its endpoint stand among the parts of the stack."""
    used = Endpoints(tmp_path, model="http://127.0.0.1:1/v1", model_name="large")
    assert run(["up"], Pretended(tmp_path, used=used)) == 0
    assert "model     large at http://127.0.0.1:1/v1" in capsys.readouterr().out


def test_a_project_that_has_no_row_yet_is_watched(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Temporal knows of a build before the database does, and is asked before `watch` says that there is none."""
    composition.client.without_row = "shop"
    assert run(["watch", "shop"], composition) == 0
    assert run(["watch", "nobody"], composition) == 2
    assert "'nobody' does not run here" in capsys.readouterr().err


def test_moments_are_shown_to_the_second_in_utc(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds and the database's own zone tell people nothing."""
    began = datetime(2026, 1, 2, 5, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    record = ProjectRecord(
        id=ProjectId("shop"), input_digest=Digest("0" * 64), status=TaskStatus.RUNNING, started_at=began
    )
    asyncio.run(composition.store.open_project(record))
    for command in ("status", "list"):
        assert run([command], composition) == 0
        out = capsys.readouterr().out
        assert "2026-01-02 03:04:05 UTC" in out
        assert "678901" not in out


def test_a_build_prints_one_json_object(
    composition: Pretended, requirements: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """stdout holds the outcome and nothing else; the deliverable is written where it was asked for."""
    out = tmp_path / "out"
    options = ["--out", str(out), "--json", "--seed", "7", "--max-time", "2m"]
    assert run(["build", str(requirements), *options], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"project", "status", "exit_code", "counts", "spend"} <= set(found)
    assert (found["project"], found["status"], found["counts"]["won"]) == ("orders", "won", 1)
    assert (out / "double.py").read_text().startswith("def double")
    assert composition.client.asked["seed"] == 7
    assert composition.client.asked["budget"].max_time_seconds == 120


@pytest.mark.parametrize(("ending", "code"), [(TaskStatus.FAILED, 1), (TaskStatus.FAILED, 4), (TaskStatus.PARTIAL, 6)])
def test_a_build_exits_as_the_project_ended(tmp_path: Path, requirements: Path, ending: TaskStatus, code: int) -> None:
    """The exit code is the project's own."""
    assert run(["build", str(requirements)], Pretended(tmp_path, ending=ending, exit_code=code)) == code


def test_a_build_that_waits_for_a_person_returns(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When only a person can go on, the command ends with 3 and says how to answer."""
    composition = Pretended(tmp_path, ending=TaskStatus.WAITING, exit_code=3)
    assert run(["build", str(requirements)], composition) == 3
    out = capsys.readouterr().out
    assert "orders/q1: Which? (`millwright show orders/q1`)" in out
    assert "next   millwright inbox --interactive; then millwright watch orders" in out
    assert "temporal workflow" not in out


def test_a_build_that_waits_names_ten_questions_and_counts_the_rest(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree may ask a hundred questions at once, and the end of a build stays readable."""
    composition = Pretended(tmp_path, ending=TaskStatus.WAITING, exit_code=3)
    for number in range(2, 14):
        question = Question(id=f"q{number}", project=ProjectId("orders"), path=ROOT_PATH, text="Which?", options=("a",))
        asyncio.run(composition.store.save_question(question))
    assert run(["build", str(requirements), "--json"], composition) == 3
    found = json.loads(capsys.readouterr().out)
    assert len(found["waits"]) == 11
    assert found["waits"][-1] == "and 3 more: `millwright inbox`"
    assert found["message"] == "13 questions for a person"


def test_a_gate_without_a_question_is_named_too(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Builds that an older worker started have no rows for their gates; the workflow itself says which is open."""
    composition = Pretended(tmp_path, ending=TaskStatus.WAITING, exit_code=3)
    composition.client.gate = Gate.PLAN
    assert run(["build", str(requirements)], composition) == 3
    assert "orders: approval of the plan (`millwright approve orders`)" in capsys.readouterr().out


def test_how_long_people_are_waited_for_reaches_the_build(composition: Pretended, requirements: Path) -> None:
    """Durations are read as for budgets, and the rest is passed on as given."""
    options = ["--remind-after", "1d", "--deadline", "7d", "--on-deadline", "partial", "--assign", "ann"]
    assert run(["build", str(requirements), *options, "--max-rejections", "1"], composition) == 0
    waiting = Waiting(
        remind_after_seconds=86_400, deadline_seconds=7 * 86_400, on_deadline=OnDeadline.PARTIAL, assignee="ann"
    )
    assert (composition.client.asked["waiting"], composition.client.asked["max_rejections"]) == (waiting, 1)


def test_a_service_that_is_not_reachable_is_exit_code_five(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, with the next step."""
    assert run(["build", str(requirements)], Pretended(tmp_path, unreachable=True)) == 5
    assert "`millwright doctor`" in one_line(capsys)


def test_detaching_returns_at_once(
    composition: Pretended, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A detached build is exit code 0 and one JSON object."""
    assert run(["build", str(requirements), "--detach", "--json"], composition) == 0
    out, error = capsys.readouterr()
    assert json.loads(out)["status"] == "running"
    assert "millwright watch orders" in error


def test_the_project_is_named_after_its_file_or_its_folder(composition: Pretended, tmp_path: Path) -> None:
    """requirements.md takes its folder's name; a specification alone gives its own."""
    folder = tmp_path / "Corner Shop"
    folder.mkdir()
    (folder / "requirements.md").write_text("Price orders.")
    assert run(["build", str(folder / "requirements.md")], composition) == 0
    assert composition.client.asked["project"] == "corner-shop"
    (tmp_path / "doubling.yaml").write_text(TASKS)
    assert run(["build", "--spec", str(tmp_path / "doubling.yaml")], composition) == 0
    assert composition.client.asked["project"] == "doubling"
    assert "id: double" in composition.client.asked["specification"]


def test_the_head_of_requirements_names_the_project_and_its_language(
    composition: Pretended, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--project goes before the head's name; an unknown field or language starts nothing, and says where it stands."""
    requirements.write_text("---\nname: corner-shop\nlanguage: python\n---\nPrice orders.")
    assert run(["build", str(requirements)], composition) == 0
    assert (composition.client.asked["project"], composition.client.asked["language"]) == ("corner-shop", "python")
    assert run(["build", str(requirements), "--project", "other"], composition) == 0
    assert composition.client.asked["project"] == "other"
    sessions = composition.sessions
    capsys.readouterr()
    unknown = "orders.md, line 2: the front matter has no field 'verify'"
    for head, told in (("verify: none", unknown), ("language: cobol", "cobol")):
        requirements.write_text(f"---\n{head}\n---\nPrice orders.")
        assert run(["build", str(requirements)], composition) == 2
        assert told in one_line(capsys)
    assert composition.sessions == sessions


def test_an_outcome_says_which_requirements_no_test_shows() -> None:
    """The count is there for people and in the object, and the unproven are named."""
    found = Proven(shown=1, of=2, unproven=(RequirementId("R2"),))
    outcome = Outcome(
        project=ProjectId("p"), status=TaskStatus.WON, exit_code=0, counts=Counts(), spend=Spend(), requirements=found
    )
    assert "  shown  1 of 2 requirements, by tests that passed; unproven: R2\n" in summary(outcome) + "\n"
    assert "shown" not in summary(outcome.model_copy(update={"requirements": None}))


def test_the_demo_says_what_comes_next(
    composition: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with where the result lies, how the Web UI comes back and the next thing to try; twice."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run(["demo"], composition) == 0
        out = capsys.readouterr().out
        for told in ("order-pricing", "`millwright up`", "MILLWRIGHT_MODEL_URL", "millwright build"):
            assert told in out
    assert (tmp_path / "order-pricing" / "double.py").is_file()


def test_the_demo_builds_the_example_that_is_named(
    composition: Pretended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another example is built from its own requirements, into a folder of its name or into the one that is given."""
    monkeypatch.chdir(tmp_path)
    assert run(["demo", "tide-tables"], composition) == 0
    assert composition.client.asked["project"] == "tide-tables"
    assert (tmp_path / "tide-tables" / "double.py").is_file()
    assert run(["demo", "tide-tables", "--out", "elsewhere"], composition) == 0
    assert (tmp_path / "elsewhere" / "double.py").is_file()


def test_an_example_that_is_not_bundled_is_answered_with_those_that_are(
    composition: Pretended, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names them, and nothing is built."""
    assert run(["demo", "tides"], composition) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'tides'" in line
    assert "order-pricing, tide-tables" in line
    assert not composition.client.asked
