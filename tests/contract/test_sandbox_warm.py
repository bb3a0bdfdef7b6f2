"""How warm interpreters are kept, lost and replaced, each broken here on purpose.

What programs may do in their clones is held in the other suites.
"""

import asyncio
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from schemas.execution import Binding, ConditionRequest, Ending, Limits, OutcomeKind, Truth
from schemas.specification import Record, RecordField
from tests.contract.sandbox_fixtures import ONE, call, children, descendants, interpreters, numbers

pytestmark = pytest.mark.sandbox

PLAIN = "def f(n): return n"
SLOW = "import time\ndef f(n):\n    time.sleep(0.6)\n    return n"
CONDITIONS = ConditionRequest(
    expressions=("x > 0", "x == 2"), bindings=tuple(Binding(names={"x": ["int", str(n)]}) for n in range(3))
)
TRUTHS = ((Truth.FALSE, Truth.FALSE), (Truth.TRUE, Truth.FALSE), (Truth.TRUE, Truth.TRUE))


@pytest.fixture
def narrow() -> Iterator[BubblewrapSandbox]:
    """Give an engine with one slot, and little patience with a warm interpreter."""
    engine = BubblewrapSandbox(slots=1, patience_seconds=1)
    yield engine
    engine.close()
    assert children() == []


def clones() -> list[int]:
    """List the processes that warm interpreters cloned and that live."""
    return [clone for interpreter in interpreters() for clone in interpreters(interpreter)]


@contextmanager
def meanwhile(act: Callable[[], bool]) -> Iterator[list[int]]:
    """Do something over and over in a thread, and count how often it took effect."""
    over, effects = threading.Event(), [0]

    def repeat() -> None:
        while not over.wait(0.01):
            effects[0] += act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield effects
    finally:
        over.set()
        thread.join()


def once(act: Callable[[], list[int]], number: signal.Signals) -> Callable[[], bool]:
    """Send a signal to the processes that are found first, and to none afterwards."""
    done = False

    def send() -> bool:
        nonlocal done
        found = [] if done else act()
        for pid in found:
            os.kill(pid, number)
        done = done or bool(found)
        return bool(found)

    return send


async def test_one_interpreter_serves_many_programs(narrow: BubblewrapSandbox) -> None:
    """It is started once, and nothing is left of a program when its report is there."""
    await narrow.check()
    (interpreter,) = interpreters()
    before = descendants()
    for _ in range(20):
        assert (await call(narrow, PLAIN, [ONE])).outcomes[0].value == ONE
    assert (interpreters(), descendants()) == ([interpreter], before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_an_interpreter_that_is_lost_between_requests_is_replaced(
    narrow: BubblewrapSandbox, number: signal.Signals
) -> None:
    """The next request is answered all the same, by another one."""
    await narrow.check()
    (old,) = interpreters()
    os.kill(old, number)
    assert (await call(narrow, PLAIN, [ONE])).outcomes[0].value == ONE
    (new,) = interpreters()
    assert new != old


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_an_interpreter_that_is_lost_under_a_request_costs_no_outcome(
    narrow: BubblewrapSandbox, number: signal.Signals
) -> None:
    """The program is run again on a fresh one, and every call has its true outcome once."""
    await narrow.check()
    with meanwhile(once(lambda: interpreters() if clones() else [], number)) as effects:
        report = await call(narrow, SLOW, *numbers(2))
    assert effects == [1]
    assert [item.value for item in report.outcomes] == [["int", "0"], ["int", "1"]]
    assert report.ending is Ending.COMPLETED


async def test_work_on_a_stalled_interpreter_can_be_cancelled(narrow: BubblewrapSandbox) -> None:
    """Nobody waits for it, and the next request has another one."""
    await narrow.check()
    (old,) = interpreters()
    os.kill(old, signal.SIGSTOP)
    task = asyncio.create_task(call(narrow, PLAIN, [ONE]))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await call(narrow, PLAIN, [ONE])).outcomes[0].value == ONE
    assert interpreters() != [old]


async def test_a_program_under_which_every_interpreter_dies_is_run_without_one(narrow: BubblewrapSandbox) -> None:
    """It cannot pass for a fault of the sandbox: it gets a bubblewrap of its own, and what it does there counts."""
    await narrow.check()
    killed: set[int] = set()  # by number: one that is slow to die is found more than once

    def kill() -> bool:
        found = {pid for pid in interpreters() if interpreters(pid)} - killed
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        killed.update(found)
        return bool(found)

    with meanwhile(kill):
        report = await call(narrow, SLOW, *numbers(1))
    assert len(killed) == 2
    assert report.outcomes[0].value == ["int", "0"]


async def test_a_clone_that_a_stranger_kills_is_not_held_against_the_program(narrow: BubblewrapSandbox) -> None:
    """Killed once, the call is made again; killed again and again, it is lost."""
    await narrow.check()
    with meanwhile(once(clones, signal.SIGKILL)) as effects:
        report = await call(narrow, SLOW, *numbers(2))
    assert effects == [1]
    assert [item.value for item in report.outcomes] == [["int", "0"], ["int", "1"]]

    def kill() -> bool:
        found = clones()
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return bool(found)

    with meanwhile(kill):
        report = await call(narrow, SLOW, *numbers(2), lost_limit=1)
    assert [item.kind for item in report.outcomes] == [OutcomeKind.LOST] * 2
    assert report.ending is Ending.CRASHED


