"""A warm type checker that is killed, stalls or lies is caught: the command line answers, and nothing is left."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from millwright.adapters.analysis import mypy_types, mypy_warm
from millwright.adapters.analysis.batches import Bounds
from millwright.adapters.analysis.mypy_command import OPTIONS, WARMED, MypyCommand
from millwright.adapters.analysis.mypy_types import MypyTypes
from millwright.adapters.analysis.mypy_warm import WarmFailed, WarmMypy
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool

_SERVER = Path(mypy_warm.__file__).with_name("mypy_server.py")
_BAD = "def f(x):\n    return x\n"
_GOOD = "def f(x: int) -> int:\n    return x\n"
_TAMPERED = """
import importlib.util, os, signal, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("mypy_server", {server!r})
server = importlib.util.module_from_spec(spec)
sys.modules["mypy_server"] = server
spec.loader.exec_module(server)
check = server.Session.check
{tampering}
server.main(Path(sys.argv[1]))
"""
_SLOW = """
def slow(self, folder, files):
    if "slow" in Path(folder, files[0]).read_text():
        os.open({folder!r} + "/child" + str(os.getpid()), os.O_CREAT)
        time.sleep(600)
    return check(self, folder, files)
server.Session.check = slow
"""
"""A child that says which process it is and takes its time, where the candidate asks for it."""
Make = Callable[..., MypyTypes]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> MypyCommand:
    """The command line, with the standard library's types read once."""
    return MypyCommand(tmp_path_factory.getbasetemp() / "types", Bounds())


