"""The workflow files of examples/ci: pinned, without rights that they do not need, and calling what there is."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "ci"
FILES = sorted(FOLDER.glob("*.yml"))
EACH = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
ACTIONS = {"actions/checkout", "actions/setup-python"}
TYPED = {"QUESTION": "shop/gate/plan/1", "ANSWER": "approve; exit 99", "NOTE": "it's $(right)"}


def _read(file: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true, and GitHub does not.
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8").replace("\non:", "\n'on':"))
    return found


def _steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in _read(file)["jobs"].values() for step in job["steps"]]


def test_there_is_a_workflow_for_each_script() -> None:
    """Both ways have a file of their own."""
    scripts = {path.stem for path in FOLDER.iterdir() if path.suffix in (".py", ".sh")}
    assert {file.stem.replace("-", "_") for file in FILES} == scripts


@EACH
def test_a_workflow_may_read_and_nothing_else(file: Path) -> None:
    """Its token can change nothing, is not left on disk, and every job ends by itself."""
    found = _read(file)
    assert found["permissions"] == {"contents": "read"}
    assert found["on"].keys() == {"push", "workflow_dispatch"}
    for job in found["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 120
    checkouts = [step for step in _steps(file) if step.get("uses", "").startswith("actions/checkout")]
    assert len(checkouts) == len(found["jobs"])
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@EACH
def test_actions_are_github_s_own_and_pinned(file: Path) -> None:
    """Each by the digest of its commit, with the version that a person reads beside it."""
    lines = re.findall(r"uses: (\S+?)@(\S+)(.*)", file.read_text(encoding="utf-8"))
    assert {name for name, _, _ in lines} == ACTIONS
    assert all(re.fullmatch("[0-9a-f]{40}", digest) for _, digest, _ in lines)
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", comment) for _, _, comment in lines)


@EACH
def test_what_is_installed_is_the_version_that_is_tested(file: Path) -> None:
    """Packages are those of the lock file."""
    pinned = set((ROOT / "requirements.lock").read_text(encoding="utf-8").replace(" \\", "").splitlines())
    installed = [step["run"].split()[2:] for step in _steps(file) if step.get("run", "").startswith("pip install ")]
    assert len(installed) == 2
    assert all(len(words) == 1 and words[0] in pinned for words in installed), installed


@EACH
def test_nothing_that_is_typed_in_becomes_part_of_a_command(file: Path) -> None:
    """Expressions stand in the environment, never in a line that a shell reads."""
    assert all("${{" not in step.get("run", "") for step in _steps(file))


@EACH
def test_every_call_is_one_that_its_script_takes(file: Path, tmp_path: Path) -> None:
    """With no server there, each ends with 5: files, subcommands, options and quoting are right up to the call."""
    (tmp_path / "ci").symlink_to(FOLDER)
    (tmp_path / "requirements.md").write_text("A shop.")
    calls = [step for step in _steps(file) if " ci/" in step.get("run", "")]
    assert len(calls) == 2
    for step in calls:
        given = {name: TYPED.get(name, text) for name, text in step["env"].items()}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"].replace("python3", shlex.quote(sys.executable), 1)],
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
                "HOME": str(tmp_path),
                "LANG": "C.UTF-8",
                "GITHUB_SHA": "0f" * 20,
                "TEMPORAL_ADDRESS": "127.0.0.1:1",
                "TEMPORAL_API_KEY": "",
                **given,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 5, done.stdout + done.stderr


@EACH
def test_a_call_with_an_option_that_is_not_there_is_refused(file: Path, tmp_path: Path) -> None:
    """The test before would see a wrong option."""
    call = next(step["run"] for step in _steps(file) if " ci/" in step.get("run", ""))
    words = [word for word in shlex.split(call)[:3]]
    (tmp_path / "ci").symlink_to(FOLDER)
    program = sys.executable if words[0] == "python3" else words[0]
    done = subprocess.run(
        [program, *words[1:], "--projects", "shop"], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2


def test_bash_reads_the_script() -> None:
    """Every branch of it is well formed, those too that no test runs."""
    subprocess.run(["bash", "-n", str(FOLDER / "build_with_temporal_cli.sh")], check=True, timeout=60)
