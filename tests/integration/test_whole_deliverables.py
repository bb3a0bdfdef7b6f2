"""A deliverable as a whole, in the real sandbox and by the real tools: what holds, what does not, and whose it is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.wholes import WholeVerifier
from millwright.core.assembly import dotted_name, file_path
from millwright.core.packaging import packager_for
from millwright.core.packaging.package import Part, Whole
from millwright.core.verification.languages import language_named
from millwright.core.whole import summary
from millwright.toolbox import open_toolbox
from schemas.delivery import WholeCheck, WholeEvidence
from schemas.evidence import NodeRecord
from schemas.identity import Digest, NodePath, ProjectId
from schemas.specification import TaskSpecification
from schemas.verification import VerdictStatus
from tests.strategies import digest_of

pytestmark = [pytest.mark.sandbox]

PYTHON = language_named("python")
TEXT = [{"name": "text", "type_annotation": "str"}]
SHOUT = {
    "inputs": TEXT,
    "outputs": TEXT,
    "errors": [{"name": "Refused", "base": "ValueError"}],
    "test_cases": [
        {"name": "two lines", "inputs": {"text": "a\nbé"}, "expected_output": "A\nBÉ"},
        {"name": "empty", "inputs": {"text": ""}, "raises": "Refused"},
        {"name": "carriage", "inputs": {"text": "a\r"}, "expected_output": "A\r"},
    ],
}
SHOUTING = """def root(text: str) -> str:
    if not text:
        raise Refused("empty")
    return "".join(map(shout, text))
"""


@pytest.fixture
async def verifier(tmp_path: Path) -> AsyncIterator[WholeVerifier]:
    """The verifier over real tools."""
    async with open_toolbox(tmp_path) as tools:
        yield WholeVerifier(tools.sandbox, tools.analyser)


def _part(path: str, source: str, *, imports: Any = (), children: tuple[str, ...] = (), **fields: Any) -> Part:
    name = path.rpartition(".")[2]
    task = TaskSpecification.model_validate(
        {
            "id": name,
            "name": name,
            "inputs": TEXT,
            "outputs": TEXT,
            "test_cases": [{"name": "one", "inputs": {"text": "a"}, "expected_output": "A"}],
            **fields,
        }
    )
    node = NodeRecord(
        project=ProjectId("shouter"),
        path=NodePath(path),
        task=task.id,
        name=name,
        specification=digest_of(path),
        children=tuple(map(NodePath, children)),
    )
    return Part(
        path=node.path,
        task=task,
        module=dotted_name("shouter", node.path),
        file=file_path(PYTHON, "shouter", node),
        text=PYTHON.assemble(task, source, imports, "shouter.records"),
    )


def _whole(shout: str, **fields: Any) -> Whole:
    root = _part("root", SHOUTING, imports=[("shouter.shout", ("shout",))], children=("root.shout",), **SHOUT)
    errors = root.task.errors
    return Whole(
        package="shouter",
        version="0.1.0",
        summary="Shouts.",
        parts=(root, _part("root.shout", shout, **fields)),
        records=(),
        errors=errors,
        records_file=("shouter/records.py", PYTHON.records_source((), errors)),
    )


async def _verified(verifier: WholeVerifier, whole: Whole) -> WholeEvidence:
    return await verifier.verify(whole, packager_for("python").files(whole))


def _by_name(evidence: WholeEvidence) -> dict[str, WholeCheck]:
    return {check.name: check for check in evidence.checks}


async def test_a_sound_package_is_built_installed_imported_tested_and_run(verifier: WholeVerifier) -> None:
    """Every check passes where the package is installed, its command among them, and coverage is told per part."""
    half = (
        "def shout(text: str) -> str:\n    if text == '*':\n        return 'never reached'\n    return text.upper()\n"
    )
    evidence = await _verified(verifier, _whole(half))
    result = summary(evidence, Digest("0" * 64), Digest("1" * 64))
    names = ("examples", "types", "build", "install", "imports", "tests", "command", "lint", "security")
    assert (result.problems, result.passed) == ((), names)
    assert _by_name(evidence)["tests"].detail == "4 tests"
    assert _by_name(evidence)["command"].detail == "2 examples; 1 cannot be piped as text"
    told = {str(item.path): (item.covered, item.lines, item.missed) for item in evidence.coverage}
    assert told["root"] == (3, 3, ())
    covered, lines, missed = told["root.shout"]
    assert (covered, lines, len(missed)) == (2, 3, 1)


async def test_what_fails_is_laid_at_the_parts_that_it_is_about(verifier: WholeVerifier) -> None:
    """Wrong types, a failing test, a lint and a security finding name the part; the command's failure the root."""
    wrong = (
        "import subprocess\n\n\ndef shout(text: str) -> str:\n"
        "    if text == 'b':\n        return 1\n    subprocess\n    return text.lower()\n"
    )
    evidence = await _verified(verifier, _whole(wrong))
    checks = _by_name(evidence)
    assert {complaint.path for complaint in checks["types"].complaints} == {"root.shout"}
    assert {complaint.path for complaint in checks["tests"].complaints} == {"root", "root.shout"}
    assert {complaint.path for complaint in checks["examples"].complaints} == {"root", "root.shout"}
    assert {complaint.path for complaint in checks["command"].complaints} == {"root"}
    assert {complaint.path for complaint in checks["lint"].complaints} == {"root.shout"}
    assert {complaint.path for complaint in checks["security"].complaints} == {"root.shout"}
    assert {name for name, check in checks.items() if check.status is VerdictStatus.PASSED} == {
        "build",
        "install",
        "imports",
    }
    result = summary(evidence, Digest("0" * 64), Digest("1" * 64))
    assert (result.concerned, result.unattributed) == (("root", "root.shout"), False)


async def test_a_package_that_cannot_be_imported_where_it_is_installed_says_which_module(
    verifier: WholeVerifier,
) -> None:
    """What is raised on import is laid at the module; a program that ends itself does not hide the rest."""
    ends = "def shout(text: str) -> str:\n    return text.upper()\n\n\nraise SystemExit(0)\n"
    checks = _by_name(await _verified(verifier, _whole(ends)))
    assert {complaint.path for complaint in checks["imports"].complaints} == {"root", "root.shout"}
    assert checks["tests"].status is VerdictStatus.REJECTED
    assert checks["build"].status is VerdictStatus.PASSED
