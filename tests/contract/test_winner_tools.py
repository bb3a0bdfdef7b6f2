"""What the tools for winners promise: bandit's audit, and crosshair's search inside the sandbox."""

import importlib.util
from collections.abc import Iterator

import pytest

from millwright.adapters.analysis import bandit_audit
from millwright.adapters.analysis.bandit_audit import BanditAudit
from millwright.adapters.analysis.batches import Bounds, Checker
from millwright.adapters.analysis.crosshair_search import PROFILE, CrosshairSearch
from millwright.adapters.analysis.crosshair_values import fits
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.errors import AnalyserUnavailable
from schemas.execution import CommandReport, CommandRequest, Ending
from schemas.specification import Record, TaskSpecification
from schemas.types import parse_type
from schemas.values import Value
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool, Conclusion, Severity
from tests.contract.sandbox_fixtures import children

MONEY = Record.model_validate({"name": "Money", "fields": [{"name": "cents", "type_annotation": "int"}]})
RECORDS = "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Money:\n    cents: int\n"
GRAVE = "import subprocess\n\n\ndef f(x: str) -> int:\n    return subprocess.call(x, shell=True)  # nosec\n"
LIGHT = "import random\n\n\ndef f(x: int) -> int:\n    assert x\n    return random.randrange(x)\n"
CLEAN = "def f(x: int) -> int:\n    return x\n"


def _audit(source: str) -> AnalysisRequest:
    return AnalysisRequest(tool=AnalysisTool.AUDIT, modules={"shop/work.py": source}, target="shop/work.py")


class TestBandit:
    """The audit."""

    async def test_each_candidate_gets_its_own_findings(self) -> None:
        """Reports come in order, with bandit's codes and lines; no suppression is honoured, no file hides another."""
        checker: Checker = BanditAudit()
        reports = await checker.check([_audit(source) for source in (CLEAN, GRAVE, "def f(:\n", LIGHT)])
        told = [[(one.code, one.line, one.severity) for one in report.findings] for report in reports]
        assert told == [
            [],
            [("B404", 1, Severity.WARNING), ("B602", 5, Severity.ERROR)],
            [("syntax", 1, Severity.ERROR)],
            [("B101", 5, Severity.WARNING), ("B311", 6, Severity.WARNING)],
        ]

    async def test_an_audit_that_does_not_sing_is_not_believed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A tool that misses what it is given to find is at fault, and no candidate passes by it."""
        monkeypatch.setattr(bandit_audit, "_CANARY_TEXT", "silent = 1\n")
        with pytest.raises(AnalyserUnavailable, match="bandit is not usable"):
            await BanditAudit().check([_audit(CLEAN)])

    async def test_a_missing_tool_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says what to install."""
        monkeypatch.setattr(bandit_audit, "find_spec", lambda name: None)
        with pytest.raises(AnalyserUnavailable, match="bandit is not installed"):
            await BanditAudit().check([_audit(CLEAN)])

    async def test_an_audit_out_of_time_says_nothing_of_a_candidate(self) -> None:
        """A busy machine may be to blame."""
        with pytest.raises(AnalyserUnavailable, match="did not end"):
            await BanditAudit(Bounds(wall_seconds=0.01)).check([_audit(CLEAN)])


@pytest.fixture(scope="module")
def engine() -> Iterator[BubblewrapSandbox]:
    """Give one engine to all searches, and see that it leaves no process behind."""
    sandbox = BubblewrapSandbox()
    yield sandbox
    sandbox.close()
    assert children() == []


def _search(source: str, inputs: dict[str, str], post: list[str], pre: tuple[str, ...] = ()) -> AnalysisRequest:
    task = TaskSpecification.model_validate(
        {
            "id": "f",
            "name": "f",
            "inputs": [{"name": name, "type_annotation": of} for name, of in inputs.items()],
            "outputs": [{"name": "out", "type_annotation": "Any"}],
            "preconditions": [{"name": text, "expression": text} for text in pre],
            "postconditions": [{"name": text, "expression": text} for text in post],
            "records": [MONEY],
        }
    )
    modules = {"shop/__init__.py": "", "shop/records.py": RECORDS, "shop/work.py": source}
    return AnalysisRequest(tool=AnalysisTool.SYMBOLIC, modules=modules, target="shop/work.py", task=task)


