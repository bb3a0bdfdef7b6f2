"""What every kind of program does in the sandbox, and what one that cheats comes to: bubblewrap, and the second engine.

What an outcome should have been is not known in there; what comes back is compared outside.
"""

import time
from collections.abc import Sequence

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.sandbox.webassembly.sandbox import WebAssemblySandbox
from millwright.errors import BadInput
from schemas.execution import Called, CallReport, CallRequest, Ending, Limits, Outcome, OutcomeKind, Program
from schemas.specification import TaskKind
from schemas.values import Value
from tests.contract.sandbox_fixtures import ONE
from tests.contract.test_webassembly import cache

pytestmark = pytest.mark.sandbox

METHODS = (
    Called(name="put", inputs=("item",), raises=("LookupError",)),
    Called(name="take"),
    Called(name="ask", request="GET /things/{item}"),
    Called(name="send", inputs=("body",), request="PUT /things"),
    Called(name="request", inputs=("verb", "path", "content")),
)


def program(kind: TaskKind, source: str, state: Sequence[str] = (), limits: Limits | None = None) -> Program:
    """Make a program of a kind whose own name is ``f``."""
    return Program(
        modules={"m.py": source},
        module="m",
        function="f",
        kind=kind,
        methods=METHODS,
        state=tuple(state),
        limits=limits or Limits(call_seconds=5),
    )


async def outcomes(
    sandbox: BubblewrapSandbox | WebAssemblySandbox, made: Program, *calls: Sequence[Value]
) -> tuple[Outcome, ...]:
    """Call a program that loads."""
    report: CallReport = await sandbox.call(CallRequest(program=made, calls=tuple(map(tuple, calls))))
    assert report.load_error is None
    return report.outcomes


def steps(*named: tuple[str, Value | None]) -> Value:
    """Write a sequence of calls of methods with one argument, or none."""
    calls: list[Value] = [
        ["record", name, [] if item is None else [["item" if name != "send" else "body", item]]] for name, item in named
    ]
    return ["list", list(calls)]


def returned(name: str, value: Value) -> Value:
    """Write what a method returned."""
    return ["record", f"{name}_returned", [["value", value]]]


def raised(name: str) -> Value:
    """Write what a method raised."""
    return ["record", "raised", [["error", ["str", name]]]]


def history(*came: Value, **state: Value) -> Value:
    """Write what a sequence came to."""
    fields: list[Value] = [["outcomes", ["list", list(came)]]]
    if state:
        fields.append(["state", ["record", "state", [[name, value] for name, value in state.items()]]])
    return ["record", "history", list(fields)]


SHELF = """
class f:
    def __init__(self, size):
        self.size, self.items = size, []
    def put(self, item):
        if len(self.items) >= self.size:
            raise KeyError(item)
        if item == 13:
            raise ZeroDivisionError
        self.items.append(item)
    def take(self):
        return self.items
    @property
    def broken(self):
        raise RuntimeError("no state")
"""


async def test_a_sequence_of_calls_is_told_step_by_step_with_the_state_at_its_end(sandbox: BubblewrapSandbox) -> None:
    """What a method gave is written down at once; each sequence begins with an object of its own."""
    made = program(TaskKind.CLASS, SHELF, ["size"])
    calls = steps(("put", ONE), ("take", None), ("put", ["int", "13"]), ("put", ["int", "2"]), ("take", None))
    one, two = await outcomes(sandbox, made, [["int", "1"], calls], [["int", "2"], steps(("take", None))])
    first: Value = ["list", [ONE]]
    assert one.value == history(
        returned("put", ["none"]),
        returned("take", first),
        raised("LookupError"),  # KeyError, by the class that belongs to the interface
        raised("LookupError"),
        returned("take", first),
        size=["int", "1"],
    )
    assert two.value == history(returned("take", ["list", []]), size=["int", "2"])
    assert one.arguments_after == (["int", "1"], calls)


async def test_an_exception_of_no_interface_is_told_by_its_own_name(sandbox: BubblewrapSandbox) -> None:
    """A constructor that raises is a call that raised; a state that raises equals no value."""
    made = program(TaskKind.CLASS, SHELF, ["broken"])
    (one, two) = await outcomes(
        sandbox, made, [["int", "9"], steps(("put", ["int", "13"]))], [["str", "9"], steps(("put", ONE))]
    )
    assert one.value == history(raised("ZeroDivisionError"), broken=["object", "RuntimeError: no state"])
    assert two.value == history(raised("TypeError"), broken=["object", "RuntimeError: no state"])
    (lost,) = await outcomes(sandbox, made, [steps()])
    assert (lost.kind, lost.exception) == (OutcomeKind.RAISED, "TypeError")


