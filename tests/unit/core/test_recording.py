"""What is read of a recorder's answer, and which failing cases are made of calls."""

import sys
from typing import Any

import pytest

from millwright.core.recording import (
    MOST_CALLS,
    RECORDER,
    PartCalled,
    failing_case,
    recorded,
    recorder,
    same_outcome,
    strange_result,
)
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import TaskSpecification
from schemas.values import float_text


def _task(name: str = "twice", of: str = "int", **fields: Any) -> TaskSpecification:
    parameters = {"inputs": [{"name": "n", "type_annotation": of}], "outputs": [{"name": "r", "type_annotation": of}]}
    return TaskSpecification.model_validate({"id": name, "name": name, **parameters, **fields})


def _returned(value: Any) -> Outcome:
    return Outcome(kind=OutcomeKind.RETURNED, value=value)


def _calls(*calls: Any) -> Outcome:
    return _returned(["list", [["tuple", [["int", str(number)], ["list", list(given)]]] for number, given in calls]])


PARTS = (PartCalled("shop.twice", _task()), PartCalled("shop.name", _task("name", "str")))


def test_calls_are_read_by_part_each_once_in_order() -> None:
    """Equal calls are one; parts keep apart."""
    outcomes = [
        _calls((0, [["int", "2"]]), (1, [["str", "a"]]), (0, [["int", "2"]])),
        _calls((0, [["int", "1"]])),
        Outcome(kind=OutcomeKind.LOST),
    ]
    assert recorded(outcomes, PARTS) == (((["int", "2"],), (["int", "1"],)), ((["str", "a"],),))


@pytest.mark.parametrize(
    "call",
    [
        (0, [["str", "2"]]),
        (0, [["bool", True]]),
        (0, []),
        (0, [["int", "1"], ["int", "2"]]),
        (2, [["int", "1"]]),
        (999_999_999, [["int", "1"]]),
        (0, [["object", "Foreign"]]),
        (0, ["int"]),
    ],
)
def test_what_does_not_fit_a_part_is_no_call_of_it(call: Any) -> None:
    """Whatever untrusted code puts there: other types, other counts and unknown parts are left out."""
    assert recorded([_calls(call)], PARTS) == ((), ())
    assert recorded([_returned(["int", "1"]), _returned(["list", ["tuple", [["int", "x"]]]])], PARTS) == ((), ())


def test_where_a_float_is_declared_an_int_is_one_and_results_of_other_types_are_strange() -> None:
    """Arguments take the declared form, so that they can become an example; a wrong result is told from a loose one."""
    real = _task(of="float")
    (calls,) = recorded([_calls((0, [["int", "2"]]))], [PartCalled("shop.twice", real)])
    assert calls == ((["float", float_text(2.0)],),)
    case = failing_case(real, calls[0], _returned(["int", "4"]), "why")
    assert case is not None
    assert (case.inputs, case.expected_output) == ({"n": 2.0}, 4.0)
    assert not strange_result(real, _returned(["int", "4"]))
    assert strange_result(real, _returned(["str", "4"]))
    assert strange_result(_task(), _returned(["none"]))
    assert not strange_result(_task(), Outcome(kind=OutcomeKind.RAISED, exception="ValueError"))


def test_no_more_calls_are_looked_at_than_is_bearable() -> None:
    """A loop over a part gives a bounded number of calls."""
    many = _calls(*((0, [["int", str(number)]]) for number in range(100)))
    assert len(recorded([many], PARTS)[0]) == MOST_CALLS


def test_the_recorder_sees_calls_from_the_glue_and_from_other_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Arguments are taken before the call, by position however given; what the glue raises changes nothing."""
    modules = {
        "watched_shop/__init__.py": "",
        "watched_shop/twice.py": "def twice(n: list, by: int = 2):\n    n.append(by)\n    return n\n",
        "watched_shop/name.py": "from watched_shop.twice import twice\ndef name(n):\n    return twice(by=3, n=[n])\n",
        "watched_shop/glue.py": "from watched_shop.name import name\nfrom watched_shop.twice import twice\n"
        "def glue(n):\n    twice([n])\n    name(n)\n    raise ValueError('late')\n",
    }
    parts = [PartCalled("watched_shop.twice", _task()), PartCalled("watched_shop.name", _task("name"))]
    written = recorder("python", "watched_shop", "watched_shop.glue", "glue", parts)
    assert written is not None
    for name, text in {**modules, **written}.items():
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        function = getattr(__import__(RECORDER), RECORDER)
        assert function(7) == [(0, [[7], 2]), (1, [7]), (0, [[7], 3])]
    finally:
        for name in [name for name in sys.modules if name == RECORDER or name.startswith("watched_shop")]:
            del sys.modules[name]
    assert recorder("cobol", "shop", "shop.glue", "glue", parts) is None


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (_returned(["int", "2"]), _returned(["int", "2"]), True),
        (_returned(["int", "2"]), _returned(["int", "3"]), False),
        (_returned(["int", "2"]), Outcome(kind=OutcomeKind.RAISED, exception="ValueError"), False),
        (
            Outcome(kind=OutcomeKind.RAISED, exception="ValueError", message="a"),
            Outcome(kind=OutcomeKind.RAISED, exception="ValueError", message="b"),
            True,
        ),
        (Outcome(kind=OutcomeKind.LOST), _returned(["int", "3"]), True),
    ],
)
def test_outcomes_differ_only_where_something_is_known_of_both(a: Outcome, b: Outcome, same: bool) -> None:
    """A lost call says nothing; messages of exceptions do not matter."""
    assert same_outcome(_task(), a, b) is same


def test_a_failing_case_says_what_is_wanted_or_is_none() -> None:
    """A value or a known exception becomes an example; what JSON or the specification cannot say becomes none."""
    task = _task(errors=[{"name": "Refused", "base": "ValueError"}])
    case = failing_case(task, (["int", "3"],), _returned(["int", "6"]), "why")
    assert case is not None
    assert (case.inputs, case.expected_output, case.raises, case.tolerance) == ({"n": 3}, 6, None, None)
    raised = failing_case(task, (["int", "3"],), Outcome(kind=OutcomeKind.RAISED, exception="Refused"), "why")
    assert raised is not None
    assert (raised.raises, raised.name) == ("Refused", case.name)
    foreign = Outcome(kind=OutcomeKind.RAISED, exception="Unheard")
    assert failing_case(task, (["int", "3"],), foreign, "why") is None
    assert failing_case(task, (["int", "3"],), _returned(["object", "Foreign"]), "why") is None
    close = failing_case(_task(of="float"), (["float", float_text(1.0)],), _returned(["float", float_text(0.5)]), "why")
    assert close is not None
    assert close.tolerance