@pytest.fixture
def make(command: MypyCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make type checkers with a tampered server; afterwards no process and no file of theirs is left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    made: list[MypyTypes] = []

    def _make(tampering: str = "", bounds: Bounds | None = None, patience: float = 60.0) -> MypyTypes:
        program = tmp_path / "program.py"
        text = _TAMPERED.format(server=str(_SERVER), tampering=textwrap.dedent(tampering))
        program.write_text(text, encoding="utf-8")
        start = (sys.executable, "-I", str(program))
        made.append(MypyTypes(command, WarmMypy(OPTIONS, WARMED, bounds or Bounds(), patience, start)))
        return made[-1]

    yield _make
    groups = [_pid(types) for types in made if types.warm is not None and types.warm.pid is not None]
    for types in made:
        types.close()
    _wait(lambda: not any(map(_lives, groups)))
    assert list(scratch.iterdir()) == []


def _lives(group: int) -> bool:
    """Say whether a process of the group runs; one that has ended and waits for its burial does not."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _parent, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def _pid(types: MypyTypes) -> int:
    assert types.warm is not None
    assert types.warm.pid is not None
    return types.warm.pid


def _requests(*sources: str) -> list[AnalysisRequest]:
    modules = ({"target.py": source} for source in sources)
    return [AnalysisRequest(tool=AnalysisTool.TYPES, modules=each, target="target.py") for each in modules]


def _codes(reports: list[AnalysisReport]) -> list[list[str]]:
    return [[finding.code for finding in report.findings] for report in reports]


async def _until(holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(_wait, holds)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)


def _child(folder: Path) -> int | None:
    """Return the child that left its mark in a folder."""
    for mark in folder.glob("child*"):
        return int(mark.name.removeprefix("child"))
    return None


def _reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(vars(record)["because"]) for record in caplog.records]


async def test_the_warm_checker_answers_without_the_command_line(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In health, one server checks batch after batch by itself."""
    types = make()
    await types.check(_requests(_BAD, _GOOD))
    first = _pid(types)
    monkeypatch.setattr(MypyCommand, "check", None)
    assert _codes(await types.check(_requests(_BAD, _GOOD))) == [["no-untyped-def"], []]
    assert _pid(types) == first
    assert caplog.records == []


@pytest.mark.parametrize(
    ("tampering", "reason"),
    [
        ("server.Session.check = lambda self, *a: os.kill(os.getpid(), signal.SIGKILL)", "status -9"),
        ("server.Session.check = lambda self, *a: os._exit(0)", "the server has died"),
        ("server.Session.check = lambda self, *a: {}['x']", "it failed with KeyError"),
        ("server.Session.check = lambda self, *a: sys.exit(0)", "it failed with SystemExit"),
        ("server.Session.check = lambda self, *a: bytearray(10**12)", "it failed with MemoryError"),
        (
            "server.Session.check = lambda self, folder, files: Path(folder, 'left').write_text('x')",
            "it failed with OSError",
        ),
        ("server._encoded = lambda answer: b'nonsense\\n'", "is not understood"),
        ("server._encoded = lambda answer: b''", "the server has died"),
        (
            "server.Session.check = lambda self, f, files: {'status': 0, 'lines': [], 'checked': files}",
            "did not report the error",
        ),
        (
            "server.Session.check = lambda self, f, files: check(self, f, files[-1:])",
            "does not speak of every file",
        ),
        (
            "server.Session.check = lambda self, f, files: {'status': 2, 'lines': [], 'checked': []}",
            None,
        ),
        ("sys.exit(3)", "the server"),
        ("server.Server.serve = lambda self: None", "the server"),
    ],
)
async def test_a_child_that_fails_or_lies_is_not_believed(
    tampering: str, reason: str | None, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in the warm checker, the command line finds what is there, and the fault is told."""
    types = make(tampering)
    assert _codes(await types.check(_requests(_BAD))) == [["no-untyped-def"]]
    assert all(reason is not None and reason in because for because in _reasons(caplog))
    assert len(caplog.records) == (1 if reason else 0)


async def test_a_server_that_cannot_be_started_is_no_obstacle(
    command: MypyCommand, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Without a program to start there is still the command line."""
    types = MypyTypes(command, WarmMypy(OPTIONS, WARMED, Bounds(), program=(str(tmp_path / "nothing"),)))
    assert _codes(await types.check(_requests(_BAD))) == [["no-untyped-def"]]
    assert "cannot be started" in _reasons(caplog)[0]
    (record,) = caplog.records
    assert vars(record)["event"] == "analysis.warm_types_failed"
    said = record.getMessage()
    assert re.fullmatch(r"warm type checking failed \(it cannot be started .*\); this batch goes to .*", said)


@pytest.mark.parametrize(
    ("body", "bounds"),
    [
        ("time.sleep(60)", Bounds(wall_seconds=1.0)),
        ("while True: pass", Bounds(wall_seconds=60.0, cpu_seconds=1)),
    ],
)
async def test_a_child_past_its_time_costs_only_its_candidate(
    body: str, bounds: Bounds, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch that runs out of time is divided; the slow one alone goes to the command line."""
    types = make(
        f"""
        def slow(self, folder, files):
            if any("slow" in Path(folder, name).read_text() for name in files):
                {body}
            return check(self, folder, files)
        server.Session.check = slow
        """,
        bounds,
    )
    assert _codes(await types.check(_requests(_GOOD, _BAD + "# slow\n", _BAD))) == [
        [],
        ["no-untyped-def"],
        ["no-untyped-def"],
    ]
    assert all("status" in because for because in _reasons(caplog))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_a_server_lost_between_requests_is_replaced(
    number: signal.Signals, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that died or hangs before it is asked costs no verdict; another takes its place."""
    types = make(bounds=Bounds(wall_seconds=2.0), patience=2.0)
    await types.check(_requests(_GOOD))
    first = _pid(types)
    os.kill(first, number)
    assert _codes(await types.check(_requests(_BAD))) == [["no-untyped-def"]]
    assert _codes(await types.check(_requests(_BAD, _GOOD))) == [["no-untyped-def"], []]
    assert _pid(types) != first
    assert not _lives(first)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_a_server_lost_during_a_request_is_noticed(
    number: signal.Signals, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that dies or hangs while its child works takes the child with it, and the command line answers."""
    types = make(_SLOW.format(folder=str(tmp_path)), Bounds(wall_seconds=3.0), patience=1.0)
    await types.check(_requests(_GOOD))
    checking = asyncio.create_task(types.check(_requests(_BAD + "# slow\n")))
    await _until(lambda: _child(tmp_path) is not None)
    first = _pid(types)
    os.kill(first, number)
    assert _codes(await checking) == [["no-untyped-def"]]
    await _until(lambda: not _lives(first))
    assert len(caplog.records) == 1


async def test_a_cancelled_check_ends_its_child_and_not_the_server(make: Make, tmp_path: Path) -> None:
    """Who does not wait any more leaves no work behind, and others are served by the same server."""
    types = make(_SLOW.format(folder=str(tmp_path)))
    checking = asyncio.create_task(types.check(_requests(_GOOD + "# slow\n")))
    await _until(lambda: _child(tmp_path) is not None)
    pid = _child(tmp_path)
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    await _until(lambda: not Path("/proc", str(pid)).exists())
    server = _pid(types)
    assert _codes(await types.check(_requests(_BAD))) == [["no-untyped-def"]]
    assert _pid(types) == server


async def test_repeated_faults_replace_the_server(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A server whose children keep failing is ended after a few, although it lives."""
    types = make("server.Session.check = lambda self, *a: {}['x']")
    pids = set()
    for number in range(4):
        await types.check(_requests(_GOOD + f"# {number}\n"))
        assert types.warm is not None
        pids.add(types.warm.pid)
    assert len(pids - {None}) == 2
    assert len(caplog.records) == 4


async def test_a_server_that_keeps_dying_is_left_alone_for_a_while(
    command: MypyCommand, caplog: pytest.LogCaptureFixture
) -> None:
    """After deaths in a row the next requests do not pay for another start."""
    warm = WarmMypy(OPTIONS, WARMED, Bounds(), program=(sys.executable, "-c", "pass"))
    cache = await command.types()
    reasons = []
    for _ in range(8):
        with pytest.raises(WarmFailed) as caught:
            await warm.check(cache, cache, ("a.py",))
        reasons.append("too often" in str(caught.value))
    assert reasons == [False, False, True, True, False, True, True, True]
    assert warm.pid is None


async def test_many_may_ask_at_once(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Requests beyond the cores wait their turn, and each gets its own answer."""
    types = make()
    batches = [_requests(*([_GOOD] * number), _BAD + f"# {number}\n") for number in range(12)]
    answers = await asyncio.gather(*(types.check(batch) for batch in batches))
    assert [_codes(answer) for answer in answers] == [[*([[]] * number), ["no-untyped-def"]] for number in range(12)]
    assert caplog.records == []


def test_the_server_outlives_an_event_loop_and_not_its_owner(make: Make) -> None:
    """One server serves one loop after another; it goes when what holds it goes."""
    types = make()
    pids = set()
    for number in range(2):
        asyncio.run(types.check(_requests(_GOOD + f"# {number}\n")))
        pids.add(_pid(types))
    assert len(pids) == 1
    assert types.warm is not None
    types.warm.close()
    assert types.warm.pid is None


def test_the_server_dies_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    """A driver that ends without a word leaves no server and no folder of it."""
    driver = f"""
import asyncio, os, signal, tempfile
tempfile.tempdir = {str(tmp_path)!r}
from pathlib import Path
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from schemas.verification import AnalysisRequest, AnalysisTool
analyser = StaticAnalyser(Path({str(tmp_path)!r}, "types"))
request = AnalysisRequest(tool=AnalysisTool.TYPES, modules={{"a.py": "x = 1"}}, target="a.py")
asyncio.run(analyser.analyse([request]))
print(analyser._types.warm.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", driver], cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    _wait(lambda: not _lives(int(ended.stdout)))
    _wait(lambda: not list(tmp_path.glob("millwright-mypy-server-*")))


async def test_a_batch_without_its_known_error_is_void(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where even the command line does not report the planted error, no verdict is given."""
    monkeypatch.setattr(mypy_types, "_CANARY_TEXT", "CANARY: int = 1\n")
    with pytest.raises(AnalyserUnavailable):
        await make().check(_requests(_GOOD))
