"""Generates the inputs of a specification with Hypothesis, in a process of its own with limits.

It evaluates nothing and draws nothing itself: it starts ``millwright.adapters.inputs.generate`` and reads its answer.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from millwright.errors import InputsUnavailable, SpecificationInvalid
from schemas.identity import Digest
from schemas.specification import Fault, TaskSpecification
from schemas.verification import InputSet

_PROGRAM = "millwright.adapters.inputs.generate"
_ROOT = Path(__file__).resolve().parents[3]
"""Where ``millwright`` and ``schemas`` are imported from, in a checkout as in site-packages."""


class HypothesisInputs:
    """An ``InputSource``; one generation may take ``seconds`` of wall-clock."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds

    async def inputs(self, task: TaskSpecification, digest: Digest) -> InputSet:
        """Generate the inputs of a resolved task: same digest, same inputs, in any process.

        Raises:
            InputsUnavailable: the generator could not be started, died, or did not end in time.
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
        with tempfile.TemporaryDirectory(prefix="millwright-inputs-") as scratch:
            environment = {
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(_ROOT),
                "PYTHONHASHSEED": "0",
                "LC_ALL": "C.UTF-8",
                "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
            }
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-s", "-m", _PROGRAM),
                    cwd=scratch,
                    env=environment,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise InputsUnavailable(f"the generator of inputs cannot be started: {error}") from error
            try:
                out, err = await asyncio.wait_for(process.communicate(request), self._seconds)
            except TimeoutError as error:
                raise InputsUnavailable(f"the inputs of {task.id} took longer than {self._seconds:g} s") from error
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):  # it may end at this moment
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
        if process.returncode == 0:
            return out
        words = " ".join(err.decode("utf-8", "replace")[-400:].split())
        raise InputsUnavailable(f"the generator of {task.id}'s inputs ended with status {process.returncode}: {words}")
