"""What every sandbox promises of calls, held against the WebAssembly engine, and what only this one does.

It does not judge candidates: expected values appear only on this side. The component is built once on a machine, in the
user's cache folder.
"""

import asyncio
import hmac
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from millwright.adapters.sandbox.webassembly.sandbox import WebAssemblySandbox
from millwright.errors import BadInput, SandboxUnavailable
from schemas.execution import CallReport, CallRequest, CommandRequest, Ending, Limits, Outcome, OutcomeKind, Program
from schemas.values import Value
from tests.contract.sandbox_fixtures import ERRORS, KINDS, LIMITS, LOAD_LINES, MONEY, MONEY_VALUE, ONE, numbers

ATTACKS = sorted((Path(__file__).parent / "attacks").glob("*.txt"))


def cache() -> Path:
    """Name the folder in which the component is kept from one run of the tests to the next."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "millwright" / "webassembly"


@pytest.fixture(scope="module")
def engine() -> Iterator[WebAssemblySandbox]:
    """Give one engine to all tests, and see that it leaves no thread behind."""
    made = WebAssemblySandbox(cache(), slots=2)
    yield made
    made.close()
    names = [thread.name for thread in threading.enumerate()]
    assert [name for name in names if name.startswith(("webassembly", "sandbox-ticker"))] == []


async def call(
    engine: WebAssemblySandbox,
    source: str,
    *calls: Sequence[Value],
    limits: Limits = LIMITS,
    lost_limit: int | None = None,
) -> CallReport:
    """Call ``f`` of a one-module program that also declares the record Money."""
    program = Program(
        modules={"shop/kinds.py": KINDS, "shop/work.py": source},
        module="shop.work",
        function="f",
        records=(MONEY,),
        errors=ERRORS,
        records_module="shop.kinds",
        limits=limits,
    )
    return await engine.call(CallRequest(program=program, calls=tuple(map(tuple, calls)), lost_limit=lost_limit))


async def outcome(engine: WebAssemblySandbox, source: str, *arguments: Value) -> Outcome:
    """Call once and give the outcome."""
    report = await call(engine, source, list(arguments))
    assert report.load_error is None
    return report.outcomes[0]


async def test_a_machine_with_the_packages_passes_the_check(engine: WebAssemblySandbox) -> None:
    """The check that doctor uses says nothing when all is well."""
    await engine.check()


@pytest.mark.parametrize(
    "value",
    [
        ["none"],
        ["bool", True],
        ["int", "-12"],
        ["int", "9" * 4999],
        ["float", "0x1.8000000000000p+1"],
        ["float", "nan"],
        ["float", "-inf"],
        ["float", "-0x0.0p+0"],
        ["str", 'a "quoted" \u00e9 \U0001f600 \x00 line\nend'],
        ["str", "\ud800"],
        ["bytes", "AP8="],
        ["list", [ONE, ["bool", False], ["list", []]]],
        ["tuple", [ONE, ["none"]]],
        ["set", [["set", [ONE]]]],
        ["dict", [[["tuple", [ONE, ONE]], ["list", [["str", "x"]]]]]],
        MONEY_VALUE,
        ["dict", [[MONEY_VALUE, ["list", [MONEY_VALUE]]]]],
    ],
    ids=lambda value: str(value)[:40],
)
async def test_every_kind_of_value_comes_back_as_it_went_in(engine: WebAssemblySandbox, value: Value) -> None:
    """Identity returns the same tagged value, exactly."""
    answer = await outcome(engine, "def f(x): return x", value)
    assert (answer.kind, answer.value, answer.arguments_after) == (OutcomeKind.RETURNED, value, (value,))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Always()", ["object", "Always"]),
        ("Small(1)", ["object", "Small"]),
        ("loop", ["object", "too large"]),
        ("[0] * 300_000", ["object", "too large"]),
        ("10 ** 5000", ["object", "too large"]),
    ],
)
async def test_what_is_not_exactly_a_value_comes_out_as_an_object(
    engine: WebAssemblySandbox, expression: str, expected: Value
) -> None:
    """Subclasses, lying equality and unbounded structures match nothing."""
    source = f"""
