"""What an analyser promises: findings per candidate and in order, whatever else is in the batch."""

import asyncio
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from millwright.adapters.analysis import mypy_command, mypy_types, ruff_lint
from millwright.adapters.analysis.batches import Bounds, Ended, run_bounded
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from millwright.errors import AnalyserUnavailable
from millwright.ports import Analyser
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool, Finding

_OWN = (AnalysisTool.TYPES, AnalysisTool.TYPES_COLD, AnalysisTool.LINT)
_GOOD = "def increment(number: int) -> int:\n    return number + 1\n"
_PACKAGE = {
    "shop/__init__.py": "",
    "shop/money.py": "def parse(text: str) -> int:\n    return int(text)\n",
}


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    """One analyser for all tests, so that the standard library's types are read once."""
    shared = StaticAnalyser()
    yield shared
    shared.close()


def _request(source: str, tool: AnalysisTool = AnalysisTool.TYPES, complexity: int = 10) -> AnalysisRequest:
    modules = {**_PACKAGE, "shop/total.py": source}
    return AnalysisRequest(tool=tool, modules=modules, target="shop/total.py", max_complexity=complexity)


def _lint(source: str, complexity: int = 10) -> AnalysisRequest:
    return _request(source, AnalysisTool.LINT, complexity)


def _codes(report: AnalysisReport) -> list[str]:
    return [finding.code for finding in report.findings]


async def test_each_candidate_gets_its_own_findings(analyser: Analyser) -> None:
    """Reports come in order, with codes and lines, and one candidate's syntax error hides no other's faults."""
    sources = [
        _GOOD,
        "def f(x):\n    return x\n",
        "def f(:\n",
        "from shop.money import parse\n\n\ndef f(text: str) -> str:\n    return parse(text)\n",
        "import numpy\n",
    ]
    reports = await analyser.analyse([_request(source) for source in sources])
    assert [_codes(report) for report in reports] == [
        [],
        ["no-untyped-def"],
        ["syntax"],
        ["return-value"],
        ["import-not-found"],
    ]
    assert [report.findings[0].line for report in reports[1:]] == [1, 1, 5, 1]


async def test_a_candidate_is_judged_alike_alone_and_among_others(analyser: Analyser) -> None:
    """A report does not depend on the batch: messages name the candidate's true module."""
    source = "class T:\n    pass\n\n\ndef f(x: int) -> T:\n    return x\n\n\nf.nothing\n"
    others = [_request(_GOOD + f"# {number}\n") for number in range(5)]
    (alone,) = await analyser.analyse([_request(source)])
    among = await analyser.analyse([*others, _request(source), *others])
    assert among[5] == alone
    assert _codes(alone) == ["return-value", "attr-defined"]
    assert not any("candidate" in finding.message for finding in alone.findings)
    assert all(report.findings == () for report in (*among[:5], *among[6:]))


async def test_candidates_with_other_dependencies_do_not_meet(analyser: Analyser) -> None:
    """The same source over two versions of a dependency is checked against each."""
    source = "from shop.money import parse\n\nprice: int = parse('1')\n"
    changed = {**_PACKAGE, "shop/money.py": "def parse(text: str) -> str:\n    return text\n"}
    request = _request(source)
    other = request.model_copy(update={"modules": {**changed, request.target: source}})
    reports = await analyser.analyse([request, other, request])
    assert [_codes(report) for report in reports] == [[], ["assignment"], []]


async def test_a_candidate_in_its_package_may_be_imported_and_import_relatively(analyser: Analyser) -> None:
    """Where the package refers to the candidate, or the candidate to its package, it sits in its true place."""
    source = "from .money import parse\n\nprice: str = parse('1')\n"
    modules = {**_PACKAGE, "shop/__init__.py": "from shop.total import price as price\n", "shop/total.py": source}
    request = AnalysisRequest(tool=AnalysisTool.TYPES, modules=modules, target="shop/total.py")
    reports = await analyser.analyse([request, _request(source)])
    assert [_codes(report) for report in reports] == [["assignment"], ["assignment"]]


async def test_findings_elsewhere_are_not_reported(analyser: Analyser) -> None:
    """A fault in a dependency is not the candidate's."""
    modules = {"shop/money.py": "import os\nx: int = 'a'\n", "shop/total.py": "import shop.money as m\n\nprint(m.x)\n"}
    both = [AnalysisRequest(tool=tool, modules=modules, target="shop/total.py") for tool in _OWN]
    assert [report.findings for report in await analyser.analyse(both)] == [()] * len(_OWN)