async def _found(engine: BubblewrapSandbox, request: AnalysisRequest, seconds: float = 5.0) -> AnalysisReport:
    checker: Checker = CrosshairSearch(engine, seconds=seconds)
    (report,) = await checker.check([request])
    assert report.findings == ()
    return report


MAGIC = "def f(x):\n    return -1 if x == 123457 else abs(x)\n"
LEAP = "def f(y):\n    return y % 4 == 0 and y % 100 != 0\n"
SORTED_SET = "def f(xs):\n    return sorted(set(xs))\n"
PALINDROME = "def f(s):\n    return s == s[::-1] or len(s) == 3\n"
MUTATES = "def f(xs):\n    xs.sort()\n    return len(xs)\n"
SPENDS = "from shop.records import Money\n\n\ndef f(m):\n    return Money(m.cents - 1 if m.cents == 77 else m.cents)\n"
ABSOLUTE = "def f(x):\n    return -x if x < 0 else x\n"
CLAMP = "def f(v, low, high):\n    return max(low, min(v, high))\n"
HALF = "def f(a):\n    return a / 2\n"
LEAPS = "result == (y % 4 == 0 and (y % 100 != 0 or y % 400 == 0))"


class TestCrosshair:
    """The search."""

    @pytest.mark.parametrize(
        ("request_", "broken"),
        [
            (_search(MAGIC, {"x": "int"}, ["result >= 0"]), lambda x: x == 123457),
            (_search(LEAP, {"y": "int"}, [LEAPS], ("1 <= y <= 3000",)), lambda y: y % 400 == 0 and 1 <= y <= 3000),
            (
                _search(SORTED_SET, {"xs": "list[int]"}, ["result == xs"], ("len(set(xs)) == len(xs) <= 3",)),
                lambda xs: xs != sorted(xs),
            ),
            (_search(PALINDROME, {"s": "str"}, ["result == (s == s[::-1])"]), lambda s: len(s) == 3 and s != s[::-1]),
            (_search(MUTATES, {"xs": "list[int]"}, ["xs == old.xs"], ("len(xs) < 4",)), lambda xs: xs != sorted(xs)),
            (_search(SPENDS, {"m": "Money"}, ["result.cents == m.cents"]), lambda m: m == {"cents": 77}),
        ],
        ids=["a magic constant", "a rare case", "an order", "a text", "a mutation", "a record"],
    )
    async def test_a_wrong_candidate_is_refuted(
        self, engine: BubblewrapSandbox, request_: AnalysisRequest, broken: object
    ) -> None:
        """The counter-example comes as values of the declared types, is promised, and breaks the contract."""
        report = await _found(engine, request_)
        assert report.conclusion is Conclusion.REFUTED
        (claim,) = report.counterexamples
        assert callable(broken)
        assert broken(*map(_plain, claim))

    @pytest.mark.parametrize(
        "request_",
        [
            _search(ABSOLUTE, {"x": "int"}, ["result >= 0", "result == x or result == -x"]),
            _search(CLAMP, {"v": "int", "low": "int", "high": "int"}, ["low <= result <= high"], ("low <= high",)),
        ],
        ids=["absolute", "clamp"],
    )
    async def test_a_small_right_candidate_is_confirmed(
        self, engine: BubblewrapSandbox, request_: AnalysisRequest
    ) -> None:
        """All its paths were seen."""
        assert (await _found(engine, request_)).conclusion is Conclusion.CONFIRMED

    async def test_infinite_floats_are_no_counterexample(self, engine: BubblewrapSandbox) -> None:
        """A contract over them would speak of their arithmetic, and not of the candidate."""
        request = _search(HALF, {"a": "float"}, ["result - result == 0.0"])
        assert (await _found(engine, request, seconds=1.0)).conclusion is not Conclusion.REFUTED

    async def test_a_search_that_does_not_end_is_undecided_in_time(self, engine: BubblewrapSandbox) -> None:
        """Seconds of CPU bound the search, and the profile what does not heed them."""
        grows = "def f(x):\n    n = 0\n    while n != x:\n        n += 1\n    return n\n"
        symbolic = await _found(engine, _search(grows, {"x": "int"}, ["result == x"]), seconds=1.0)
        assert symbolic.conclusion is Conclusion.UNDECIDED
        assert "not all paths" in symbolic.detail
        endless = _search("def f(x):\n    while True:\n        pass\n", {"x": "int"}, ["result == x"])
        profile = PROFILE.model_copy(update={"cpu_seconds": 2.0})
        (report,) = await CrosshairSearch(engine, profile=profile).check([endless])
        assert (report.conclusion, report.counterexamples) == (Conclusion.UNDECIDED, ())
        assert "in time" in report.detail

    @pytest.mark.parametrize(
        "source",
        [
            "import os\n\n\ndef f(x):\n    os._exit(0)\n",
            "import nothing_of_this_name\n",
            "raise SystemExit\n",
            "def f(x):\n    raise KeyboardInterrupt\n",
            "def g(x):\n    return x\n",
        ],
        ids=["exits", "imports", "stops", "interrupts", "has no function"],
    )
    async def test_what_cannot_be_searched_is_undecided(self, engine: BubblewrapSandbox, source: str) -> None:
        """Whatever a candidate does to the search says nothing for it, and nothing against it."""
        report = await _found(engine, _search(source, {"x": "int"}, ["result == x"]))
        assert (report.conclusion, report.counterexamples) == (Conclusion.UNDECIDED, ())
        assert report.detail

    async def test_an_exception_breaks_no_condition(self, engine: BubblewrapSandbox) -> None:
        """It is behaviour, for the other layers to look at."""
        source = "def f(x):\n    if x < 0:\n        raise ValueError(x)\n    return x\n"
        report = await _found(engine, _search(source, {"x": "int"}, ["result >= 0"]))
        assert report.conclusion is Conclusion.CONFIRMED

    async def test_the_search_sees_neither_the_host_nor_a_network(self, engine: BubblewrapSandbox) -> None:
        """The candidate runs in the sandbox: what it finds out there is what its counter-example would show."""
        source = (
            "import socket\nfrom pathlib import Path\n\n\ndef _seen():\n    try:\n        socket.socket()\n"
            "        socket.create_connection(('1.1.1.1', 53), 0.2)\n        return True\n    except OSError:\n"
            "        return Path('/etc/passwd').exists() or Path('/proc/1/environ').exists()\n\n\n_SEEN = _seen()\n\n\n"
            "def f(x):\n    return 1 if _SEEN else 0\n"
        )
        report = await _found(engine, _search(source, {"x": "int"}, ["result == 0"]))
        assert report.conclusion is Conclusion.CONFIRMED


