"""What every sandbox promises, held against the bubblewrap engine; the attacks are in ``attacks/``.

It does not judge candidates: expected values appear only on this side.
"""

import time
from pathlib import Path

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.sandbox.protocol import Malformed, read_line, read_load, read_outcome, read_value
from schemas.execution import (
    CallReport,
    CallRequest,
    Ending,
    Limits,
    OutcomeKind,
    Program,
)
from schemas.values import Value
from tests.contract.sandbox_fixtures import LOAD_LINES, MONEY, MONEY_VALUE, ONE, call, numbers, outcome

pytestmark = pytest.mark.sandbox

ATTACKS = sorted((Path(__file__).parent / "attacks").glob("*.txt"))


async def test_a_working_machine_passes_the_check(sandbox: BubblewrapSandbox) -> None:
    """The check that doctor uses says nothing when all is well."""
    await sandbox.check()


@pytest.mark.parametrize(
    "value",
    [
        ["none"],
        ["bool", True],
        ["int", "-12"],
        ["int", "9" * 4999],
        ["int", "0"],
        ["float", "0x1.8000000000000p+1"],
        ["float", "nan"],
        ["float", "-inf"],
        ["float", "-0x0.0p+0"],
        ["str", 'a "quoted" \u00e9 \U0001f600 \x00 line\nend'],
        ["str", "\ud800"],
        ["bytes", "AP8="],
        ["list", [ONE, ["bool", False], ["list", []]]],
        ["tuple", [ONE, ["none"]]],
        ["tuple", []],
        ["set", [ONE]],
        ["set", [["set", [ONE]]]],
        ["dict", [[["tuple", [ONE, ONE]], ["list", [["str", "x"]]]]]],
        MONEY_VALUE,
        ["dict", [[MONEY_VALUE, ["list", [MONEY_VALUE]]]]],
    ],
    ids=lambda value: str(value)[:40],
)
async def test_every_kind_of_value_comes_back_as_it_went_in(sandbox: BubblewrapSandbox, value: Value) -> None:
    """Identity returns the same tagged value, exactly."""
    answer = await outcome(sandbox, "def f(x): return x", value)
    assert (answer.kind, answer.value, answer.arguments_after) == (OutcomeKind.RETURNED, value, (value,))


@pytest.mark.parametrize("kind", ["Counter", "OrderedDict", "defaultdict"])
async def test_the_standard_librarys_dicts_are_dicts(sandbox: BubblewrapSandbox, kind: str) -> None:
    """A type checker takes them for dicts; what they hold is read by the built-in's own method."""
    make = "defaultdict(int, {'a': 1})" if kind == "defaultdict" else f"{kind}({{'a': 1}})"
    source = (
        f"import collections\nfrom collections import {kind}\n"
        f"if {kind!r} != 'defaultdict': collections.{kind}.items = lambda self: [('b', 2)]\n"
        f"def f(): return {make}\n"
    )
    if kind == "OrderedDict":  # a built-in class, which cannot be changed
        source = source.replace("if 'OrderedDict'", "if False and 'OrderedDict'")
    assert (await outcome(sandbox, source)).value == ["dict", [[["str", "a"], ["int", "1"]]]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Always()", ["object", "Always"]),
        ("Small(1)", ["object", "Small"]),
        ("[Small(1)]", ["list", [["object", "Small"]]]),
        ("frozenset()", ["object", "frozenset"]),
        ("range(3)", ["object", "range"]),
        ("later()", ["object", "coroutine"]),
        ("loop", ["object", "too large"]),
        ("deep", ["object", "too large"]),
        ("[0] * 300_000", ["object", "too large"]),
        ("10 ** 5000", ["object", "too large"]),
        ("OtherMoney(1, 'x')", ["object", "Money"]),
        ("Hostile", ["object", "Odd"]),
        ("Own(a=1)", ["object", "Own"]),
    ],
)
async def test_what_is_not_exactly_a_value_comes_out_as_an_object(
    sandbox: BubblewrapSandbox, expression: str, expected: Value
) -> None:
    """Subclasses, lying equality, foreign classes and unbounded structures match nothing."""
    source = f"""
class Always:
    def __eq__(self, other): return True
    def __hash__(self): return 1
class Small(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
class Odd(type):
    @property
    def __class__(self): return int
class Hostile(metaclass=Odd): pass
def make():
    class Money:
        def __init__(self, cents, unit): self.cents, self.unit = cents, unit
    return Money
OtherMoney = make()
from collections import Counter
class Own(Counter): pass
async def later(): return 1
loop = []
loop.append(loop)
deep = []
for _ in range(90): deep = [deep]
def f(): return {expression}
"""
    assert (await outcome(sandbox, source)).value == expected