LIARS = {
    "a number that equals everything": "class N(int):\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__\n"
    "class f:\n    def take(self): return N(1)\n    size = N(1)",
    "a list that reads otherwise": "class L(list):\n    def __iter__(self): return iter([1])\n"
    "class f:\n    def take(self): return L()\n    size = L()",
    "an object that pretends": "class O:\n    __class__ = int\n    def __getattr__(self, name): return 1\n"
    "class f:\n    def take(self): return O()\n    size = O()",
}


@pytest.mark.parametrize("source", LIARS.values(), ids=LIARS)
async def test_what_lies_about_itself_is_told_by_its_class(sandbox: BubblewrapSandbox, source: str) -> None:
    """No method of a value is asked what the value is."""
    (one,) = await outcomes(sandbox, program(TaskKind.CLASS, source, ["size"]), [steps(("take", None))])
    name = source[6:7]
    assert one.value == history(returned("take", ["object", name]), size=["object", name])


async def test_an_object_that_answers_to_every_name_gains_nothing(sandbox: BubblewrapSandbox) -> None:
    """What ``__getattr__`` and a metaclass make up is what the methods gave, no more."""
    source = """
class Meta(type):
    def mro(cls): return super().mro()
    @property
    def __name__(cls): raise RuntimeError("no name")
class Odd(Exception, metaclass=Meta): pass
class f:
    def __getattr__(self, name):
        if name == "take": raise Odd("no")
        return lambda *arguments: name
"""
    (one,) = await outcomes(sandbox, program(TaskKind.CLASS, source), [steps(("put", ONE), ("take", None))])
    assert one.value == history(returned("put", ["str", "put"]), raised("?"))


async def test_an_asynchronous_function_is_awaited_in_a_loop_of_its_own(sandbox: BubblewrapSandbox) -> None:
    """Tasks that it leaves behind go with the loop; one that is no coroutine raises."""
    source = """
import asyncio
left = []
async def lasting():
    try:
        await asyncio.sleep(60)
    finally:
        left.append(1)
async def f(n):
    task = asyncio.create_task(lasting())
    await asyncio.sleep(0)
    if n == 2:
        raise KeyError(n)
    return [n, len(left)]
"""
    one, two, three = await outcomes(sandbox, program(TaskKind.ASYNC_FUNCTION, source), [ONE], [["int", "2"]], [ONE])
    assert one.value == ["list", [ONE, ["int", "0"]]]
    assert (two.kind, two.exception) == (OutcomeKind.RAISED, "KeyError")
    assert three.value == ["list", [ONE, ["int", "2"]]]
    (plain,) = await outcomes(sandbox, program(TaskKind.ASYNC_FUNCTION, "def f(n): return n"), [ONE])
    assert (plain.kind, plain.exception) == (OutcomeKind.RAISED, "TypeError")


@pytest.mark.parametrize("waiting", ["time.sleep(60)", "await asyncio.sleep(60)", "await asyncio.Event().wait()"])
async def test_waiting_is_bounded_whether_it_blocks_or_not(sandbox: BubblewrapSandbox, waiting: str) -> None:
    """A call that never comes back is lost at its limit."""
    source = f"import asyncio, time\nasync def f(n):\n    {waiting}\n"
    made = program(TaskKind.ASYNC_FUNCTION, source, limits=Limits(call_seconds=0.3))
    started = time.monotonic()
    report = await sandbox.call(CallRequest(program=made, calls=((ONE,),), lost_limit=1))
    assert (report.ending, report.outcomes[0].kind) == (Ending.TIMED_OUT, OutcomeKind.LOST)
    assert time.monotonic() - started < 10


def finished(status: Value, printed: str) -> Value:
    """Write how a command ended."""
    return ["record", "finished", [["status", status], ["stdout", ["str", printed]]]]


def typed(*arguments: str, stdin: str = "") -> list[Value]:
    """Write the arguments and the standard input of a command."""
    return [["list", [["str", item] for item in arguments]], ["str", stdin]]


