"""What every sandbox promises of properties and conditions, held against the WebAssembly engine.

The candidate and what judges it never share an instance.
"""

from collections.abc import Iterator, Sequence

import pytest

from millwright.adapters.sandbox.webassembly.sandbox import WebAssemblySandbox
from schemas.execution import (
    Binding,
    ConditionRequest,
    Ending,
    Limits,
    Outcome,
    OutcomeKind,
    Program,
    PropertyReport,
    PropertyRequest,
    Truth,
)
from schemas.specification import Property
from tests.contract.sandbox_fixtures import ERRORS, KINDS, LIMITS, MONEY, MONEY_VALUE
from tests.contract.test_webassembly import cache


@pytest.fixture(scope="module")
def engine() -> Iterator[WebAssemblySandbox]:
    """Give one engine to all tests."""
    made = WebAssemblySandbox(cache(), slots=2)
    yield made
    made.close()


async def check(
    engine: WebAssemblySandbox,
    source: str,
    *properties: str,
    limits: Limits = LIMITS,
    known: Sequence[Outcome] = (),
) -> PropertyReport:
    """Check properties named p0, p1, … of a function over an int and a Money, on three argument lists."""
    program = Program(
        modules={"kinds.py": KINDS, "work.py": "from kinds import *\n" + source},
        module="work",
        function="f",
        records=(MONEY,),
        errors=ERRORS,
        records_module="kinds",
        limits=limits,
    )
    return await engine.check_properties(
        PropertyRequest(
            program=program,
            properties=tuple(Property(name=f"p{i}", property_function=text) for i, text in enumerate(properties)),
            calls=tuple((["int", str(n)], MONEY_VALUE) for n in (1, 2, 3)),
            input_names=("n", "money"),
            known=tuple(known),
        )
    )


CATCHING = """
def p3(n, money):
    try:
        f(1000, money)
    except TooPoor as error:
        assert str(error) == "no"
    else:
        assert False
"""
ADD = """
def f(n, money):
    if n > 100: raise TooPoor("no")
    return Money(money.cents + n, money.unit)
"""
CALLS = "def p(n, money):\n    assert f(n, money) == n"


async def test_properties_hold_fail_or_are_broken(engine: WebAssemblySandbox) -> None:
    """Each property gets its own result, with the failing argument list and the line."""
    report = await check(
        engine,
        ADD,
        "def p0(n, money):\n    assert f(n, money).unit\n    assert f(n=n, money=money) == f(n, money)",
        "def p1(n, money):\n    x = 1\n    assert f(n, money).cents < 7, 'grew'",
        "def p2(n, money):\n    return f(n, money).unit == 'USD'",
        CATCHING,
        "def p4(n, money):\n    f(1000, money)",
        "def p5(n, money):\n    return 1 / 0",
        "def p6(n, other): pass",
        "def p7(n, money) pass",
        "def p8(n): assert f(n, Money(1, 'x')) == Money(n + 1, 'x')",
        "def p9(n, money): f(n)",
        "x = 1",
    )
    assert (report.load_error, report.ending) == (None, Ending.COMPLETED)
    held, grew, false, raising, raised, zero, strange, syntax, partial, wrongly, nothing = report.results
    assert (held.checked, held.failure, held.broken) == (3, None, None)
    assert grew.failure is not None
    assert (grew.failure.call, grew.failure.reason, grew.checked) == (1, "assertion failed at line 3: grew", 2)
    assert false.failure is not None
    assert "returned False" in false.failure.reason
    assert (raising.checked, raising.failure, raising.broken) == (3, None, None)
    assert raised.failure is not None
    assert raised.failure.reason == "the candidate raised TooPoor: no"
    assert "ZeroDivisionError" in (zero.broken or "")
    assert "other" in (strange.broken or "")
    assert "SyntaxError" in (syntax.broken or "")
    assert (partial.checked, partial.failure, partial.broken) == (3, None, None)
    assert "takes the arguments" in (wrongly.broken or "")
    assert "no function" in (nothing.broken or "")