class Always:
    def __eq__(self, other): return True
    def __hash__(self): return 1
class Small(int): pass
loop = []
loop.append(loop)
def f(): return {expression}
"""
    assert (await outcome(engine, source)).value == expected


async def test_exceptions_come_out_with_class_bases_and_message(engine: WebAssemblySandbox) -> None:
    """Built-in and declared errors are told apart by name, with their bases."""
    source = """
from shop.kinds import TooPoor
import sys
def f(n):
    if n == 1: raise TooPoor("x" * 999)
    if n == 2: return [][0]
    sys.exit(0)
"""
    report = await call(engine, source, [ONE], [["int", "2"]], [["int", "3"]])
    first, second, third = report.outcomes
    assert (first.kind, first.exception, first.message) == (OutcomeKind.RAISED, "TooPoor", "x" * 200)
    assert first.exception_bases == ("ValueError", "Exception", "BaseException", "object")
    assert (second.exception, second.exception_bases[0], second.line) == ("IndexError", "LookupError", 6)
    assert (third.kind, third.exception) == (OutcomeKind.RAISED, "SystemExit")
    assert report.ending is Ending.COMPLETED


async def test_what_a_call_does_to_its_arguments_is_seen(engine: WebAssemblySandbox) -> None:
    """The arguments come back as the call left them, also when it raised."""
    source = "def f(x):\n    x.append(2)\n    if len(x) > 2: raise ValueError"
    report = await call(engine, source, [["list", [ONE]]], [["list", [ONE, ONE]]])
    assert report.outcomes[0].arguments_after == (["list", [ONE, ["int", "2"]]],)
    assert report.outcomes[1].arguments_after == (["list", [ONE, ONE, ["int", "2"]]],)


async def test_packages_are_imported_from_memory(engine: WebAssemblySandbox) -> None:
    """Packages with and without ``__init__``, relative imports and names of the standard library all work."""
    modules = {
        "json/__init__.py": "NAME = 'mine'",
        "a/b/c.py": "from . import d\nfrom a.e import three\nimport json\ndef f(): return [d.TWO, three(), json.NAME]",
        "a/b/d.py": "TWO = 2",
        "a/e/__init__.py": "from .inner import three",
        "a/e/inner.py": "def three(): return 3",
    }
    program = Program(modules=modules, module="a.b.c", function="f")
    report = await engine.call(CallRequest(program=program, calls=((), ())))
    assert [item.value for item in report.outcomes] == [["list", [["int", "2"], ["int", "3"], ["str", "mine"]]]] * 2


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("def f(:", "SyntaxError"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "while the module was loading"),
        ("g = 1", "no function f"),
        ("x = bytearray(10 ** 9)", "MemoryError"),
    ],
)
async def test_a_module_that_does_not_load_is_reported_as_such(
    engine: WebAssemblySandbox, source: str, part: str
) -> None:
    """Loading is told apart from calling; every outcome is lost."""
    report = await call(engine, source, [ONE], [ONE])
    assert part in (report.load_error or "")
    assert [item.kind for item in report.outcomes] == [OutcomeKind.LOST] * 2


@pytest.mark.parametrize(("source", "line"), LOAD_LINES)
async def test_the_line_that_does_not_load_is_told(engine: WebAssemblySandbox, source: str, line: int | None) -> None:
    """It is the innermost one of the program's own module; a text that is no Python has none."""
    report = await call(engine, source, [ONE])
    assert report.load_error is not None
    assert report.load_line == line


async def test_calls_after_a_lost_one_are_still_answered(engine: WebAssemblySandbox) -> None:
    """A timeout, an end, exhausted memory and endless work in C code cost one call each."""
    source = """
import os
def f(n):
    if n == 1:
        while True:
            try:
                while True: pass
            except BaseException: pass
    if n == 3: os._exit(0)
    if n == 5: return bytearray(10 ** 9)
    if n == 7: return 3 ** 10 ** 9
    return n
"""
    report = await call(engine, source, *numbers(9), limits=Limits(call_seconds=0.5))
    lost = {index for index, item in enumerate(report.outcomes) if item.kind is OutcomeKind.LOST}
    assert lost == {1, 3, 5, 7}
    assert [item.value for item in report.outcomes][8] == ["int", "8"]
    assert report.ending is Ending.TIMED_OUT
    assert "memory" in report.outcomes[5].message


