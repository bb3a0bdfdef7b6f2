"""What is told of arguments: as they came when a call left them alone, and anew when it did not.

It judges no result. The same holds for a property that asks again for what is known.
"""

import pytest

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.sandbox.protocol import Malformed, read_outcome
from schemas.execution import Outcome, OutcomeKind, Program, PropertyRequest
from schemas.specification import Property
from schemas.values import Value
from tests.contract.sandbox_fixtures import ONE, call, outcome

pytestmark = pytest.mark.sandbox

TWO: Value = ["int", "2"]
LIST: Value = ["list", [ONE, TWO]]
ZERO: Value = ["float", "0x0.0p+0"]


@pytest.mark.parametrize(
    ("given", "source", "after"),
    [
        (LIST, "x.reverse()", ["list", [TWO, ONE]]),
        (LIST, "x.append(x)", ["object", "too large"]),
        (LIST, "x[0] = True", ["list", [["bool", True], TWO]]),
        (LIST, "x[1] = 2.0", ["list", [ONE, ["float", "0x1.0000000000000p+1"]]]),
        (LIST, "x[1] = type('I', (int,), {})(2)", ["list", [ONE, ["object", "I"]]]),
        (LIST, "x[:] = [(1, 2)]", ["list", [["tuple", [ONE, TWO]]]]),
        (["list", [ZERO]], "x[0] = -0.0", ["list", [["float", "-0x0.0p+0"]]]),
        (["list", [["bytes", "YQ=="]]], "x[0] = bytearray(b'a')", ["list", [["object", "bytearray"]]]),
        (["list", [["str", "a"]]], "x[0] = bytearray(b'a')", ["list", [["object", "bytearray"]]]),
        (["dict", [[ONE, TWO]]], "x[1] = x.pop(1) + 1", ["dict", [[ONE, ["int", "3"]]]]),
        (["dict", [[ONE, ONE], [TWO, TWO]]], "x[1] = x.pop(1)", ["dict", [[TWO, TWO], [ONE, ONE]]]),
        (LIST, "x.reverse(); raise ValueError", ["list", [TWO, ONE]]),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_change_is_told_by_its_exact_types(
    sandbox: BubblewrapSandbox, given: Value, source: str, after: Value
) -> None:
    """However equal a changed argument may be to what it was."""
    report = await call(sandbox, f"def f(x, y):\n    {source}", [given, ONE])
    assert report.outcomes[0].arguments_after == (after, ONE)


@pytest.mark.parametrize("given", [LIST, ["set", [ONE, TWO]], ZERO, ["dict", [[ONE, LIST]]], ["float", "nan"]], ids=str)
@pytest.mark.parametrize("source", ["return x", "raise ValueError(x)", "import marshal; marshal.dumps = None"])
async def test_what_a_call_left_alone_is_told_as_it_came(sandbox: BubblewrapSandbox, given: Value, source: str) -> None:
    """Whether it returned or raised."""
    assert (await outcome(sandbox, f"def f(x): {source}", given)).arguments_after == (given,)


def test_only_one_who_knows_the_arguments_takes_them_for_unchanged() -> None:
    """Without them nothing may be left out; with them, nothing else may stand there."""
    line = b'[0,"returned",["none"],null,0]'
    assert read_outcome(line, 0, [ONE])[0].arguments_after == (ONE,)
    with pytest.raises(Malformed):
        read_outcome(line, 0)
    for strange in (b"false", b"{}", b"0", b'""', b"[null]"):
        with pytest.raises(Malformed):
            read_outcome(line.replace(b"null", strange), 0, [ONE])


async def test_what_is_known_of_plain_arguments_holds_for_exactly_these(sandbox: BubblewrapSandbox) -> None:
    """Equal numbers of another type, other buffers, changed lists and second calls are asked for."""
    source = "def f(x, y):\n    return [type(x).__name__, len(x), y]"
    first = "def p(x, y): assert f(y=y, x=x) == 'known'"
    lines = "x.append(y)", "assert f(x, y) == ['list', 3, y]", "x.pop()", "assert f(x, y) == 'known'"
    changed = "def p(x, y):\n    " + "\n    ".join((*lines, "assert f(x, y) == ['list', 2, y]"))
    kind = "def p(x, y): assert f(x, True) == ['list', 2, True] and f(x, 1.0) == ['list', 2, 1.0]"
    partial = "def p(x): assert f(x, 1) == 'known'"
    known = Outcome(kind=OutcomeKind.RETURNED, value=["str", "known"])
    texts = (first, changed, kind, partial)
    report = await sandbox.check_properties(
        PropertyRequest(
            program=Program(modules={"m.py": source}, module="m", function="f"),
            properties=tuple(Property(name=f"p{n}", property_function=text) for n, text in enumerate(texts)),
            calls=((LIST, ONE), (LIST, ONE)),
            input_names=("x", "y"),
            known=(known, known),
        )
    )
    assert [(item.checked, item.failure, item.broken) for item in report.results] == [(2, None, None)] * len(texts)


async def test_another_buffer_is_not_taken_for_known_bytes(sandbox: BubblewrapSandbox) -> None:
    """Bytes and a bytearray of the same octets are two kinds of argument."""
    known = Outcome(kind=OutcomeKind.RETURNED, value=["str", "known"])
    text = "def p(x):\n    try: f(bytearray(x))\n    except TypeError: return\n    assert False, 'known of another'"
    report = await sandbox.check_properties(
        PropertyRequest(
            program=Program(modules={"m.py": "def f(x): raise TypeError"}, module="m", function="f"),
            properties=(Property(name="p", property_function=text),),
            calls=((["bytes", "YQ=="],),),
            input_names=("x",),
            known=(known,),
        )
    )
    assert report.results[0].failure is None