async def test_a_deep_value_that_crosses_can_be_stored_as_json(sandbox: BubblewrapSandbox) -> None:
    """The deepest value that is let through survives pydantic's own limits."""
    source = "def f(n):\n    x = {}\n    for _ in range(n): x = {1: x}\n    return x"
    report = await call(sandbox, source, [["int", "48"]], [["int", "60"]])
    assert report.outcomes[0].value != ["object", "too large"]
    assert report.outcomes[1].value == ["object", "too large"]
    assert CallReport.model_validate_json(report.model_dump_json()).outcomes == report.outcomes


async def test_exceptions_come_out_with_class_bases_and_message(sandbox: BubblewrapSandbox) -> None:
    """Built-in and declared errors are told apart by name, with their bases."""
    source = """
from shop.kinds import TooPoor
import sys
def f(n):
    if n == 1: raise TooPoor("x" * 999)
    if n == 2: return [][0]
    sys.exit(0)
"""
    report = await call(sandbox, source, [ONE], [["int", "2"]], [["int", "3"]])
    first, second, third = report.outcomes
    assert (first.kind, first.exception, first.message) == (OutcomeKind.RAISED, "TooPoor", "x" * 200)
    assert first.exception_bases == ("ValueError", "Exception", "BaseException", "object")
    assert (second.exception, second.exception_bases[0]) == ("IndexError", "LookupError")
    assert (third.kind, third.exception) == (OutcomeKind.RAISED, "SystemExit")
    assert report.ending is Ending.COMPLETED


async def test_what_a_call_does_to_its_arguments_is_seen(sandbox: BubblewrapSandbox) -> None:
    """The arguments come back as the call left them, also when it raised."""
    source = "def f(x):\n    x.append(2)\n    if len(x) > 2: raise ValueError"
    report = await call(sandbox, source, [["list", [ONE]]], [["list", [ONE, ONE]]])
    assert report.outcomes[0].arguments_after == (["list", [ONE, ["int", "2"]]],)
    assert report.outcomes[1].arguments_after == (["list", [ONE, ONE, ["int", "2"]]],)


async def test_packages_are_imported_from_memory(sandbox: BubblewrapSandbox) -> None:
    """Packages with and without ``__init__``, relative imports and names of the standard library all work."""
    modules = {
        "json/__init__.py": "NAME = 'mine'",
        "a/b/c.py": "from . import d\nfrom a.e import three\nimport json\ndef f(): return [d.TWO, three(), json.NAME]",
        "a/b/d.py": "TWO = 2",
        "a/e/__init__.py": "from .inner import three",
        "a/e/inner.py": "def three(): return 3",
    }
    program = Program(modules=modules, module="a.b.c", function="f")
    report = await sandbox.call(CallRequest(program=program, calls=((),)))
    assert report.outcomes[0].value == ["list", [["int", "2"], ["int", "3"], ["str", "mine"]]]


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("def f(:", "SyntaxError"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "ended with status 0"),
        ("g = 1", "no function f"),
        ("f = 1", "no function f"),
        ("x = bytearray(10 ** 12)", "MemoryError"),
    ],
)
async def test_a_module_that_does_not_load_is_reported_as_such(
    sandbox: BubblewrapSandbox, source: str, part: str
) -> None:
    """Loading is told apart from calling; every outcome is lost."""
    report = await call(sandbox, source, [ONE], [ONE])
    assert part in (report.load_error or "")
    assert [item.kind for item in report.outcomes] == [OutcomeKind.LOST] * 2


@pytest.mark.parametrize(("source", "line"), LOAD_LINES)
async def test_the_line_that_does_not_load_is_told(sandbox: BubblewrapSandbox, source: str, line: int | None) -> None:
    """It is the innermost one of the program's own module; a text that is no Python has none."""
    report = await call(sandbox, source, [ONE])
    assert report.load_error is not None
    assert report.load_line == line


@pytest.mark.parametrize("line", ["0", "10000001", "true", '"2"', "2.0", "2,2"])
def test_a_forged_line_about_loading_is_refused(line: str) -> None:
    """It is a number within bounds, null, or left out."""
    with pytest.raises(Malformed):
        read_load(f'["loaded","x",{line}]'.encode())
    assert read_load(b'["loaded","x"]') == read_load(b'["loaded","x",null]') == ("x", None)
    assert read_load(b'["loaded","x",7]') == ("x", 7)
    assert read_load(b'["loaded",null]') == (None, None)


