"""What a program finds around itself: held against clones of a warm interpreter and bubblewraps of their own alike.

It judges no candidate.
"""

import errno
import json
import os
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from millwright.adapters.sandbox import seccomp
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.sandbox.syscalls import ALLOWED_TO_FUNCTIONS, DECIDED_BY_ARGUMENTS
from millwright.errors import BadInput
from schemas.execution import CallRequest, Ending, Limits, OutcomeKind, Program
from tests.contract.sandbox_fixtures import ONE, call, children, numbers, outcome
from tests.contract.test_sandbox import ATTACKS

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=["warm", "alone"])
def either(request: pytest.FixtureRequest) -> Iterator[BubblewrapSandbox]:
    """Give an engine of each way to start a process."""
    engine = BubblewrapSandbox(slots=1, warm=request.param == "warm")
    yield engine
    engine.close()
    assert children() == []


async def told(engine: BubblewrapSandbox, source: str, files: tuple[str, ...] = ()) -> Any:
    """Run a program that tells what it finds as JSON."""
    program = Program(modules={"m.py": "import json\n" + source}, module="m", function="f", files=files)
    (answer,) = (await engine.call(CallRequest(program=program, calls=((),)))).outcomes
    match answer.value:
        case ["str", str(text)]:
            return json.loads(text)
    raise AssertionError(answer)


async def seen(engine: BubblewrapSandbox, expression: str) -> Any:
    """Evaluate an expression inside, with os and ctypes at hand, and bring its JSON back."""
    return await told(engine, f"import ctypes, os\ndef f(): return json.dumps({expression})")


async def test_a_program_is_alone(either: BubblewrapSandbox) -> None:
    """It is the only process of its namespace, an ordinary user, without environment, proc or inherited descriptors."""
    assert await seen(either, "[os.getpid(), os.getppid()]") == [1, 0]
    assert await seen(either, "os.getuid() != 0 and os.geteuid() == os.getuid()") is True
    assert set(await seen(either, "sorted(os.environ)")) <= {"PYTHONHASHSEED", "LD_LIBRARY_PATH", "PWD", "LC_CTYPE"}
    folders = await seen(either, "os.listdir('/')")
    assert set(folders) <= {"bin", "dev", "lib", "lib32", "lib64", "python", "tmp", "usr"}
    assert await seen(either, "os.uname().nodename") == "sandbox"
    fds = await seen(either, "[fd for fd in range(5, 256) if ctypes.CDLL(None).fcntl(fd, 1) != -1]")
    assert fds == []


async def test_only_scratch_space_can_be_written(either: BubblewrapSandbox) -> None:
    """Wherever a file is opened for writing, the kernel refuses, but in /tmp."""
    source = """
import os
def f():
    written = []
    for top, folders, files in os.walk("/"):
        if top.count("/") > 3:
            folders.clear()
        try:
            with open(os.path.join(top, "new"), "w") as file: file.write("x")
            written.append(top)
        except OSError: pass
    return written
"""
    assert (await outcome(either, source)).value == ["list", [["str", "/tmp"]]]


async def test_capabilities_and_limits_are_gone_for_good(either: BubblewrapSandbox) -> None:
    """No capability is left, also none to gain, and no limit can be changed either way."""
    probe = (
        "[ctypes.CDLL(None, use_errno=True).prctl(23, n, 0, 0, 0) for n in (0, 21, 7)]"  # PR_CAPBSET_READ is refused
    )
    assert await seen(either, probe) == [-1, -1, -1]
    source = """
import resource
def f():
    held = []
    for which, amount in ((resource.RLIMIT_AS, -1), (resource.RLIMIT_NOFILE, 16), (resource.RLIMIT_CPU, 10)):
        try: resource.setrlimit(which, (amount, amount))
        except (ValueError, OSError): held.append(which)
    return len(held) == 3 and resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
"""
    assert (await outcome(either, source)).value == ["bool", True]


