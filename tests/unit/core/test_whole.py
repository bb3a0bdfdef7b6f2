"""What the trials of a delivered package mean, and what the checks of a whole add up to."""

import json
from typing import Any

import pytest

from millwright.core.packaging.package import Part, Whole
from millwright.core.packaging.python import PythonPackager
from millwright.core.packaging.python_scripts import RESULTS
from millwright.core.report_rework import rework_section
from millwright.core.report_whole import whole_section
from millwright.core.whole import summary
from schemas.delivery import Complaint, PartCoverage, WholeCheck, WholeEvidence
from schemas.evidence import NodeRecord, Rework
from schemas.execution import CommandReport, Ending
from schemas.identity import Digest, LayerName, NodePath, ProjectId, TaskId
from schemas.specification import TaskSpecification
from schemas.verification import VerdictStatus

PACKAGER = PythonPackager()
TEXT = [{"name": "text", "type_annotation": "str"}]
CASES = [
    {"name": "plain", "inputs": {"text": "a"}, "expected_output": "A"},
    {"name": "ended", "inputs": {"text": "b"}, "expected_output": "B\n"},
    {"name": "refused", "inputs": {"text": ""}, "raises": "ValueError"},
    {"name": "broken", "inputs": {"text": "?"}, "raises": "KeyError"},
    {"name": "piped otherwise", "inputs": {"text": "\r"}, "expected_output": ""},
]


def _part(path: str) -> Part:
    task = TaskSpecification.model_validate(
        {"id": "up", "name": "up", "inputs": TEXT, "outputs": TEXT, "test_cases": CASES}
    )
    parts = path.split(".")[1:]
    file = "/".join(["shop", *parts]) + (".py" if parts else "/__init__.py")
    return Part(NodePath(path), task, ".".join(["shop", *parts]), file, "def up(text: str) -> str: ...\n")


WHOLE = Whole("shop", "0.1.0", "A shop.", (_part("root"), _part("root.up")), (), (), None)
FILES = PACKAGER.files(WHOLE)
TRIALS = {trial.name: trial for trial in PACKAGER.trials(WHOLE, FILES)}
FINE = {"status": 0, "said": ""}
WELL: dict[str, Any] = {
    "build": FINE,
    "install": FINE,
    "imports": {**FINE, "found": {}},
    "tests": {**FINE, "found": {"ran": 10, "failed": {}}},
    "coverage": {
        **FINE,
        "found": {"ran": 10, "failed": {}, "seen": {"tests.test_root_up": {"lines": 4, "covered": 3}}},
    },
}
RUNS = [
    {"status": 0, "stdout": "A\n"},
    {"status": 0, "stdout": "B\n"},
    {"status": 2, "stdout": ""},
    {"status": 1, "stdout": ""},
]

WRONG: list[dict[str, Any]] = [{"status": 1}, {"status": 0, "stdout": "B"}, {"status": 0}, {"status": 2}]


def _judged(name: str, results: object, **fields: Any) -> dict[str, WholeCheck]:
    files = {RESULTS: json.dumps(results).encode()} if results is not None else {}
    given = {"exit_status": 0, "ending": Ending.COMPLETED, "stdout": "", "stderr": "", **fields}
    report = CommandReport(files=files, **given)
    return {check.name: check for check in PACKAGER.judge(TRIALS[name], report, WHOLE, FILES).checks}


def test_expected_outputs_of_the_command_never_go_into_its_trial() -> None:
    """The command's own environment holds the inputs of its examples, and neither tests nor results."""
    sent = TRIALS["command"].command.files
    assert not [path for path in sent if "/tests/" in path]
    plan = json.loads(sent["plan.json"])
    assert (plan["inputs"], plan["tests"], plan["modules"]) == (["a", "b", "", "?"], {}, [])


@pytest.mark.parametrize(
    ("stage", "told", "name", "status"),
    [
        ("build", {"status": 1, "said": "no backend"}, "build", VerdictStatus.REJECTED),
        ("install", {"status": 1, "said": "no wheel"}, "install", VerdictStatus.REJECTED),
        ("install", None, "install", VerdictStatus.NOT_RUN),
        ("imports", None, "imports", VerdictStatus.NOT_RUN),
        ("imports", {"status": 1, "said": "killed"}, "imports", VerdictStatus.REJECTED),
        ("imports", {**FINE, "found": {"shop.up": "OSError: x"}}, "imports", VerdictStatus.REJECTED),
        ("tests", None, "tests", VerdictStatus.NOT_RUN),
        ("tests", {**FINE, "found": {"ran": "many"}}, "tests", VerdictStatus.REJECTED),
        ("tests", {**FINE, "found": {"ran": 1, "failed": {}}}, "tests", VerdictStatus.REJECTED),
        ("tests", {**FINE, "found": {"ran": 9, "failed": {"tests.test_root_up": ["x"]}}}, "tests", "rejected"),
    ],
)
def test_each_stage_that_does_not_go_well_is_no_pass(stage: str, told: object, name: str, status: str) -> None:
    """A stage that failed, was not reached or tells nonsense never passes; the others are judged by themselves."""
    checks = _judged("installed", {**WELL, stage: told})
    assert checks[name].status == status
    others = {check.status for key, check in checks.items() if key != name}
    assert others <= {VerdictStatus.PASSED}


