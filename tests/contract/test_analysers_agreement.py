"""The warm type checker says what mypy's command line says, whatever the batch."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from millwright.adapters.analysis.batches import Bounds
from millwright.adapters.analysis.mypy_command import OPTIONS, WARMED, MypyCommand
from millwright.adapters.analysis.mypy_types import MypyTypes
from millwright.adapters.analysis.mypy_warm import WarmMypy
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool


def _parted(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\n") + "\n" for part in text.split("----\n"))


_SOURCES = _parted(Path(__file__).with_name("test_analysers_sources.txt").read_text(encoding="utf-8"))
_PACKAGE = {
    "shop/__init__.py": "",
    "shop/money.py": "class Money:\n    cents: int = 0\n\n\ndef parse(text: str) -> Money:\n    return Money()\n",
    "shop/_faulty.py": "def broken(x):\n    return x\n\n\nlimit: int = 'a'\n",
}
_OVER_A_PACKAGE = _parted(
    """
from shop.money import Money, parse


def f(text: str) -> Money:
    return parse(text).cents
----
from shop import money

print(money.nothing, money.Money(1))
----
from shop._faulty import broken, limit

x: str = broken(limit)
----
import shop.nowhere
from shop import nothing
----
from .money import Money

x: int = Money()
----
from .nowhere import Money
----
from shop.target import f


def g() -> int:
    return f
"""
)
_CASES = pytest.mark.parametrize(
    ("sources", "package"), [(_SOURCES, {}), (_OVER_A_PACKAGE, _PACKAGE)], ids=["alone", "package"]
)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> MypyTypes:
    """The type checker that only runs mypy's command line."""
    return MypyTypes(MypyCommand(tmp_path_factory.getbasetemp() / "types", Bounds()))


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MypyTypes]:
    """The type checker that asks a warm mypy."""
    command = MypyCommand(tmp_path_factory.getbasetemp() / "types", Bounds())
    types = MypyTypes(command, WarmMypy(OPTIONS, WARMED, Bounds()))
    yield types
    types.close()


def _requests(sources: tuple[str, ...], package: Mapping[str, str]) -> list[AnalysisRequest]:
    target = "shop/target.py" if package else "a_target.py"
    modules = ({**package, target: text} for text in sources)
    return [AnalysisRequest(tool=AnalysisTool.TYPES, modules=each, target=target) for each in modules]


def _codes(report: AnalysisReport) -> list[str]:
    return [finding.code for finding in report.findings]


@_CASES
async def test_a_warm_batch_has_the_command_lines_findings(
    sources: tuple[str, ...],
    package: Mapping[str, str],
    warm: MypyTypes,
    cold: MypyTypes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Codes, lines and messages are equal, and the warm mypy was at no fault."""
    requests = _requests(sources, package)
    found, expected = await warm.check(requests), await cold.check(requests)
    assert found == expected
    assert sum(bool(report.findings) for report in expected) > len(sources) * 0.7
    assert caplog.records == []


async def test_the_sources_show_much_of_what_mypy_can_say(warm: MypyTypes) -> None:
    """The comparison is not over a few kinds of error."""
    codes = {code for report in await warm.check(_requests(_SOURCES, {})) for code in _codes(report)}
    assert len(codes) >= 35, sorted(codes)


@_CASES
async def test_neither_batch_nor_order_changes_a_report(
    sources: tuple[str, ...], package: Mapping[str, str], warm: MypyTypes
) -> None:
    """A candidate alone, among all, and among all in another order has the same findings."""
    requests = _requests(sources, package)
    together = await warm.check(requests)
    assert [(await warm.check([request]))[0] for request in requests] == together
    for seed in range(3):
        order = random.Random(seed).sample(range(len(requests)), len(requests))
        found = await warm.check([requests[index] for index in order])
        assert found == [together[index] for index in order]


async def test_a_module_that_takes_a_loaded_ones_name_takes_its_place(
    warm: MypyTypes, cold: MypyTypes, caplog: pytest.LogCaptureFixture
) -> None:
    """A dependency named like a module of the standard library is what the candidate imports."""
    package = {"statistics.py": "def mean(text: str) -> str:\n    return text\n"}
    sources = ("import statistics\n\nx: float = statistics.mean([1.0])\n", "import random\n\nrandom.nothing\n")
    found = await warm.check(_requests(sources, package))
    assert found == await cold.check(_requests(sources, package))
    assert _codes(found[0]) == ["arg-type", "assignment"]
    assert caplog.records == []


async def test_what_one_batch_defines_the_next_does_not_find(warm: MypyTypes) -> None:
    """Nothing is left behind in the warm mypy."""
    source = ("import left_behind\n\ny: str = left_behind.x\n",)
    (there,) = await warm.check(_requests(source, {"left_behind.py": "x: int = 1\n"}))
    (gone,) = await warm.check(_requests(source, {}))
    assert (_codes(there), _codes(gone)) == (["assignment"], ["import-not-found"])


async def test_the_types_of_the_standard_library_are_not_written_to(warm: MypyTypes, tmp_path: Path) -> None:
    """A warm batch leaves no file in the candidates' cache."""
    command = MypyCommand(tmp_path, Bounds())
    types = await command.types()
    before = {path: path.read_bytes() for path in types.rglob("*") if path.is_file()}
    checker = MypyTypes(command, WarmMypy(OPTIONS, WARMED, Bounds()))
    await checker.check(_requests(_SOURCES[:5], {}))
    checker.close()
    assert {path: path.read_bytes() for path in types.rglob("*") if path.is_file()} == before