def _plain(value: Value) -> object:
    match value:
        case ["int", str() as digits]:
            return int(digits)
        case ["str", str() as text]:
            return text
        case ["list", list() as items]:
            return [_plain(item) for item in items if isinstance(item, list)]
        case ["record", "Money", [["cents", ["int", str() as digits]]]]:
            return {"cents": int(digits)}
        case _:
            raise AssertionError(value)


class _Answering(BubblewrapSandbox):
    """A sandbox whose commands end as they are told to, in turn; it starts nothing."""

    def __init__(self, *answers: bytes | None) -> None:
        self._left = list(answers)
        self.asked: list[CommandRequest] = []

    async def run(self, request: CommandRequest) -> CommandReport:
        self.asked.append(request)
        answer = self._left.pop(0)
        files = {} if answer is None else {"millwright_answer.json": answer}
        status = 1 if answer is None else 0
        return CommandReport(exit_status=status, ending=Ending.COMPLETED, stdout="", stderr="Why.", files=files)


SOUND = b'{"conclusion": "refuted", "claims": [[["int", "7"]]]}'
ASKED = _search(ABSOLUTE, {"x": "int"}, ["result >= 0"])


class TestAnswers:
    """What is made of the search's answer, which a candidate could have forged."""

    async def test_the_search_has_a_profile_of_its_own(self) -> None:
        """The tool's packages are there, and the limits are those of a search."""
        sandbox = _Answering(SOUND)
        await CrosshairSearch(sandbox).check([ASKED])
        (asked,) = sandbox.asked
        assert (asked.with_packages, asked.limits) == (True, PROFILE)

    @pytest.mark.parametrize(
        "answer",
        [
            b"\xff",
            b"[]",
            b"{}",
            b'{"conclusion": "sure"}',
            b'{"conclusion": "refuted"}',
            b'{"conclusion": "refuted", "claims": [[["str", "7"]], [["int", "7"], ["int", "7"]], 7, [["int", "x"]]]}',
            b"[" * 100_000,
        ],
    )
    async def test_what_is_not_understood_is_undecided(self, answer: bytes) -> None:
        """No value of another type or shape goes on from here."""
        (report,) = await CrosshairSearch(_Answering(answer, SOUND)).check([ASKED])
        assert (report.conclusion, report.counterexamples) == (Conclusion.UNDECIDED, ())
        assert report.detail

    async def test_without_an_answer_the_tool_is_tried_on_its_own(self) -> None:
        """Where it works otherwise, the candidate is what cannot be searched; that it works is asked once."""
        sandbox = _Answering(None, SOUND, None)
        search = CrosshairSearch(sandbox)
        for _ in range(2):
            (report,) = await search.check([ASKED])
            assert report.conclusion is Conclusion.UNDECIDED
            assert "Why." in report.detail
        assert len(sandbox.asked) == 3

    @pytest.mark.parametrize("control", [None, b'{"conclusion": "confirmed"}', b'{"unusable": "silent"}'])
    async def test_a_tool_that_does_not_work_is_unavailable(self, control: bytes | None) -> None:
        """It is an error to be tried again, and says nothing of a candidate."""
        with pytest.raises(AnalyserUnavailable, match="crosshair is not usable"):
            await CrosshairSearch(_Answering(None, control)).check([ASKED])

    async def test_a_tool_that_does_not_sing_is_unavailable(self) -> None:
        """The search looks for a known counter-example before each candidate's."""
        with pytest.raises(AnalyserUnavailable, match="crosshair is not usable"):
            await CrosshairSearch(_Answering(b'{"unusable": "it did not find it"}')).check([ASKED])

    async def test_the_driver_is_where_it_is_read(self) -> None:
        """The file that runs inside comes with the package, and asks for nothing of Millwright's there."""
        spec = importlib.util.find_spec("millwright.adapters.analysis.crosshair_driver")
        sandbox = _Answering(SOUND)
        await CrosshairSearch(sandbox).check([ASKED])
        assert spec is not None
        assert spec.loader is not None
        driver = sandbox.asked[0].files["millwright_driver.py"]
        assert "import millwright" not in driver
        assert "from millwright" not in driver