def test_failing_modules_are_laid_at_their_parts() -> None:
    """A module of the package, and a module of tests, each name the part that they are of."""
    failed = {"tests.test_root_up": ["test_1: wrong"], "tests.test_of_nobody": ["x"]}
    found = {"ran": 10, "failed": failed}
    checks = _judged(
        "installed", {**WELL, "tests": {**FINE, "found": found}, "imports": {**FINE, "found": {"shop": "E: e"}}}
    )
    assert [complaint.path for complaint in checks["tests"].complaints] == ["root.up"]
    assert [complaint.path for complaint in checks["imports"].complaints] == ["root"]


def test_type_errors_are_laid_at_the_files_that_they_stand_in() -> None:
    """A line of the type checker becomes a complaint; a checker that dies says nothing of the package."""
    said = "shop/up.py:3: error: Incompatible  [x]\nshop/__main__.py:1: error: Other  [y]\nFound 2 errors"
    check = _judged("types", None, exit_status=1, stdout=said)["types"]
    assert [(item.path, item.line) for item in check.complaints] == [("root.up", 3)]
    died = _judged("types", None, exit_status=2, stderr="INTERNAL ERROR")["types"]
    assert (died.status, died.complaints) == (VerdictStatus.ERROR, ())


def test_a_command_is_judged_by_its_output_and_exit_status() -> None:
    """What the library refuses the command refuses with 2; each wrong run is told."""
    assert _judged("command", {**WELL, "runs": RUNS})["command"].status is VerdictStatus.PASSED
    for number, wrong in enumerate(WRONG):
        runs = [{**run, **wrong} if index == number else run for index, run in enumerate(RUNS)]
        check = _judged("command", {**WELL, "runs": runs})["command"]
        assert (check.status, [item.path for item in check.complaints]) == (VerdictStatus.REJECTED, ["root"])
    assert _judged("command", {**WELL, "runs": RUNS[:-1]})["command"].status is VerdictStatus.ERROR


@pytest.mark.parametrize("name", ["installed", "command"])
def test_a_trial_that_brings_nothing_back_is_an_error_of_every_check(name: str) -> None:
    """Nothing is known then, and nothing passes."""
    checks = _judged(name, None, stderr="killed", ending=Ending.TIMED_OUT)
    assert set(checks) == set(TRIALS[name].answers)
    assert {(check.status, check.detail) for check in checks.values()} == {(VerdictStatus.ERROR, "killed")}


def _evidence(*checks: WholeCheck) -> WholeEvidence:
    return WholeEvidence(
        checks=checks, coverage=(PartCoverage(path=NodePath("root.up"), lines=4, covered=3, missed=(7,)),)
    )


def test_only_what_passed_counts_and_the_parts_concerned_are_named() -> None:
    """Not run and in error are problems; what does not apply is none; parts are named once, in order."""
    complaints = tuple(Complaint(path=NodePath(path), what="no") for path in ("root.b", "root.a", "root.b"))
    evidence = _evidence(
        WholeCheck(name="types", status=VerdictStatus.PASSED),
        WholeCheck(name="tests", status=VerdictStatus.NOT_APPLICABLE, detail="none"),
        WholeCheck(name="lint", status=VerdictStatus.REJECTED, detail="bad", complaints=complaints),
        WholeCheck(name="install", status=VerdictStatus.NOT_RUN, detail="not built"),
        WholeCheck(name="command", status=VerdictStatus.ERROR, detail="died"),
    )
    result = summary(evidence, Digest("0" * 64), Digest("1" * 64))
    assert (result.passed, result.concerned, result.unattributed) == (("types",), ("root.a", "root.b"), False)
    assert result.problems == (
        "lint (root.b, root.a): bad",
        "install: not run: not built",
        "command: could not be run: died",
    )
    failed = _evidence(WholeCheck(name="build", status=VerdictStatus.REJECTED, detail="no"))
    assert summary(failed, Digest("0" * 64), Digest("1" * 64)).unattributed


def test_the_report_says_what_was_done_again_and_is_silent_otherwise() -> None:
    """A line for each node that was reworked; none, where everything was done once."""
    node = NodeRecord(
        project=ProjectId("shop"),
        path=NodePath("root.up"),
        task=TaskId("up"),
        name="up",
        specification=Digest("0" * 64),
    )
    assert rework_section([node]) == ""
    rework = Rework(
        edition="ab",
        replans=1,
        given_up=("up.a\nfailed",),
        reopenings=2,
        reasons=("a\npart",),
        barred={Digest("c" * 64): LayerName.TYPES},
    )
    text = rework_section([node, node.model_copy(update={"rework": rework})])
    assert text.endswith(
        "- `root.up`: planned anew once (up.a failed); part of a later plan; its election was held again 2 times, "
        "because a part; "
        "`cccccccccccc` was barred (types)"
    )


def test_the_report_names_every_check_and_the_lines_that_tests_reach() -> None:
    """A check that was not run is called so, and coverage stands there part by part."""
    text = whole_section(_evidence(WholeCheck(name="install", status=VerdictStatus.NOT_RUN, detail="not built")))
    assert "- install: not run (not built)" in text
    assert "| `root.up` | 3 of 4 | 75% | 7 |" in text
    assert "reach 75% (3 of 4)" in text
    assert whole_section(None) == whole_section(WholeEvidence()) == ""
