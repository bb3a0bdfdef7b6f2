"""Every kind of task through the real ladder, the looks at winners and the vote: good candidates and wrong ones."""

import asyncio
import os
import tomllib
from collections.abc import Mapping, Sequence

import pytest

from activities.comparing import Comparer
from activities.quiet import Quiet
from activities.recall import Recall
from activities.wholes import WholeVerifier
from millwright.adapters.analysis.bandit_audit import BanditAudit
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from millwright.adapters.packages.beside import AnalyserWithPackages, SandboxWithPackages
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.commandline.candidates import Candidate
from millwright.commandline.checking import Checking, Verified
from millwright.core.packaging import Part, packager_for
from millwright.core.packaging.package import Whole
from millwright.core.verification.languages import language_named
from schemas.identity import LayerName, NodePath
from schemas.specification import TaskSpecification
from schemas.verification import AnalysisTool, VerdictStatus
from starter import Adapters
from tests.unit.core.test_kinds import ACCOUNT, FOLDER, GUIDE, NEWEST, NOTES, RATES, TALLY, TOTAL

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

GOOD = {
    "account__good": ACCOUNT,
    "account__balance_kept": ACCOUNT,
    "notes_api__good": NOTES,
    "tally__good": TALLY,
    "total_of__good": TOTAL,
    "newest__good": NEWEST,
    "rates__good": RATES,
    "guide__good": GUIDE,
}
WRONG: dict[str, tuple[TaskSpecification, LayerName]] = {
    "account__missing": (ACCOUNT, LayerName.TYPES),
    "account__backdoor": (ACCOUNT, LayerName.CONTRACTS),
    "account__lying": (ACCOUNT, LayerName.CONTRACTS),
    "account__unlimited": (ACCOUNT, LayerName.CONTRACTS),
    "guide__dead": (GUIDE, LayerName.STATIC_ANALYSIS),
    "rates__malformed": (RATES, LayerName.SYNTAX),
    "rates__mistyped": (RATES, LayerName.TYPES),
    "rates__percent": (RATES, LayerName.CONTRACTS),
    "rates__wrong": (RATES, LayerName.UNIT_TESTS),
    "newest__beyond": (NEWEST, LayerName.TYPES),
    "newest__mistyped": (NEWEST, LayerName.TYPES),
    "notes_api__malformed": (NOTES, LayerName.UNIT_TESTS),
    "notes_api__shared": (NOTES, LayerName.UNIT_TESTS),
    "tally__forging": (TALLY, LayerName.UNIT_TESTS),
    "tally__noisy": (TALLY, LayerName.CONTRACTS),
    "total_of__forgets": (TOTAL, LayerName.CONTRACTS),
    "total_of__plain": (TOTAL, LayerName.SYNTAX),
}


def source_of(name: str) -> str:
    """Read a candidate."""
    (path,) = FOLDER.glob(f"{name}.*")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Verified]:
    """Climb the ladder once with all candidates, and look further at those that pass, as ``verify --confirm`` does."""
    return asyncio.run(_climbed())


async def _climbed() -> Mapping[str, Verified]:
    tasks = GOOD | {name: task for name, (task, _) in WRONG.items()}
    candidates = [Candidate(name, task, source_of(name)) for name, task in tasks.items()]
    async with Adapters(os.environ).ladder(2) as tools:
        checking = Checking(tools, all_layers=False, confirm=True)
        return {answer.id: answer async for answer in checking.verify(candidates)}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_candidate_passes_and_what_cannot_be_asked_of_its_kind_says_so(
    answers: Mapping[str, Verified], name: str
) -> None:
    """No layer and no look rejects it; a look that its kind is not made for is not applicable, and gives the reason."""
    answer = answers[name]
    assert (answer.passed, answer.error) == (True, None), answer.layers
    assert len(answer.layers) == len(LayerName)
    looks = {look.title: look for line in answer.layers for look in line.confirmations}
    engines = looks["agreement of two engines"]
    if GOOD[name] in (ACCOUNT, NEWEST):  # a granted package is there for the second engine as well
        assert engines.status is VerdictStatus.PASSED, engines
    else:
        assert engines.status is VerdictStatus.NOT_APPLICABLE
        assert "the second engine has no system" in engines.reason or "a file is read" in engines.reason
    assert looks["symbolic search for counter-examples"].status is VerdictStatus.NOT_APPLICABLE


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_candidate_is_rejected_by_the_layer_that_sees_it_first(
    answers: Mapping[str, Verified], name: str
) -> None:
    """Whatever its kind, the layer says what is wrong."""
    answer = answers[name]
    assert answer.error is None
    assert answer.rejected_by is WRONG[name][1], answer.layers
    assert any(finding.message for line in answer.layers for finding in line.findings)


