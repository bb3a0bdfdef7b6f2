"""How the server of a delivered Python package is tried out: really started, asked over its port, and held to account.

It runs nothing. What the server must answer stays on this side; only requests go where it runs.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from millwright.core.examples import accepts
from millwright.core.kinds import RESPONSE
from millwright.core.packaging.package import Part
from millwright.core.packaging.requests import requests_of
from millwright.core.signature import records_of
from millwright.core.specification_vocabulary import result_type
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import TaskKind, TaskSpecification, TestCase
from schemas.values import RECORD_KEY, decode_json

TRY_SERVER = '''"""Starts the installed server anew for each example, asks it, and writes down what it answers."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
WORDS = "listening on http://127.0.0.1:"
plan = json.loads((HERE / "plan.json").read_text(encoding="utf-8"))
program = str(Path(sys.prefix) / "bin" / plan["server"])


def port_of(server, log):
    """Wait until the server says where it listens; 0 where it ends, or says nothing for long."""
    for _ in range(600):
        said = log.read_text(encoding="utf-8", errors="replace")
        if WORDS in said:
            digits = said.partition(WORDS)[2].partition("\\n")
            if digits[1]:
                return int(digits[0])
        if server.poll() is not None:
            return 0
        time.sleep(0.05)
    return 0


def ask(port, verb, path, content):
    """Send a request; return the status, the content type, and the body, read if it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {} if content is None else {"Content-Type": "application/json"}
        connection.request(verb, path, None if content is None else content.encode(), headers)
        answer = connection.getresponse()
        kind = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
        body = answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
    try:
        return [answer.status, kind, json.loads(body) if kind == "application/json" else body]
    except ValueError:
        return [answer.status, kind, body]


def served(number, requests):
    """Play one sequence against a server of its own."""
    log = HERE / f"server-{number}.log"
    told = {"answers": [], "said": ""}
    with log.open("wb") as written:
        server = subprocess.Popen([program, "--port", "0"], stdout=subprocess.DEVNULL, stderr=written)
    try:
        port = port_of(server, log)
        if port:
            for request in requests:
                told["answers"].append(ask(port, *request))
    except (OSError, http.client.HTTPException) as error:
        told["said"] = f"{type(error).__name__}: {error}"
    finally:
        server.kill()
        server.wait()
    told["said"] = told["said"] or log.read_text(encoding="utf-8", errors="replace")[-300:]
    return told


found = [served(number, requests) for number, requests in enumerate(plan["requests"])]
Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
'''

_LONGEST = 300


class _Served(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    answers: tuple[tuple[int, str, JsonValue], ...]
    said: str = ""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)

    sequences: tuple[_Served, ...]


def asked(command: Part | None) -> tuple[TestCase, ...]:
    """Return the examples that a server is asked: all that say what it answers; none where the command is no server."""
    if command is None or command.task.kind is not TaskKind.HTTP_HANDLER:
        return ()
    return tuple(case for case in command.task.test_cases if case.raises is None)


def planned(command: Part) -> list[list[list[str | None]]]:
    """Write the requests of each example, in order: verb, path with its query, and content."""
    return [
        [
            [verb, path, None if content is None else content.decode("utf-8", "replace")]
            for verb, path, content in requests_of(command.task, case)
        ]
        for case in asked(command)
    ]


def broken(command: Part, found: object) -> list[str] | None:
    """Say which examples the running server did not answer as they demand; None where its answers were not told of."""
    cases = asked(command)
    try:
        told = _Told.model_validate({"sequences": found}).sequences
    except ValidationError:
        return None
    if len(told) != len(cases):
        return None
    return [
        f"{case.name}: {_shown(case, served)}"
        for case, served in zip(cases, told, strict=True)
        if not _accepted(command.task, case, served)
    ]


def _accepted(task: TaskSpecification, case: TestCase, served: _Served) -> bool:
    if len(served.answers) != len(requests_of(task, case)):
        return False
    outcomes: list[JsonValue] = [
        {RECORD_KEY: RESPONSE, "status": status, "content_type": kind, "body": body}
        for status, kind, body in served.answers
    ]
    try:
        history = decode_json({"outcomes": outcomes}, result_type(task), records_of(task))
    except ValueError:  # a body that is like none of our values, such as an unknown kind of float
        return False
    return accepts(task, case, Outcome(kind=OutcomeKind.RETURNED, value=history))


def _shown(case: TestCase, served: _Served) -> str:
    if not served.answers:
        return f"no answer ({_line(served.said.splitlines()[-1:])})"
    return _line([f"{status} {kind} {body!r}" for status, kind, body in served.answers])


def _line(parts: Sequence[str]) -> str:
    return ", ".join(parts)[:_LONGEST]