@pytest.mark.parametrize(("limit", "answered"), [(1, [0]), (2, [0, 2])])
async def test_no_call_is_tried_once_as_many_are_lost_as_the_request_bears(
    engine: WebAssemblySandbox, limit: int, answered: list[int]
) -> None:
    """The rest are lost too, and no time is spent on them."""
    source = "def f(n):\n    while n % 2: pass\n    return n"
    report = await call(engine, source, *numbers(8), limits=Limits(call_seconds=0.5), lost_limit=limit)
    kinds = [index for index, item in enumerate(report.outcomes) if item.kind is OutcomeKind.RETURNED]
    assert (len(report.outcomes), kinds) == (8, answered)
    assert report.outcomes[-1].message.startswith("not reached")
    assert report.ending is Ending.TIMED_OUT
    assert report.cpu_seconds < 0.5 * limit + 1


async def test_a_program_that_loses_every_call_is_given_up(engine: WebAssemblySandbox) -> None:
    """Restarts are bounded, and every outcome is still reported."""
    report = await call(engine, "import os\ndef f(): os._exit(1)", *([] for _ in range(50)))
    assert [item.kind for item in report.outcomes] == [OutcomeKind.LOST] * 50
    assert report.ending is Ending.CRASHED


async def test_the_whole_program_has_a_time_of_its_own(engine: WebAssemblySandbox) -> None:
    """Many calls under the limit of one cannot pass the limit of all, and sleep counts."""
    limits = Limits(call_seconds=1, wall_seconds=1.0)
    started = time.monotonic()
    report = await call(engine, "import time\ndef f(): time.sleep(0.3)", *([] for _ in range(40)), limits=limits)
    assert report.ending is Ending.TIMED_OUT
    assert report.outcomes[0].kind is OutcomeKind.RETURNED
    assert report.outcomes[39].kind is OutcomeKind.LOST
    assert time.monotonic() - started < 5


async def test_the_processor_time_of_a_program_is_limited(engine: WebAssemblySandbox) -> None:
    """Work beyond it ends the call, long before the wall clock would."""
    limits = Limits(cpu_seconds=0.3, call_seconds=60, wall_seconds=60)
    report = await call(engine, "def f():\n    while True: pass", [], limits=limits, lost_limit=1)
    assert (report.ending, report.outcomes[0].message) == (Ending.TIMED_OUT, "the processor time is used up")
    assert report.wall_seconds < 30


async def test_output_is_bounded_and_counted(engine: WebAssemblySandbox) -> None:
    """A flood of answers ends the program, also one larger than wasmtime copies; what is printed goes nowhere."""
    limits = Limits(output_bytes=100_000, call_seconds=10)
    report = await call(engine, "def f(): return 'x' * 60_000", [], [], [], limits=limits)
    assert report.ending is Ending.OUTPUT_LIMIT
    assert [item.kind for item in report.outcomes] == [OutcomeKind.RETURNED, OutcomeKind.LOST, OutcomeKind.LOST]
    assert 60_000 < report.output_bytes < 200_000
    flood = """
import sys
guest = sys.modules["millwright.adapters.sandbox.webassembly.guest"]
guest._dumps = lambda value: "x" * (140 << 20)
def f(): pass
"""
    assert (await call(engine, flood, [], limits=limits)).ending is Ending.OUTPUT_LIMIT
    quiet = """
import sys
def f():
    for _ in range(1000):
        print("x" * 10_000)
        sys.stderr.write("y" * 10_000)
    return 1
"""
    assert (await call(engine, quiet, [], limits=limits)).outcomes[0].value == ONE


