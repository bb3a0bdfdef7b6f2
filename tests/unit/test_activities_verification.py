"""Batches on the ladder: verdicts stored, rejections final, errors retried, and a fused climb that resumes."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.climbing import Climber
from activities.observing import Observation
from activities.verification import Verification
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.asserts import TITLE
from millwright.core.verification.confirmations.catalogue import CONFIRMATIONS
from millwright.core.verification.layer import Layer, Subject
from schemas.digests import digest_of_bytes
from schemas.election import Flag, Merit, Slot
from schemas.identity import Digest, LayerName, NodePath
from schemas.requests import BatchRequest, DrawRequest, NodeRef, Purpose
from schemas.specification import TaskSpecification
from schemas.verification import InputOrigin, InputSet, InputVector, Verdict, VerdictStatus
from tests.languages.in_process import InProcessSandbox, SilentAnalyser
from tests.unit.activity_fakes import CODE, PROJECT, FakeModel, flat, generation_of, opened, task

SOURCES = ("def double(n: int) -> int:\n    return n * 2\n", "def double(n: int) -> int:\n    return n\n")
GOOD, BAD = (digest_of_bytes(source.encode()) for source in SOURCES)
BATCH = BatchRequest(election=CODE, slots=(Slot(round=0, index=0), Slot(round=0, index=1)), candidates=(GOOD, BAD))
MERIT = Merit(code_lines=1, complexity=1, nesting=0, size_bytes=1)


class FakeClimber(Climber):
    """Gives the status that ``statuses`` holds for (layer, whether the subject is the good one), else passed."""

    def __init__(self, statuses: dict[tuple[LayerName, bool], VerdictStatus] | None = None) -> None:
        super().__init__(InProcessSandbox(), SilentAnalyser())
        self.statuses = statuses or {}
        self.climbed: list[tuple[LayerName, bool]] = []

    async def _over(self, layer: Layer, subject: Subject) -> Verdict:
        """Answer from the table."""
        good = "n * 2" in subject.source
        self.climbed.append((layer.name, good))
        status = self.statuses.get((layer.name, good), VerdictStatus.PASSED)
        return Verdict(layer=layer.name, status=status, reason="as told")

    async def observe(self, subjects: Sequence[Subject]) -> tuple[Observation, ...]:
        """Flag the bad one."""
        return tuple(
            Observation(digest_of_bytes(b"s"), None if "n * 2" in subject.source else Flag.USELESS, MERIT)
            for subject in subjects
        )


class FakeInputs:
    """Makes one input, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def inputs(self, task: TaskSpecification, digest: Digest) -> InputSet:
        """Make the input 1."""
        self.asked += 1
        vector = InputVector(arguments=(["int", "1"],), origin=InputOrigin.EXAMPLE)
        return InputSet(specification_digest=digest, generator="fake", vectors=(vector,))


@pytest.fixture
async def store() -> MemoryStore:
    """A project with one task and two candidates."""
    made = MemoryStore()
    await opened(made)
    await flat(made, task("double"))
    for source in SOURCES:
        await made.save_candidate(PROJECT, CODE.path, digest_of_bytes(source.encode()), source)
    return made


def _verification(store: MemoryStore, climber: FakeClimber) -> Verification:
    return Verification(climber, FakeInputs(), store, store)


async def test_inputs_are_made_once(store: MemoryStore) -> None:
    """A second asking finds them stored."""
    inputs = FakeInputs()
    verification = Verification(FakeClimber(), inputs, store, store)
    ref = NodeRef(project=PROJECT, path=CODE.path)
    assert [await ActivityEnvironment().run(verification.prepare_inputs, ref) for _ in range(2)] == [1, 1]
    assert inputs.asked == 1


