"""The report: how it ended, what is not proven, and nothing of a note that could pass for structure."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from millwright.core.learning import Range
from millwright.core.report import Account, Evidence, report
from schemas.evidence import ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import LayerName, NodePath, ProjectId, TaskId, TaskStatus
from schemas.models import Spend
from schemas.people import Decision, Question
from schemas.planning import Promises
from schemas.project import Counts
from schemas.verification import Confirmation, Finding, Severity, Verdict, VerdictStatus
from tests.strategies import digest_of

PROJECT = ProjectId("shop")
HOSTILE = "first\n\n# A heading\n| a | table |"


def _evidence(path: str, status: TaskStatus, note: str = "", verdicts: tuple[Verdict, ...] = ()) -> Evidence:
    node = NodeRecord(
        project=PROJECT,
        path=NodePath(path),
        task=TaskId("a"),
        name="a",
        specification=digest_of("a"),
        status=status,
        votes=2,
        margin=1,
        k=3,
        note=note,
        rejected_by_layer={LayerName.TYPES: 2, LayerName.SYNTAX: 1},
    )
    return Evidence(node=node, summary="Adds.", has_code=True, winner=digest_of("w"), verdicts=verdicts)


def test_parts_that_are_used_again_say_where_they_were_won() -> None:
    """They are listed apart, as what this build did not pay for; without any there is no such section."""
    again = _evidence("root.b", TaskStatus.REUSED, "won in revision 1")
    text = report(_account(0, _evidence("root.a", TaskStatus.WON), again))
    assert "## Used again" in text
    assert "- `root.b`: won in revision 1\n" in text
    assert "- `root.a`: " not in text.partition("## Used again")[2].partition("##")[0]
    assert "Used again" not in report(_account(0, _evidence("root.a", TaskStatus.WON)))


def _account(exit_code: int | None = 0, *evidence: Evidence, problems: tuple[str, ...] = ()) -> Account:
    return Account(
        project=ProjectRecord(id=PROJECT, input_digest=digest_of("i"), exit_code=exit_code, message=HOSTILE),
        counts=Counts(tasks=2, won=1, partial=1),
        spend=Spend(calls=3, cost=0.5),
        forecast=None,
        evidence=evidence,
        files=(ManifestEntry(path="shop/a.py", digest=digest_of("f"), size_bytes=12),),
        problems=problems,
        checks=("types", "tests"),
        questions=(Question(id="root.a/1", project=PROJECT, path=NodePath("root.a"), text="?", options=("retry",)),),
        decisions=(
            Decision(
                id="1",
                project=PROJECT,
                question="root.b/1",
                value="retry",
                by=HOSTILE,
                note=HOSTILE,
                decided_at=datetime(2026, 1, 1, tzinfo=UTC),
            ),
        ),
        models=("small",),
    )


def test_what_is_not_proven_stands_in_the_report() -> None:
    """Parts below the margin, lost parts and problems of the whole are all named; rejections in the ladder's order."""
    text = report(
        _account(
            6,
            _evidence("root.weak", TaskStatus.PARTIAL, "best one"),
            _evidence("root.lost", TaskStatus.FAILED, "nobody won"),
            problems=("types: line 3",),
        )
    )
    assert "- `root.weak` (partial), margin 1 of 3: best one" in text
    assert "- `root.weak` was not let through by every layer of the ladder." in text
    assert "- `root.lost` is failed. nobody won" in text
    assert "- the whole: types: line 3" in text
    assert "| syntax 1, types 2 |" in text
    assert "Nothing is left unproven" not in text


def test_verdicts_say_why_they_are_no_pass() -> None:
    """Not applicable and not run are told with their reason; warnings are counted."""
    warning = Finding(code="E501", message="long", severity=Severity.WARNING)
    verdicts = (
        Verdict(layer=LayerName.SYNTAX, status=VerdictStatus.PASSED, findings=(warning,)),
        Verdict(layer=LayerName.CONTRACTS, status=VerdictStatus.NOT_APPLICABLE, reason="none are stated"),
        Verdict(layer=LayerName.SECURITY, status=VerdictStatus.NOT_RUN, reason="no tool"),
    )
    text = report(_account(0, _evidence("root.a", TaskStatus.WON, verdicts=verdicts)))
    assert "- syntax: passed, 1 warning(s)" in text
    assert "- contracts: not applicable (none are stated)" in text
    assert "- security: not run (no tool)" in text