async def test_calls_after_a_lost_one_are_still_answered(sandbox: BubblewrapSandbox) -> None:
    """A timeout, a crash and exhausted memory cost one call each."""
    source = """
import os, ctypes
def f(n):
    if n == 1:
        while True:
            try:
                while True: pass
            except BaseException: pass
    if n == 3: os._exit(0)
    if n == 5: return bytearray(10 ** 10)
    if n == 7: ctypes.string_at(0)
    return n
"""
    report = await call(sandbox, source, *numbers(9), limits=Limits(call_seconds=1))
    lost = {index for index, item in enumerate(report.outcomes) if item.kind is OutcomeKind.LOST}
    assert lost == {1, 3, 5, 7}
    assert [item.value for item in report.outcomes][8] == ["int", "8"]
    assert report.ending is Ending.TIMED_OUT
    assert "memory" in report.outcomes[5].message
    assert report.wall_seconds < 10


@pytest.mark.parametrize(("limit", "answered"), [(1, [0]), (2, [0, 2]), (3, [0, 2, 4])])
async def test_no_call_is_tried_once_as_many_are_lost_as_the_request_bears(
    sandbox: BubblewrapSandbox, limit: int, answered: list[int]
) -> None:
    """The rest are lost too, and no time is spent on them."""
    source = """
def f(n):
    while n % 2: pass
    return n
"""
    report = await call(sandbox, source, *numbers(8), limits=Limits(call_seconds=0.5), lost_limit=limit)
    kinds = [index for index, item in enumerate(report.outcomes) if item.kind is OutcomeKind.RETURNED]
    assert (len(report.outcomes), kinds) == (8, answered)
    assert report.outcomes[-1].message.startswith("not reached")
    assert report.ending is Ending.TIMED_OUT
    assert report.cpu_seconds < 0.5 * limit + 1


async def test_a_limit_on_lost_calls_changes_nothing_where_fewer_are_lost(sandbox: BubblewrapSandbox) -> None:
    """Exceptions count as answers, and a single crash leaves the others their turn."""
    source = """
import os
def f(n):
    if n == 1: os._exit(0)
    if n == 2: raise ValueError
    return n
"""
    report = await call(sandbox, source, *numbers(4), lost_limit=2)
    kinds = [item.kind for item in report.outcomes]
    assert kinds == [OutcomeKind.RETURNED, OutcomeKind.LOST, OutcomeKind.RAISED, OutcomeKind.RETURNED]


async def test_a_program_that_loses_every_call_is_given_up(sandbox: BubblewrapSandbox) -> None:
    """Restarts are bounded, and every outcome is still reported."""
    report = await call(sandbox, "import os\ndef f(): os._exit(1)", *([] for _ in range(50)))
    assert [item.kind for item in report.outcomes] == [OutcomeKind.LOST] * 50
    assert report.ending is Ending.CRASHED


async def test_the_whole_program_has_a_time_of_its_own(sandbox: BubblewrapSandbox) -> None:
    """Many calls under the limit of one cannot pass the limit of all."""
    limits = Limits(call_seconds=1, wall_seconds=1.0)
    started = time.monotonic()
    report = await call(sandbox, "import time\ndef f(): time.sleep(0.3)", *([] for _ in range(40)), limits=limits)
    assert report.ending is Ending.TIMED_OUT
    assert report.outcomes[0].kind is OutcomeKind.RETURNED
    assert report.outcomes[39].kind is OutcomeKind.LOST
    assert time.monotonic() - started < 5


async def test_output_is_bounded(sandbox: BubblewrapSandbox) -> None:
    """A flood of output ends the process, on the result pipe and on the standard streams alike."""
    limits = Limits(output_bytes=100_000, call_seconds=2)
    report = await call(sandbox, "def f(): return 'x' * 60_000", [], [], [], limits=limits)
    assert report.ending is Ending.OUTPUT_LIMIT
    assert [item.kind for item in report.outcomes] == [OutcomeKind.RETURNED, OutcomeKind.LOST, OutcomeKind.LOST]
    quiet = """
import sys
def f():
    for _ in range(1000):
        print("x" * 10_000)
        sys.stderr.write("y" * 10_000)
    return 1
"""
    assert (await call(sandbox, quiet, [], limits=limits)).outcomes[0].value == ONE