async def test_lint_reports_its_families_and_honours_no_suppression(analyser: Analyser) -> None:
    """Pyflakes, bugbear and security codes come through, also beside ``noqa``."""
    reports = await analyser.analyse(
        [
            _lint("import os\n"),
            _lint("import os  # noqa\n"),
            _lint("def f(x: list[int] = []) -> None:\n    print(x)\n"),
            _lint("eval('1')\n"),
            _lint("def f(:\n"),
            _lint(_GOOD),
        ]
    )
    assert [_codes(report) for report in reports] == [["F401"], ["F401"], ["B006"], ["S307"], ["invalid-syntax"], []]


async def test_each_request_has_its_own_limit_of_complexity(analyser: Analyser) -> None:
    """The same source passes under one limit and is reported under another."""
    source = (
        "def f(n: int) -> int:\n"
        + "".join(f"    if n == {i}:\n        return {i}\n" for i in range(5))
        + "    return n\n"
    )
    reports = await analyser.analyse([_lint(source, 6), _lint(source, 5), _lint(source, 6)])
    assert [_codes(report) for report in reports] == [[], ["C901"], []]
    assert "(6 > 5)" in reports[1].findings[0].message


@pytest.mark.parametrize("tool", _OWN)
async def test_sources_that_break_tools_are_findings_of_their_own(analyser: Analyser, tool: AnalysisTool) -> None:
    """Sources that overflow parsers are findings; the good candidate beside them stays good."""
    deep = ["-" * 100_000 + "1\n", "x = " + "+".join("1" * 20_000) + "\n", "x = '\x00'\n", "x = '\ud800'\n"]
    reports = await analyser.analyse([*(_request(source, tool) for source in deep), _request(_GOOD, tool)])
    assert [len(report.findings) for report in reports] == [1, 1, 1, 1, 0]


async def test_candidates_are_never_executed(analyser: Analyser, tmp_path: Path) -> None:
    """Analysing a module runs none of its code."""
    mark = tmp_path / "ran"
    source = f"from pathlib import Path\n\nPath({str(mark)!r}).touch()\n"
    await analyser.analyse([_request(source, tool) for tool in _OWN])
    assert not mark.exists()


async def test_nothing_is_left_once_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where something still refers to it; and it can be used again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    analyser = StaticAnalyser()
    for name in ("f", "g"):
        source = f"def {name}(n: int) -> str:\n    return n\n"
        (report,) = await analyser.analyse([_request(source, AnalysisTool.TYPES_COLD)])
        assert _codes(report) == ["return-value"]
        assert os.listdir(tmp_path) != []
        analyser.close()
        assert os.listdir(tmp_path) == []


async def test_an_empty_batch_has_no_reports(analyser: Analyser) -> None:
    """Nothing asked, nothing answered."""
    assert await analyser.analyse([]) == ()


async def test_batches_may_run_at_once(analyser: Analyser) -> None:
    """Two batches at the same time do not disturb each other."""
    good, bad = _request(_GOOD), _request("def f(x):\n    return x\n")
    pairs = await asyncio.gather(*(analyser.analyse([good, bad]) for _ in range(3)))
    assert [[_codes(report) for report in pair] for pair in pairs] == [[[], ["no-untyped-def"]]] * 3


