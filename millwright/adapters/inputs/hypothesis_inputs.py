"""Generates the inputs of a specification with Hypothesis, in warm processes of their own with limits.

It evaluates nothing and draws nothing itself: it asks ``millwright.adapters.inputs.generate`` and reads its answers.
"""

import asyncio
import json
import signal

from pydantic import ValidationError

from millwright.adapters.inputs.generator_process import DIED, GeneratorProcess, Gone
from millwright.errors import InputsUnavailable, SpecificationInvalid
from schemas.identity import Digest
from schemas.specification import Fault, TaskSpecification
from schemas.verification import InputSet

_MOST_IDLE = 2
"""Processes that are kept warm between requests; each ends by itself after a while without any."""

_MOST_FRESH = 3
"""Processes that are started for one request, where each ends before it answers: somebody may kill them."""

_KILLED = f"{-signal.SIGKILL}"
"""The status of a request's own process that was killed from outside: what it exhausts by itself ends otherwise."""


class HypothesisInputs:
    """An ``InputSource``; one generation may take ``seconds`` of wall-clock. Its processes end with it."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._idle: list[GeneratorProcess] = []

    def close(self) -> None:
        """End the processes that are kept warm; a further request would start one again."""
        while self._idle:
            self._idle.pop().close()

    async def inputs(self, task: TaskSpecification, digest: Digest) -> InputSet:
        """Generate the inputs of a resolved task: same digest, same inputs, in any process.

        Raises:
            InputsUnavailable: the generator could not be started, failed, died time after time, or did not end in time.
            SpecificationInvalid: no input satisfies the constraints.
        """
        request = json.dumps({"task": task.model_dump(mode="json"), "digest": digest})
        answer = await self._answer(task, request.encode("ascii"))
        try:
            reply = json.loads(answer)
            if "faults" in reply:
                raise SpecificationInvalid([Fault.model_validate(fault) for fault in reply["faults"]])
            return InputSet.model_validate(reply["inputs"])
        except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
            raise InputsUnavailable(f"the inputs of {task.id} came back garbled ({error}): try again") from error

    async def _answer(self, task: TaskSpecification, request: bytes) -> bytes:
        """Ask a warm process, else fresh ones: that one ended is no fault of the request, unless it goes on."""
        while self._idle:
            try:
                return await self._asked(self._idle.pop(), task, request)
            except Gone:
                continue
        for _ in range(_MOST_FRESH - 1):
            try:
                return await self._asked(GeneratorProcess(), task, request)
            except Gone:
                continue
        try:
            return await self._asked(GeneratorProcess(), task, request)
        except Gone as gone:
            raise InputsUnavailable(f"the generator of {task.id}'s inputs {gone}") from gone

    async def _asked(self, generator: GeneratorProcess, task: TaskSpecification, request: bytes) -> bytes:
        """Ask one process.

        Raises:
            Gone: it, or the child that it gave the request to, was ended before the answer.
            InputsUnavailable: the child failed by itself, or there was no answer in time.
        """
        work = asyncio.ensure_future(asyncio.to_thread(generator.ask, request, self._seconds))
        fit = False
        try:
            answer = await asyncio.shield(work)
            if answer.startswith(DIED):
                status = answer.removeprefix(DIED).decode("ascii").strip()
                how = f"ended with status {status}: {generator.last_words()}"
                if status == _KILLED:
                    raise Gone(how)
                raise InputsUnavailable(f"the generator of {task.id}'s inputs {how}")
            fit = True
        except TimeoutError as error:
            raise InputsUnavailable(f"the inputs of {task.id} took longer than {self._seconds:g} s") from error
        except asyncio.CancelledError:
            generator.kill()
            await asyncio.wait([work])  # its thread still holds the pipes; it ends as soon as the process is dead
            work.exception()
            raise
        finally:
            if not fit or len(self._idle) >= _MOST_IDLE:
                generator.close()
            else:
                self._idle.append(generator)
        return answer