async def test_a_task_without_inputs_needs_no_generator(store: MemoryStore) -> None:
    """There is nothing to vary."""
    constant = task("one", inputs=[], test_cases=[{"name": "one", "inputs": {}, "expected_output": 1}])
    await flat(store, constant)
    inputs = FakeInputs()
    ref = NodeRef(project=PROJECT, path=NodePath("root.one"))
    assert await ActivityEnvironment().run(Verification(FakeClimber(), inputs, store, store).prepare_inputs, ref) == 0
    assert inputs.asked == 0


async def test_a_rejection_is_final_and_says_what_was_not_run(store: MemoryStore) -> None:
    """Layers above a rejection are stored as not run, with the layer that rejected."""
    climber = FakeClimber({(LayerName.TYPES, False): VerdictStatus.REJECTED})
    result = await ActivityEnvironment().run(_verification(store, climber).climb, BATCH)
    assert [layer for layer, good in climber.climbed if good] == list(LayerName)
    assert [layer for layer, good in climber.climbed if not good] == list(LayerName)[:2]
    stored = await store.verdicts(PROJECT, CODE.path)
    assert {verdict.status for verdict in stored[GOOD]} == {VerdictStatus.PASSED}
    assert [verdict.status for verdict in stored[BAD][2:]] == [VerdictStatus.NOT_RUN] * 6
    assert sum(item.candidate == BAD for item in result.verdicts) == 2


async def test_layer_by_layer_stores_the_same_verdicts(store: MemoryStore) -> None:
    """One activity a layer or all in one: what is stored is equal."""
    statuses = {(LayerName.TYPES, False): VerdictStatus.REJECTED}
    await ActivityEnvironment().run(_verification(store, FakeClimber(statuses)).climb, BATCH)
    fused = await store.verdicts(PROJECT, CODE.path)
    alive = list(BATCH.candidates)
    for layer in LayerName:
        request = BATCH.model_copy(update={"layer": layer, "candidates": tuple(alive)})
        result = await ActivityEnvironment().run(_verification(store, FakeClimber(statuses)).climb_layer, request)
        alive = [item.candidate for item in result.verdicts if item.status is not VerdictStatus.REJECTED]
    assert await store.verdicts(PROJECT, CODE.path) == fused


async def test_a_fused_climb_resumes_where_an_earlier_attempt_was_lost(store: MemoryStore) -> None:
    """What the last heartbeat says is not climbed again, and the verdicts are complete."""
    statuses = {(LayerName.TYPES, False): VerdictStatus.REJECTED}
    first = ActivityEnvironment()
    beats: list[Any] = []
    first.on_heartbeat = lambda *details: beats.append(details)
    whole = await first.run(_verification(store, FakeClimber(statuses)).climb, BATCH)
    done = {GOOD: {layer: beats[-1][0][GOOD][layer] for layer in ("syntax", "types", "contracts")}}
    done[BAD] = dict(beats[-1][0][BAD])
    again = ActivityEnvironment()
    again.info = dataclasses.replace(again.info, heartbeat_details=[done])
    climber = FakeClimber(statuses)
    assert await again.run(_verification(store, climber).climb, BATCH) == whole
    assert climber.climbed == [(layer, True) for layer in list(LayerName)[3:]]


async def test_on_all_layers_every_verdict_is_a_layers_own(store: MemoryStore) -> None:
    """A rejection ends nothing then."""
    climber = FakeClimber({(LayerName.TYPES, False): VerdictStatus.REJECTED})
    request = BATCH.model_copy(update={"all_layers": True})
    result = await ActivityEnvironment().run(_verification(store, climber).climb, request)
    assert len(result.verdicts) == 16
    stored = await store.verdicts(PROJECT, CODE.path)
    assert [verdict.status is VerdictStatus.REJECTED for verdict in stored[BAD]] == [False, True] + [False] * 6


