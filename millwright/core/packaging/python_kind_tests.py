"""How the examples of classes, asynchronous functions, commands and handlers of HTTP are tested in a deliverable.

A server is really started, a command is run as one. The standard library is enough for all of it.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

from pydantic import JsonValue

from millwright.core.kinds import ARGUMENTS, CALLS, RAISED, RESPONSE, STDIN, methods_of, own_inputs
from millwright.core.packaging.package import Part, Whole
from millwright.core.packaging.python_layout import command_of
from millwright.core.packaging.python_literals import assertion, literal
from millwright.core.packaging.requests import sent
from millwright.core.signature import records_of
from millwright.core.specification_vocabulary import result_type
from schemas.specification import Method, TaskKind, TaskSpecification, TestCase
from schemas.types import parse_type
from schemas.values import RECORD_KEY, Value, decode_json

AWAITING = '''
def {name}(*arguments: Any, **named: Any) -> Any:
    """Wait for the function, in an event loop of its own."""
    return asyncio.run(awaited(*arguments, **named))
'''

RUNNING = '''
def run(arguments: list[str], typed: str) -> tuple[int, str]:
    """Run the command as one; return its status, and what it printed."""
    command = [sys.executable, {started}]
    done = subprocess.run([*command, *arguments], input=typed.encode(), capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode()
'''

SERVING = '''
class _Handler(WSGIRequestHandler):
    """Answers without a word in a log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(WSGIServer):
    """A server that asks nobody for its name."""

    def server_bind(self) -> None:
        """Take a free port."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()


class _Served:
    """An application behind a server on a port of this machine, until it is closed."""

    def __init__(self, application: Any) -> None:
        self._server = make_server("127.0.0.1", 0, application, _Server, _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def ask(self, verb: str, path: str, content: bytes | None = None) -> tuple[int, str, Any]:
        """Send a request; return the status, the content type, and the body, read if it is JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.server_port, timeout=60)
        try:
            headers = {} if content is None else {"Content-Type": "application/json"}
            connection.request(verb, path, content, headers)
            answer = connection.getresponse()
            kind = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
            body = answer.read().decode("utf-8", "replace")
            return answer.status, kind, json.loads(body) if kind == "application/json" else body
        finally:
            connection.close()
