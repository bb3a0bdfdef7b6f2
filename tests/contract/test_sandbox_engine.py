"""How the bubblewrap engine starts, refuses and cleans up after itself.

It judges no outcome.
"""

import asyncio
import os
import select
import shutil
import time
from pathlib import Path

import pytest

from millwright.adapters.sandbox import calling, commanding
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.sandbox.cell import Cancellation
from millwright.adapters.sandbox.engine import Engine
from millwright.adapters.sandbox.layout import Interpreter, Layout, Privilege
from millwright.adapters.sandbox.slots import Slot
from millwright.errors import BadInput, SandboxUnavailable
from schemas.execution import CallRequest, CommandRequest, Limits, Program
from tests.contract.sandbox_fixtures import (
    call,
    descendants,
    interpreters,
    numbers,
)

pytestmark = pytest.mark.sandbox


async def test_cancelling_ends_the_process(sandbox: BubblewrapSandbox) -> None:
    """A cancelled call is gone at once, and so is its process."""
    await sandbox.check()
    before = descendants()
    task = asyncio.create_task(
        call(sandbox, "import time\ndef f(): time.sleep(60)", [], limits=Limits(call_seconds=60))
    )
    await asyncio.sleep(0.5)
    assert descendants() == before + 1
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 5
    assert descendants() == before


async def test_waiting_work_can_be_cancelled() -> None:
    """Work that waits for a slot starts nothing once it is cancelled."""
    narrow = BubblewrapSandbox(slots=1)
    slow = "import time\ndef f(): time.sleep(60)"
    tasks = [asyncio.create_task(call(narrow, slow, [], limits=Limits(call_seconds=60))) for _ in range(3)]
    await asyncio.sleep(0.3)
    for task in reversed(tasks):
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    narrow.close()


async def test_no_descriptor_is_left_open(sandbox: BubblewrapSandbox) -> None:
    """Ten programs, some of them killed, leave this process's descriptors as they were."""
    source = "import os\ndef f(n):\n    if n == 3: os._exit(1)\n    return n"
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await call(sandbox, source, *numbers(6))
    assert len(os.listdir("/proc/self/fd")) == before


async def test_another_language_is_refused(sandbox: BubblewrapSandbox) -> None:
    """This engine speaks Python only, and says so."""
    program = Program(language="go", modules={}, module="m", function="f")
    with pytest.raises(BadInput, match="go"):
        await sandbox.call(CallRequest(program=program, calls=()))


async def test_a_missing_bubblewrap_names_the_remedy() -> None:
    """Without bubblewrap nothing is run, and the message says what to install."""
    engine = BubblewrapSandbox(bwrap="bwrap-that-is-not-there")
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        await engine.check()
    engine.close()


@pytest.mark.parametrize(
    "script", ["echo 'setting up uid map: Permission denied' >&2; exit 1", "exit 0", "sleep 0.1; kill -9 $$"]
)
async def test_a_bubblewrap_that_is_refused_is_the_sandboxs_fault(tmp_path: Path, script: str) -> None:
    """When no harness says hello, nothing is said of any candidate; the words of bubblewrap are passed on."""
    fake = tmp_path / "bwrap"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    engine = BubblewrapSandbox(bwrap=str(fake))
    with pytest.raises(SandboxUnavailable, match="namespaces") as caught:
        await call(engine, "def f(): return 1", [])
    assert ("Permission denied" in str(caught.value)) == ("denied" in script)
    engine.close()


@pytest.mark.parametrize("warm", [False, True])
async def test_a_user_namespace_confines_too(warm: bool) -> None:
    """What an ordinary user gets, and root where it may not change its user, runs programs alike."""
    engine = Engine(Layout(shutil.which("bwrap") or "", Interpreter.running(), Privilege.USER_NAMESPACE))
    slot = Slot(engine, warm, patience_seconds=10)
    source = "import os\ndef f():\n    try: os.setuid(0)\n    except OSError: return os.getuid()"
    program = Program(modules={"m.py": source}, module="m", function="f")
    report = await asyncio.to_thread(calling.call, slot, CallRequest(program=program, calls=((),)), Cancellation())
    assert report.outcomes[0].value == ["int", "1000"]
    slot.close()