async def test_a_program_without_cpu_time_left_timed_out(narrow: BubblewrapSandbox) -> None:
    """The kernel kills it as a stranger would, and it is not excused."""
    limits = Limits(cpu_seconds=1, call_seconds=10)
    started = time.monotonic()
    report = await call(narrow, "def f(n):\n    while True: pass", *numbers(2), limits=limits, lost_limit=1)
    assert (report.ending, report.outcomes[0].message) == (Ending.TIMED_OUT, "no CPU time left")
    assert time.monotonic() - started < 8


async def test_an_evaluator_serves_many_requests_and_is_replaced(narrow: BubblewrapSandbox) -> None:
    """It lives on between requests; killed, or with its interpreter, it costs no truth."""
    for _ in range(3):
        assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS
    (evaluator,) = clones()
    assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS
    assert clones() == [evaluator]
    os.kill(evaluator, signal.SIGKILL)
    assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS
    (interpreter,) = interpreters()
    os.kill(interpreter, signal.SIGKILL)
    assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS


async def test_an_evaluator_that_overruns_is_replaced(narrow: BubblewrapSandbox) -> None:
    """Its binding is lost, and the next request finds a fresh one with all its memory and time."""
    endless = ConditionRequest(
        expressions=("sum(range(10 ** 11)) == 0",), bindings=(Binding(names={"x": ONE}), Binding(names={"x": ONE}))
    )
    greedy = ConditionRequest(expressions=("len([0] * 10 ** 9) > 0",), bindings=(Binding(names={}),))
    assert (await narrow.evaluate(endless)).truths == ((Truth.LOST,), (Truth.LOST,))
    assert (await narrow.evaluate(greedy)).truths == ((Truth.LOST,),)
    assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS


async def test_cancelling_an_evaluation_leaves_no_half_answered_evaluator(narrow: BubblewrapSandbox) -> None:
    """The next request gets its own answers, not the rest of the last one's."""
    endless = ConditionRequest(expressions=("sum(range(10 ** 11)) == 0",), bindings=(Binding(names={}),))
    assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS
    task = asyncio.create_task(narrow.evaluate(endless))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await narrow.evaluate(CONDITIONS)).truths == TRUTHS


async def test_records_and_expressions_of_one_request_are_not_the_next_ones(narrow: BubblewrapSandbox) -> None:
    """What an evaluator keeps goes by the whole declaration."""
    for field in ("a", "b", "a"):
        record = Record(name="R", fields=(RecordField(name=field, type_annotation="int"),))
        binding = Binding(names={"r": ["record", "R", [[field, ONE]]]})
        request = ConditionRequest(expressions=("r.a == 1",), bindings=(binding,), records=(record,))
        expected = Truth.TRUE if field == "a" else Truth.UNDEFINED
        assert (await narrow.evaluate(request)).truths == ((expected,),)


async def test_an_interpreter_that_speaks_nonsense_is_replaced(narrow: BubblewrapSandbox) -> None:
    """Its answers are read strictly."""
    await narrow.check()
    slot = narrow._slots._free[0]  # no other way to put words into its mouth
    zygote = slot._zygote
    assert zygote is not None
    ours = zygote._control
    zygote._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(b"nonsense")
    assert (await call(narrow, PLAIN, [ONE])).outcomes[0].value == ONE
    assert slot._zygote is not zygote
    ours.close()
    theirs.close()


async def test_a_dropped_sandbox_leaves_no_process_behind() -> None:
    """Nobody has to close it."""
    before = len(os.listdir("/proc/self/fd"))
    engine = BubblewrapSandbox(slots=1)
    await engine.check()
    assert len(interpreters()) == 1
    engine._threads.shutdown()
    del engine
    gc.collect()
    assert children() == []
    assert len(os.listdir("/proc/self/fd")) == before


async def test_nothing_grows_with_the_number_of_programs(narrow: BubblewrapSandbox) -> None:
    """The interpreter's memory and this process's descriptors and mounts stay as they were."""

    def sizes() -> tuple[int, int, int]:
        (interpreter,) = interpreters()
        status = Path(f"/proc/{interpreter}/status").read_text()
        mounts = Path("/proc/self/mounts").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]), len(os.listdir("/proc/self/fd")), mounts.count("\n")

    for _ in range(30):
        await call(narrow, PLAIN, [ONE])
    before = sizes()
    for _ in range(150):
        await call(narrow, PLAIN, [ONE])
    after = sizes()
    assert after[0] - before[0] < 256  # KiB
    assert after[1:] == before[1:]


async def test_slots_work_side_by_side() -> None:
    """Two programs that sleep take no longer than one; each slot has an interpreter of its own."""
    engine = BubblewrapSandbox(slots=2)
    await asyncio.gather(*(call(engine, SLOW, *numbers(1)) for _ in range(2)))
    started = time.monotonic()
    reports = await asyncio.gather(*(call(engine, SLOW, *numbers(2)) for _ in range(2)))
    assert time.monotonic() - started < 2.2
    assert [report.outcomes[1].value for report in reports] == [["int", "1"]] * 2
    assert len(interpreters()) == 2
    engine.close()
    assert children() == []