async def test_a_candidate_that_gives_no_answer_fails_the_property(engine: WebAssemblySandbox) -> None:
    """Silence is the candidate's failure, whatever the property catches, and the next property is still checked."""
    catching = "def p(n, money):\n    try:\n        f(n, money)\n    except BaseException:\n        pass"
    source = "import os\ndef f(n, money):\n    while n == 2: pass\n    if n == 3: os._exit(0)"
    report = await check(engine, source, catching, catching.replace("f(n", "f(3"), limits=Limits(call_seconds=0.5))
    for result, index in zip(report.results, (1, 0), strict=True):
        assert result.failure is not None
        assert result.failure.call == index
        assert "no answer" in result.failure.reason
    assert report.ending is Ending.TIMED_OUT


async def test_a_property_that_never_ends_is_broken(engine: WebAssemblySandbox) -> None:
    """A property's own time and instance are not the candidate's."""
    endless = "def p(n, money):\n    while True: pass"
    report = await check(engine, ADD, endless, "import os\nos._exit(0)", limits=Limits(wall_seconds=0.5))
    assert [item.broken is not None for item in report.results] == [True, True]
    assert [item.failure for item in report.results] == [None, None]


async def test_the_time_of_the_candidate_is_not_the_property_s(engine: WebAssemblySandbox) -> None:
    """A slow candidate uses up its own time; the property that waits for it loses none."""
    slow = "import time\ndef f(n, money):\n    time.sleep(0.5)\n    return n"
    report = await check(engine, slow, CALLS, limits=Limits(wall_seconds=1.4))
    assert report.results[0].broken is None
    assert report.results[0].failure is not None
    assert report.results[0].failure.call == 2


async def test_a_property_does_not_see_the_candidate(engine: WebAssemblySandbox) -> None:
    """No source, module or class of the candidate's is in the property's instance."""
    looking = (
        "import sys\ndef p(n, money):\n    assert 'work' not in sys.modules\n    assert not hasattr(f, '__code__')"
    )
    assert (await check(engine, ADD, looking)).results[0].failure is None


@pytest.mark.parametrize(
    "said",
    [
        '\'["held"]\\n["held"]\\n\'',
        '\'["ask",[["int",1]]]\\n\'',
        "'[\"unheard of\"]\\n'",
        "'\u00e9\\n'",
        "'[\"held\"]'",
        "''",
        "'x' * 10 ** 7",
    ],
)
async def test_a_property_that_says_what_the_harness_never_says_is_broken(
    engine: WebAssemblySandbox, said: str
) -> None:
    """Its lines are read as strictly as a candidate's."""
    source = f"import wit_world\ndef p(n, money):\n    wit_world.exchange({said})"
    report = await check(engine, ADD, source, "def q(n): pass")
    assert report.results[0].broken
    assert (report.results[1].checked, report.results[1].broken) == (3, None)


async def test_a_property_that_calls_for_ever_is_broken(engine: WebAssemblySandbox) -> None:
    """Whether it makes too many calls, or spends all the time on those of one input."""
    endless = "def p(n, money):\n    while True: f(n, money)"
    report = await check(engine, ADD, endless)
    assert report.results[0].failure is None
    assert report.results[0].broken == "the property makes more than 1000 calls on one input"
    slow = "import time\ndef f(n, money): time.sleep(0.2)"
    report = await check(engine, slow, endless, limits=Limits(wall_seconds=2))
    assert report.results[0].failure is None
    assert "take all its time" in (report.results[0].broken or "")


async def test_each_input_of_a_property_has_the_output_limit_to_itself(engine: WebAssemblySandbox) -> None:
    """Large values on many inputs are no flood; too many on one input still are."""
    limits = LIMITS.model_copy(update={"output_bytes": 50_000})
    report = await check(
        engine,
        "def f(n, money): return 'x' * 30_000",
        "def p(n, money): assert len(f(n, money)) == 30_000",
        "def q(n, money): f(n, money); f(n, money)",
        limits=limits,
    )
    fine, flood = report.results
    assert (fine.checked, fine.failure, fine.broken) == (3, None, None)
    assert flood.failure is not None
    assert "more output" in flood.failure.reason