@pytest.mark.parametrize("attack", [path.read_text() for path in ATTACKS], ids=[path.stem for path in ATTACKS])
async def test_an_attack_is_held_either_way(either: BubblewrapSandbox, attack: str) -> None:
    """The forbidden thing fails, and the next candidate is none the worse."""
    answer = (await call(either, attack, [ONE])).outcomes[0]
    assert answer.kind is OutcomeKind.RAISED or answer.value == ["str", "held"], answer
    assert (await outcome(either, "def f(n): return n", ONE)).value == ONE


async def test_what_is_on_no_list_is_refused(either: BubblewrapSandbox) -> None:
    """Every system call that is not allowed fails with EPERM, clone3 as if there were none."""
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    allowed = {numbers_[column] for numbers_ in (*ALLOWED_TO_FUNCTIONS.values(), *DECIDED_BY_ARGUMENTS.values())}
    unfiltered = {335, 336} if column == 0 else set()  # uretprobe and uprobe: the kernel itself exempts them
    others = [number for number in range(470) if number not in allowed | unfiltered]
    source = f"""
import ctypes
def f():
    libc = ctypes.CDLL(None, use_errno=True)
    errors = {{}}
    for number in {others}:
        ctypes.set_errno(0)
        answer = libc.syscall(number, -1, -1, -1, -1, -1, -1)
        errors.setdefault(f"{{answer}} {{ctypes.get_errno()}}", []).append(number)
    return json.dumps(errors)
"""
    found = await told(either, source)
    assert set(found) == {f"-1 {errno.EPERM}", f"-1 {errno.ENOSYS}"}
    assert found[f"-1 {errno.ENOSYS}"] == [435]


async def test_threads_files_and_signals_to_oneself_still_work(either: BubblewrapSandbox) -> None:
    """What honest programs do is on the list."""
    source = """
import asyncio, os, select, shutil, signal, tempfile, threading, time
def f():
    done = []
    thread = threading.Thread(target=lambda: done.append(1)); thread.start(); thread.join()
    signal.signal(signal.SIGUSR1, lambda *_: done.append(2)); os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "a")
        with open(place, "w") as file: file.write("x")
        os.rename(place, place + "b"); shutil.copy(place + "b", place); done.append(os.stat(place).st_size)
    async def later():
        await asyncio.sleep(0.01)
        return await asyncio.to_thread(lambda: 4)
    done.append(asyncio.run(later()))
    reader, writer = os.pipe(); os.write(writer, b"x"); done.append(len(select.select([reader], [], [], 1)[0]))
    time.sleep(0.001)
    return done
"""
    assert (await outcome(either, source)).value == ["list", [["int", n] for n in "122141"]]


async def test_usual_modules_cost_nothing_to_import_and_can_be_replaced(either: BubblewrapSandbox) -> None:
    """A program's own module wins over one that is loaded already, with all that is below it."""
    modules = {
        "json/__init__.py": "from .decoder import NAME",
        "json/decoder.py": "NAME = 'mine'",
        "m.py": "import json, math, re, dataclasses, statistics\ndef f(): return [json.NAME, math.floor(1.5)]",
    }
    program = Program(modules=modules, module="m", function="f")
    report = await either.call(CallRequest(program=program, calls=((),)))
    assert report.outcomes[0].value == ["list", [["str", "mine"], ["int", "1"]]]


