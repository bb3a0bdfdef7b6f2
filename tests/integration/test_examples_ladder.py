"""Sends every scripted answer of the bundled examples through extraction, red flags, ladder and vote, the real ones.

It builds nothing: below an answer lie the likeliest right ones. What the content claims without a sandbox is shown in
``test_examples_content``.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from temporalio.testing import ActivityEnvironment

from activities.climbing import Climber
from activities.decomposition import Decomposition
from activities.integration import Integration
from activities.observing import Observation
from activities.prompting import Prompting
from activities.setting import Settings
from activities.specification import Specification
from activities.verification import Verification
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from millwright.adapters.documents.specification_file import read_specification
from millwright.adapters.embedded.demo_sampling import Completion
from millwright.adapters.inputs.hypothesis_inputs import HypothesisInputs
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.specification import check_document
from schemas.election import Flag
from schemas.evidence import CompletionRecord, ProjectRecord
from schemas.identity import ROOT_PATH, Digest, LayerName, NodePath, ProjectId, TaskStatus
from schemas.planning import NodeKind, NodePlan
from schemas.project import Policy
from schemas.requests import ARCHETYPE_OF, ElectionRef, NodeOutcome, NodeRef, Purpose, SettleRequest
from schemas.specification import SpecificationDocument
from schemas.verification import InputSet, Verdict, VerdictStatus
from tests.integration.example_project import EXAMPLES, Example

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

CODE_FLAGS = {
    Flag.NOTHING_EXTRACTABLE,
    Flag.SEVERAL_CANDIDATES,
    Flag.DOES_NOT_LOAD,
    Flag.REFUSES,
    Flag.TRUNCATED,
    Flag.PLACEHOLDER,
    Flag.TOO_LONG,
}
CLEAN = {VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE}
TASKS_AT_ONCE = 3


@dataclass(frozen=True)
class Fate:
    """What became of one scripted answer: a red flag, or its verdicts, and its behaviour where all layers let it by."""

    example: Example
    task: str
    answer: Completion
    flag: Flag | None = None
    verdicts: tuple[Verdict, ...] = ()
    seen: Observation | None = None

    @property
    def rejected_by(self) -> LayerName | None:
        """The layer that rejected it, if one did."""
        return next((item.layer for item in self.verdicts if item.status is VerdictStatus.REJECTED), None)

    @property
    def stopped(self) -> bool:
        """Whether it never came to vote."""
        return self.flag is not None or self.rejected_by is not None or (self.seen is not None and not self.vote)

    @property
    def vote(self) -> Digest | None:
        """Its behaviour's signature, where it may vote."""
        return self.seen.signature if self.seen is not None else None

    def __str__(self) -> str:
        findings = [f"{found.message}" for item in self.verdicts for found in item.findings]
        fate = self.flag or self.rejected_by or (self.seen.flag or self.seen.signature if self.seen else None)
        what = f"{self.example.name}, {self.task}, {self.answer.kind} {self.answer.flaw}"
        return f"{what}: {fate} {findings}\n{self.answer.text}"


