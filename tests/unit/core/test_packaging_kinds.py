"""The deliverable of every kind of task: its command or server, and tests that really pass, and really fail."""

import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from millwright.core.assembly import RECORDS_MODULE
from millwright.core.packaging.package import Part, Whole
from millwright.core.packaging.python import PythonPackager
from millwright.core.verification.languages import language_named
from schemas.identity import NodePath
from schemas.specification import TaskSpecification
from tests.unit.core.test_kinds import ACCOUNT, FOLDER, NOTES, TALLY, TOTAL

PACKAGER = PythonPackager()
GOOD = {task.name: task for task in (ACCOUNT, NOTES, TALLY, TOTAL)}


def delivered(task: TaskSpecification, candidate: str, path: str = "root") -> dict[str, str]:
    """Package one candidate as the root, or as a part of its own."""
    language = language_named("python")
    records = f"shop.{RECORDS_MODULE}" if task.errors else None
    source = (FOLDER / f"{candidate}.py").read_text(encoding="utf-8")
    is_root = path == "root"
    part = Part(
        path=NodePath(path),
        task=task,
        module="shop" if is_root else "shop.part",
        file="shop/__init__.py" if is_root else "shop/part.py",
        text=language.assemble(task, source, (), records),
    )
    declared = (f"shop/{RECORDS_MODULE}.py", language.records_source((), task.errors)) if records else None
    whole = Whole(
        language="python",
        package="shop",
        version="0.1.0",
        summary="A shop.",
        parts=(part,),
        records=(),
        errors=task.errors,
        records_file=declared,
    )
    return PACKAGER.files(whole)


def written(files: dict[str, str], folder: Path) -> None:
    """Write a deliverable out."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a deliverable's own tests."""
    command = [sys.executable, "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_the_generated_tests_of_a_good_candidate_pass(tmp_path: Path, name: str) -> None:
    """Every example is a test, by the standard library alone."""
    task = GOOD[name]
    written(delivered(task, f"{task.id.replace('-', '_')}__good", "root.part"), tmp_path)
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Ran {len(task.test_cases)} test" in done.stderr


@pytest.mark.parametrize(
    ("task", "candidate"),
    [
        (ACCOUNT, "account__unlimited"),
        (NOTES, "notes_api__malformed"),
        (TALLY, "tally__forging"),
        (TOTAL, "total_of__twice"),
    ],
    ids=lambda item: getattr(item, "name", ""),
)
def test_the_generated_tests_of_a_wrong_candidate_fail(tmp_path: Path, task: TaskSpecification, candidate: str) -> None:
    """They would show what the ladder showed."""
    written(delivered(task, candidate), tmp_path)
    done = run_tests(tmp_path)
    assert done.returncode == 1, done.stderr
    assert "FAILED" in done.stderr


def test_a_command_is_installed_as_one(tmp_path: Path) -> None:
    """The package's own command hands on its arguments, its input and its status."""
    files = delivered(TALLY, "tally__good")
    assert tomllib.loads(files["pyproject.toml"])["project"]["scripts"] == {"shop": "shop.__main__:main"}
    written(files, tmp_path)
    assert '[sys.executable, "-m", "shop"]' in files["tests/test_root.py"]
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stderr
    for arguments, status, printed in ((["--top", "1"], 0, "b 2\n"), (["--top", "0"], 2, "")):
        command = [sys.executable, "-m", "shop", *arguments]
        done = subprocess.run(command, cwd=tmp_path, input="b a b", capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (status, printed), done.stderr


def test_a_handler_is_served_by_the_package_itself(tmp_path: Path) -> None:
    """It listens where it is told to, says where, and answers."""
    files = delivered(NOTES, "notes_api__good")
    written(files, tmp_path)
    command = [sys.executable, "-u", "-m", "shop", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = server.stderr.readline().split()[-1]
            with urllib.request.urlopen(f"{address}/notes?word=milk", timeout=30) as answer:
                assert (answer.status, answer.read()) == (200, b"[]")
        finally:
            server.terminate()


def test_the_only_command_of_a_package_is_its_command(tmp_path: Path) -> None:
    """A part below the root is found; what cannot be run makes no command."""
    assert "from shop.part import tally" in delivered(TALLY, "tally__good", "root.part")["shop/__main__.py"]
    assert "shop/__main__.py" not in delivered(ACCOUNT, "account__good")
