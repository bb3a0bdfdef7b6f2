"""The other commands over a pretended composition: reading, verifying, helping."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from millwright.commandline.application import COMMANDS, run
from millwright.commandline.candidates import from_file
from millwright.commandline.composition import Check, Note, Stores
from millwright.commandline.options import Deadline, Exhausted, Ladder, Role, Waited
from millwright.commandline.reference import reference
from millwright.commandline.requests import read_tasks
from millwright.errors import DatabaseUnavailable
from schemas.digests import digest_of_bytes
from schemas.evidence import Actual, Forecast
from schemas.identity import Gate, LayerName, ProjectId, TaskStatus
from schemas.people import OnDeadline
from schemas.project import LadderMode, OnExhausted
from schemas.verification import VerdictStatus
from tests.unit.commandline_fakes import (
    ROOT,
    Pretended,
    one_line,
    store_project,
)


async def test_reading_commands_show_what_is_stored(tmp_path: Path) -> None:
    """They run over the store alone; an own thread keeps their event loops apart from this one."""
    composition = Pretended(tmp_path / "home")
    await store_project(composition.store, ProjectId("shop"), TaskStatus.WON, 0)
    for arguments in (
        ["list"],
        ["list", "--json"],
        ["status"],
        ["status", "shop", "--json"],
        ["tree", "shop"],
        ["tree", "shop", "--json"],
        ["results", "shop"],
        ["results", "shop", "--jsonl"],
        ["report", "shop"],
        ["watch", "shop"],
        ["fetch", "shop", "--into", str(tmp_path / "out"), "--json"],
    ):
        assert await asyncio.to_thread(run, arguments, composition) == 0, arguments
    assert composition.sessions == 0
    assert (tmp_path / "out" / "double.py").is_file()


def test_an_unknown_project_is_bad_input(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Every reading command names the one that lists the projects."""
    for arguments in (
        ["status", "nobody"],
        ["tree", "nobody"],
        ["results", "nobody"],
        ["report", "nobody"],
        ["watch", "nobody"],
        ["fetch", "nobody", "--into", "out"],
    ):
        assert run(arguments, composition) == 2
        assert "millwright list" in one_line(capsys)


