"""Shows what an attack does where nothing holds it: a naive verifier runs it, and this module looks at the result.

The machine is kept safe all the same: another user, a process namespace, a read-only file system but for one folder,
limits, and an end after seconds. What is left open is what the attacks are about.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .attack import ANSWER, Attack, Effect
from .canaries import VARIABLE, Canaries

_NOBODY: Final = 65534
_SECONDS: Final = 30.0
_BRIEF_SECONDS: Final = 2.0
_GRACE_SECONDS: Final = 30.0
_MORE_RUNS: Final = 8
_LARGE: Final = 8 << 20
MEMORY: Final = 256 << 20
"""The memory that a candidate is meant to have."""


def effects(attack: Attack, canaries: Canaries) -> set[Effect]:
    """Run an attack under a naive verifier; tell every effect that was seen."""
    seen = _once(attack, canaries)
    if attack.effect is Effect.UNEVEN:
        first = _value(canaries)
        for _ in range(_MORE_RUNS):
            _once(attack, canaries)
            if _value(canaries) != first:
                return seen | {Effect.UNEVEN}
    return seen


def _once(attack: Attack, canaries: Canaries) -> set[Effect]:
    folder = canaries.folder
    for name in ("report.json", "value", "output"):
        (folder / name).unlink(missing_ok=True)
    here = Path(__file__).parent / "naive"
    for name in ("supervisor.py", "verifier.py"):
        (folder / name).write_text((here / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "candidate.py").write_text(canaries.source(attack), encoding="utf-8")
    job: dict[str, Any] = {
        "argument": attack.argument,
        "expected": attack.answer,
        "oracle": attack.oracle,
        "following": ANSWER,
    }
    job["history"] = []
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    _run(folder, _BRIEF_SECONDS if attack.brief else _SECONDS)
    return _seen(canaries)


def _run(folder: Path, seconds: float) -> None:
    root = os.geteuid() == 0
    inside = folder / "python"
    inside.mkdir(exist_ok=True)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    user = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else ["--unshare-user"]
    argv = ["bwrap", *user, "--unshare-pid", "--die-with-parent", "--new-session", "--clearenv"]
    argv += ["--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--perms", "1777"]
    argv += ["--tmpfs", "/dev/shm", "--bind", str(folder), str(folder)]
    argv += ["--ro-bind", sys.base_prefix, str(inside), "--chdir", str(folder)]
    argv += ["--setenv", "TMPDIR", str(folder / "tmp"), "--setenv", "PATH", "/usr/bin:/bin"]
    argv += ["--setenv", VARIABLE, os.environ[VARIABLE], "--setenv", "LD_LIBRARY_PATH", str(inside / "lib"), "--"]
    argv += [str(inside / "bin" / name), "-I", "-S", "-B", str(folder / "supervisor.py"), str(folder), str(seconds)]
    argv += [str(_NOBODY if root else 0)]
    reader, writer = os.pipe()
    argv[1:1] = ["--info-fd", str(writer)]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=(writer,)
    ) as process:
        os.close(writer)
        with open(reader, "rb") as told:
            inside_number = json.loads(told.read() or b"{}").get("child-pid")
        try:
            with _outlived(inside_number):
                _, said = process.communicate(timeout=seconds + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert not said.startswith(b"bwrap:"), said


@contextmanager
def _outlived(number: int | None) -> Iterator[None]:
    """Stay until a process namespace has ended, by its first process: bubblewrap leaves a moment before that."""
    try:
        watched = os.pidfd_open(number) if number is not None else None
    except ProcessLookupError:
        watched = None
    if watched is None:
        yield
        return
    try:
        yield
        poller = select.poll()
        poller.register(watched, select.POLLIN)
        assert poller.poll(_GRACE_SECONDS * 1000), "the attack outlives its namespace"
    finally:
        os.close(watched)


def _seen(canaries: Canaries) -> set[Effect]:
    folder = canaries.folder
    found = canaries.touched()
    output = folder / "output"
    lines = _head(output).splitlines()
    value = _value(canaries)
    if value == "breached":
        found.add(Effect.BREACHED)
    if canaries.secret in value:
        found.add(Effect.LEAKED)
    sizes = [path.stat().st_size for path in (output, folder / "value") if path.exists()]
    if sum(sizes) > _LARGE:
        found.add(Effect.FLOODED)
    report = folder / "report.json"
    if not report.exists():
        return found | {Effect.DISTURBED}
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if told["status"] == 0 or b'{"passed": true}' in lines:
        found.add(Effect.PASSED)
    if told["outlasted"]:
        found.add(Effect.OUTLASTED)
    elif b'{"following": true}' not in lines:
        found.add(Effect.DISTURBED)
    if told["peak"] > MEMORY:
        found.add(Effect.GREW)
    if told["left"]:
        found.add(Effect.LEFT)
    return found


def _value(canaries: Canaries) -> str:
    return _head(canaries.folder / "value").decode("utf-8", "replace")


def _head(path: Path) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.read(_LARGE)