class Mill:
    """One example, with a node for every task, and everything that judges code."""

    def __init__(self, example: Example, sandbox: BubblewrapSandbox, analyser: StaticAnalyser) -> None:
        self._example = example
        self._project = ProjectId(example.name)
        self._store = MemoryStore()
        self._sandbox = sandbox
        self._climber = Climber(sandbox, analyser)
        self._prompting = Prompting(self._store, self._store)
        self._settings = Settings(self._store, self._store)
        self._verification = Verification(self._climber, HypothesisInputs(), self._store, self._store)
        self._integration = Integration(self._store, self._store, sandbox, analyser)

    async def fates(self) -> list[Fate]:
        """Judge every answer of every coder and integrator."""
        prose = await self._store.put(self._example.requirements.encode(), "text/markdown")
        await self._store.open_project(
            ProjectRecord(id=self._project, input_digest=Digest("0" * 64), package="example", requirements=prose)
        )
        purposes = await self._plan()
        for path in sorted(purposes, key=lambda path: -path.count(".")):
            await self._fill(path, purposes)
        gate = asyncio.Semaphore(TASKS_AT_ONCE)

        async def judged(path: NodePath) -> list[Fate]:
            async with gate:
                return await self._judge(path, purposes[path])

        return [fate for fates in await asyncio.gather(*map(judged, purposes)) for fate in fates]

    async def _plan(self) -> dict[NodePath, Purpose]:
        """Make the tree from the likeliest right proposals, as a build would; returns who writes each node's code."""
        specification = Specification(self._store, self._store, self._sandbox, _read)
        decomposition = Decomposition(self._store, self._sandbox)
        await specification.settle_root(await self._elected(ROOT_PATH, Purpose.SPECIFY))
        purposes, open_ = dict[NodePath, Purpose](), [ROOT_PATH]
        while open_:
            path = open_.pop()
            plan: NodePlan = await decomposition.plan_node(NodeRef(project=self._project, path=path))
            if plan.kind is NodeKind.UNDECIDED:
                plan = await decomposition.settle_proposal(await self._elected(path, Purpose.DECOMPOSE))
            purposes[path] = Purpose.INTEGRATE if plan.children else Purpose.CODE
            open_ += [child.path for child in plan.children]
        return purposes

    async def _fill(self, path: NodePath, purposes: dict[NodePath, Purpose]) -> None:
        """Give a node its likeliest right code, after those that its code calls."""
        node = await self._store.node(self._project, path)
        if node.artifact is not None:
            return
        for other in node.dependencies:
            await self._fill(other, purposes)
        won = await self._elected(path, purposes[path])
        await self._integration.settle_node(
            NodeOutcome(project=self._project, path=path, status=TaskStatus.WON, candidate=won.winner)
        )

    async def _elected(self, path: NodePath, purpose: Purpose) -> SettleRequest:
        """Store the likeliest right answer as the candidate that won."""
        election = ElectionRef(project=self._project, path=path, purpose=purpose)
        task = self._example.specifier_task if purpose is Purpose.SPECIFY else path.rpartition(".")[2]
        completion = self._example.right(ARCHETYPE_OF[purpose], task)[0]
        record, text = await self._extracted(election, completion)
        assert record.candidate is not None, record.detail
        assert text is not None
        await self._store.save_candidate(self._project, path, record.candidate, text)
        return SettleRequest(election=election, winner=record.candidate, policy=Policy())

    async def _extracted(self, election: ElectionRef, completion: Completion) -> tuple[CompletionRecord, str | None]:
        record = CompletionRecord(
            path=election.path,
            purpose=election.key,
            round=0,
            index=0,
            archetype=ARCHETYPE_OF[election.purpose],
            text=completion.text,
            finish_reason=completion.finish_reason,
        )
        return await self._prompting.extract(election, record)

    async def _judge(self, path: NodePath, purpose: Purpose) -> list[Fate]:
        task = path.rpartition(".")[2]
        answers = self._example.entry(ARCHETYPE_OF[purpose], task).completions
        election = ElectionRef(project=self._project, path=path, purpose=purpose)
        read = [await self._extracted(election, answer) for answer in answers]
        flagged = [
            Fate(self._example, task, answer, flag=record.flag)
            for answer, (record, text) in zip(answers, read, strict=True)
            if text is None
        ]
        sources = [(answer, text) for answer, (_, text) in zip(answers, read, strict=True) if text is not None]
        setting = await self._settings.load(self._project, path)
        inputs = await self._inputs(path, setting.node.specification)
        subjects = [setting.subject(source, inputs) for _, source in sources]
        climbed = await self._climber.climb(subjects)
        alive = [index for index, verdicts in enumerate(climbed) if all(item.status in CLEAN for item in verdicts)]
        seen = dict(zip(alive, await self._climber.observe([subjects[index] for index in alive]), strict=True))
        return flagged + [
            Fate(self._example, task, answer, verdicts=climbed[index], seen=seen.get(index))
            for index, (answer, _) in enumerate(sources)
        ]

    async def _inputs(self, path: NodePath, specification: Digest) -> InputSet:
        prepare = self._verification.prepare_inputs
        await ActivityEnvironment().run(prepare, NodeRef(project=self._project, path=path))
        found = await self._store.inputs(specification)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> list[Fate]:
    """Judge everything once for all tests of this file."""
    sandbox, analyser = BubblewrapSandbox(), StaticAnalyser(tmp_path_factory.mktemp("types"))

    async def judged() -> list[Fate]:
        mills = [Mill(example, sandbox, analyser) for example in EXAMPLES]
        return [fate for mill in mills for fate in await mill.fates()]

    try:
        return asyncio.run(judged())
    finally:
        sandbox.close()