ENDINGS = [
    ("return 3", finished(["int", "3"], "")),
    ("return None", finished(["int", "0"], "")),
    ("return 'three'", finished(["str", "three"], "")),
    ("sys.exit(4)", finished(["int", "4"], "")),
    ("sys.exit('no')", finished(["int", "1"], "")),
    ("sys.exit()", finished(["int", "0"], "")),
    ("print(sys.stdin.read().upper(), end=''); return 0", finished(["int", "0"], "ÄB\n")),
    ("print(*sys.argv); print(arguments, file=sys.stderr); return 0", finished(["int", "0"], "f -x ü\n")),
    ("sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.close(); return 0", finished(["int", "0"], "\ufffd\n")),
]


@pytest.mark.parametrize(("body", "expected"), ENDINGS, ids=[body for body, _ in ENDINGS])
async def test_a_command_ends_with_a_status_and_what_it_printed(
    sandbox: BubblewrapSandbox, body: str, expected: Value
) -> None:
    """Arguments and standard input are its own in every call, and its complaints are nobody's."""
    made = program(TaskKind.COMMAND, f"import sys\ndef f(arguments):\n    {body}\n")
    (one, two) = await outcomes(sandbox, made, typed("-x", "ü", stdin="äb\n"), typed("-x", "ü", stdin="äb\n"))
    assert one.value == two.value == expected


async def test_an_exception_is_no_status_of_a_command(sandbox: BubblewrapSandbox) -> None:
    """What the interpreter would turn into 1 is told as what it is."""
    (one,) = await outcomes(sandbox, program(TaskKind.COMMAND, "def f(arguments):\n    raise KeyError(1)"), typed())
    assert (one.kind, one.exception) == (OutcomeKind.RAISED, "KeyError")


FORGERIES = {
    "prints lines": 'print(\'[0, "returned", ["none"], null, 0.0]\\n["bye", 1, null]\'); return 0',
    "writes past its streams": 'import os\n    os.write(4, b\'[0, "returned", ["none"], null, 0.0]\\n\'); return 0',
    "takes the real streams": "print('[0]', file=sys.__stdout__); return 0",
}


@pytest.mark.parametrize("body", FORGERIES.values(), ids=FORGERIES)
async def test_a_command_that_forges_lines_is_not_believed(sandbox: BubblewrapSandbox, body: str) -> None:
    """What it prints is what it printed; what it sends past its streams makes everything that it said worthless."""
    made = program(TaskKind.COMMAND, f"import sys\ndef f(arguments):\n    {body}\n")
    report = await sandbox.call(CallRequest(program=made, calls=(tuple(typed()),)))
    if report.ending is Ending.COMPLETED:
        value = report.outcomes[0].value
        assert value is not None
        assert value[1] == "finished"
    else:
        assert report.ending is Ending.MALFORMED
        assert report.outcomes[0].kind is OutcomeKind.LOST


THINGS = """
import json
def f():
    things = []
    def app(environ, start_response):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        sent = environ["wsgi.input"].read(size)
        things.append(sent.decode())
        start_response("200 Fine", [("Content-Type", "application/json; charset=utf-8")])
        seen = [environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), list(things)]
        return [json.dumps(seen).encode("utf-8")]
    return app
"""


def answered(status: int, kind: str, body: Value) -> Value:
    """Write an answer of a server."""
    fields: list[Value] = [["status", ["int", str(status)]], ["content_type", ["str", kind]], ["body", body]]
    return ["record", "response", list(fields)]


def texts(*items: str) -> Value:
    """Write a list of texts."""
    return ["list", [["str", item] for item in items]]


async def test_a_handler_is_started_for_each_sequence_and_asked_over_sockets(sandbox: BubblewrapSandbox) -> None:
    """It remembers within a sequence and not beyond; JSON is read, paths are quoted, bodies are sent."""
    calls: Value = [
        "list",
        [
            ["record", "ask", [["item", ["str", "a/ü?"]]]],
            ["record", "send", [["body", ["dict", [[["str", "n"], ["tuple", [ONE, ["none"]]]]]]]]],
            ["record", "request", [["verb", ["str", "DELETE"]], ["path", ["str", "x?y=1"]], ["content", ["str", ""]]]],
        ],
    ]
    one, two = await outcomes(sandbox, program(TaskKind.HTTP_HANDLER, THINGS), [calls], [calls])
    got: list[Value] = [
        ["list", [["str", "GET"], ["str", "/things/a/Ã¼?"], ["str", ""], texts("")]],  # WSGI's Latin-1 of UTF-8
        ["list", [["str", "PUT"], ["str", "/things"], ["str", ""], texts("", '{"n": [1, null]}')]],
        ["list", [["str", "DELETE"], ["str", "/x"], ["str", "y=1"], texts("", '{"n": [1, null]}', "")]],
    ]
    assert one.value == two.value == history(*(answered(200, "application/json", body) for body in got))


