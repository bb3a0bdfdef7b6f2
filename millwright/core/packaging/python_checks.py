"""How a delivered Python package is tried out as a whole, and what the trials' ends mean.

It runs nothing. What comes back was written where the package itself ran, so it is read as from a stranger; expected
outputs of the package's command stay on this side.
"""

import builtins
import json
import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from millwright.core.kinds import ARGUMENTS, STDIN, is_code
from millwright.core.packaging.package import Findings, Part, Trial, Whole
from millwright.core.packaging.python_layout import command_name, test_paths
from millwright.core.packaging.python_scripts import DRIVER, PLAN, RESULTS, SOURCE, TRY_IMPORTS, TRY_TESTS
from millwright.core.packaging.python_serving import TRY_SERVER, asked, broken, planned
from millwright.core.specification_grants import granted_packages
from schemas.delivery import Complaint, PartCoverage, WholeCheck
from schemas.execution import CommandReport, CommandRequest, Ending, Limits
from schemas.shortening import shortened
from schemas.specification import TaskKind, TestCase
from schemas.verification import VerdictStatus

_MYPY = (
    "python",
    "-c",
    # Where psutil can be imported mypy asks it for the number of cores, which needs a /proc; the sandbox has none.
    "import sys; sys.modules['psutil'] = None; from mypy.__main__ import console_entry; console_entry()",
    "--strict",
    "--no-incremental",
    "--cache-dir=/dev/null",
)
_MYPY_LINE = re.compile(r"^(?P<file>[^:\s]+\.py):(?P<line>\d+): error: (?P<what>.*)$")
_PATIENCE = 60
_PER_PART = 2
"""Seconds for a stage where the package is installed, such as all of its tests; and more for each part of it."""

_INSTALLING = 200
"""Seconds for building and installing, and for the examples of the command."""

_TYPES, _INSTALLED, _COMMAND, _SERVER = "types", "installed", "command", "server"
_LONGEST = 300
_MOST_COMPLAINTS = 20


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Imports(_Lenient):
    failed: dict[str, str]


class _Seen(_Lenient):
    lines: int = Field(ge=0)
    covered: int = Field(ge=0)
    missed: tuple[int, ...] = Field(default=(), max_length=20)


class _Tests(_Lenient):
    ran: int = Field(ge=0)
    failed: dict[str, tuple[str, ...]]
    seen: dict[str, _Seen] = Field(default_factory=dict)


class _Stage(_Lenient):
    status: int
    said: str = ""
    found: object = None


class _Run(_Lenient):
    status: int
    stdout: str = ""


class _Results(_Lenient):
    build: _Stage | None = None
    environment: _Stage | None = None
    install: _Stage | None = None
    imports: _Stage | None = None
    tests: _Stage | None = None
    coverage: _Stage | None = None
    runs: tuple[_Run, ...] = ()
    server: _Stage | None = None


def trials(whole: Whole, files: dict[str, str], command: Part | None) -> tuple[Trial, ...]:
    """Return the commands that try the package out.

    The command's trial, and the server's, has an environment of its own, without the tests: they hold what it ought
    to say.
    """
    types = CommandRequest(files=files, argv=(*_MYPY, whole.package), with_packages=True)
    found = [
        Trial(_TYPES, types, ("types",)),
        Trial(_INSTALLED, _driven(whole, files, tests=True), ("build", "install", "imports", "tests")),
    ]
    if command is not None and _conveyed(command):
        found.append(Trial(_COMMAND, _driven(whole, files, command=command), ("command",)))
    if command is not None and asked(command):
        found.append(Trial(_SERVER, _driven(whole, files, command=command), ("server",)))
    return tuple(found)


def _driven(whole: Whole, files: dict[str, str], *, tests: bool = False, command: Part | None = None) -> CommandRequest:
    """Write the command that installs the package and does there what a plan says."""
    cases = _conveyed(command) if command is not None else ()
    requests = planned(command) if command is not None else []
    patience = _PATIENCE + _PER_PART * len(whole.parts)
    seconds = _INSTALLING + 3 * patience
    plan = {
        "patience": patience,
        "modules": sorted(_module(path) for path in files if path.startswith(f"{whole.package}/") and _is_code(path))
        if tests
        else [],
        "tests": {_module(path): part.module if is_code(part.task) else "" for part, path in test_paths(whole)}
        if tests
        else {},
        "command": command_name(whole) if cases else "",
        "server": command_name(whole) if requests else "",
        "requests": requests,
        "inputs": [_text(case) for case in cases],
        "arguments": [_arguments(case) for case in cases],
        "packages": [name for grant in granted_packages(part.task for part in whole.parts) for name in grant.modules],
    }
    kept = {path: text for path, text in files.items() if tests or not path.startswith("tests/")}
    scripts = {
        "drive.py": DRIVER,
        "try_imports.py": TRY_IMPORTS,
        "try_tests.py": TRY_TESTS,
        "try_server.py": TRY_SERVER,
    }
    scripts[PLAN] = json.dumps(plan)
    return CommandRequest(
        files={**{f"{SOURCE}/{path}": text for path, text in kept.items()}, **scripts},
        argv=("python", "drive.py"),
        with_packages=True,
        outputs=(RESULTS,),
        limits=Limits(wall_seconds=seconds, cpu_seconds=seconds, memory_bytes=2 * 1024**3),
    )