def test_every_answer_is_judged(fates: list[Fate]) -> None:
    """No task and no answer is left out, and no layer was unable to say something."""
    for example in EXAMPLES:
        mine = [fate for fate in fates if fate.example == example]
        assert {fate.task for fate in mine} == set(example.tree)
        assert len(mine) == sum(len(example.answers(task)) for task in example.tree)
    assert all(item.status is not VerdictStatus.ERROR for fate in fates for item in fate.verdicts)


def test_right_answers_pass_every_layer_and_agree(fates: list[Fate]) -> None:
    """A right answer meets no flag and no rejection, and all right answers to a task are one vote."""
    for fate in _of(fates, right_ones=True):
        assert not fate.stopped, fate
        assert len(fate.verdicts) == len(LayerName)
    votes: dict[tuple[str, str], set[Digest | None]] = {}
    for fate in _of(fates, right_ones=True):
        votes.setdefault((fate.example.name, fate.task), set()).add(fate.vote)
    assert {key: len(found) for key, found in votes.items() if len(found) != 1} == {}


def test_wrong_answers_are_stopped_or_outvoted(fates: list[Fate]) -> None:
    """A wrong answer is flagged, or rejected by a layer, or is another vote than the right answers."""
    votes = {(fate.example.name, fate.task): fate.vote for fate in _of(fates, right_ones=True)}
    for fate in _of(fates, right_ones=False):
        assert fate.stopped or fate.vote != votes[fate.example.name, fate.task], fate


def test_flaws_meant_for_the_vote_reach_it(fates: list[Fate]) -> None:
    """An answer whose flaw only the vote can tell passes all layers; at least one does."""
    meant = [fate for fate in fates if fate.answer.flaw == "vote"]
    assert meant
    for fate in meant:
        assert not fate.stopped, fate


def test_every_flag_on_code_is_raised(fates: list[Fate]) -> None:
    """Each red flag on the text of code stops something."""
    assert {fate.flag for fate in fates if fate.flag is not None} == CODE_FLAGS


def test_answer_that_passes_all_layers_is_flagged_for_its_behaviour(fates: list[Fate]) -> None:
    """An answer that meets every example but differs from run to run never votes.

    The flag ``useless`` has no case here: where an example states a value, the layers have stopped such code before.
    """
    flagged = [fate for fate in fates if fate.seen is not None and fate.seen.flag is not None]
    assert {fate.seen.flag for fate in flagged if fate.seen is not None} == {Flag.NONDETERMINISTIC}
    assert all(fate.answer.flaw == "nondeterministic" for fate in flagged)


def test_every_layer_rejects_something(fates: list[Fate]) -> None:
    """Each of the eight layers has an answer to stop that got past the layers before it."""
    assert {fate.rejected_by for fate in fates if fate.rejected_by is not None} == set(LayerName)


def _of(fates: Sequence[Fate], *, right_ones: bool) -> list[Fate]:
    return [fate for fate in fates if (fate.answer.kind == "right") is right_ones]


def _read(text: str, origin: str) -> SpecificationDocument:
    return read_specification(text, origin, check_document)