'''


_LINES: tuple[tuple[str, ...], str] = ((), '[line.rstrip() for line in text.rstrip().split("\\n")]')
_READING: dict[str, tuple[tuple[str, ...], str]] = {
    "json": (("import json",), "json.loads(text)"),
    "toml": (
        ("import json", "import tomllib"),
        "json.loads(json.dumps(tomllib.loads(text), default=lambda value: value.isoformat()))",
    ),
    "csv": (("import csv", "import io"), '[row for row in csv.reader(io.StringIO(text, newline="")) if row]'),
}
"""How a test reads a file of each format: the imports, and the expression over its text."""

_SERVING_IMPORTS = (
    "import http.client",
    "import json",
    "import socketserver",
    "import threading",
    "from typing import Any",
    "from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server",
)

MEANS: dict[TaskKind, tuple[tuple[str, ...], str]] = {
    TaskKind.CLASS: ((), ""),
    TaskKind.COMMAND: (("import subprocess", "import sys"), RUNNING),
    TaskKind.FILE: (("from importlib import resources",), ""),
    TaskKind.HTTP_HANDLER: (_SERVING_IMPORTS, SERVING),
}
"""The kinds whose examples are tested otherwise than by one call: the imports and the code that their tests share."""


def means_of(part: Part, whole: Whole) -> tuple[tuple[str, ...], str]:
    """Return the imports and the code that a part's tests need; the package's own command is run as that."""
    if part.task.kind is TaskKind.ASYNC_FUNCTION:
        return ("import asyncio", "from typing import Any"), AWAITING.format(name=part.task.name)
    imports, code = MEANS.get(part.task.kind, ((), ""))
    if part.task.kind is TaskKind.FILE:
        return (*imports, *_READING.get(part.task.target_language, _LINES)[0]), code
    if part.task.kind is TaskKind.COMMAND:
        name = part.task.name
        text = f"import sys; from {part.module} import {name}; sys.exit({name}(sys.argv[1:]))"
        is_entry = command_of(whole) is part
        code = code.format(started=f'"-m", "{whole.package}"' if is_entry else f'"-c", "{text}"')
    return imports, code


def kind_example(part: Part, case: TestCase, method: str, docstring: str) -> str:
    """Write the test of one example of a class, a command or a handler of HTTP."""
    task = part.task
    writers: dict[TaskKind, Callable[[TaskSpecification, TestCase], list[str]]] = {
        TaskKind.CLASS: _of_class,
        TaskKind.COMMAND: _of_command,
        TaskKind.FILE: partial(_of_file, part.file),
        TaskKind.HTTP_HANDLER: _of_handler,
    }
    lines = writers[task.kind](task, case)
    title = [f"    def {method}(self) -> None:", docstring]
    return "\n" + "\n".join([*title, *(f"        {line}" for line in lines)]) + "\n"


def _of_file(path: str, task: TaskSpecification, case: TestCase) -> list[str]:
    _, read = _READING.get(task.target_language, _LINES)
    package, _, inside = path.partition("/")
    lines = [f'text = (resources.files("{package}") / "{inside}").read_text(encoding="utf-8")']
    return [*lines, f"self.assertEqual({read}, {case.expected_output!r})"]


def _of_command(task: TaskSpecification, case: TestCase) -> list[str]:
    arguments = literal(decode_json(case.inputs[ARGUMENTS], parse_type("list[str]"), {}))
    call = f"run({arguments}, {case.inputs[STDIN]!r})"
    if case.raises is not None:
        return [f"self.assertEqual({call}[0], 1)  # {case.raises}, with which the interpreter ends so"]
    expected = cast(dict[str, object], case.expected_output)
    return [f"self.assertEqual({call}, ({expected['status']!r}, {expected['stdout']!r}))"]


def _made(task: TaskSpecification, case: TestCase) -> str:
    records = records_of(task)
    typed = [(item.name, parse_type(item.type_annotation, records)) for item in own_inputs(task)]
    given = (f"{name}={literal(decode_json(case.inputs[name], of, records))}" for name, of in typed)
    return f"{task.name}({', '.join(given)})"


def _steps(task: TaskSpecification, case: TestCase) -> list[tuple[Method, dict[str, Value], str, dict[str, Value]]]:
    """Return each call of an example: the method, its arguments, and the shape and the fields of its outcome."""
    methods = {method.name: method for method in methods_of(task)}
    records = records_of(task)
    history = decode_json(case.expected_output, result_type(task), records)
    outcomes = _fields(history)["outcomes"][1]
    calls = case.inputs[CALLS]
    found = []
    for call, outcome in zip(cast(list[dict[str, str]], calls), cast(list[Value], outcomes), strict=True):
        method = methods[call[RECORD_KEY]]
        given = decode_json(cast(JsonValue, call), parse_type(method.name, records), records)
        found.append((method, _fields(given), str(outcome[1]), _fields(outcome)))
    return found


def _fields(record: Value) -> dict[str, Value]:
    return dict(cast(list[tuple[str, Value]], record[2]))


def _of_class(task: TaskSpecification, case: TestCase) -> list[str]:
    if case.raises is not None:
        return [f"with self.assertRaises({case.raises}):", f"    {_made(task, case)}"]
    thing = "thing" if task.name != "thing" else "made"
    lines = [f"{thing} = {_made(task, case)}"]
    for method, given, shape, fields in _steps(task, case):
        call = f"{thing}.{method.name}({', '.join(f'{name}={literal(value)}' for name, value in given.items())})"
        if shape == RAISED:
            lines += [f"with self.assertRaises({fields['error'][1]}):", f"    {call}"]
        elif not method.outputs:
            lines.append(call)
        else:
            lines.append(assertion(call, literal(fields["value"]), case.tolerance))
    history = _fields(decode_json(case.expected_output, result_type(task), records_of(task)))
    for name, value in _fields(history["state"]).items() if "state" in history else ():
        lines.append(assertion(f"{thing}.{name}", literal(value), case.tolerance))
    return lines


def _of_handler(task: TaskSpecification, case: TestCase) -> list[str]:
    lines = [f"served = _Served({_made(task, case)})", "self.addCleanup(served.close)"]
    for method, given, shape, fields in _steps(task, case):
        if shape != RESPONSE:
            raise ValueError(f"{case.name!r} expects what no server answers")
        verb, path, content = sent(method, given)
        expected = ", ".join(literal(fields[name]) for name in ("status", "content_type", "body"))
        call = f"served.ask({verb!r}, {path!r}{'' if content is None else f', {content!r}'})"
        lines.append(assertion(call, f"({expected})", case.tolerance))
    return lines