def test_further_looks_are_told_with_their_answers() -> None:
    """An open question is told as one, and stays on its line."""
    looks = (
        Confirmation(title="symbolic search", status=VerdictStatus.NOT_RUN, reason=f"undecided: {HOSTILE}"),
        Confirmation(title="two engines", status=VerdictStatus.PASSED),
    )
    verdict = Verdict(layer=LayerName.CONTRACTS, status=VerdictStatus.PASSED, confirmations=looks)
    text = report(_account(0, _evidence("root.a", TaskStatus.WON, verdicts=(verdict,))))
    assert "- contracts: passed; symbolic search: not run (undecided: " in text
    assert "; two engines: passed" in text
    assert "\n# A heading" not in text


def test_notes_of_people_and_tools_cannot_forge_structure() -> None:
    """Text from outside stays on its line."""
    text = report(_account(1, _evidence("root.a", TaskStatus.FAILED, HOSTILE), problems=(HOSTILE,)))
    assert "\n# A heading" not in text
    assert "\n| a | table |" not in text


@pytest.mark.parametrize(
    ("code", "words"), [(0, "every part won"), (1, "failed"), (4, "budget"), (6, "below the margin"), (None, "failed")]
)
def test_every_end_has_its_words(code: int | None, words: str) -> None:
    """A project without an exit code is not reported as built."""
    outcome = report(_account(code)).split("**Outcome**: ")[1].splitlines()[0]
    assert words in outcome


def test_says_how_many_winners_are_expected_to_be_wrong() -> None:
    """With an interval, the likeliest by name, and where the prediction comes from; the rest is not predicted."""
    certain = replace(_evidence("root.sure", TaskStatus.WON), defect=Range(0.0, 0.01, 0.02))
    doubtful = replace(_evidence("root.doubtful", TaskStatus.WON), defect=Range(0.1, 0.3, 0.6))
    lost = _evidence("root.lost", TaskStatus.FAILED)
    account = replace(_account(0, certain, doubtful, lost), calibration="some recorded answers")
    section = report(account).partition("## How sure")[2].partition("## ")[0]
    assert "Of the 2 parts that were won by votes, 0.31 are expected to be wrong (between 0 and 1" in section
    assert section.index("root.doubtful`: 30.0% (10.0% to 60.0%)") < section.index("root.sure")
    assert "root.lost" not in section
    assert "some recorded answers" in section
    assert "## How sure" not in report(_account(0, lost))


def _sized(path: str, estimated: tuple[int, int], written: tuple[int, int]) -> Evidence:
    item = _evidence(path, TaskStatus.WON)
    sizes = dict(
        zip(("estimated_lines", "estimated_complexity", "lines", "complexity"), estimated + written, strict=True)
    )
    return replace(item, node=item.node.model_copy(update=sizes))


def test_plans_are_reported_with_what_is_unchecked_and_what_was_misjudged() -> None:
    """Promises that no example composes are called unchecked; a part that is larger than atomic is named."""
    split = replace(
        (item := _evidence("root", TaskStatus.WON)),
        node=item.node.model_copy(update={"promises": Promises(examples=3, composed=2, notes=(HOSTILE,))}),
    )
    bare = replace(
        item, node=item.node.model_copy(update={"path": NodePath("root.b"), "promises": Promises(examples=2)})
    )
    text = report(_account(0, split, bare, _sized("root.a", (12, 3), (25, 4)), _sized("root.c", (8, 2), (6, 2))))
    assert "- `root`: 2 of 3 promises composed; first # A heading | a | table |." in text
    assert "- `root.b`: unchecked." in text
    assert "20 lines were estimated for 2 parts, 31 were written." in text
    assert "`root.a` was taken for atomic (12 lines, complexity 3) and is larger: 25 lines, complexity 4." in text
    assert "`root.c` was taken" not in text
    assert "## The plan" not in report(_account(0, _evidence("root.a", TaskStatus.WON)))