async def test_a_candidate_that_does_not_load_leaves_properties_unchecked(engine: WebAssemblySandbox) -> None:
    """The reason is the report's, not a property's."""
    report = await check(engine, "raise ValueError('bad')", "def p(n): pass", "def q(n): pass")
    assert "bad" in (report.load_error or "")
    assert [(item.checked, item.failure, item.broken) for item in report.results] == [(0, None, None)] * 2


def _returned(number: int) -> Outcome:
    return Outcome(kind=OutcomeKind.RETURNED, value=["int", str(number)])


async def test_the_first_call_with_the_arguments_at_hand_is_answered_from_what_is_known(
    engine: WebAssemblySandbox,
) -> None:
    """The candidate, which would answer otherwise, is not even loaded."""
    known = [_returned(number) for number in (1, 2, 3)]
    report = await check(engine, "raise ValueError('bad')", CALLS, known=known)
    assert (report.load_error, report.results[0].checked, report.results[0].failure) == (None, 3, None)
    raising = [Outcome(kind=OutcomeKind.RAISED, exception="TooPoor", exception_bases=("ValueError",), message="no")]
    report = await check(engine, "raise ValueError('bad')", CALLS, known=raising * 3)
    assert report.results[0].failure is not None
    assert report.results[0].failure.reason == "the candidate raised TooPoor: no"


async def test_every_other_call_goes_to_the_candidate(engine: WebAssemblySandbox) -> None:
    """A second call, other arguments, and a call whose outcome was lost are made anew."""
    known = [_returned(number) for number in (1, 2, 3)]
    minus = "def f(n, money): return -n"
    twice = "def p(n, money):\n    assert f(n, money) == n\n    assert f(n, money) == -n"
    other = "def p(n, money):\n    assert f(n + 1, money) == -n - 1\n    assert f(n, money) == n"
    report = await check(engine, minus, twice, other, known=known)
    assert [(item.failure, item.broken) for item in report.results] == [(None, None)] * 2
    lost = [Outcome(kind=OutcomeKind.LOST)] * 3
    report = await check(engine, minus, "def p(n, money):\n    assert f(n, money) == -n", known=lost)
    assert (report.results[0].checked, report.results[0].failure) == (3, None)
    report = await check(engine, "raise ValueError('bad')", CALLS, twice, known=known)
    assert "bad" in (report.load_error or "")


async def test_conditions_are_true_false_undefined_or_lost(engine: WebAssemblySandbox) -> None:
    """What raises, is no bool or names the unknown is undefined, what costs too much is lost; the rest is evaluated."""
    report = await engine.evaluate(
        ConditionRequest(
            expressions=(
                "x > old.x",
                "x",
                "1 // (x - 2) == 1",
                "len([0] * 10 ** 9) > 0",
                "all(isclose(y, 1.0) for y in [1.0])",
                "open('/etc/passwd') is None",
                "result == Money(cents=5, unit='EUR') and result.cents == 5",
                "x.append(1) is None",
                "not a condition",
            ),
            bindings=tuple(
                Binding(names={"x": ["int", str(n)], "result": MONEY_VALUE}, old={"x": ["int", "1"]}) for n in (1, 2, 3)
            ),
            records=(MONEY,),
        )
    )
    t, f, u, lost = Truth.TRUE, Truth.FALSE, Truth.UNDEFINED, Truth.LOST
    assert report.truths == (
        (f, u, f, lost, t, u, t, u, u),
        (t, u, u, lost, t, u, t, u, u),
        (t, u, t, lost, t, u, t, u, u),
    )


async def test_a_binding_that_ends_the_instance_is_lost_and_the_rest_go_on(engine: WebAssemblySandbox) -> None:
    """Endless evaluation costs its own binding only."""
    bindings = tuple(Binding(names={"x": ["int", str(n)]}) for n in range(4))
    expressions = ("x == 3 or sum(range(10 ** 11 * (x == 1))) == 0", "x >= 0")
    report = await engine.evaluate(ConditionRequest(expressions=expressions, bindings=bindings))
    t, lost = Truth.TRUE, Truth.LOST
    assert report.truths == ((t, t), (lost, lost), (t, t), (t, t))
    nothing = await engine.evaluate(ConditionRequest(expressions=("True",), bindings=()))
    assert nothing.truths == ()