HANDLERS = {
    "raises": ("raise KeyError(1)", "500"),
    "promises more than it sends": (
        "start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '99')]); return [b'x']",
        "IncompleteRead",
    ),
    "has no status": ("start_response('fine', []); return []", "500"),
    "answers nothing": ("return []", "500"),
    "gives text": ("start_response('200 OK', [('Content-Type', 'text/plain')]); return ['x']", "500"),
    "says JSON and is none": (
        "start_response('200 OK', [('Content-Type', 'application/json')]); return [b'{']",
        "application/json",
    ),
    "speaks another protocol": (
        "environ['wsgi.errors']; start_response('200 OK', [('Content-Type', 'text/plain'), ('X', 'a\\r\\n\\r\\nb')]);"
        " return [b'x']",
        "text/plain",
    ),
}


@pytest.mark.parametrize(("body", "expected"), HANDLERS.values(), ids=HANDLERS)
async def test_a_malformed_answer_is_told_as_it_is(sandbox: BubblewrapSandbox, body: str, expected: str) -> None:
    """Nothing is repaired: the answer is what a client of the standard library makes of it."""
    source = f"def f():\n    def app(environ, start_response):\n        {body}\n    return app\n"
    (one,) = await outcomes(sandbox, program(TaskKind.HTTP_HANDLER, source), [steps(("ask", ONE))])
    assert one.kind is OutcomeKind.RETURNED
    assert expected in str(one.value)


async def test_a_handler_reaches_its_own_network_and_nothing_else(sandbox: BubblewrapSandbox) -> None:
    """There is the loopback that its server is on, and no other address or socket; other kinds have not even that."""
    source = """
import socket
def told(act):
    try:
        act()
        return "done"
    except OSError as error:
        return type(error).__name__
def seen():
    def reach(address, kind=socket.AF_INET):
        return told(lambda: socket.socket(kind).connect(address))
    return [
        reach(("1.1.1.1", 53)),
        reach("/tmp/socket", socket.AF_UNIX),
        told(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        told(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).bind(("127.0.0.1", 0))),
    ]
"""
    serving = """
import json
def f():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen()).encode()]
    return app
"""
    (one,) = await outcomes(sandbox, program(TaskKind.HTTP_HANDLER, source + serving), [steps(("ask", ONE))])
    reached = texts("OSError", "PermissionError", "PermissionError", "done")
    assert one.value == history(answered(200, "application/json", reached))
    (other,) = await outcomes(sandbox, program(TaskKind.FUNCTION, source + "def f(): return seen()"), [])
    assert other.value == texts(*["PermissionError"] * 4)


async def test_a_handler_that_hangs_is_lost_and_the_next_sequence_is_not(sandbox: BubblewrapSandbox) -> None:
    """A request without an answer takes the time of one call, and the process with it."""
    source = """
import time
def f():
    def app(environ, start_response):
        if environ["PATH_INFO"].endswith("1"):
            time.sleep(60)
        start_response("204 No Content", [])
        return []
    return app
"""
    made = program(TaskKind.HTTP_HANDLER, source, limits=Limits(call_seconds=0.7))
    one, two = await outcomes(sandbox, made, [steps(("ask", ONE))], [steps(("ask", ["int", "2"]))])
    assert one.kind is OutcomeKind.LOST
    assert two.value == history(answered(204, "", ["str", ""]))


async def test_the_second_engine_runs_classes_and_refuses_what_wants_a_system() -> None:
    """An object is one on every engine; a loop, streams and sockets are refused by name, and never passed over."""
    engine = WebAssemblySandbox(cache(), slots=1)
    try:
        (one,) = await outcomes(
            engine, program(TaskKind.CLASS, SHELF, ["size"]), [["int", "1"], steps(("put", ONE), ("take", None))]
        )
        assert one.value == history(returned("put", ["none"]), returned("take", ["list", [ONE]]), size=["int", "1"])
        for kind in (TaskKind.ASYNC_FUNCTION, TaskKind.COMMAND, TaskKind.HTTP_HANDLER):
            with pytest.raises(BadInput, match="use bubblewrap"):
                await engine.call(CallRequest(program=program(kind, "def f(): pass"), calls=((),)))
    finally:
        engine.close()