def test_verify_answers_each_line_with_a_line(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers' keys are documented; all eight layers are in each."""
    assert run(["verify", str(tasks), "--jsonl", str(lines)], composition) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(answer["id"] for answer in answers) == ["0", "1"]
    assert list(answers[0]) == ["id", "task", "passed", "rejected_by", "error", "layers"]
    assert [layer["layer"] for layer in answers[0]["layers"]] == [layer.value for layer in LayerName]
    assert list(answers[0]["layers"][0]) == ["layer", "verdict", "seconds", "findings"]


def test_verify_tells_a_rejection_from_a_failure_to_verify(
    composition: Pretended, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rejection is exit code 1; a broken sandbox is 5 and rejects nothing."""
    candidate = tmp_path / "anything.py"
    candidate.write_text("def double(n: int) -> int:\n    return n\n")
    composition.verdicts = {LayerName.UNIT_TESTS: VerdictStatus.REJECTED}
    assert run(["verify", str(tasks), str(candidate), "--json"], composition) == 1
    (answer,) = json.loads(capsys.readouterr().out)["candidates"]
    assert answer["rejected_by"] == "unit_tests"
    assert answer["layers"][3]["findings"][0]["line"] == 1
    assert [layer["verdict"] for layer in answer["layers"]][4:] == ["not_run"] * 4
    composition.broken = True
    assert run(["verify", str(tasks), str(candidate), "--json"], composition) == 5
    (answer,) = json.loads(capsys.readouterr().out)["candidates"]
    assert (answer["passed"], answer["rejected_by"], answer["error"]) == (False, None, "bwrap is not installed")


def test_verify_goes_on_after_a_rejection_where_asked(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--all-layers climbs to the top; the first rejection stays the one that is named."""
    composition.verdicts = {LayerName.TYPES: VerdictStatus.REJECTED, LayerName.SECURITY: VerdictStatus.REJECTED}
    assert run(["verify", str(tasks), "--jsonl", str(lines), "--all-layers"], composition) == 1
    answer = json.loads(capsys.readouterr().out.splitlines()[0])
    assert answer["rejected_by"] == "types"
    assert "not_run" not in [layer["verdict"] for layer in answer["layers"]]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"id": "1", "task": "double"}', '{"id": "1", "task": "triple", "source": ""}', ""]
)
def test_verify_refuses_lines_that_are_no_candidates(
    composition: Pretended, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """A malformed line is bad input, and names its place."""
    path = tmp_path / "candidates.jsonl"
    path.write_text(line + "\n")
    assert run(["verify", str(tasks), "--jsonl", str(path)], composition) == 2
    assert "candidates.jsonl" in one_line(capsys)


def test_what_stands_before_a_bad_line_is_answered(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines are read as there is room for them; the bad one is named, and nothing before it is lost."""
    lines.write_text(lines.read_text() + "not JSON\n" + lines.read_text())
    assert run(["verify", str(tasks), "--jsonl", str(lines)], composition) == 2
    said = capsys.readouterr()
    assert sorted(json.loads(line)["id"] for line in said.out.splitlines()) == ["0", "1"]
    assert "line 3: not JSON" in said.err


def test_a_service_that_fails_for_a_moment_is_asked_again(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child that a stranger killed makes nothing unverified."""
    composition.failures = 2
    assert run(["verify", str(tasks), "--jsonl", str(lines)], composition) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_one_bad_task_spoils_no_other(
    composition: Pretended, tasks: Path, lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That no input satisfies its constraints is an error of its own candidates."""
    composition.unsatisfiable = True
    assert run(["verify", str(tasks), "--jsonl", str(lines)], composition) == 5
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 2
    assert all("no input" in answer["error"] for answer in answers)


def test_a_byte_order_mark_is_no_part_of_the_source(composition: Pretended, tasks: Path, tmp_path: Path) -> None:
    """Python leaves it off as well."""
    candidate = tmp_path / "double.py"
    candidate.write_text("def double(n: int) -> int:\n    return 2 * n\n", encoding="utf-8-sig")
    (only,) = read_tasks(composition, tasks.read_bytes(), "tasks")
    assert from_file({only.id: only}, candidate, None).source.startswith("def")


def test_doctor_names_the_remedy(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """Something needed that is missing is exit code 5."""
    composition.found = (Check("python", True, "3.11"), Check("bubblewrap", False, "missing", "apt install bubblewrap"))
    assert run(["doctor"], composition) == 5
    assert "apt install bubblewrap" in capsys.readouterr().out
    composition.found = composition.found[:1]
    assert run(["doctor", "--json"], composition) == 0
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0


def test_up_ends_well_when_it_is_stopped(composition: Pretended, capsys: pytest.CaptureFixture[str]) -> None:
    """A signal to end is the ordinary end of `up`."""
    assert run(["up"], composition) == 0
    out, error = capsys.readouterr()
    assert "http://127.0.0.1:8233" in out
    assert "stopped" in error


def test_estimate_prints_intervals(
    composition: Pretended, requirements: Path, tasks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From prose, or from a specification."""
    assert run(["estimate", str(requirements)], composition) == 0
    assert "basis" in capsys.readouterr().out
    assert run(["estimate", "--spec", str(tasks), "--json"], composition) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"] == 1
    assert found["calls_range"][0] <= found["calls"] <= found["calls_range"][1]
    assert composition.sessions == 0


@pytest.mark.parametrize(("lines", "tasks"), [(10_000, 136_000), (500_000, 6_800_000), (30_000_000, 408_000_000)])
def test_estimate_answers_for_very_large_systems(
    composition: Pretended, capsys: pytest.CaptureFixture[str], lines: int, tasks: int
) -> None:
    """By the prior, with the agents of the size class at work at once, or as many as are given."""
    assert run(["estimate", "--lines", str(lines), "--json"], composition) == 0
    wide = json.loads(capsys.readouterr().out)
    assert run(["estimate", "--lines", str(lines), "--concurrency", "10", "--json"], composition) == 0
    narrow = json.loads(capsys.readouterr().out)
    assert wide["tasks"] == narrow["tasks"] == tasks
    assert (wide["agents"], narrow["concurrency"]) == (wide["concurrency"], 10)
    assert narrow["wall_seconds"] > 100 * wide["wall_seconds"]
    assert run(["estimate", "--lines", str(lines)], composition) == 0
    assert "timeline" in capsys.readouterr().out


async def test_estimate_is_corrected_by_finished_builds(
    composition: Pretended, requirements: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says by how many, and what the correction is; a database that does not answer is told and done without."""
    command = ["estimate", str(requirements), "--json"]
    assert await asyncio.to_thread(run, command, composition) == 0
    plain = Forecast.model_validate_json(capsys.readouterr().out)
    calls = plain.calls * 3
    actual = Actual(delivered=True, lines=plain.lines, tasks=plain.tasks, calls=calls, tokens=calls * 1_000)
    await composition.store.save_forecast(ProjectId("earlier"), plain.model_copy(update={"actual": actual}))
    assert await asyncio.to_thread(run, command, composition) == 0
    corrected = Forecast.model_validate_json(capsys.readouterr().out)
    assert corrected.calls == pytest.approx(plain.calls * 3 ** (1 / 3), rel=0.2)
    assert "corrected by 1 build: calls a task ×1.4" in corrected.corrections

    async def nobody() -> Stores:
        raise DatabaseUnavailable("nobody listens")

    @asynccontextmanager
    async def away(_: Note) -> AsyncIterator[Stores]:
        yield await nobody()

    monkeypatch.setattr(composition, "stores", away)
    assert await asyncio.to_thread(run, command, composition) == 0
    shown = capsys.readouterr()
    assert Forecast.model_validate_json(shown.out) == plain
    assert "nothing is corrected" in shown.err


def test_a_worker_takes_its_role(composition: Pretended) -> None:
    """The role is passed on as it is named."""
    assert run(["worker", "--role", "verify"], composition) == 0
    assert composition.roles == ["verify"]


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_help_has_an_example_and_exit_codes(
    composition: Pretended, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Each command's help can stand alone."""
    assert run([*name.split(), "--help"], composition) == 0
    out = capsys.readouterr().out
    assert f"Example: millwright {name}" in out
    assert "Exit codes: " in out


def test_the_reference_is_up_to_date() -> None:
    """docs/cli.md is what the commands say now: `python -m millwright.commandline.reference > docs/cli.md`."""
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference()


def test_the_choices_are_those_of_the_schemas() -> None:
    """The light copies of the words, kept so that help is quick, agree with the schemas."""
    assert [item.value for item in Exhausted] == [item.value for item in OnExhausted]
    assert [item.value for item in Ladder] == [item.value for item in LadderMode]
    assert [item.value for item in Deadline] == [item.value for item in OnDeadline]
    assert [item.value for item in Waited] == [item.value for item in Gate]
    assert {item.value for item in Role} == {"control", "model", "verify", "all"}


def test_help_imports_nothing_heavy() -> None:
    """`millwright --help` must answer at once, so no library is loaded for it."""
    program = (
        "import sys, starter\n"
        "code = starter.run(['--help'], starter.Adapters({}))\n"
        "heavy = {'temporalio', 'pydantic', 'sqlalchemy', 'httpx', 'psycopg', 'hypothesis', 'mypy', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), code, file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr.strip() == "[] 0"


def test_digests_are_checked_when_fetching(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stored bytes that do not match end in exit code 1, with nothing written."""
    composition = Pretended(tmp_path / "home")
    asyncio.run(store_project(composition.store, ProjectId("shop"), TaskStatus.WON, 0))
    content = b"def double(n: int) -> int:\n    return 2 * n\n"
    composition.store._artifacts[digest_of_bytes(content)] = b"tampered"
    assert run(["fetch", "shop", "--into", str(tmp_path / "out")], composition) == 1
    assert "does not match its digest" in one_line(capsys)
    assert not (tmp_path / "out").exists()