@pytest.mark.parametrize(
    "recursion",
    [
        "def g(n): return g(n + 1)",
        "class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\ndef g(n): return A().b",
        "def g(n):\n    x = []\n    for _ in range(10 ** 6): x = [x]\n    return repr(x)",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef g(n): return g(n + 1)",
        "def g(n): return eval('1' + '+1' * 10 ** 6)",
        "import json\ndef g(n): return json.loads('[' * 10 ** 6)",
    ],
)
async def test_deep_recursion_ends_the_program_at_most(engine: WebAssemblySandbox, recursion: str) -> None:
    """It is an exception or a lost call, and the next program is none the worse."""
    report = await call(engine, f"{recursion}\ndef f(): return g(0)", [], limits=Limits(call_seconds=10))
    answer = report.outcomes[0]
    assert answer.kind is not OutcomeKind.RETURNED
    assert answer.exception in ("RecursionError", "MemoryError", None)
    assert report.ending in (Ending.COMPLETED, Ending.CRASHED, Ending.OUT_OF_MEMORY)
    assert (await outcome(engine, "def f(n): return n", ONE)).value == ONE


async def test_recursion_of_plain_functions_raises_as_everywhere(engine: WebAssemblySandbox) -> None:
    """The interpreter's own limit is reached before the stack's end; what stays below it works."""
    plain = "def f(n): return 0 if n == 0 else 1 + f(n - 1)"
    assert (await outcome(engine, plain, ["int", "900"])).value == ["int", "900"]
    assert (await outcome(engine, plain, ["int", "2000"])).exception == "RecursionError"
    nested = "def f(n): return 0 if n == 0 else 1 + max(map(f, [n - 1]))"
    assert (await outcome(engine, nested, ["int", "400"])).value == ["int", "400"]


@pytest.mark.parametrize(
    ("forging", "ending"),
    [
        ("guest._dumps = lambda value: '[]'", Ending.MALFORMED),
        ('guest._dumps = lambda value: \'[0,"returned",["int","1"],[],0.0]\\n\' * 3', Ending.MALFORMED),
        ("guest._dumps = lambda value: '\u00e9'", Ending.MALFORMED),
        ('import wit_world; wit_world.exchange(\'[0,"returned",["int","1"],[],0.0]\\n\')', Ending.MALFORMED),
        ("import entry; entry.WitWorld.call = entry._guest.call = lambda *_: 1", Ending.CRASHED),
        ("import entry; entry._guest._count = 7", Ending.MALFORMED),
        ("import wit_world; wit_world.rest(float('inf'))", Ending.TIMED_OUT),
    ],
)
async def test_a_program_that_forges_answers_is_not_believed(
    engine: WebAssemblySandbox, forging: str, ending: Ending
) -> None:
    """Whatever it does to what surrounds it, only its own calls are lost."""
    source = f"""
import sys
guest = sys.modules["millwright.adapters.sandbox.webassembly.guest"]
def f():
    {forging}
    return 1
"""
    report = await call(engine, source, [], [], limits=Limits(call_seconds=0.5), lost_limit=1)
    assert (report.ending, report.outcomes[1].kind) == (ending, OutcomeKind.LOST)
    if ending is Ending.MALFORMED:
        assert report.outcomes[0].kind is OutcomeKind.LOST


@pytest.mark.parametrize("attack", [path.read_text() for path in ATTACKS], ids=[path.stem for path in ATTACKS])
async def test_an_attack_is_held(engine: WebAssemblySandbox, attack: str) -> None:
    """The forbidden thing fails or ends the program, and the next candidate is none the worse."""
    report = await call(engine, attack, [ONE], limits=Limits(call_seconds=2))
    answer = report.outcomes[0]
    assert answer.kind is not OutcomeKind.RETURNED or answer.value == ["str", "held"], answer
    assert (await outcome(engine, "def f(n): return n", ONE)).value == ONE