def _is_code(path: str) -> bool:
    return path.endswith(".py")


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _text(case: TestCase) -> str:
    if STDIN in case.inputs:
        return str(case.inputs[STDIN])
    (value,) = case.inputs.values()
    return str(value)


def _arguments(case: TestCase) -> list[str]:
    """Return the arguments of an example of a command; that of a text filter has none."""
    given = case.inputs.get(ARGUMENTS) if STDIN in case.inputs else None
    return [str(item) for item in given] if isinstance(given, list) else []


def _conveyed(command: Part) -> tuple[TestCase, ...]:
    """Keep the examples that go through a pipe unchanged: text as UTF-8, with none of the ends of line of others.

    A server has none: its examples are requests, which the tests send to one that they start.
    """
    if command.task.kind is TaskKind.HTTP_HANDLER:
        return ()
    return tuple(
        case
        for case in command.task.test_cases
        if all(_passes(value) for value in (*case.inputs.values(), case.expected_output))
    )


def _passes(value: object) -> bool:
    if isinstance(value, list | dict):
        return all(map(_passes, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, str) or not re.search("[\r\0\ud800-\udfff]", value)


def judge(trial: Trial, report: CommandReport, whole: Whole, files: dict[str, str], command: Part | None) -> Findings:
    """Say what a trial's end means."""
    if trial.name == _TYPES:
        return Findings((_types(report, whole),))
    try:
        results = _Results.model_validate_json(report.files.get(RESULTS, b""))
    except ValidationError:
        words = _end(report.stdout + report.stderr) or report.ending.value
        told = tuple(WholeCheck(name=name, status=VerdictStatus.ERROR, detail=words) for name in trial.answers)
        return Findings(told, uncovered=words)
    if trial.name == _COMMAND and command is not None:
        return Findings((_command(results, whole, command),))
    if trial.name == _SERVER and command is not None:
        return Findings((_server(results, command),))
    return Findings(
        (
            _plain("build", results.build, results.build),
            _plain("install", results.install or results.environment, results.build),
            _imports(results, whole, files),
            _tests(results, whole),
        ),
        *_coverage(results, whole),
    )


def _types(report: CommandReport, whole: Whole) -> WholeCheck:
    if report.ending is not Ending.COMPLETED or report.exit_status not in (0, 1):
        words = _end(report.stdout + report.stderr) or report.ending.value
        return WholeCheck(name="types", status=VerdictStatus.ERROR, detail=words)
    if report.exit_status == 0:
        return WholeCheck(name="types", status=VerdictStatus.PASSED)
    parts = {part.file: part for part in whole.parts}
    complaints = [
        Complaint(path=parts[found["file"]].path, what=found["what"][:_LONGEST], line=int(found["line"]))
        for found in map(_MYPY_LINE.match, report.stdout.splitlines())
        if found is not None and found["file"] in parts
    ]
    return _rejected("types", complaints, _end(report.stdout + report.stderr))


def _plain(name: str, stage: _Stage | None, before: _Stage | None) -> WholeCheck:
    if stage is None:
        words = "the package was not built" if before is not None and before.status else "it was not reached"
        return WholeCheck(name=name, status=VerdictStatus.NOT_RUN, detail=words)
    if stage.status == 0:
        return WholeCheck(name=name, status=VerdictStatus.PASSED)
    return WholeCheck(name=name, status=VerdictStatus.REJECTED, detail=_end(stage.said))


def _not_installed(name: str) -> WholeCheck:
    return WholeCheck(name=name, status=VerdictStatus.NOT_RUN, detail="the package was not installed")


def _imports(results: _Results, whole: Whole, files: dict[str, str]) -> WholeCheck:
    if results.imports is None:
        return _not_installed("imports")
    try:
        found = _Imports.model_validate({"failed": results.imports.found})
    except ValidationError:
        return WholeCheck(name="imports", status=VerdictStatus.REJECTED, detail=_end(results.imports.said) or "it died")
    if not found.failed:
        return WholeCheck(name="imports", status=VerdictStatus.PASSED)
    parts = {part.module: part for part in whole.parts}
    complaints = [
        Complaint(path=parts[name].path, what=f"importing it fails: {why}"[:_LONGEST])
        for name, why in found.failed.items()
        if name in parts
    ]
    return _rejected("imports", complaints, "; ".join(f"{name}: {why}" for name, why in found.failed.items()))


def _tests(results: _Results, whole: Whole) -> WholeCheck:
    tested = {_module(path): part for part, path in test_paths(whole)}
    if not tested:
        return WholeCheck(name="tests", status=VerdictStatus.NOT_APPLICABLE, detail="no part has an example")
    if results.tests is None:
        return _not_installed("tests")
    try:
        found = _Tests.model_validate(results.tests.found)
    except ValidationError:
        return WholeCheck(name="tests", status=VerdictStatus.REJECTED, detail=_end(results.tests.said) or "they died")
    if found.failed:
        complaints = [
            Complaint(path=tested[name].path, what=f"its tests fail: {'; '.join(words)}"[:_LONGEST])
            for name, words in found.failed.items()
            if name in tested
        ]
        return _rejected("tests", complaints, "; ".join(f"{name}: {words[0]}" for name, words in found.failed.items()))
    if found.ran < len(tested) or results.tests.status != 0:
        return WholeCheck(name="tests", status=VerdictStatus.REJECTED, detail=f"only {found.ran} tests were run")
    return WholeCheck(name="tests", status=VerdictStatus.PASSED, detail=f"{found.ran} tests")


def _coverage(results: _Results, whole: Whole) -> tuple[tuple[PartCoverage, ...], str]:
    """Return the coverage of each part by its own tests, and why there is none where that is so."""
    tested = test_paths(whole)
    if results.coverage is None:
        return (), "the package was not installed" if tested else "no part has an example"
    try:
        found = _Tests.model_validate(results.coverage.found)
    except ValidationError:
        return (), _end(results.coverage.said) or "the traced tests died"
    told = ((part, found.seen.get(_module(path))) for part, path in tested)
    return tuple(
        PartCoverage(path=part.path, lines=seen.lines, covered=min(seen.covered, seen.lines), missed=seen.missed)
        for part, seen in told
        if seen is not None
    ), ""


def _command(results: _Results, whole: Whole, command: Part) -> WholeCheck:
    cases = _conveyed(command)
    if results.install is None or results.install.status:
        return _not_installed("command")
    if len(results.runs) != len(cases):
        return WholeCheck(name="command", status=VerdictStatus.ERROR, detail="its runs were not all told of")
    wrong = [
        f"{case.name}: exit status {run.status}, {_shown(run.stdout)}"
        for case, run in zip(cases, results.runs, strict=True)
        if not _says(case, run, whole)
    ]
    if wrong:
        complaints = [Complaint(path=command.path, what=f"as a command it fails {words}"[:_LONGEST]) for words in wrong]
        return _rejected("command", complaints, "; ".join(wrong))
    left = len(command.task.test_cases) - len(cases)
    more = f"; {left} cannot be piped as text" if left else ""
    return WholeCheck(name="command", status=VerdictStatus.PASSED, detail=f"{len(cases)} examples{more}")


def _server(results: _Results, command: Part) -> WholeCheck:
    if results.install is None or results.install.status:
        return _not_installed("server")
    stage = results.server
    wrong = broken(command, stage.found if stage is not None else None)
    if wrong is None:
        words = _end(stage.said) if stage is not None else ""
        return WholeCheck(name="server", status=VerdictStatus.ERROR, detail=words or "its answers were not all told of")
    if wrong:
        complaints = [Complaint(path=command.path, what=f"as a server it fails {words}"[:_LONGEST]) for words in wrong]
        return _rejected("server", complaints, "; ".join(wrong))
    cases = asked(command)
    requests = sum(map(len, planned(command)))
    left = len(command.task.test_cases) - len(cases)
    more = f"; {left} do not come to an answer" if left else ""
    told = f"started {len(cases)} times, {requests} requests answered as the examples demand{more}"
    return WholeCheck(name="server", status=VerdictStatus.PASSED, detail=told)


def _says(case: TestCase, run: _Run, whole: Whole) -> bool:
    """Say whether a run of the command is what an example demands; what its library raises, it refuses with 2."""
    if isinstance(case.expected_output, dict):
        return {"status": run.status, "stdout": run.stdout} == case.expected_output
    if case.raises is not None:
        known = getattr(builtins, case.raises, None)
        refused = isinstance(known, type) and issubclass(known, OSError | ValueError)
        declared = case.raises in {error.name for error in whole.errors}
        return run.status == (2 if refused or declared else 1) and run.stdout == ""
    expected = str(case.expected_output)
    return run.status == 0 and run.stdout == (expected if expected.endswith("\n") else expected + "\n")


def _rejected(name: str, complaints: Sequence[Complaint], detail: str) -> WholeCheck:
    """Reject for complaints about parts, in their words; ``detail`` says what failed where no part is to be named."""
    said = dict.fromkeys(f"{complaint.path}: {complaint.what}" for complaint in complaints)
    detail = "; ".join(said) or detail
    return WholeCheck(
        name=name,
        status=VerdictStatus.REJECTED,
        detail=detail[:_LONGEST],
        complaints=tuple(complaints[:_MOST_COMPLAINTS]),
    )


def _shown(text: str) -> str:
    return repr(shortened(text, 60))


def _end(output: str) -> str:
    """Return the last lines of what a program said, on one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-_LONGEST:]