async def test_what_a_further_look_finds_is_stored_with_the_verdicts(store: MemoryStore) -> None:
    """And only a rejection is reported to the election."""
    climber = FakeClimber()
    await ActivityEnvironment().run(_verification(store, climber).climb, BATCH)
    climber.statuses = {(CONFIRMATIONS[-1].name, False): VerdictStatus.REJECTED}
    result = await ActivityEnvironment().run(_verification(store, climber).confirm, BATCH)
    assert {(item.candidate, item.layer) for item in result.verdicts} == {(BAD, CONFIRMATIONS[-1].name)}
    stored = await store.verdicts(PROJECT, CODE.path)
    looks = [look for verdict in stored[GOOD] for look in verdict.confirmations]
    assert sorted(look.title for look in looks) == sorted(look.title for look in CONFIRMATIONS)
    assert {look.status for look in looks} == {VerdictStatus.PASSED}


@pytest.mark.parametrize(
    ("layer", "type_", "final"),
    [(LayerName.SECURITY, "SandboxUnavailable", False), (LayerName.PROPERTY_TESTS, "SpecificationInvalid", True)],
)
async def test_a_layer_that_cannot_answer_rejects_nobody(
    store: MemoryStore, layer: LayerName, type_: str, final: bool
) -> None:
    """An error is raised: retried, unless the specification's own property is broken."""
    climber = FakeClimber({(layer, True): VerdictStatus.ERROR})
    request = BATCH.model_copy(update={"layer": layer})
    with pytest.raises(ApplicationError, match="as told") as failure:
        await ActivityEnvironment().run(_verification(store, climber).climb_layer, request)
    assert (failure.value.type, failure.value.non_retryable) == (type_, final)


async def test_a_batch_must_name_its_layer(store: MemoryStore) -> None:
    """Climbing one layer needs one."""
    with pytest.raises(ApplicationError, match="no layer was named"):
        await ActivityEnvironment().run(_verification(store, FakeClimber()).climb_layer, BATCH)


async def test_flagged_behaviour_has_no_signature(store: MemoryStore) -> None:
    """Observations come in the order of the candidates."""
    seen = await ActivityEnvironment().run(_verification(store, FakeClimber()).observe, BATCH)
    assert [(item.candidate, item.flag) for item in seen.observations] == [(GOOD, None), (BAD, Flag.USELESS)]
    assert [item.signature is None for item in seen.observations] == [False, True]


async def test_what_verifiers_assert_is_counted_on_a_winner_and_judges_it_in_nothing(store: MemoryStore) -> None:
    """An assert is noted beside the winner's contracts with the calls that meet it; its verdicts stay as they are."""
    text = json.dumps({"cases": [{"inputs": {"n": 1}}], "asserts": ["result > 1", "result < 0"]})
    model = FakeModel(lambda _: text)
    generation = generation_of(store, model)
    inputs = CODE.model_copy(update={"purpose": Purpose.INPUTS})
    await ActivityEnvironment().run(generation.draw, DrawRequest(election=inputs, round=0, count=1, seed=7))
    verification = _verification(store, FakeClimber())
    passed = [Verdict(layer=layer, status=VerdictStatus.PASSED) for layer in LayerName]
    await store.save_verdicts(PROJECT, CODE.path, GOOD, passed)
    await store.add_further_inputs(
        PROJECT, CODE.path, [InputVector(arguments=(["int", "0"],), origin=InputOrigin.PROPOSED)]
    )
    request = BatchRequest(election=CODE, slots=BATCH.slots[:1], candidates=(GOOD,))
    for _ in range(2):  # a retry notes nothing twice
        result = await ActivityEnvironment().run(verification.confirm, request)
        assert result.verdicts == ()
    kept = {verdict.layer: verdict for verdict in (await store.verdicts(PROJECT, CODE.path))[GOOD]}
    assert {verdict.status for verdict in kept.values()} == {VerdictStatus.PASSED}
    (note,) = [look for look in kept[LayerName.CONTRACTS].confirmations if look.title == TITLE]
    assert note.status is VerdictStatus.NOT_APPLICABLE
    assert "result > 1 holds on" in note.reason
    assert "result < 0" not in note.reason