@pytest.mark.parametrize(
    "reaching",
    [
        "open('/etc/passwd').read()",
        "open('/tmp/left', 'w').write('x')",
        "__import__('os').listdir('/')",
        "__import__('os').fork()",
        "__import__('os').system('true')",
        "__import__('subprocess').run(['true'])",
        "__import__('socket').create_connection(('127.0.0.1', 80))",
        "__import__('_socket').socket()",
        "__import__('ctypes').CDLL(None)",
        "__import__('threading').Thread(target=print).start()",
        "__import__('os').kill(1, 9)",
        "__import__('os').urandom(1)",
        "__import__('datetime').datetime.now()",
    ],
)
async def test_there_is_no_system_to_reach(engine: WebAssemblySandbox, reaching: str) -> None:
    """Files, processes, sockets, threads, chance and clocks are not there."""
    report = await call(engine, f"def f():\n    {reaching}\n    return 1", [])
    assert report.outcomes[0].kind is not OutcomeKind.RETURNED
    assert report.ending in (Ending.COMPLETED, Ending.CRASHED)


async def test_what_asks_for_files_by_the_way_still_works(engine: WebAssemblySandbox) -> None:
    """Tracebacks, sources and paths are had without a file system."""
    source = """
import inspect, os, traceback, uuid, warnings
def f():
    warnings.warn("careful")
    os.environ["HERE"] = "1"
    try: 1 / 0
    except ZeroDivisionError: told = traceback.format_exc()
    seen = []
    for ask in (os.getcwd, uuid.uuid4, lambda: os.path.abspath("x"), lambda: os.urandom(1)):
        try: seen.append(ask())
        except OSError: pass
    return ["ZeroDivisionError" in told, inspect.getsource(f)[:7], os.path.exists("/"), os.path.isfile("x"), seen]
"""
    no: Value = ["bool", False]
    answer = await outcome(engine, source)
    assert answer.value == ["list", [["bool", True], ["str", "def f()"], no, no, ["list", []]]], answer