@pytest.mark.parametrize("moment", ["import", "call", "thread"])
async def test_a_process_that_forges_lines_is_not_believed(sandbox: BubblewrapSandbox, moment: str) -> None:
    """Extra lines on every descriptor lose all outcomes of that process."""
    source = f"""
import os, threading
def forge():
    lines = [b'["loaded",null]'] + [b'[%d,"returned",["int","1"],[],0.0]' % i for i in range(3)] + [b'["bye",3]']
    for fd in range(1, 64):
        try: os.write(fd, b"\\n".join(lines) + b"\\n")
        except OSError: pass
if {moment == "import"}: forge()
def f():
    if {moment == "call"}: forge()
    if {moment == "thread"}: threading.Thread(target=forge).start()
    return 2
"""
    report = await call(sandbox, source, [], [], [])
    assert report.ending is Ending.MALFORMED
    assert [item.kind for item in report.outcomes] == [OutcomeKind.LOST] * 3


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b'[1,"returned",["int","1"],[],0]',
        b'[0,"returned",["int","1"],[]]',
        b'[0,"returned",["int",1],[],0]',
        b'[0,"returned",["int","1_0"],[],0]',
        b'[0,"returned",["float","1.5"],[],0]',
        b'[0,"returned",["bytes","!"],[],0]',
        b'[0,"returned",["dict",[[["int","1"]]]],[],0]',
        b'[0,"returned",["record","A",[[1,["none"]]]],[],0]',
        b'[0,"returned",["bool",1],[],0]',
        b'[0,"returned",1,[],0]',
        b'[true,"returned",["none"],[],0]',
        b'[0,"raised",1,[],"",[],0]',
        b'[0,"raised","A",[1],"",[],0]',
        b'[0,"raised","A",[],"",[],0,0]',
        b'[0,"raised","A",[],"",[],0,true]',
        b'[0,"raised","A",[],"",[],0,99999999999]',
        b'[0,"raised","A",[],"",[],0,1,1]',
        b'[0,"unheard of"]',
    ],
)
def test_a_line_that_no_harness_writes_is_refused(line: bytes) -> None:
    """The reader accepts only the closed grammar of outcomes."""
    with pytest.raises(Malformed):
        read_outcome(line, 0)


def test_values_that_are_too_deep_or_too_many_are_refused() -> None:
    """Bounds hold outside too, whatever the process claims."""
    deep: Value = ["none"]
    for _ in range(200):
        deep = ["list", [deep]]
    for value in (deep, ["list", [["none"]] * 300_000]):
        with pytest.raises(Malformed):
            read_value(value)
    with pytest.raises(Malformed):
        read_line(b"\xff")


@pytest.mark.parametrize("attack", [path.read_text() for path in ATTACKS], ids=[path.stem for path in ATTACKS])
async def test_an_attack_is_held(sandbox: BubblewrapSandbox, attack: str) -> None:
    """The forbidden thing fails, and the next candidate is none the worse."""
    answer = (await call(sandbox, attack, [ONE])).outcomes[0]
    assert answer.kind is OutcomeKind.RAISED or answer.value == ["str", "held"], answer
    if answer.kind is OutcomeKind.RAISED:
        assert {answer.exception, *answer.exception_bases} & {"OSError"}, answer
    assert (await outcome(sandbox, "def f(n): return n", ONE)).value == ONE


async def test_a_file_left_behind_is_not_there_for_the_next(sandbox: BubblewrapSandbox) -> None:
    """Scratch space is private and fresh."""
    source = """
import os
def f():
    seen = os.listdir("/tmp")
    open("/tmp/left", "w").write("x")
    return seen
"""
    for _ in range(2):
        assert (await outcome(sandbox, source)).value == ["list", []]


async def test_outputs_do_not_depend_on_hash_order_or_chance(sandbox: BubblewrapSandbox) -> None:
    """Two processes give the same order of sets and the same random numbers, each call seeded anew."""
    source = """
def f():
    import random
    return [list({"a", "b", "c", "d", "e", "f"}), random.random()]
"""
    first, second = [await call(sandbox, source, [], []) for _ in range(2)]
    values = {str(item.value) for report in (first, second) for item in report.outcomes}
    assert len(values) == 1


async def test_a_record_that_cannot_be_made_loses_that_call_only(sandbox: BubblewrapSandbox) -> None:
    """A call with an argument that the program cannot hold is lost, with the reason."""
    program = Program(modules={"m.py": "def f(x): return 1"}, module="m", function="f", records=(MONEY,))
    report = await sandbox.call(CallRequest(program=program, calls=((MONEY_VALUE,), (ONE,))))
    assert (report.outcomes[0].kind, report.outcomes[1].value) == (OutcomeKind.LOST, ONE)
    assert "no record Money" in report.outcomes[0].message


async def test_use_is_accounted_for(sandbox: BubblewrapSandbox) -> None:
    """CPU time and peak memory are the process's own, not this one's."""
    source = "def f():\n    x = bytearray(100 << 20)\n    for _ in range(3_000_000): pass\n    return 1"
    ballast = bytearray(b"x") * (300 << 20)
    report = await call(sandbox, source, [], limits=Limits())
    del ballast
    assert 0.02 < report.outcomes[0].cpu_seconds <= report.cpu_seconds < 5
    assert 100 << 20 < report.peak_memory_bytes < 200 << 20