@pytest.mark.parametrize(
    ("value", "of", "fitting"),
    [
        (["int", "-12"], "int", True),
        (["int", "1_2"], "int", False),
        (["bool", True], "int", False),
        (["bool", True], "bool", True),
        (["float", "0x1.8000000000000p+1"], "float", True),
        (["float", "nan"], "float", False),
        (["str", "a\nb"], "str", True),
        (["str", "\ud800"], "str", False),
        (["bytes", "AQA="], "bytes", True),
        (["bytes", "A"], "bytes", False),
        (["none"], "int | None", True),
        (["none"], "int", False),
        (["list", [["int", "1"], ["str", "x"]]], "list[int]", False),
        (["list", [["int", "1"], ["str", "x"]]], "list[int | str]", True),
        (["tuple", [["int", "1"]]], "tuple[int, int]", False),
        (["tuple", [["int", "1"], ["int", "2"]]], "tuple[int, ...]", True),
        (["set", [["int", "1"]]], "list[int]", False),
        (["dict", [[["str", "k"], ["int", "1"]]]], "dict[str, int]", True),
        (["dict", [[["str", "k"]]]], "dict[str, int]", False),
        (["dict", [["str", "k"]]], "dict[str, int]", False),
        (["record", "Money", [["cents", ["int", "1"]]]], "Money", True),
        (["record", "Money", [["cents", ["str", "1"]]]], "Money", False),
        (["record", "Money", []], "Money", False),
        (["record", "Other", [["cents", ["int", "1"]]]], "Money", False),
        (["list", [["none"], ["list", [["str", ""]]]]], "Any", True),
        (["object", "X"], "Any", False),
        ([], "Any", False),
        ("int", "int", False),
    ],
)
def test_only_wellformed_values_of_the_type_fit(value: Value, of: str, fitting: bool) -> None:
    """Tags, texts and members must all be of the declared type."""
    records = {"Money": MONEY}
    assert fits(value, parse_type(of, records), records) is fitting
