"""What every sandbox promises of properties and conditions, held against the bubblewrap engine.

The candidate and what judges it never share a process.
"""

import time

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.errors import BadInput
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

pytestmark = pytest.mark.sandbox


async def check_properties(
    sandbox: BubblewrapSandbox,
    source: str,
    *properties: str,
    limits: Limits = LIMITS,
    known: tuple[Outcome, ...] = (),
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
    return await sandbox.check_properties(
        PropertyRequest(
            program=program,
            properties=tuple(Property(name=f"p{i}", property_function=text) for i, text in enumerate(properties)),
            calls=tuple((["int", str(n)], MONEY_VALUE) for n in (1, 2, 3)),
            input_names=("n", "money"),
            known=known,
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


async def test_properties_hold_fail_or_are_broken(sandbox: BubblewrapSandbox) -> None:
    """Each property gets its own result, with the failing argument list and the line."""
    report = await check_properties(
        sandbox,
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


async def test_a_candidate_that_gives_no_answer_fails_the_property(sandbox: BubblewrapSandbox) -> None:
    """Silence is the candidate's failure, whatever the property catches, and the next property is still checked."""
    catching = "def p(n, money):\n    try:\n        f(n, money)\n    except BaseException:\n        pass"
    source = "import os, time\ndef f(n, money):\n    if n == 2: time.sleep(60)\n    if n == 3: os._exit(0)"
    report = await check_properties(
        sandbox, source, catching, catching.replace("f(n", "f(3"), limits=Limits(call_seconds=1)
    )
    for result, index in zip(report.results, (1, 0), strict=True):
        assert result.failure is not None
        assert result.failure.call == index
        assert "no answer" in result.failure.reason
    assert report.ending is Ending.TIMED_OUT


async def test_a_property_that_never_ends_is_broken(sandbox: BubblewrapSandbox) -> None:
    """A property's own time and process are not the candidate's."""
    limits = Limits(wall_seconds=1)
    report = await check_properties(
        sandbox, ADD, "def p(n, money):\n    while True: pass", "import os\nos._exit(0)", limits=limits
    )
    assert [item.broken is not None for item in report.results] == [True, True]
    assert [item.failure for item in report.results] == [None, None]


async def test_a_property_does_not_see_the_candidate(sandbox: BubblewrapSandbox) -> None:
    """No source, module or class of the candidate's is in the property's process."""
    looking = (
        "import sys\ndef p(n, money):\n    assert 'work' not in sys.modules\n    assert not hasattr(f, '__code__')"
    )
    assert (await check_properties(sandbox, ADD, looking)).results[0].failure is None


async def test_a_candidate_that_does_not_load_leaves_properties_unchecked(sandbox: BubblewrapSandbox) -> None:
    """The reason is the report's, not a property's."""
    report = await check_properties(sandbox, "raise ValueError('bad')", "def p(n): pass", "def q(n): pass")
    assert "bad" in (report.load_error or "")
    assert [(item.checked, item.failure, item.broken) for item in report.results] == [(0, None, None)] * 2


async def test_conditions_are_true_false_undefined_or_lost(sandbox: BubblewrapSandbox) -> None:
    """What raises, is no bool or names the unknown is undefined, what costs too much is lost; the rest is evaluated."""
    report = await sandbox.evaluate(
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


async def test_a_binding_that_kills_the_process_is_lost_and_the_rest_go_on(sandbox: BubblewrapSandbox) -> None:
    """Endless evaluation costs its own binding only."""
    bindings = tuple(Binding(names={"x": ["int", str(n)]}) for n in range(4))
    expressions = ("x == 3 or sum(range(10 ** 11 * (x == 1))) == 0", "x >= 0")
    report = await sandbox.evaluate(ConditionRequest(expressions=expressions, bindings=bindings))
    t, lost = Truth.TRUE, Truth.LOST
    assert report.truths == ((t, t), (lost, lost), (t, t), (t, t))
    nothing = await sandbox.evaluate(ConditionRequest(expressions=("True",), bindings=()))
    assert nothing.truths == ()


async def test_an_evaluation_that_keeps_being_lost_is_given_up(sandbox: BubblewrapSandbox) -> None:
    """Two bindings may cost their time; the rest are lost without being tried."""
    bindings = tuple(Binding(names={"x": ["int", str(n)]}) for n in range(30))
    started = time.monotonic()
    report = await sandbox.evaluate(ConditionRequest(expressions=("sum(range(10 ** 11)) == x",), bindings=bindings))
    assert report.truths == ((Truth.LOST,),) * 30
    assert time.monotonic() - started < 20


async def test_each_input_of_a_property_has_the_output_limit_to_itself(sandbox: BubblewrapSandbox) -> None:
    """Large values on many inputs are no flood; one that is too large still is."""
    limits = LIMITS.model_copy(update={"output_bytes": 50_000})
    source = "def f(n, money): return 'x' * 30_000 * min(n, 5)"
    report = await check_properties(
        sandbox,
        source,
        "def p(n, money): assert len(f(1, money)) == 30_000",
        "def q(n, money): f(1, money); f(1, money)",
        "def r(n, money): f(4, money)",
        limits=limits,
    )
    fine, twice, flood = report.results
    assert (fine.checked, fine.failure, fine.broken) == (3, None, None)
    for result in (twice, flood):
        assert result.failure is not None
        assert (result.failure.call, "more output" in result.failure.reason) == (0, True)


async def test_a_property_that_calls_for_ever_is_broken(sandbox: BubblewrapSandbox) -> None:
    """Whether it makes too many calls, or spends all the time on those of one input."""
    endless = "def p(n, money):\n    while True: f(n, money)"
    report = await check_properties(sandbox, ADD, endless)
    assert report.results[0].failure is None
    assert report.results[0].broken == "the property makes more than 1000 calls on one input"
    slow = "import time\ndef f(n, money): time.sleep(0.2)"
    report = await check_properties(sandbox, slow, endless, limits=Limits(wall_seconds=2))
    assert report.results[0].failure is None
    assert "take all its time" in (report.results[0].broken or "")


def returned(*cents: int) -> tuple[Outcome, ...]:
    """Give known outcomes: Money of so many cents each."""
    return tuple(
        Outcome(
            kind=OutcomeKind.RETURNED,
            value=["record", "Money", [["cents", ["int", str(number)]], ["unit", ["str", "EUR"]]]],
        )
        for number in cents
    )


async def test_known_outcomes_are_believed_without_a_process(sandbox: BubblewrapSandbox) -> None:
    """A property that asks only for what is known needs no candidate: one that cannot even be loaded is not noticed."""
    report = await check_properties(
        sandbox,
        "raise ValueError('never loaded')",
        "def p0(n, money): assert f(n, money).cents == n + 5",
        "def p1(n, money): assert f(money=money, n=n).cents < 8, 'too many'",
        "def p2(n): pass",
        known=returned(6, 7, 8),
    )
    held, failed, idle = report.results
    assert report.load_error is None
    assert (held.checked, held.failure, held.broken) == (3, None, None)
    assert failed.failure is not None
    assert (failed.failure.call, failed.failure.reason) == (2, "assertion failed at line 1: too many")
    assert (idle.checked, idle.failure) == (3, None)
    assert not report.called


async def test_other_calls_go_to_a_living_candidate(sandbox: BubblewrapSandbox) -> None:
    """A second call, other arguments, arguments that were changed and lost outcomes are asked for."""
    again = "def p0(n, money):\n    a = f(n, money).cents\n    b = f(n, money).cents\n    assert (a, b) == (0, n + 5)"
    other = "def p1(n, money): assert f(n + 1, money).cents == n + 6"
    kind = "def p2(n, money): assert f(float(n), money).cents == n + 5"
    report = await check_properties(sandbox, ADD, again, other, kind, known=returned(0, 0, 0))
    assert [(item.checked, item.failure, item.broken) for item in report.results] == [(3, None, None)] * 3
    assert report.called
    known = (*returned(0), Outcome(kind=OutcomeKind.LOST, message="gone"), *returned(0))
    lost = "def p3(n, money): assert f(n, money).cents == (7 if n == 2 else 0)"
    report = await check_properties(sandbox, ADD, lost, known=known)
    assert report.results[0].failure is None
    assert report.called


async def test_known_exceptions_are_raised_again(sandbox: BubblewrapSandbox) -> None:
    """They are the candidate's, caught or not."""
    raised = Outcome(kind=OutcomeKind.RAISED, exception="TooPoor", exception_bases=("ValueError",), message="no")
    catching = "def p0(n, money):\n    try: f(n, money)\n    except TooPoor as error: assert str(error) == 'no'"
    report = await check_properties(
        sandbox, "x = 1", catching, "def p1(n, money): f(n, money)", known=(raised, raised, raised)
    )
    caught, uncaught = report.results
    assert (caught.checked, caught.failure) == (3, None)
    assert uncaught.failure is not None
    assert uncaught.failure.reason == "the candidate raised TooPoor: no"


async def test_a_candidate_that_does_not_load_is_noticed_when_it_is_asked(sandbox: BubblewrapSandbox) -> None:
    """The whole report says so then."""
    report = await check_properties(
        sandbox, "raise ValueError('bad')", "def p(n, money): f(n + 1, money)", known=returned(6, 7, 8)
    )
    assert "bad" in (report.load_error or "")
    assert report.results[0].checked == 0


AHEAD = """
import os
for n in range(9):
    os.write(4, b'[%d,"returned",["int","7"],[],0]\\n' % n)
def f(n, money): return 0
"""


@pytest.mark.parametrize("known", [(), returned(0, 0, 0)])
async def test_answers_written_ahead_make_no_property_hold(
    sandbox: BubblewrapSandbox, known: tuple[Outcome, ...]
) -> None:
    """A candidate's process has to end as cleanly as with plain calls: with nothing said but what was asked."""
    source = AHEAD.replace("import os", "import os\nos.write(4, b'[\"loaded\",null]\\n')")
    report = await check_properties(sandbox, source, "def p0(n, money): assert f(n + 10, money) == 7", known=known)
    failure = report.results[0].failure
    assert failure is not None
    assert (failure.reason.startswith("the candidate gave no proper answer"), report.ending) == (True, Ending.MALFORMED)


async def test_a_candidate_that_ends_cleanly_is_believed(sandbox: BubblewrapSandbox) -> None:
    """What it was asked and what it was not make no difference."""
    report = await check_properties(
        sandbox,
        "def f(n, money): return n",
        "def p0(n, money): assert f(n, money) == n and f(n + 1, money) == n + 1",
        "def p1(n, money): assert n > 0",
    )
    assert [(item.checked, item.failure, item.broken) for item in report.results] == [(3, None, None)] * 2
    assert report.ending is Ending.COMPLETED


async def test_known_outcomes_must_be_one_for_each_call(sandbox: BubblewrapSandbox) -> None:
    """Else nobody knows which is whose."""
    with pytest.raises(BadInput, match="2 known outcomes for 3 calls"):
        await check_properties(sandbox, ADD, "def p(n): pass", known=returned(1, 2))