async def test_the_environment_is_empty(engine: WebAssemblySandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this process's environment, arguments or paths is inside."""
    monkeypatch.setenv("A_SECRET", "x")
    source = "import os, sys\ndef f(): return [dict(os.environ), sys.argv[1:], sys.path, sys.stdin.read()]"
    empty = ["list", [["dict", []], ["list", []], ["list", []], ["str", ""]]]
    assert (await outcome(engine, source)).value == empty


async def test_the_pure_modules_of_the_standard_library_are_there(engine: WebAssemblySandbox) -> None:
    """What the security layer allows can be imported, and used where it loads more only in use."""
    names = """abc array base64 binascii bisect calendar cmath collections collections.abc colorsys contextlib copy
    dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq hmac html io itertools json
    math numbers operator random re statistics string struct sys textwrap time types typing unicodedata
    urllib.parse zlib"""
    source = f"""
import {", ".join(names.split())}
def f():
    datetime.datetime.strptime("2026-01-02", "%Y-%m-%d").strftime("%A")
    "\u00e9".encode("utf-16"), "a".encode("idna"), "a".encode("cp1252")
    try: "a".encode("unheard-of")
    except LookupError: pass
    functools.singledispatch(lambda x: x)
    return [hashlib.sha256(b"").hexdigest()[:4], str(decimal.Decimal("1.10") + 1), statistics.median([1, 2, 9]),
            zlib.decompress(zlib.compress(b"x")), hmac.new(b"k", b"m", "sha256").hexdigest()[:4],
            typing.get_type_hints(f), time.perf_counter() < time.perf_counter()]
"""
    answer = await outcome(engine, source)
    assert answer.value == [
        "list",
        [
            ["str", "e3b0"],
            ["str", "2.10"],
            ["int", "2"],
            ["bytes", "eA=="],
            ["str", hmac.new(b"k", b"m", "sha256").hexdigest()[:4]],
            ["dict", []],
            ["bool", True],
        ],
    ], answer


async def test_outputs_do_not_depend_on_hash_order_or_chance(engine: WebAssemblySandbox) -> None:
    """Two instances give the same order of sets and the same random numbers, each call seeded anew."""
    source = "def f():\n    import random\n    return [list({'a', 'b', 'c', 'd', 'e'}), random.random()]"
    first, second = [await call(engine, source, [], []) for _ in range(2)]
    values = {str(item.value) for report in (first, second) for item in report.outcomes}
    assert len(values) == 1


async def test_nothing_is_left_for_the_next_program(engine: WebAssemblySandbox) -> None:
    """Each program has fresh modules and memory; the calls of one program share theirs."""
    source = "import math\ndef f():\n    math.seen = getattr(math, 'seen', 0) + 1\n    return math.seen"
    for _ in range(2):
        report = await call(engine, source, [], [])
        assert [item.value for item in report.outcomes] == [["int", "1"], ["int", "2"]]


async def test_a_record_that_cannot_be_made_loses_that_call_only(engine: WebAssemblySandbox) -> None:
    """A call with an argument that the program cannot hold is lost, with the reason."""
    program = Program(modules={"m.py": "def f(x): return 1"}, module="m", function="f", records=(MONEY,))
    report = await engine.call(CallRequest(program=program, calls=((MONEY_VALUE,), (ONE,))))
    assert (report.outcomes[0].kind, report.outcomes[1].value) == (OutcomeKind.LOST, ONE)
    assert "no record Money" in report.outcomes[0].message


async def test_processor_time_is_measured_outside(engine: WebAssemblySandbox) -> None:
    """The time of a call is this process's account, not the program's."""
    source = "def f(n):\n    for _ in range(n): pass\n    return 1"
    report = await call(engine, source, [["int", "2000000"]], [["int", "1"]])
    first, second = report.outcomes
    assert second.cpu_seconds < first.cpu_seconds <= report.cpu_seconds < 30


async def test_memory_is_given_back(engine: WebAssemblySandbox) -> None:
    """Some hundred programs, each of which takes a good deal, leave this process as large as it was."""
    source = (
        "def f(n):\n    x = bytearray(4 << 20)\n    if n == 1: raise ValueError\n    while n == 2: pass\n    return 1"
    )

    async def some(count: int) -> None:
        for _ in range(count):
            await call(engine, source, *numbers(2))
        await call(engine, source, [["int", "2"]], limits=Limits(call_seconds=0.1))

    await some(20)
    before = _resident()
    await some(120)
    assert _resident() - before < 20 << 20


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel gives no account")


async def test_programs_run_side_by_side(engine: WebAssemblySandbox) -> None:
    """Each gets its own answers, whatever becomes of the others."""
    sources = [f"def f(): return {number}" for number in range(8)]
    sources[3], sources[5] = "import os\ndef f(): os._exit(0)", "def f():\n    while True: pass"
    limits = Limits(call_seconds=0.5)
    reports = await asyncio.gather(*(call(engine, source, [], limits=limits) for source in sources))
    assert [report.outcomes[0].value for report in reports] == [
        None if number in (3, 5) else ["int", str(number)] for number in range(8)
    ]
    assert (reports[3].ending, reports[5].ending) == (Ending.CRASHED, Ending.TIMED_OUT)


async def test_cancelled_work_ends_at_once(engine: WebAssemblySandbox) -> None:
    """A caller that goes away does not leave a program running."""
    for work in ("while True: pass", "__import__('time').sleep(60)"):
        limits = Limits(call_seconds=60, wall_seconds=60)
        task = asyncio.create_task(call(engine, f"def f():\n    {work}", [], limits=limits))
        await asyncio.sleep(0.3)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 2


async def test_what_this_engine_cannot_do_is_refused(engine: WebAssemblySandbox) -> None:
    """Commands, granted files, other languages and memory too small to start in say so."""
    with pytest.raises(SandboxUnavailable, match="bubblewrap"):
        await engine.run(CommandRequest(files={}, argv=("python", "-c", "pass")))
    program = Program(modules={"m.py": "def f(): return 1"}, module="m", function="f")
    for changed in ({"files": ("/data",)}, {"language": "rust"}):
        with pytest.raises(BadInput):
            await engine.call(CallRequest(program=program.model_copy(update=changed), calls=((),)))
    small = program.model_copy(update={"limits": Limits(memory_bytes=1 << 20)})
    assert (await engine.call(CallRequest(program=small, calls=((),)))).ending is Ending.OUT_OF_MEMORY