def _fake_ruff(folder: Path, body: str) -> Path:
    program = folder / "ruff"
    program.write_text(f"#!{sys.executable} -IS\nimport sys\n{body}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.parametrize("body", ["print('[]')", "print('garbage')", "sys.exit(101)", "import os; os.abort()"])
async def test_a_tool_that_misses_a_known_error_is_not_believed(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A linter that says nothing, or nonsense, or dies is an error and no clean bill."""
    program = _fake_ruff(tmp_path, body)
    monkeypatch.setattr(ruff_lint, "_ruff", lambda: str(program))
    with pytest.raises(AnalyserUnavailable, match=r"ruff is not usable"):
        await StaticAnalyser(tmp_path / "types").analyse([_lint(_GOOD)])


async def test_a_type_checker_that_misses_a_known_error_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A type checker that does not see the planted error is an error and no clean bill."""
    monkeypatch.setattr(mypy_types, "_CANARY_TEXT", "CANARY: int = 1\n")
    with pytest.raises(AnalyserUnavailable, match="mypy is not usable"):
        await StaticAnalyser(tmp_path).analyse([_request(_GOOD)])


async def test_a_tool_that_does_not_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool past its time says nothing of the candidate."""
    program = _fake_ruff(tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(ruff_lint, "_ruff", lambda: str(program))
    with pytest.raises(AnalyserUnavailable, match=r"did not end within 0\.3 s"):
        await StaticAnalyser(tmp_path / "types", Bounds(wall_seconds=0.3)).analyse([_lint(_GOOD)])


async def test_a_candidate_that_kills_the_tool_is_at_fault_where_a_control_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source on which the tool dies has that as its finding; the others in the batch keep theirs."""
    complaint = '{"code": "F821", "message": "m", "location": {"row": 1}, "filename": "canary.py"}'
    body = f"""
for name in sys.argv:
    if name.startswith("candidate") and "deadly" in open(name).read():
        import os
        os.abort()
print('[{complaint}]')
sys.exit(1)
"""
    program = _fake_ruff(tmp_path, body)
    monkeypatch.setattr(ruff_lint, "_ruff", lambda: str(program))
    batch = [_lint(_GOOD), _lint("x = 1  # deadly\n"), _lint(_GOOD + "# another\n")]
    reports = await StaticAnalyser(tmp_path / "types").analyse(batch)
    assert [_codes(report) for report in reports] == [[], ["tool-failure"], []]


_KILLABLE = """
import os
from pathlib import Path
complaint = '{"code": "F821", "message": "m", "location": {"row": 1}, "filename": "canary.py"}'
texts = "".join(open(name).read() for name in sys.argv[1:] if name.endswith(".py"))
marks = Path(__file__).with_name("kills")
for mark in sorted(marks.iterdir()):
    if mark.name.partition("-")[0] in texts:
        mark.unlink()
        os.kill(os.getpid(), 9)
if "deadly" in texts:
    os.abort()
print('[' + complaint + ']')
sys.exit(1)
"""
"""A linter that is killed once for each mark with a word of what it is given, and dies by itself of another word."""


@pytest.fixture
def kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Say how often the linter is killed from now on when it is given a word."""
    program = _fake_ruff(tmp_path, _KILLABLE)
    monkeypatch.setattr(ruff_lint, "_ruff", lambda: str(program))
    marks = tmp_path / "kills"
    marks.mkdir()

    def _kill(word: str, times: int) -> None:
        for mark in marks.iterdir():
            mark.unlink()
        for number in range(times):
            (marks / f"{word}-{number}").touch()

    return _kill


async def test_a_tool_that_strangers_kill_says_nothing_of_candidates(
    kill: Callable[[str, int], None], tmp_path: Path
) -> None:
    """It runs again, among others as alone; only where it is killed each time there is no answer, and no finding."""
    analyser = StaticAnalyser(tmp_path / "types")
    batch = [_lint(_GOOD + f"# {name}\n") for name in ("one", "two", "three")]
    for times in (1, 2, 5):  # the whole batch takes three of these
        kill("one", times)
        reports = await StaticAnalyser(tmp_path / "types").analyse(batch)
        assert [_codes(report) for report in reports] == [[], [], []]
    kill("one", 6)
    with pytest.raises(AnalyserUnavailable, match="killed from outside"):
        await analyser.analyse(batch)
    assert [_codes(report) for report in await analyser.analyse(batch)] == [[], [], []]


async def test_a_tool_that_is_killed_on_a_control_runs_on_it_again(
    kill: Callable[[str, int], None], tmp_path: Path
) -> None:
    """A candidate that the tool dies of has its finding all the same; without a control there is none."""
    analyser = StaticAnalyser(tmp_path / "types")
    kill("control", 2)
    (report,) = await analyser.analyse([_lint("x = 1  # deadly\n")])
    assert _codes(report) == ["tool-failure"]
    kill("control", 3)
    with pytest.raises(AnalyserUnavailable, match="ruff is not usable: it was killed from outside"):
        await analyser.analyse([_lint("x = 1  # deadly\n")])


async def test_a_killed_type_checker_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither while the standard library's types are read nor later is a kill the end of it."""
    left = [2]

    async def killed(command: Sequence[str], folder: Path, bounds: Bounds) -> Ended:
        if left[0]:
            left[0] -= 1
            return await run_bounded(
                (sys.executable, "-IS", "-c", "import os; os.kill(os.getpid(), 9)"), folder, bounds
            )
        return await run_bounded(command, folder, bounds)

    monkeypatch.setattr(mypy_command, "run_bounded", killed)
    analyser = StaticAnalyser(tmp_path / "types")
    for source, code in (("def f(x):\n    return x\n", ["no-untyped-def"]), (_GOOD, [])):
        (report,) = await analyser.analyse([_request(source, AnalysisTool.TYPES_COLD)])
        assert _codes(report) == code
        left[0] = 2
    left[0] = 3
    with pytest.raises(AnalyserUnavailable, match="killed from outside"):
        await analyser.analyse([_request(_GOOD + "# again\n", AnalysisTool.TYPES_COLD)])


_DRIVER = """
import asyncio, sys, tempfile
from pathlib import Path
from millwright.adapters.analysis import batches
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from schemas.verification import AnalysisRequest, AnalysisTool
tempfile.tempdir = batches._IN_MEMORY = sys.argv[1]
kept = []
def ask(tool):
    return AnalysisRequest(tool=tool, modules={"a.py": "x = 1"}, target="a.py")
async def main():
    analyser = StaticAnalyser()
    kept.append(analyser)
    await analyser.analyse([ask(AnalysisTool.TYPES)])
    work = asyncio.ensure_future(analyser.analyse([ask(AnalysisTool.TYPES_COLD)]))
    await asyncio.sleep(0.3)
    kept.append(work)
    print(len(list(Path(sys.argv[1]).iterdir())), flush=True)
    sys.exit(143)
asyncio.run(main())
"""


def test_nothing_is_left_by_a_driver_that_ends_in_the_middle(tmp_path: Path) -> None:
    """What was not closed goes with the interpreter."""
    root = Path(__file__).parents[2]
    command = (sys.executable, "-c", _DRIVER, str(tmp_path))
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 143, ended.stderr
    assert int(ended.stdout) > 0
    assert list(tmp_path.iterdir()) == []


async def test_a_missing_tool_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tool, the error says what to do."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnalyserUnavailable, match=r"ruff is not installed: .*make setup"):
        await StaticAnalyser(tmp_path).analyse([_lint(_GOOD)])


class _Counting:
    """A tool that has one finding and counts what it is asked."""

    def __init__(self, code: str) -> None:
        self.asked = 0
        self._code = code

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Report the one finding of each request."""
        self.asked += len(requests)
        return [AnalysisReport(findings=(Finding(code=self._code, message="found"),)) for _request in requests]


async def test_further_tools_answer_for_themselves(tmp_path: Path) -> None:
    """A tool given from outside is asked each time; one that nobody gave is named."""
    audit = _Counting("B101")
    analyser = StaticAnalyser(tmp_path, further={AnalysisTool.AUDIT: audit})
    request = _request(_GOOD, AnalysisTool.AUDIT)
    assert [_codes(report) for report in await analyser.analyse([request, request])] == [["B101"], ["B101"]]
    await analyser.analyse([request])
    assert audit.asked == 2
    with pytest.raises(AnalyserUnavailable, match="symbolic"):
        await analyser.analyse([_request(_GOOD, AnalysisTool.SYMBOLIC)])


@pytest.mark.parametrize(("code", "asked"), [("F401", 1), ("tool-failure", 2)])
async def test_what_was_asked_before_is_not_asked_again(code: str, asked: int, tmp_path: Path) -> None:
    """Two layers that ask the same get one run's answer; a failure is not kept."""
    lint = _Counting(code)
    analyser = StaticAnalyser(tmp_path, further={AnalysisTool.LINT: lint})
    first = await analyser.analyse([_lint(_GOOD)])
    assert await analyser.analyse([_lint(_GOOD)]) == first
    assert lint.asked == asked
    await analyser.analyse([_lint(_GOOD, 9)])
    assert lint.asked == asked + 1


async def test_reports_are_not_kept_without_bound(tmp_path: Path) -> None:
    """Only the latest reports are kept."""
    lint = _Counting("F401")
    analyser = StaticAnalyser(tmp_path, further={AnalysisTool.LINT: lint})
    for number in range(300):
        await analyser.analyse([_lint(f"x = {number}\n")])
    await analyser.analyse([_lint("x = 299\n"), _lint("x = 0\n")])
    assert lint.asked == 301
