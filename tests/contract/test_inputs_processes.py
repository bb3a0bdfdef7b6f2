"""What the warm generator promises: one process for many requests, equal answers, and nothing left behind."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millwright.adapters.inputs import hypothesis_inputs
from millwright.adapters.inputs.generator_process import GeneratorProcess
from millwright.adapters.inputs.hypothesis_inputs import HypothesisInputs
from millwright.core.specification import digest_of
from millwright.errors import InputsUnavailable
from schemas.specification import Parameter, TaskSpecification
from schemas.verification import InputSet

_SLOW = "sum(1 for i in range(10**9)) > n"


def _task(annotation: str = "int", *constraints: str) -> TaskSpecification:
    return TaskSpecification(
        id="t",  # type: ignore[arg-type]  # a plain id reads better here than TaskId("t")
        name="f",
        inputs=(Parameter(name="n", type_annotation=annotation, constraints=constraints),),
    )


async def _inputs(source: HypothesisInputs, task: TaskSpecification) -> InputSet:
    return await source.inputs(task, digest_of(task))


def _process_of(source: HypothesisInputs) -> GeneratorProcess:
    (process,) = source._idle
    return process


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _child_of(pid: int) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise AssertionError("the generator started no child")


async def test_closing_ends_what_is_kept_warm() -> None:
    """At once, whoever still refers to it; and it can be used again."""
    source = HypothesisInputs()
    for _ in range(2):
        await _inputs(source, _task())
        kept = _process_of(source)
        folder = kept.folder
        source.close()
        assert not _alive(kept.pid)
        assert folder.name not in os.listdir(folder.parent)


async def test_one_process_answers_request_after_request_alike() -> None:
    """What it made before changes nothing: every answer is that of a fresh process."""
    warm = HypothesisInputs()
    tasks = [_task("int"), _task("str"), _task("list[float]"), _task("int", "n % 3 == 0")]
    first = [await _inputs(warm, task) for task in tasks]
    pid = _process_of(warm).pid
    again = [await _inputs(warm, task) for task in reversed(tasks)]
    assert again[::-1] == first
    assert _process_of(warm).pid == pid
    assert first[-1] == await _inputs(HypothesisInputs(), tasks[-1])


async def test_a_process_that_died_between_requests_is_replaced() -> None:
    """Nobody asked it anything when it died."""
    source = HypothesisInputs()
    before = await _inputs(source, _task())
    pid = _process_of(source).pid
    os.kill(pid, signal.SIGKILL)
    assert await _inputs(source, _task()) == before
    assert _process_of(source).pid != pid


class _Doomed(GeneratorProcess):
    """A process that is killed, or whose child is, as soon as it is asked; so many of them, then sound ones."""

    left = 0
    made = 0
    answer: bytes | None = None

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Be killed, or answer."""
        type(self).made += 1
        if type(self).left > 0:
            type(self).left -= 1
            if self.answer is not None:
                return self.answer
            self.kill()
        return super().ask(request, seconds)


@pytest.fixture
def doomed(monkeypatch: pytest.MonkeyPatch) -> type[_Doomed]:
    """The kind of processes that is started in a test."""

    class _Ours(_Doomed):
        pass

    monkeypatch.setattr(hypothesis_inputs, "GeneratorProcess", _Ours)
    return _Ours


@pytest.mark.parametrize("answer", [None, b"died -9\n"], ids=["process", "child"])
async def test_a_fresh_process_that_is_killed_is_replaced(answer: bytes | None, doomed: type[_Doomed]) -> None:
    """Twice; who has it killed three times in a row is told, and the next request is served."""
    before = await _inputs(HypothesisInputs(), _task())
    doomed.answer = answer
    for kills, sound in ((2, True), (3, False), (1, True)):
        doomed.left, doomed.made = kills, 0
        source = HypothesisInputs()
        if sound:
            assert await _inputs(source, _task()) == before
        else:
            with pytest.raises(InputsUnavailable, match="ended with status -9"):
                await _inputs(source, _task())
        assert doomed.made == min(kills + 1, 3)


async def test_a_child_that_fails_by_itself_is_not_asked_again(doomed: type[_Doomed]) -> None:
    """It would fail alike: out of CPU, say."""
    doomed.left, doomed.answer = 3, b"died -24\n"
    with pytest.raises(InputsUnavailable, match="ended with status -24"):
        await _inputs(HypothesisInputs(), _task())
    assert doomed.made == 1


async def test_requests_at_the_same_time_have_processes_of_their_own() -> None:
    """Two stay warm; no more."""
    source = HypothesisInputs()
    task = _task()
    answers = await asyncio.gather(*(_inputs(source, task) for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    assert len(source._idle) <= 2


async def test_one_that_takes_too_long_is_killed_with_its_child() -> None:
    """The next request has a process of its own."""
    source = HypothesisInputs(seconds=3.0)
    await _inputs(source, _task())
    process = _process_of(source)
    source._seconds = 0.2
    with pytest.raises(InputsUnavailable, match=r"took longer than 0\.2 s"):
        await _inputs(source, _task("int", _SLOW))
    assert not _alive(process.pid)
    source._seconds = 60.0
    assert (await _inputs(source, _task())).vectors


async def test_a_cancelled_request_ends_its_process() -> None:
    """Nothing runs on for an answer that nobody waits for."""
    source = HypothesisInputs()
    await _inputs(source, _task())
    pid = _process_of(source).pid
    work = asyncio.ensure_future(_inputs(source, _task("int", _SLOW)))
    child = await asyncio.to_thread(_child_of, pid)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not _alive(pid)
    _demand_end(child)


def _demand_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(pid)


async def test_processes_and_folders_end_with_their_owner() -> None:
    """Without being told to close."""
    source = HypothesisInputs()
    await _inputs(source, _task())
    process = _process_of(source)
    pid, folder = process.pid, process.folder
    assert folder.exists()
    del source, process
    gc.collect()
    assert not _alive(pid)
    assert not folder.exists()


_OWNER = """
import sys
from millwright.adapters.inputs import hypothesis_inputs
from millwright.adapters.inputs.generator_process import GeneratorProcess
process = GeneratorProcess()
print(process.pid, process.folder, flush=True)
sys.stdin.read()
"""


def test_a_process_ends_with_an_owner_that_is_killed() -> None:
    """The end of its stdin is its own."""
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        number, folder = owner.stdout.readline().decode().split()
        owner.kill()
    _demand_end(int(number))
    Path(folder, "stderr").unlink()
    Path(folder).rmdir()