async def test_a_program_changes_nothing_for_the_next(either: BubblewrapSandbox) -> None:
    """Modules, built-ins, the generator, hashes and signals are as fresh as the process."""
    spoil = """
import builtins, gc, json, math, os, random, signal, sys
def f(n):
    builtins.len = lambda x: 99
    math.floor = json.dumps = None
    sys.modules["re"] = None
    random.seed = lambda x: None
    os.environ["X"] = "1"
    sys.setrecursionlimit(50)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for item in gc.get_objects():
        if type(item) is dict and "spoiled" not in item and item.get("__name__") == "inside.wire":
            item["decode"] = None
    return 1
"""
    look = """
import json, math, os, random, re, signal, sys
def f(n):
    return [len([1]), math.floor(1.5), json.dumps(1), re.match("a", "a").end(), random.random(),
            os.environ.get("X"), sys.getrecursionlimit(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL]
"""
    first = await outcome(either, look, ONE)
    assert (await outcome(either, spoil, ONE)).value == ONE
    assert (await outcome(either, look, ONE)).value == first.value
    assert str(first.value).startswith("['list', [['int', '1'], ['int', '1'], ['str', '1'], ['int', '1'],")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "data",
        "/",
        "//data",
        "/data/",
        "/data/../x",
        "/data/./x",
        "/usr",
        "/lib/x",
        "/dev/shm",
        "/proc/1",
        "/python",
        "/sys",
        "/a\nb",
        "/" + "x" * 300,
    ],
)
async def test_a_folder_that_cannot_be_granted_is_refused(sandbox: BubblewrapSandbox, path: str) -> None:
    """Only absolute, normalised paths that shadow nothing can be granted."""
    program = Program(modules={"m.py": "def f(): return 1"}, module="m", function="f", files=(path,))
    with pytest.raises(BadInput, match="granted folder"):
        await sandbox.call(CallRequest(program=program, calls=((),)))


async def test_granted_folders_are_private_empty_writable_and_bounded(either: BubblewrapSandbox) -> None:
    """Each is there, also one in another, and nothing of it is left for the next program, or of the host's in it."""
    source = """
import os
def f():
    seen = [os.listdir("/data/in"), os.listdir("/etc"), os.listdir("/tmp/mine")]
    for folder in ("/data/in", "/data/in/deep/er", "/etc", "/tmp/mine"):
        open(folder + "/x", "w").write("x")
    refused = 0
    for place in ("/data/x", "/x", "/usr/x"):
        try: open(place, "w")
        except OSError: refused += 1
    try:
        with open("/data/in/big", "wb") as one, open("/data/in/bigger", "wb") as two:
            for _ in range(12): one.write(bytes(1 << 20)); two.write(bytes(1 << 20))
        refused = -1
    except OSError: pass
    return json.dumps([seen, refused])
"""
    files = ("/data/in", "/data/in/deep/er", "/etc", "/tmp/mine")
    for _ in range(2):
        assert await told(either, source, files) == [[["deep"], [], []], 3]
    assert "data" not in os.listdir("/")


async def test_a_raised_exception_names_the_line_of_the_programs_own_module(either: BubblewrapSandbox) -> None:
    """It is the innermost one in the file of the function, and none where there is none."""
    modules = {
        "other.py": "def g(n):\n\n\n\n\n    return 1 // n",
        "m.py": (
            "from other import g\ndef h(n):\n    return g(n)\ndef f(n):\n    if n == 2: raise KeyError\n    return h(n)"
        ),
    }
    program = Program(modules=modules, module="m", function="f")
    report = await either.call(CallRequest(program=program, calls=tuple(map(tuple, [*numbers(3), []]))))
    assert [item.line for item in report.outcomes] == [3, None, 5, None]


async def test_a_limit_on_memory_below_what_a_program_needs_is_no_fault_of_the_sandbox(
    either: BubblewrapSandbox,
) -> None:
    """Its module does not load; that is all."""
    report = await call(either, "x = [0] * 10 ** 7\ndef f(n): return n", [ONE], limits=Limits(memory_bytes=1 << 20))
    assert "Memory" in (report.load_error or ""), report
    assert report.ending in (Ending.COMPLETED, Ending.CRASHED)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filters_hold_together(machine: str) -> None:
    """Each is whole instructions, few enough for the kernel, and no jump leads out of it."""
    for program in (seccomp.for_functions(machine), seccomp.for_commands(machine)):
        count = len(program) // 8
        assert len(program) % 8 == 0
        assert count < 4096
        for index in range(count):
            code, if_true, if_false, _ = struct.unpack_from("=HBBI", program, 8 * index)
            if code & 0x07 == 0x05:
                assert index + 1 + max(if_true, if_false) < count
        assert struct.unpack_from("=H", program, len(program) - 8)[0] == 0x06
