"""The process in which inputs are generated: tasks as lines of JSON on stdin, inputs or faults as lines on stdout.

It evaluates nothing itself: each task is drawn in a child forked from this clean process, limited to 30 s of CPU and
1 GiB of memory, for it evaluates the specification's expressions. Its own end is the end of stdin, or of patience.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator

import hypothesis
from hypothesis import strategies as st

from millwright.adapters.inputs.drawing import Drawing
from millwright.adapters.inputs.generator_process import DIED
from millwright.errors import SpecificationInvalid
from schemas.identity import Digest
from schemas.specification import TaskSpecification
from schemas.verification import InputSet

CPU_SECONDS = 30
MEMORY_BYTES = 1024**3
IDLE_SECONDS = 120.0
"""Without a request for so long it ends, and gives its memory back."""

GENERATOR = f"hypothesis {hypothesis.__version__}, millwright inputs 3"

_CHUNK = 1 << 16
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ASKING = 0
_ANSWERING = 1


def main() -> None:
    """Answer requests one after the other until no more can come."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _hide_own_constants()
    _warm()
    gc.collect()
    gc.freeze()  # so that children write to as few shared pages as possible
    for request in _requests():
        answer = _answer_of_child(request)
        if answer is None:
            return
        _write(_ANSWERING, answer + b"\n")


def _requests() -> Iterator[bytes]:
    received = b""
    while True:
        while b"\n" in received:
            request, _, received = received.partition(b"\n")
            yield request
        if not select.select([_ASKING], [], [], IDLE_SECONDS)[0]:
            return
        data = os.read(_ASKING, _CHUNK)
        if not data:
            return
        received += data


def _answer_of_child(request: bytes) -> bytes | None:
    """Draw in a child and return its answer; None when whoever asked is gone, and the child with them."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _end_as_child(request, writing)
    os.close(writing)
    answer = bytearray()
    try:
        while True:
            ready = select.select([reading, _ASKING], [], [])[0]
            if _ASKING in ready:  # nobody asks before the answer: this is the end of stdin
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None
            data = os.read(reading, _CHUNK)
            if not data:
                break
            answer += data
    finally:
        os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return bytes(answer) if status == 0 else DIED + str(status).encode("ascii")


def _end_as_child(request: bytes, writing: int) -> None:
    """Answer one request and end without going back; what fails is told on stderr, by the status and by no answer."""
    status = 1
    try:
        os.close(_ASKING)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        _write(writing, _answer(request))
        status = 0
    except BaseException:  # noqa: BLE001 - the edge of this process: nothing of it may run on in the parent's code
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(status)


def _answer(request: bytes) -> bytes:
    asked = json.loads(request)
    task = TaskSpecification.model_validate(asked["task"])
    digest = Digest(asked["digest"])
    try:
        vectors = Drawing(task, digest).vectors()
    except SpecificationInvalid as invalid:
        return json.dumps({"faults": [fault.model_dump() for fault in invalid.faults]}).encode("ascii")
    inputs = InputSet(specification_digest=digest, generator=GENERATOR, vectors=vectors)
    return json.dumps({"inputs": inputs.model_dump(mode="json")}).encode("ascii")


def _write(to: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(to, rest) :]


def _warm() -> None:
    """Load what Hypothesis loads at the first draw, once for all children."""

    @hypothesis.seed(0)
    @hypothesis.settings(max_examples=1, database=None, phases=[hypothesis.Phase.generate], deadline=None)
    @hypothesis.given(st.lists(st.one_of(st.integers(0, 9), st.sampled_from("ab")), max_size=2))
    def draw(values: list[int | str]) -> None:
        del values

    draw()


def _hide_own_constants() -> None:
    """Keep Hypothesis from drawing the constants that stand in Millwright's source.

    It looks for them in every loaded module outside site-packages, so that inputs would depend on how Millwright is
    installed and change with its code (``hypothesis.internal.constants_ast``). Modules without a file are passed over.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("millwright", "schemas", "__main__"):
            module.__file__ = None


if __name__ == "__main__":
    main()