def test_a_broken_invariant_is_shown_on_the_shortest_sequence(answers: Mapping[str, Verified]) -> None:
    """What was generated with a dozen calls is shown with the one that matters."""
    messages = [finding.message for line in answers["account__backdoor"].layers for finding in line.findings]
    assert any("calls=[withdraw(amount=-" in message and message.count("amount=") == 1 for message in messages), (
        messages
    )


async def _votes(task: TaskSpecification, names: Sequence[str]) -> list[str | None]:
    sandbox = BubblewrapSandbox(slots=2)
    try:
        async with Adapters(os.environ).ladder(2) as tools:
            checking = Checking(tools, all_layers=False)
            subjects = [await checking.subject(Candidate(name, task, source_of(name))) for name in names]
        compared = await Comparer(sandbox, Recall(sandbox), Quiet()).compare(subjects, seed=0)
    finally:
        sandbox.close()
    assert compared is not None
    return [seen.signature for seen in compared.observations]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (ACCOUNT, ["account__good", "account__balance_kept", "account__backdoor"]),
        (TALLY, ["tally__good", "tally__good", "tally__careless"]),
    ],
    ids=["class", "command"],
)
async def test_candidates_that_behave_alike_are_one_vote(task: TaskSpecification, names: list[str]) -> None:
    """Two ways to write the same are one vote; one that differs on a sequence that no example has is another."""
    first, second, third = await _votes(task, names)
    assert first is not None
    assert first == second != third


async def test_a_deliverable_of_every_kind_passes_its_own_checks() -> None:
    """Types, tests and building, in the sandbox without a network: the server is started there, the command is run."""
    language = language_named("python")
    parts = []
    for name in ("account__good", "notes_api__good", "tally__good", "total_of__good", "newest__good", "rates__good"):
        task, module = GOOD[name], name.partition("__")[0]
        own = language_named(task.target_language)
        text = own.assemble(task, source_of(name), (), "shop.records")
        path = own.module_path("shop", (module,), False)
        parts.append(Part(NodePath(f"root.{task.id}"), task, f"shop.{module}", path, text))
    whole = Whole(
        language="python",
        package="shop",
        version="0.1.0",
        summary="One of each.",
        parts=tuple(parts),
        records=(),
        errors=ACCOUNT.errors,
        records_file=("shop/records.py", language.records_source((), ACCOUNT.errors)),
    )
    packager = packager_for("python")
    files = packager.files(whole)
    assert tomllib.loads(files["pyproject.toml"])["project"]["dependencies"] == ["packaging>=20"]
    sandbox = BubblewrapSandbox(slots=2)
    analyser = StaticAnalyser(further={AnalysisTool.AUDIT: BanditAudit()})
    try:
        verifier = WholeVerifier(SandboxWithPackages(sandbox), AnalyserWithPackages(analyser))
        evidence = await verifier.verify(whole, files)
    finally:
        analyser.close()
        sandbox.close()
    told = {check.name: (check.status, check.detail) for check in evidence.checks}
    assert {name for name, (status, _) in told.items() if status is not VerdictStatus.PASSED} == set(), told
    assert set(told) >= {"examples", "types", "build", "install", "imports", "tests", "command", "lint", "security"}
    covered = {item.path: item.covered for item in evidence.coverage}
    assert covered[NodePath("root.notes-api")] > 10  # by requests to a server that its tests started