async def test_refused_nested_namespaces_leave_a_bubblewrap_for_each_program(tmp_path: Path) -> None:
    """Nothing weaker is taken instead, and nothing is said of it, for programs are as confined as before."""
    strict = tmp_path / "bwrap"
    real = shutil.which("bwrap")
    one = "echo 1 > /proc/sys/user/max_user_namespaces; exec"  # bubblewrap's own, and none in it
    inner = f'exec unshare -U -r sh -c \'{one} "$@"\' sh {real} "$@"'
    strict.write_text(
        f'#!/bin/sh\ncase " $* " in *" --unshare-user "*) {inner};; esac\necho "another user is refused" >&2; exit 1\n'
    )
    strict.chmod(0o755)
    before = interpreters()
    engine = BubblewrapSandbox(slots=1, bwrap=str(strict))
    report = await call(engine, "import os\ndef f(n): return os.getpid()", *numbers(2))
    assert [item.value for item in report.outcomes] == [["int", "1"]] * 2
    assert interpreters() == before
    engine.close()


_HOARD = """
def f():
    made = []
    for folder in ("/tmp", "/data/in"):
        made.append(0)
        try:
            for number in range(5000):
                with open(f"{folder}/{number}", "w"): made[-1] += 1
        except OSError: pass
    return made
"""
_RIGHTS = """
import ctypes
LIBC = ctypes.CDLL(None)
def f():
    again = LIBC.mount(b"tmpfs", b"/tmp", b"tmpfs", 32 | 2 | 4, b"nr_inodes=100000")
    LIBC.syscall.restype = ctypes.c_long
    number = {"x86_64": 125, "aarch64": 90}[__import__("posix").uname().machine]
    rights = (ctypes.c_uint32 * 6)()
    LIBC.syscall(number, (ctypes.c_uint32 * 2)(0x20080522, 0), rights)
    return [again, [rights[0], rights[1], rights[2]]]
"""


@pytest.mark.parametrize("way", list(Privilege))
async def test_writable_folders_hold_a_bounded_number_of_files(way: Privilege) -> None:
    """Scratch space and granted folders each refuse the 4096th, also in a bubblewrap of its own."""
    if way is Privilege.OWN_USER and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    engine = Engine(Layout(shutil.which("bwrap") or "", Interpreter.running(), way))
    slot = Slot(engine, False, patience_seconds=10)
    program = Program(modules={"m.py": _HOARD}, module="m", function="f", files=("/data/in",))
    report = await asyncio.to_thread(calling.call, slot, CallRequest(program=program, calls=((),)), Cancellation())
    assert report.outcomes[0].value == ["list", [["int", "4095"], ["int", "4095"]]]
    slot.close()


@pytest.mark.parametrize("way", list(Privilege))
async def test_the_right_to_mount_is_given_up_before_a_program_is_loaded(way: Privilege) -> None:
    """No capability is left, none can be taken up again, and the folder's limits cannot be raised."""
    if way is Privilege.OWN_USER and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    engine = Engine(Layout(shutil.which("bwrap") or "", Interpreter.running(), way))
    slot = Slot(engine, False, patience_seconds=10)
    program = Program(modules={"m.py": _RIGHTS}, module="m", function="f")
    command = CommandRequest(files={"m.py": f"{_RIGHTS}\nprint(f())"}, argv=("python", "m.py"))
    cancellation = Cancellation()
    try:
        told = await asyncio.to_thread(commanding.run, engine, command, cancellation)
        report = await asyncio.to_thread(calling.call, slot, CallRequest(program=program, calls=((),)), cancellation)
    finally:
        slot.close()
    assert told.stdout == "[-1, [0, 0, 0]]\n", told.stderr
    assert report.outcomes[0].value == ["list", [["int", "-1"], ["list", [["int", "0"]] * 3]]], report


def test_a_bubblewrap_that_is_killed_while_it_starts_leaves_no_process_behind() -> None:
    """Its child may still be waiting to be let go; whoever lives on would hold the pipe of answers open."""
    bwrap = shutil.which("bwrap")
    assert bwrap is not None
    engine = Engine(Layout(bwrap, Interpreter.running(), Privilege.USER_NAMESPACE))
    for step in range(120):
        cell = engine.functions("calls", Cancellation(), 4096)
        process = cell._process
        reader = os.dup(process.reader)
        time.sleep(step % 40 * 0.0002)
        cell.close()
        poller = select.poll()
        poller.register(reader, select.POLLIN)
        while poller.poll(10_000) and os.read(reader, 4096):
            pass
        os.set_blocking(reader, False)
        assert os.read(reader, 1) == b""  # else somebody could still write
        os.close(reader)
