"""The wheel is built, installed in an environment elsewhere, and used from there.

Its dependencies are lent by the environment that runs the tests: what they are, the lock files say.
"""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {"activities", "config", "examples", "migrations", "millwright", "schemas", "workflows"}
TOP_LEVEL_FILES = {"starter.py", "worker.py"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A virtual environment that has the wheel."""

    folder: Path
    wheel: Path

    @property
    def packages(self) -> Path:
        """Where the environment keeps its packages."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def run(self, *command: str) -> str:
        """Run a program of the environment from the root directory, and return what it prints; it must succeed."""
        program = str(self.folder / "bin" / command[0])
        return _run([program, *command[1:]], Path("/"), {"PATH": os.defpath, "HOME": str(self.folder)})

    def asked(self, statement: str) -> str:
        """Return what a statement prints in the environment's interpreter."""
        return self.run("python", "-c", statement).strip()


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel and install it alone in a fresh virtual environment."""
    scratch = tmp_path_factory.mktemp("packaging")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(scratch), str(ROOT)]
    _run(build, scratch, os.environ)
    (wheel,) = scratch.glob("millwright-*.whl")
    made = Installed(scratch / "venv", wheel)
    venv.create(made.folder, with_pip=False, symlinks=True)
    interpreter = str(made.folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet", "--no-deps", "--no-index"]
    _run([*pip, str(wheel)], scratch, os.environ)
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (made.packages / "lent-dependencies.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    return made


def test_the_command_answers_from_anywhere(installed: Installed) -> None:
    """The installed command shows its help from the root directory, without the checkout."""
    shown = installed.run("millwright", "--help")
    assert "build" in shown
    assert "doctor" in shown


def test_the_wheel_has_the_version_of_the_package(installed: Installed) -> None:
    """File name, metadata and command agree on the version."""
    version = installed.run("millwright", "--version").strip()
    assert installed.wheel.name == f"millwright-{version}-py3-none-any.whl"
    assert installed.asked("from importlib.metadata import version; print(version('millwright'))") == version


def test_top_level_packages_are_ours(installed: Installed) -> None:
    """Other distributions also ship a package called ``workflows``: ours must be the one that is imported."""
    for name in ("workflows", "activities", "schemas", "migrations", "worker", "starter"):
        found = Path(installed.asked(f"import {name}; print({name}.__file__)"))
        assert found.is_relative_to(installed.packages), f"{name} is imported from {found}"


def test_the_wheel_holds_no_more_top_level_names_than_it_must(installed: Installed) -> None:
    """Each further name at the top could collide with somebody else's."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        files = [Path(name) for name in wheel.namelist() if ".dist-info/" not in name]
        metadata = {Path(name).name for name in wheel.namelist() if ".dist-info/" in name}
    assert {file.parts[0] for file in files if len(file.parts) > 1} <= TOP_LEVEL
    assert {file.name for file in files if len(file.parts) == 1} == TOP_LEVEL_FILES
    assert "LICENSE" in metadata
    assert Path("millwright/py.typed") in files


def test_the_migrations_are_found(installed: Installed) -> None:
    """The newest revision is known without the checkout."""
    statement = "from millwright.adapters.storage import migration; print(migration.newest_revision())"
    assert installed.asked(statement)


def test_the_bundled_examples_are_found(installed: Installed) -> None:
    """Every example that the demo offers has its requirements or its tasks, and the demo model its completions."""
    asked = "import os, starter; print(*starter.Adapters(os.environ).examples().values(), sep='\\n')"
    folders = [Path(line) for line in installed.asked(asked).splitlines()]
    assert {"notice-board", "order-pricing", "parking-fees", "station-readings", "timesheet"} <= {
        folder.name for folder in folders
    }
    for folder in folders:
        assert folder.is_relative_to(installed.packages)
        assert (folder / "requirements.md").is_file() != (folder / "tasks.yaml").is_file()
        assert list(folder.glob("completions/coder/*.yaml"))
